package proctest

// This file owns the tests of the comparison.

import (
	"bufio"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

func TestAComparisonSeesASlowServerAndNothingElse(t *testing.T) {
	var slow atomic.Bool
	addr := startRaw(t, func(c net.Conn) {
		lines := bufio.NewReader(c)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if slow.Load() {
				time.Sleep(20 * time.Millisecond)
			}
			if _, err := io.WriteString(c, "ACK"+line[3:]); err != nil {
				return
			}
		}
	})
	l := StartLoad(t, LoadConfig{Addr: addr, Conns: 2, Depth: 1, Bytes: 40})
	begins := 0
	c := Compare(l, 3, 100*time.Millisecond, func() { slow.Store(true); begins++ }, func() { slow.Store(false) })
	if r := l.Stop(); !r.Faultless() {
		t.Error(r)
	}
	t.Log(c)
	if len(c.With) != 3 || len(c.Without) != 3 || len(c.Null) != 3 || begins != 3 {
		t.Errorf("%d windows with, %d without, %d more; it began %d times", len(c.With), len(c.Without), len(c.Null), begins)
	}
	if fast, slow := Median(c.Without, P99), Median(c.With, P99); slow < 20*time.Millisecond || fast >= slow || c.Ratio() <= 1 {
		t.Errorf("p99 is %v with a delay of 20 ms and %v without", slow, fast)
	}
	if Median(c.With, Rate) > 2*50 || Median(c.Without, Rate) < Median(c.With, Rate) {
		t.Errorf("rate %v with a delay of 20 ms", Median(c.With, Rate))
	}
}
