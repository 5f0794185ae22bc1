package proctest

// This file owns the tests of a load whose replies may overtake each other: that it
// takes any order, and each reply once.

import (
	"bufio"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// startShuffler collects so many requests before it answers them, the last one
// first. What it says to them is up to change.
func startShuffler(t *testing.T, together int, change func(replies []string) []string) (addr string) {
	return startRaw(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		var replies []string
		for first := true; ; {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			replies = append(replies, "ACK"+line[3:])
			if !first && len(replies) < together {
				continue
			}
			first = false // the load waits for the first one
			slices.Reverse(replies)
			if _, err := io.WriteString(c, strings.Join(change(replies), "")); err != nil {
				return
			}
			replies = replies[:0]
		}
	})
}

func TestALoadTakesAnyOrderWhereItMay(t *testing.T) {
	const depth = 4
	asTheyAre := func(all []string) []string { return all }
	for _, c := range []struct {
		name       string
		any, wrong bool
		change     func(all []string) []string
	}{
		{"backwards", true, false, asTheyAre},
		{"backwards, in order", false, true, asTheyAre},
		{"one twice", true, true, func(all []string) []string { return append(all, all[0]) }},
		{"one is another's", true, true, func(all []string) []string {
			return append(all[:len(all)-1], strings.Replace(all[len(all)-1], "load.0.", "load.1.", 1))
		}},
		{"one without a Seq", true, true, func(all []string) []string { return append(all, "ACK x\n") }},
		{"NAKs", true, false, func(all []string) []string {
			for i := range all {
				all[i] = "NAK" + all[i][3:]
			}
			return all
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := startShuffler(t, depth, c.change)
			l := StartLoad(t, LoadConfig{Addr: addr, Conns: 1, Depth: depth, Bytes: 40, AnyOrder: c.any, Patience: 100 * time.Millisecond})
			untilReplies(t, l, 30)
			// At the end it keeps what are too few, which are missing.
			if r := l.Stop(); r.Wrong > 0 != c.wrong || r.Missing >= depth {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestWhatANakTookIsNotWhatAnAckTook has each second request wait for its NAK.
func TestWhatANakTookIsNotWhatAnAckTook(t *testing.T) {
	const stall = 50 * time.Millisecond
	addr := startRaw(t, func(c net.Conn) {
		in := bufio.NewReader(c)
		for n := 1; ; n++ {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			reply := "ACK" + line[3:]
			if n%2 == 0 {
				time.Sleep(stall) // what is measured
				reply = "NAK" + line[3:]
			}
			if _, err := io.WriteString(c, reply); err != nil {
				return
			}
		}
	})
	l := StartLoad(t, LoadConfig{Addr: addr, Conns: 1, Depth: 1, Bytes: 40})
	untilReplies(t, l, 6)
	if r := l.Stop(); !r.Faultless() || r.P99 < stall || r.AckP99 <= 0 || r.AckP99 > stall/2 {
		t.Errorf("%+v", r)
	}
}
