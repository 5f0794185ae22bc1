// slowlog_test.go: slow requests that are planted among many, and found in the
// log.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

const (
	slowConns    = 50
	slowRequests = 20_000 // of each connection, so 1,000,000 in all
	slowWindow   = 64     // of them may be outstanding: more would make quick ones slow on a busy machine
	slowEvery    = 100    // one of so many is slow, so 10,000
	slowLimit    = 200 * time.Millisecond
	slowDelay    = 250 * time.Millisecond // more: a proxy's clock is read once in a turn
)

// startSlowServer answers at once, but for data of "slow", which it answers
// after slowDelay.
func startSlowServer(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go answerSlowly(c)
		}
	}()
	return listener.Addr().String()
}

func answerSlowly(c net.Conn) {
	defer c.Close()
	var lock sync.Mutex // of writes
	var late sync.WaitGroup
	write := func(p []byte) {
		lock.Lock()
		defer lock.Unlock()
		c.Write(p) // who does not take it will be missed by the test
	}
	in, out := bufio.NewReaderSize(c, 64<<10), []byte(nil)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			late.Wait()
			return
		}
		reply := append([]byte("ACK"), line[len("REQ"):]...)
		if bytes.HasSuffix(line, []byte(" slow\n")) {
			late.Add(1)
			time.AfterFunc(slowDelay, func() { write(reply); late.Done() })
		} else {
			out = append(out, reply...)
		}
		if in.Buffered() == 0 {
			write(out)
			out = out[:0]
		}
	}
}

// askAll pipelines the requests of one connection and waits for all replies. It
// gives the client's address, as the log tells it.
func askAll(addr string) (client string, err error) {
	c, err := net.DialTimeout("tcp", addr, proctest.Patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(4 * proctest.Patience)); err != nil {
		return "", err
	}
	sent, window := make(chan error, 1), make(chan bool, slowWindow)
	go func() { sent <- sayAll(c, window) }()
	in := bufio.NewReaderSize(c, 64<<10)
	for range slowRequests {
		if _, err := in.ReadSlice('\n'); err != nil {
			return "", err
		}
		<-window
	}
	return c.LocalAddr().String(), <-sent
}

// sayAll writes the requests, as many at a time as the window has room for.
func sayAll(c net.Conn, window chan<- bool) error {
	out := bufio.NewWriterSize(c, 16<<10)
	for seq := 1; seq <= slowRequests; seq++ {
		data := "quick"
		if seq%slowEvery == 0 {
			data = "slow"
		}
		select {
		case window <- true:
		default:
			if err := out.Flush(); err != nil {
				return err
			}
			window <- true
		}
		fmt.Fprintf(out, "REQ %d %s\n", seq, data) // Flush gives the error
	}
	return out.Flush()
}

// TestEverySlowRequestIsInTheSlowLog plants 10,000 among 1,000,000. Others may be
// slow as well where the machine is busy; each line must be about a slow one.
func TestEverySlowRequestIsInTheSlowLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	p := start(t, startSlowServer(t), "-log-requests", path, "-slow", slowLimit.String())
	clients, begin := make([]string, slowConns), time.Now()
	var work sync.WaitGroup
	for i := range clients {
		work.Go(func() {
			var err error
			if clients[i], err = askAll(p.Addr); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		})
	}
	work.Wait()
	took := time.Since(begin)
	dropped := logDropped(t, p)
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
	found := map[string]int{}
	lines := readLines(t, readFile(t, path))
	for _, x := range lines {
		if x.Event != "request" || x.LatencyUs < slowLimit.Microseconds() {
			t.Fatalf("%+v is not slow", x)
		}
		found[fmt.Sprint(x.Client, " ", x.Seq)]++
	}
	missing := 0
	for _, client := range clients {
		for seq := slowEvery; seq <= slowRequests; seq += slowEvery {
			if found[fmt.Sprint(client, " ", seq)] != 1 {
				missing++
			}
		}
	}
	t.Logf("%d requests in %v, %d lines", slowConns*slowRequests, took, len(lines))
	if missing != 0 || dropped != 0 {
		t.Errorf("%d slow requests are not in the log once; %d lines dropped", missing, dropped)
	}
}
