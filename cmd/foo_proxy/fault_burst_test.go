// fault_burst_test.go owns row C13: thousands of clients connect as fast as one
// process can.

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestABurstOfConnectsIsAcceptedWhole is row C13. The connects are plain system
// calls: on loopback each returns when the connection stands or its SYN was
// dropped, and then after a second.
func TestABurstOfConnectsIsAcceptedWhole(t *testing.T) {
	clients := min(4000, (descriptorsMax(t)-200)/2)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server)
	at, err := net.ResolveTCPAddr("tcp", p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	to := &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}
	before := p.numbers()
	fds := make([]int, clients)
	for i := range fds {
		if fds[i], err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
	}
	overflows := listenOverflows(t)
	begin := time.Now()
	longest := time.Duration(0)
	for _, fd := range fds {
		one := time.Now()
		if err := syscall.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(one))
	}
	connected := time.Since(begin)
	p.untilNumbers("all are accepted", func(n map[string]float64) bool { return n["connections"] == before["connections"]+float64(clients) })
	accepted := time.Since(begin)
	overflows = listenOverflows(t) - overflows
	served := serveBurst(t, fds)
	proctest.Figure(t, "C13", fmt.Sprintf("%d connects as fast as one process can", clients),
		fmt.Sprintf("all connected after %.0f ms, the longest took %.1f ms; all accepted after %.0f ms; ListenOverflows of this host +%d; %d of %d served", milliseconds(connected), milliseconds(longest), milliseconds(accepted), overflows, served, clients),
		"200 ms; +0")
	if served != clients || accepted > 10*time.Second {
		t.Errorf("%d of %d were served; all were accepted after %v", served, clients, accepted)
	}
}

// serveBurst has each ask once, and closes it.
func serveBurst(t *testing.T, fds []int) (served int) {
	t.Helper()
	for _, fd := range fds {
		file := os.NewFile(uintptr(fd), "client")
		c, err := net.FileConn(file)
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
		if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
			t.Fatal(err)
		}
		if answers(c, "REQ 1 a\n", "ACK 1 a\n") {
			served++
		}
		c.Close()
	}
	return served
}
