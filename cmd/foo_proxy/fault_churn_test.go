// fault_churn_test.go owns row C12: clients that come and go as fast as the
// machine gives.

package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

const (
	// churnWorkers is how many clients come and go at once: few, since what more
	// of them wait for each other would count as the proxy's time.
	churnWorkers = 4
	// churnAddresses is how many loopback addresses each has. A port rests for a
	// minute, so that one address gives about 470 connections a second: all 240
	// together give more than any machine takes.
	churnAddresses = 60
)

// churn is what one goroutine's clients have seen.
type churn struct {
	served []time.Duration // from the connect to the first reply
	silent int             // clients that left without a word
}

// run has clients come and go until the deadline, from the addresses 127.0.0.first
// and on. Every second one asks something; the client ends first, so that the
// ports rest on its side.
func (u *churn) run(addr string, first int, until time.Time) error {
	reply := make([]byte, len("ACK 1 x\n"))
	for i := 0; time.Now().Before(until); i++ {
		begin := time.Now()
		c, err := dialFrom(first+i%churnAddresses, addr)
		if err != nil {
			return err
		}
		if i%2 == 0 {
			err = askOnce(c, reply)
			u.served = append(u.served, time.Since(begin))
		} else {
			u.silent++
		}
		c.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func askOnce(c net.Conn, reply []byte) error {
	if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		return err
	}
	_, err := io.WriteString(c, "REQ 1 x\n")
	if err == nil {
		_, err = io.ReadFull(c, reply)
	}
	if err == nil && string(reply) != "ACK 1 x\n" {
		err = fmt.Errorf("the reply is %q", reply)
	}
	return err
}

// TestClientsThatComeAndGoAsFastAsTheyCanAreAllServed is row C12.
func TestClientsThatComeAndGoAsFastAsTheyCanAreAllServed(t *testing.T) {
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server)
	before, numbers := p.descriptors(), p.numbers()
	overflows := listenOverflows(t)
	span := inForm(3*time.Second, 60*time.Second)
	begin := time.Now()
	churns := make([]churn, churnWorkers)
	var work sync.WaitGroup
	for i := range churns {
		work.Go(func() {
			if err := churns[i].run(p.Addr, 2+i*churnAddresses, begin.Add(span)); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	took := time.Since(begin)
	free := p.untilDescriptors(before)
	overflows = listenOverflows(t) - overflows
	var served []time.Duration
	clients := 0
	for _, u := range churns {
		served = append(served, u.served...)
		clients += len(u.served) + u.silent
	}
	slices.Sort(served)
	p.expectMoved(numbers, map[string]float64{"msg_req": float64(len(served)), "answered": float64(len(served)), "connections": 0, "outstanding": 0})
	proctest.Figure(t, "C12", fmt.Sprintf("%d clients at a time come and go from %d addresses for %v, every second one asks something; client and server on the same cores", churnWorkers, churnWorkers*churnAddresses, span),
		fmt.Sprintf("%.0f connections/s, all served; connect to first reply p50 %.2f ms, p99 %.2f ms; ListenOverflows of this host +%d; descriptors at the start value %.0f ms later",
			float64(clients)/took.Seconds(), milliseconds(served[len(served)/2]), milliseconds(served[len(served)*99/100]), overflows, milliseconds(free)), "accept p99 5 ms; +0; 1 s")
	if free > 10*time.Second {
		t.Errorf("descriptors were free after %v", free)
	}
}

// listenOverflows is how many clients this host's listeners have dropped, those
// of other tests included.
func listenOverflows(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		n, err := strconv.Atoi(fields[slices.Index(names, "ListenOverflows")])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	t.Fatal("the kernel does not count ListenOverflows")
	return 0
}
