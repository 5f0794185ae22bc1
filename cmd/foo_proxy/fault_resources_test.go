// fault_resources_test.go: a proxy that has few descriptors, or many clients who
// do nothing. Rows R1 and R3 of the table of faults.

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestWithFewDescriptorsClientsWaitAndTheOthersGoOn is row R1. It also asks for
// more clients than there can be. Where links are shared each client takes one
// descriptor, not two.
func TestWithFewDescriptorsClientsWaitAndTheOthersGoOn(t *testing.T) {
	const limit, clients = 256, 400
	for _, args := range [][]string{nil, {"-max-conns", "1000"}, muxed.args()} {
		row, places := "R1", (limit-32)/2
		if slices.Equal(args, muxed.args()) {
			row, places = muxed.row("R1"), limit-32-muxed.links
		}
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			cmd := proctest.Command(append([]string{"-listen", "127.0.0.1:0", "-forward", startServer(t)}, args...)...)
			proctest.LimitDescriptors(cmd, limit)
			f := &full{t: t, p: proctest.Launch(t, cmd)}
			f.log = readLog(f.p)
			begin := time.Now()
			f.fill(clients, places)
			cpu := f.work(time.Second)
			f.stillWait()
			waited := f.leave()
			lines := f.log.count("")
			seconds := int(time.Since(begin).Seconds())
			proctest.Figure(t, row, fmt.Sprintf("%d descriptors, %d clients %v", limit, clients, args),
				fmt.Sprintf("%d served, 0 of these lost; CPU %.0f %% while full; %d log lines in %d s; the next one served at most %v after a descriptor is free",
					places, cpu*100, lines, seconds, waited.Round(100*time.Microsecond)), fmt.Sprintf("%d; 0; 20 %%; 1 a second; 200 ms", places))
			if cpu > 0.5 || lines > 2+seconds || waited > 2*time.Second {
				t.Errorf("CPU %.2f, %d log lines in %d s, the next one waits for %v", cpu, lines, seconds, waited)
			}
			f.p.Send(syscall.SIGTERM)
			f.log.wait(0)
		})
	}
}

// full is a proxy all of whose places are taken.
type full struct {
	t               *testing.T
	p               *proctest.Process
	log             *logReader
	served, waiting []net.Conn
}

// fill has the first clients served. The others have connected and asked.
func (f *full) fill(clients, places int) {
	for i := range clients {
		c := f.p.Dial()
		if _, err := io.WriteString(c, "REQ 1 first\n"); err != nil {
			f.t.Fatal(err)
		}
		if i < places {
			proctest.Ask(f.t, c, "", "ACK 1 first\n")
			f.served = append(f.served, c)
		} else {
			f.waiting = append(f.waiting, c)
		}
	}
}

// stillWait looks at those who wait, at the end of a time in which a proxy that
// did serve them would have answered.
func (f *full) stillWait() {
	for i, c := range f.waiting {
		if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
			f.t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
			f.t.Errorf("waiting client %d got %d bytes, %v", i, n, err)
		}
		if err := c.SetReadDeadline(time.Now().Add(2 * proctest.Patience)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// work has those who are served ask in turn, and gives the share of a core that
// the proxy needs.
func (f *full) work(long time.Duration) (cpu float64) {
	before, begin := cpuTime(f.t, f.p.Process.Pid), time.Now()
	for n := 0; time.Since(begin) < long || n < len(f.served); n++ {
		seq := n/len(f.served) + 2
		proctest.Ask(f.t, f.served[n%len(f.served)], fmt.Sprintf("REQ %d b\n", seq), fmt.Sprintf("ACK %d b\n", seq))
		time.Sleep(5 * time.Millisecond) // a little load, spread over the time
	}
	return float64(cpuTime(f.t, f.p.Process.Pid)-before) / float64(time.Since(begin))
}

// leave has one after the other go, and gives the longest time until the next is
// served. No new client comes.
func (f *full) leave() (most time.Duration) {
	all := append(f.served, f.waiting...)
	for i, c := range f.waiting {
		begin := time.Now()
		all[i].Close()
		proctest.Ask(f.t, c, "", "ACK 1 first\n")
		most = max(most, time.Since(begin))
	}
	for _, c := range all[len(f.waiting):] {
		c.Close()
	}
	return most
}

// TestAnIdleClientCostsLittle is row R3. What is measured is all memory of the
// process, the collector's spare included.
func TestAnIdleClientCostsLittle(t *testing.T) {
	most := manyClients(t)
	p := start(t, startServer(t))
	log := readLog(p)
	var all []net.Conn
	connect := func(n int, until time.Time) {
		for i := 0; i < n && (i < 1000 || time.Now().Before(until)); i++ {
			all = append(all, greetFrom(t, len(all), p.Addr))
		}
	}
	const first = 10 // what is taken once, whoever comes
	connect(first, time.Now())
	before := quietBytes(t, p.Process.Pid)
	connect(most, time.Now().Add(10*time.Second)) // on a slow machine not all of them
	clients := len(all) - first
	after := quietBytes(t, p.Process.Pid)
	each := (after - before) / clients
	for _, c := range all {
		if _, err := io.WriteString(c, "REQ 2 still here\n"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all {
		proctest.Ask(t, c, "", "ACK 2 still here\n")
	}
	busy := quietBytes(t, p.Process.Pid)
	proctest.Figure(t, "R3", fmt.Sprintf("%d idle clients that have had a reply each", clients),
		fmt.Sprintf("RSS %.1f MiB before, %.1f MiB after: %d B each; %d B each after one more request of all", mib(before), mib(after), each, (busy-before)/clients), "512 B each")
	if each > 5120 {
		t.Errorf("%d bytes for each of %d clients", each, clients)
	}
	for _, c := range all {
		c.Close()
	}
	p.Send(syscall.SIGTERM)
	log.wait(0)
}

func mib(bytes int) float64 { return float64(bytes) / (1 << 20) }

// greetFrom connects from one of several addresses of this host, so that there
// are ports for many, and has one request answered.
func greetFrom(t *testing.T, number int, addr string) net.Conn {
	t.Helper()
	c, err := dialFrom(2+number%8, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(2 * proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
	return c
}
