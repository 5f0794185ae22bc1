// descriptors_test.go: a process that has few descriptors.

package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestWithFewDescriptorsClientsWaitAndTheOthersGoOn also asks for more clients
// than there can be.
func TestWithFewDescriptorsClientsWaitAndTheOthersGoOn(t *testing.T) {
	for _, args := range [][]string{nil, {"-max-conns", "1000"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			server := startServer(t)
			cmd := proctest.Command(append([]string{"-listen", "127.0.0.1:0", "-forward", server}, args...)...)
			proctest.LimitDescriptors(cmd, 64)
			p := proctest.Launch(t, cmd)
			const places = (64 - 32) / 2
			var served, waiting []net.Conn
			for i := range places {
				c := p.Dial()
				proctest.Ask(t, c, fmt.Sprintf("REQ %d a\n", i+1), fmt.Sprintf("ACK %d a\n", i+1))
				served = append(served, c)
			}
			for range 20 {
				c := p.Dial()
				if _, err := c.Write([]byte("REQ 1 waits\n")); err != nil {
					t.Fatal(err)
				}
				waiting = append(waiting, c)
			}
			before, begin := cpuTime(t, p.Process.Pid), time.Now()
			for n := 2; time.Since(begin) < 500*time.Millisecond; n++ {
				proctest.Ask(t, served[n%places], fmt.Sprintf("REQ %d b\n", n), fmt.Sprintf("ACK %d b\n", n))
				time.Sleep(5 * time.Millisecond) // a little load, spread over the time
			}
			if used, whole := cpuTime(t, p.Process.Pid)-before, time.Since(begin); used > whole/5 {
				t.Errorf("%v of CPU in %v", used, whole)
			}
			if err := waiting[0].SetReadDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if n, err := waiting[0].Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
				t.Errorf("a client that should wait got %d bytes, %v", n, err)
			}
			// No new client comes; those that wait are served in their turn.
			for i, c := range waiting {
				if i < len(served) {
					served[i].Close()
				} else {
					waiting[i-len(served)].Close()
				}
				if err := c.SetReadDeadline(time.Now().Add(proctest.Patience)); err != nil {
					t.Fatal(err)
				}
				proctest.Ask(t, c, "", "ACK 1 waits\n")
			}
		})
	}
}

// cpuTime is what a process has used, to the clock tick of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name may hold blanks; behind its bracket utime and stime are 12th and
	// 13th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
