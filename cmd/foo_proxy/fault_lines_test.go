// fault_lines_test.go owns the rows of lines that come in pieces (C1), with
// numbers out of order (C10) and with an urgent byte inside (C11).

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// threeRequests end in each of the ways that a line can end, and cuts of it fall
// into a blank, a CR LF and a character.
const threeRequests = "REQ 1 hey\nREQ 2\r\nREQ \t3 žluť  x \n"

// TestAScriptCutAnywhereGivesTheSameBytes is row C1.
func TestAScriptCutAnywhereGivesTheSameBytes(t *testing.T) {
	alike, conversations := 0, 0
	for _, serve := range []answering{answersAtOnce, answersBehindTheEnd} {
		server := startKeeper(t, 1, serve)
		direct := converse(t, server.addr, []string{threeRequests}, nil)
		if want := (heard{answersTo(threeRequests), "FIN"}); direct != want {
			t.Fatalf("directly: %q, want %q", direct, want)
		}
		if sent := server.arrived(t); sent != threeRequests {
			t.Fatalf("directly arrived %q", sent)
		}
		p := watchProxy(t, server.addr)
		bytes := make([]string, len(threeRequests))
		for i := range bytes {
			bytes[i] = threeRequests[i : i+1]
		}
		all := [][]string{bytes}
		for cut := 1; cut < len(threeRequests); cut++ {
			all = append(all, []string{threeRequests[:cut], threeRequests[cut:]})
		}
		for _, pieces := range all {
			conversations++
			proxied, arrived := converse(t, p.Addr, pieces, p.untilRead), server.arrived(t)
			if proxied == direct && arrived == threeRequests {
				alike++
				continue
			}
			t.Errorf("%q: the client got %q, the server %q", pieces, proxied, arrived)
		}
	}
	proctest.Figure(t, "C1", fmt.Sprintf("a script of 3 requests, %d bytes, cut at every place, and in single bytes; server that answers at once, and behind the end", len(threeRequests)),
		fmt.Sprintf("%d of %d transcripts equal", alike, conversations), "all")
}

// TestNumbersThatRepeatJumpOrGoBackAreCountedAlikeOnEveryRun is row C10.
func TestNumbersThatRepeatJumpOrGoBackAreCountedAlikeOnEveryRun(t *testing.T) {
	cases := []struct {
		name, seqs             string
		duplicates, disordered float64
	}{
		{"in order", "1 2 3", 0, 0},
		{"repeats", "1 1 2 1", 2, 0},
		{"repeats at once", "7 7 7", 2, 1},
		{"jumps", "1 5 6", 0, 1},
		{"begins elsewhere", "10 11", 0, 1},
		{"goes back", "1 5 3 4", 0, 3},
		{"goes back and repeats", "1 5 3 3", 1, 2},
		{"the greatest", "1 9223372036854775807 9223372036854775807 2", 1, 2},
		{"repeats 63 behind", "1 64 1", 1, 1},
		{"repeats what is forgotten", "1 65 1", 0, 2},
		{"goes back as far as is remembered", "1 65 2 2", 1, 2},
	}
	server := startKeeper(t, 1, answersAtOnce)
	p := watchProxy(t, server.addr)
	runs, alike := inForm(10, 200), 0
	for _, c := range cases {
		seqs := strings.Fields(c.seqs)
		asks := "REQ " + strings.Join(seqs, " x\nREQ ") + " x\n"
		for run := range runs {
			before := p.numbers()
			pieces := []string{asks}
			if run%2 == 1 { // one by one, each in a read of its own
				pieces = strings.SplitAfter(asks, "\n")
			}
			got := converse(t, p.Addr, pieces, p.untilRead)
			arrived := server.arrived(t)
			if want := (heard{answersTo(asks), "FIN"}); got != want || arrived != asks {
				t.Errorf("%s: the client got %q, the server %q", c.name, got, arrived)
				continue
			}
			alike++
			p.expectMoved(before, map[string]float64{"duplicates": c.duplicates, "out_of_order": c.disordered,
				"msg_req": float64(len(seqs)), "answered": float64(len(seqs)), "strays": 0, "abandoned": 0, "outstanding": 0})
		}
	}
	result := "counters the same on every run"
	if t.Failed() {
		result = "counters differ"
	}
	proctest.Figure(t, "C10", fmt.Sprintf("Seq repeats, jumps, goes back: %d cases, %d runs each, pipelined and one by one", len(cases), runs),
		fmt.Sprintf("%d of %d transcripts passed on; %s", alike, len(cases)*runs, result), "the same result on every run")
}

// TestAnUrgentByteInMidLineIsGoneAsWithoutAProxy is row C11. The byte ends one
// read of the proxy early and is no part of the stream; what stands behind it
// must come all the same.
func TestAnUrgentByteInMidLineIsGoneAsWithoutAProxy(t *testing.T) {
	server := startKeeper(t, 1, answersAtOnce)
	p := watchProxy(t, server.addr)
	direct := converseUrgently(t, server.addr, len("REQ 1 h"), func(net.Conn) {})
	if want := (heard{answersTo(threeRequests), "FIN"}); direct != want || server.arrived(t) != threeRequests {
		t.Fatalf("directly: %q, want %q", direct, want)
	}
	alike, trials := 0, 0
	var longest time.Duration
	for round := range inForm(2, 40) {
		for at := 1; at < len(threeRequests); at++ {
			wait := p.untilRead
			if round%2 == 0 {
				wait = func(net.Conn) {} // all may come in one go
			}
			begin := time.Now()
			got := converseUrgently(t, p.Addr, at, wait)
			if round%2 == 0 {
				longest = max(longest, time.Since(begin))
			}
			trials++
			if arrived := server.arrived(t); got != direct || arrived != threeRequests {
				t.Errorf("urgent at %d: the client got %q, the server %q", at, got, arrived)
				continue
			}
			alike++
		}
	}
	proctest.Figure(t, "C11", "urgent byte at every place of a script of 3 requests, with and without a pause around it",
		fmt.Sprintf("%d of %d transcripts equal; longest without a pause %.1f ms", alike, trials, milliseconds(longest)), "all; no stall")
}

// converseUrgently sends the script with an urgent byte at a place.
func converseUrgently(t *testing.T, addr string, at int, wait func(net.Conn)) heard {
	t.Helper()
	c := proctest.Dial(t, addr).(*net.TCPConn)
	defer c.Close()
	if _, err := io.WriteString(c, threeRequests[:at]); err != nil {
		t.Fatal(err)
	}
	wait(c)
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	sent := 0
	if controlErr := raw.Control(func(fd uintptr) {
		sent, err = syscall.SendmsgN(int(fd), []byte("!"), nil, nil, syscall.MSG_OOB)
	}); controlErr != nil || err != nil || sent != 1 {
		t.Fatalf("%d bytes sent, %v, %v", sent, err, controlErr)
	}
	wait(c)
	if _, err := io.WriteString(c, threeRequests[at:]); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	return listen(c)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
