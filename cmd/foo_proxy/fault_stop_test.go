// fault_stop_test.go: the proxy itself stands still for a while. Row R15 of the
// table of faults.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestAStoppedProxyBlamesNobody has all timeouts that are off by default set
// shorter than the stop lasts. Whoever was in time by what the proxy could know
// goes on: what had arrived by the time it runs again counts before any timer.
func TestAStoppedProxyBlamesNobody(t *testing.T) {
	stop := 3 * time.Second
	if proctest.Release() {
		stop = 10 * time.Second
	}
	server := startServer(t)
	p := start(t, server, "-idle-timeout", "2s", "-line-timeout", "2s", "-write-timeout", "2s")
	l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
	const each = 10
	send := func(all []net.Conn, text string) {
		for _, c := range all {
			_, _ = io.WriteString(c, text) // a missing reply tells of an error
		}
	}
	var clients []net.Conn
	for range 3 * each {
		clients = append(clients, p.Dial())
	}
	send(clients, "REQ 1 a\n")
	for _, c := range clients {
		proctest.Ask(t, c, "", "ACK 1 a\n")
	}
	before, meanwhile, halves := clients[:each], clients[each:2*each], clients[2*each:]
	send(halves, "REQ 2 half ")
	send(before, "REQ 2 just before\n")
	p.Send(syscall.SIGSTOP)
	send(meanwhile, "REQ 2 meanwhile\n")
	send(halves, "a line\n")
	time.Sleep(stop) // the fault itself
	p.Send(syscall.SIGCONT)
	send(clients, "REQ 3 b\n")
	lost := 0
	for i, all := range [][]net.Conn{before, meanwhile, halves} {
		data := []string{"just before", "meanwhile", "half a line"}[i]
		for _, c := range all {
			if !answers(c, "", "ACK 2 "+data+"\nACK 3 b\n") {
				t.Errorf("a client that sent %q was not served", data)
				lost++
			}
		}
	}
	r := l.Stop()
	lost += r.Lost
	proctest.Figure(t, "R15", fmt.Sprintf("SIGSTOP of the proxy for %v under L, with idle, line and write timeouts of 2 s", stop),
		fmt.Sprintf("%d of %d connections lost; %d replies missing or wrong; longest gap %v", lost, 50+3*each, r.Missing+r.Wrong, r.LongestGap.Round(time.Millisecond)), "0; 0")
	if !r.Faultless() || r.LongestGap < stop {
		t.Error(r)
	}
	p.Send(syscall.SIGTERM)
	for _, c := range clients {
		c.Close()
	}
	if log := p.ExpectExit(0); t.Failed() {
		t.Log(log)
	}
}

// answers reports whether a client that may have been closed gets its reply.
func answers(c net.Conn, lines, replies string) bool {
	got := make([]byte, len(replies))
	_, err := io.WriteString(c, lines)
	if err == nil {
		_, err = io.ReadFull(c, got)
	}
	return err == nil && string(got) == replies
}

// TestARepliedClientOutlivesAStop has the reply arrive while the proxy is
// stopped. A byte that waits to be passed on is no silence of the client's.
func TestARepliedClientOutlivesAStop(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	server := startLateServer(t, asked, answer)
	p := start(t, server, "-idle-timeout", "1s")
	c := p.Dial()
	if _, err := io.WriteString(c, "REQ 1 a\n"); err != nil {
		t.Fatal(err)
	}
	<-asked
	p.Send(syscall.SIGSTOP)
	close(answer)
	time.Sleep(1500 * time.Millisecond) // longer than the timeout
	p.Send(syscall.SIGCONT)
	if !answers(c, "", "ACK 1 a\n") || !answers(c, "REQ 2 b\n", "ACK 2 b\n") {
		t.Error("the client was closed for the time in which the proxy stood still")
	}
	c.Close()
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}

// startLateServer answers its only client when answer is closed, and tells of
// the first request on asked.
func startLateServer(t *testing.T, asked chan<- struct{}, answer <-chan struct{}) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		lines := bufio.NewReader(c)
		for n := 0; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if n == 0 {
				asked <- struct{}{}
				<-answer
			}
			if _, err := io.WriteString(c, strings.Replace(line, "REQ", "ACK", 1)); err != nil {
				return
			}
		}
	}()
	return listener.Addr().String()
}

// TestAReaderOutlivesAStop has a client take its replies while the proxy is
// stopped, which cannot see it.
func TestAReaderOutlivesAStop(t *testing.T) {
	p := start(t, startServer(t), "-write-timeout", "2s")
	c := p.Dial()
	// More than the kernels hold, so that output waits in the proxy.
	requests := strings.Builder{}
	for i := range 400 {
		fmt.Fprintf(&requests, "REQ %d %s\n", i+1, strings.Repeat("x", 20_000))
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, requests.String())
		wrote <- err
	}()
	waitForStandstill(t, p)
	p.Send(syscall.SIGSTOP)
	replies := strings.ReplaceAll(requests.String(), "REQ", "ACK")
	got := make([]byte, len(replies))
	took := make(chan int, 1)
	go func() {
		n, _ := io.ReadFull(c, got) // what came is compared
		took <- n
	}()
	time.Sleep(2500 * time.Millisecond) // longer than the timeout
	p.Send(syscall.SIGCONT)
	if n := <-took; string(got[:n]) != replies {
		t.Errorf("%d of %d bytes came", n, len(replies))
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	c.Close()
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}

// waitForStandstill waits until the proxy has nothing to do any more.
func waitForStandstill(t *testing.T, p *proctest.Process) {
	t.Helper()
	last := ""
	until(t, "the proxy stands still", func() bool {
		p.Send(syscall.SIGUSR1)
		line, err := p.Stdout.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		_, values := readNumbers(t, line)
		now := fmt.Sprint(values["bytes_in"], values["bytes_out"])
		still := now == last && values["bytes_in"] > 100_000
		last = now
		time.Sleep(20 * time.Millisecond) // between two looks
		return still
	})
}
