// fault_clients_test.go owns the rows of clients that ask much and go: half-close
// behind many requests (C2), the end with replies outstanding (C3), a million
// requests in one go (C7).

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestAHalfCloseBehindAThousandRequestsGetsAllReplies is row C2.
func TestAHalfCloseBehindAThousandRequestsGetsAllReplies(t *testing.T) {
	const requests = 1000
	var asks strings.Builder
	for i := range requests {
		fmt.Fprintf(&asks, "REQ %d something\n", i+1)
	}
	want := heard{answersTo(asks.String()), "FIN"}
	trials, good, replies := inForm(100, 1000), 0, 0
	for name, serve := range map[string]answering{"at once": answersAtOnce, "behind the end": answersBehindTheEnd} {
		server := startKeeper(t, 0, serve)
		p := watchProxy(t, server.addr)
		before := p.numbers()
		for range trials / 2 {
			got := converse(t, p.Addr, []string{asks.String()}, nil)
			replies += strings.Count(got.bytes, "\n")
			if got == want {
				good++
			} else {
				t.Errorf("server that answers %s: %d bytes of %d, then %s", name, len(got.bytes), len(want.bytes), got.end)
			}
		}
		all := float64(trials / 2 * requests)
		p.expectMoved(before, map[string]float64{"msg_req": all, "answered": all, "abandoned": 0, "outstanding": 0})
	}
	proctest.Figure(t, "C2", "half-close behind 1,000 requests; server that answers at once, and behind the end",
		fmt.Sprintf("%d of %d replies in %d of %d trials", replies/max(trials, 1), requests, good, trials), "1,000 of 1,000 in all")
}

// TestAClientThatGoesWithRepliesOutstandingFreesItsDescriptors is row C3, beside
// a load that must not notice.
func TestAClientThatGoesWithRepliesOutstandingFreesItsDescriptors(t *testing.T) {
	const ask = "REQ 1 never read this reply\n"
	cases := []struct {
		name     string
		serve    answering
		reset    bool
		requests int
		waiting  float64 // how many are outstanding when it goes, at least
	}{
		{"close", answersAtOnce, false, 1000, 0},
		{"reset", answersAtOnce, true, 1000, 0},
		{"close, server silent", swallowsAll, false, 1000, 1000},
		{"reset, server silent", swallowsAll, true, 1000, 1000},
		{"reset of a client that is not read, server silent", swallowsAll, true, 1500, 1024}, // -max-outstanding
	}
	trials := inForm(25, 250)
	var all []string
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			server := startKeeper(t, 0, answersLoad(c.serve))
			p := watchProxy(t, server.addr)
			load := proctest.StartLoad(t, proctest.LoadConfig{Addr: p.Addr, Conns: 4, Depth: 1, Bytes: 64})
			before := p.descriptors()
			var longest time.Duration
			for range trials {
				client := p.Dial().(*net.TCPConn)
				if _, err := io.WriteString(client, strings.Repeat(ask, c.requests)); err != nil {
					t.Fatal(err)
				}
				p.untilDescriptors(before + 2)
				p.untilNumbers("all that may be is outstanding", func(n map[string]float64) bool { return n["outstanding"] >= c.waiting })
				if c.reset {
					if err := client.SetLinger(0); err != nil {
						t.Fatal(err)
					}
				}
				client.Close()
				longest = max(longest, p.untilDescriptors(before))
			}
			others := load.Stop()
			if !others.Faultless() {
				t.Errorf("the others: %v", others)
			}
			all = append(all, fmt.Sprintf("%s %.1f ms (others: %d requests, %d wrong or lost, longest gap %.1f ms)", c.name, milliseconds(longest), others.Total, others.Wrong+others.Missing+others.Lost, milliseconds(others.LongestGap)))
			if longest > 10*time.Second { // the figure is told above; a busy machine takes its time
				t.Errorf("descriptors were free after %v", longest)
			}
		})
	}
	proctest.Figure(t, "C3", fmt.Sprintf("client goes with 1,000 or more requests outstanding, %d trials each beside 4 clients", trials), "descriptors free at last after: "+strings.Join(all, "; "), "no effect on others; 100 ms")
}

// answersLoad answers the clients of the load, and serves those others in their
// own way whose first request says that they do not read.
func answersLoad(others answering) answering {
	return func(in *bufio.Reader, out *bufio.Writer) {
		if first, err := in.Peek(len("REQ 1 never")); err != nil || string(first) != "REQ 1 never" {
			answersAtOnce(in, out)
			return
		}
		others(in, out)
	}
}

// TestAMillionRequestsInOneGoAreAnsweredInOrder is row C7.
func TestAMillionRequestsInOneGoAreAnsweredInOrder(t *testing.T) {
	const requests = 1_000_000
	server := proctest.StartEcho(t)
	p := watchProxy(t, server)
	before := p.numbers()
	c := p.Dial().(*net.TCPConn)
	sent := make(chan error, 1)
	go func() { sent <- sendNumbered(c, requests) }()
	in := bufio.NewReaderSize(c, 256<<10)
	begin := time.Now()
	wrong, settled := 0, 0
	var peak func() int
	var want []byte
	for i := range requests {
		line, err := in.ReadSlice('\n')
		if err != nil {
			t.Fatalf("behind %d replies: %v", i, err)
		}
		if want = appendNumbered(want[:0], "ACK ", i+1); !bytes.Equal(line, want) {
			wrong++
		}
		if peak == nil && (time.Since(begin) > time.Second || i == requests/4) {
			settled, peak = p.resident(), p.startMemoryPeak()
		}
	}
	took, growth := time.Since(begin), peak()-settled
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("behind the last reply came %q, %v", brief(string(rest)), err)
	}
	if wrong > 0 {
		t.Errorf("%d replies are not what is due", wrong)
	}
	p.expectMoved(before, map[string]float64{"msg_req": requests, "answered": requests, "outstanding": 0, "strays": 0, "out_of_order": 0, "duplicates": 0})
	proctest.Figure(t, "C7", "10^6 requests of 50 bytes pipelined in one go",
		fmt.Sprintf("%d replies, %d wrong or out of order; memory grew by %d KiB behind the first quarter or second; %.0f requests/s with client and server on the same cores",
			requests, wrong, kibibytes(max(growth, 0)), requests/took.Seconds()), "exactly once, in order; 1 MiB")
	if growth > 10<<20 {
		t.Errorf("the memory grew by %d KiB", kibibytes(growth))
	}
}

// sendNumbered sends requests from 1 on, and ends the client's side.
func sendNumbered(c *net.TCPConn, requests int) error {
	out := bufio.NewWriterSize(c, 256<<10)
	var line []byte
	for i := range requests {
		line = appendNumbered(line[:0], "REQ ", i+1)
		if _, err := out.Write(line); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return c.CloseWrite()
}

// appendNumbered makes a line of 50 bytes that names its request twice.
func appendNumbered(dst []byte, kind string, seq int) []byte {
	from := len(dst)
	dst = append(dst, kind...)
	dst = strconv.AppendInt(dst, int64(seq), 10)
	dst = append(dst, " request "...)
	dst = strconv.AppendInt(dst, int64(seq), 10)
	for len(dst) < from+49 {
		dst = append(dst, '.')
	}
	return append(dst, '\n')
}
