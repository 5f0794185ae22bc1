// fault_stop_servers_test.go: the proxy stands still for a while, with several
// servers that are checked and requests whose time is over meanwhile. Row R15 of
// the table of faults.

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

// TestAStoppedProxyBlamesNoServer has checks and request timeouts that are shorter
// than the stop. Requests that no server answers get one NAK each, those whose
// reply arrived in time or meanwhile get it, and no server is held to have failed.
func TestAStoppedProxyBlamesNoServer(t *testing.T) {
	const each, timeout = 10, time.Second
	stop := inForm(3*time.Second, 10*time.Second)
	_, forward := launchEchoes(t, 3)
	p := watchProxy(t, forward, "-request-timeout", timeout.String(), "-check-interval", "200ms", "-check-timeout", "200ms")
	l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
	var held, meanwhile []net.Conn
	for range each {
		held, meanwhile = append(held, p.Dial()), append(meanwhile, p.Dial())
	}
	for _, c := range append(held, meanwhile...) {
		proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
	}
	before := p.toldServers()
	for _, c := range held {
		if _, err := io.WriteString(c, "REQ 2 hold\n"); err != nil {
			t.Fatal(err)
		}
		p.untilRead(c)
	}
	l.Mark()
	p.Send(syscall.SIGSTOP)
	for _, c := range meanwhile {
		_, _ = io.WriteString(c, "REQ 2 meanwhile\n") // a missing reply tells of an error
	}
	time.Sleep(stop) // the fault itself
	p.Send(syscall.SIGCONT)
	inTime, naks := 0, 0
	for _, c := range meanwhile {
		if answers(c, "REQ 3 b\n", "ACK 2 meanwhile\nACK 3 b\n") {
			inTime++
		}
	}
	for _, c := range held {
		if answers(c, "", "NAK 2 timeout\n") && answers(c, "REQ 3 b\n", "ACK 3 b\n") {
			naks++
		}
	}
	told := p.toldServers()
	r := l.Stop()
	failures := int64(0)
	for i := range told {
		failures += told[i].failed() - before[i].failed()
	}
	proctest.Figure(t, "R15", fmt.Sprintf("SIGSTOP of the proxy for %v under L, three servers, -request-timeout %v, checks every 200 ms", stop, timeout),
		fmt.Sprintf("%d of %d connections lost; %d of 3 servers ejected, %d failures; %d replies missing or wrong, %d NAKs of %d; %d of %d requests that nobody answers got one NAK, %d of %d sent meanwhile an ACK",
			r.Lost+2*each-inTime-naks, 50+2*each, ejected(told), failures, r.Missing+r.Wrong, r.Naks, r.Requests, naks, each, inTime, each), "0; 0; exactly one NAK")
	if !r.Faultless() || r.LongestGap < stop || inTime != each || naks != each || !allUp(told) || failures != 0 {
		t.Errorf("%v; %d and %d answered; %+v", r, inTime, naks, told)
	}
	p.Send(syscall.SIGTERM)
	for _, c := range append(held, meanwhile...) {
		c.Close()
	}
	if log := p.ExpectExit(0); strings.Contains(log, "ejected") {
		t.Error(log)
	}
}

func ejected(servers []toldServer) (n int) {
	for _, s := range servers {
		if s.State == "ejected" {
			n++
		}
	}
	return n
}
