// This file owns the test of a conversation whose servers are killed.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo"
)

// TestKilledServersUnderAStream: two servers are killed in turn while requests
// stream through, and started anew. Each request gets its reply once or is told to
// be lost.
func TestKilledServersUnderAStream(t *testing.T) {
	const lines, kills = 200_000, 6
	servers := []*proctest.Process{proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")), proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0"))}
	addrs := []string{servers[0].Addr, servers[1].Addr}
	in, stdin := io.Pipe()
	go func() {
		for i := 1; i <= lines; i++ {
			if _, err := fmt.Fprintf(stdin, "line %d\n", i); err != nil {
				return
			}
		}
		stdin.Close()
	}()
	outReader, out := io.Pipe()
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() {
		code <- run(context.Background(), []string{"-connect", strings.Join(addrs, ","), "-reconnect", "30s"}, streams{in, out, &errs})
		out.Close()
		in.Close()
	}()
	seen := make([]bool, lines+1)
	replies := 0
	scanner := bufio.NewScanner(outReader)
	for scanner.Scan() {
		reply, err := foo.Parse(scanner.Bytes())
		if err != nil || reply.Type != foo.ACK || reply.Seq > lines || seen[reply.Seq] || string(reply.Data) != fmt.Sprintf("line %d", reply.Seq) {
			t.Fatalf("%q (%v) is wrong, or there twice", scanner.Text(), err)
		}
		seen[reply.Seq] = true
		if replies++; replies%(lines/(kills+2)) == 0 && replies/(lines/(kills+2)) <= kills {
			which := replies / (lines / (kills + 2)) % 2
			servers[which].Send(os.Kill)
			_ = servers[which].Wait() // it was killed
			servers[which] = proctest.Launch(t, proctest.EchoCommand(addrs[which]))
		}
	}
	lost := lostSeqs(t, errs.String())
	for _, seq := range lost {
		if seen[seq] {
			t.Errorf("%d has its reply and is told to be lost", seq)
		}
		seen[seq] = true
	}
	for seq := 1; seq <= lines; seq++ {
		if !seen[seq] {
			t.Fatalf("%d has no reply and is not told to be lost; stderr %q", seq, errs.String())
		}
	}
	if got, want := <-code, min(len(lost), 1); got != want {
		t.Errorf("exit code %d, want %d", got, want)
	}
	t.Logf("%d requests, %d kills: %d replies, %d told to be lost", lines, kills, replies, len(lost))
}

// lostSeqs reads what stderr says to be lost.
func lostSeqs(t *testing.T, text string) (seqs []int) {
	for line := range strings.Lines(text) {
		_, list, found := strings.Cut(strings.TrimSuffix(line, "\n"), "no reply to ")
		if !found {
			continue
		}
		for run := range strings.SplitSeq(list, ", ") {
			low, high, isRange := strings.Cut(run, "-")
			if !isRange {
				high = low
			}
			first, err1 := strconv.Atoi(low)
			last, err2 := strconv.Atoi(high)
			if err := errors.Join(err1, err2); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			for seq := first; seq <= last; seq++ {
				seqs = append(seqs, seq)
			}
		}
	}
	return seqs
}
