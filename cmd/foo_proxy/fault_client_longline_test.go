// fault_client_longline_test.go owns row C8: the line that is too long, the one
// that is not yet, and the one that never ends.

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

const (
	longestLine = 64 << 10 // bytes, LF counted: the default of -max-line
	tooLong     = "NAK 0 line too long\n"
)

// lineOf makes a line of so many bytes, LF counted.
func lineOf(head string, bytes int) string {
	return head + strings.Repeat("x", bytes-len(head)-1) + "\n"
}

// TestALineIsTooLongFromOneByteOn is the decision of row C8.
func TestALineIsTooLongFromOneByteOn(t *testing.T) {
	for _, args := range [][]string{nil, {"-strict"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			server := startKeeper(t, 1, answersAtOnce)
			p := watchProxy(t, server.addr, args...)
			good := lineOf("REQ 1 ", longestLine)
			for cut := longestLine - 1; cut <= longestLine; cut++ { // before LF, and behind it
				pieces := []string{good[:cut], good[cut:]}
				if got, want := converse(t, p.Addr, pieces, p.untilRead), (heard{answersTo(good), "FIN"}); got != want {
					t.Errorf("the longest line got %q, then %s", brief(got.bytes), got.end)
				}
				if arrived := server.arrived(t); arrived != good {
					t.Errorf("the server got %q", brief(arrived))
				}
			}
			for name, text := range map[string]string{"with LF": lineOf("REQ 1 ", longestLine+1), "without LF": strings.Repeat("x", longestLine+1)} {
				if got := refusalOf(t, p.Addr, text); got != (heard{tooLong, "FIN"}) {
					t.Errorf("%d bytes %s got %q, then %s", longestLine+1, name, brief(got.bytes), got.end)
				}
				if arrived := server.arrived(t); arrived != "" {
					t.Errorf("the server got %q", brief(arrived))
				}
			}
			decided := decisionByte(t, p)
			if decided > longestLine+1 || decided < longestLine {
				t.Errorf("decided at byte %d", decided)
			}
			proctest.Figure(t, "C8", strings.TrimSpace("a line of -max-line bytes, and of one more "+strings.Join(args, " ")),
				fmt.Sprintf("%d bytes answered, %d refused; without LF decided at byte %d", longestLine, longestLine+1, decided), fmt.Sprintf("by byte %d", longestLine+1))
		})
	}
}

// refusalOf sends a text and listens, without an end of its own.
func refusalOf(t *testing.T, addr, text string) heard {
	t.Helper()
	c := proctest.Dial(t, addr)
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Error(err)
	}
	return listen(c)
}

// decisionByte sends a line without LF and tells with which byte it is refused.
func decisionByte(t *testing.T, p watched) int {
	t.Helper()
	c := p.Dial()
	defer c.Close()
	before, sent := p.numbers()["naks_local"], 0
	for _, n := range []int{longestLine - 1, 1, 1} {
		if _, err := io.WriteString(c, strings.Repeat("x", n)); err != nil {
			t.Fatal(err)
		}
		sent += n
		p.untilRead(c)
		if p.numbers(); p.numbers()["naks_local"] > before {
			return sent
		}
	}
	t.Error("an endless line is not refused")
	return sent
}

// TestTheNAKOfALongLineArrivesBeforeTheClose is the delivery of row C8. What is
// owed to the client is more than its receive window holds, and it sends on
// behind the long line: a close with that unread would throw the NAK away.
func TestTheNAKOfALongLineArrivesBeforeTheClose(t *testing.T) {
	server := startKeeper(t, 0, answersAtOnce)
	p := watchProxy(t, server.addr)
	var asks strings.Builder
	for i := range 60 {
		asks.WriteString(lineOf(fmt.Sprintf("REQ %d ", i+1), 1000))
	}
	want := heard{answersTo(asks.String()) + tooLong, "FIN"}
	text := asks.String() + strings.Repeat("x", longestLine+512<<10)
	trials, good := inForm(100, 2000), atomic.Int64{}
	var work sync.WaitGroup
	for worker := range 25 { // each trial mostly waits for its small window
		work.Go(func() {
			for i := worker; i < trials; i += 25 {
				if got := refusalInASmallWindow(t, p.Addr, text); got == want {
					good.Add(1)
				} else {
					t.Errorf("arrived: %q, then %s", brief(got.bytes), got.end)
				}
			}
		})
	}
	work.Wait()
	proctest.Figure(t, "C8", "long line behind 60 KB of replies, and 512 KiB more behind it", fmt.Sprintf("NAK received before the close in %d of %d trials", good.Load(), trials), "all")
}

// refusalInASmallWindow sends a text, and listens only when all is sent.
func refusalInASmallWindow(t *testing.T, addr, text string) heard {
	c, err := net.DialTimeout("tcp", addr, proctest.Patience)
	if err != nil {
		return heard{end: err.Error()}
	}
	defer c.Close()
	err = errors.Join(c.SetDeadline(time.Now().Add(proctest.Patience)), c.(*net.TCPConn).SetReadBuffer(4<<10))
	if err == nil {
		_, err = io.WriteString(c, text)
	}
	if err != nil {
		t.Error(err)
	}
	return listen(c)
}

// TestAnEndlessLineIsRefusedAndCostsLittle has clients that send one line for
// ever and do not read until they are cut off.
func TestAnEndlessLineIsRefusedAndCostsLittle(t *testing.T) {
	server := startKeeper(t, 0, answersAtOnce)
	p := watchProxy(t, server.addr, "-linger", "500ms")
	const clients = 100
	refusalOf(t, p.Addr, strings.Repeat("x", longestLine+1)) // what only the first one costs
	before := p.resident()
	held := holdUnfinishedLines(t, p, clients) - before
	before = max(before, p.resident())
	peak := p.startMemoryPeak()
	var work sync.WaitGroup
	var lock sync.Mutex
	good, sent := 0, 0
	begin := time.Now()
	for range clients {
		c := p.Dial()
		work.Go(func() {
			n, got := sendForEver(c)
			lock.Lock()
			defer lock.Unlock()
			sent += n
			if got.bytes == tooLong {
				good++
			} else {
				t.Errorf("behind %d bytes came %q, then %s", n, brief(got.bytes), got.end)
			}
		})
	}
	work.Wait()
	took, growth := time.Since(begin), peak()-before
	proctest.Figure(t, "C8", fmt.Sprintf("%d clients whose line never ends, cut off by -linger 500ms", clients),
		fmt.Sprintf("NAK received by %d of %d; %d MiB sent in %.1f s; memory %d KiB each with lines of %d bytes unfinished, %d KiB more in the flood",
			good, clients, sent>>20, took.Seconds(), kibibytes(held/clients), longestLine-1, kibibytes(growth/clients)), "all; 128 KiB each")
	if most := 10 * 2 * longestLine * clients; held > most || growth > most {
		t.Errorf("the memory grew by %d KiB, then by %d KiB", kibibytes(held), kibibytes(growth))
	}
}

// holdUnfinishedLines gives the memory that the proxy has while clients are one
// byte away from the longest line.
func holdUnfinishedLines(t *testing.T, p watched, clients int) (resident int) {
	t.Helper()
	var all []net.Conn
	for range clients {
		c := p.Dial()
		if _, err := io.WriteString(c, strings.Repeat("x", longestLine-1)); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		p.untilRead(c)
	}
	p.numbers() // one more turn
	resident = p.resident()
	for _, c := range all {
		c.Close()
	}
	p.untilNumbers("the clients are gone", func(n map[string]float64) bool { return n["connections"] == 0 })
	return resident
}

// sendForEver sends one line until that is not possible any more, and only then
// listens.
func sendForEver(c net.Conn) (sent int, got heard) {
	defer c.Close()
	chunk := []byte(strings.Repeat("x", 16<<10))
	for {
		n, err := c.Write(chunk)
		if sent += n; err != nil {
			return sent, listen(c)
		}
	}
}
