// live_test.go: a run on the real kernel, against a server of the standard
// library, while others ask how far it is.

package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/poller"
)

// listen serves every connection with answer until its client has ended.
func listen(t *testing.T, answer func(line string) string) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					if _, err := io.WriteString(conn, answer(line)); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

func live(t *testing.T, change func(*Config)) *Run {
	t.Helper()
	kernel, err := poller.NewPreciseKernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kernel.Shut(); err != nil {
			t.Error(err)
		}
	})
	config := Config{Sys: kernel, Connections: 5, Depth: 4, Size: 20, Wait: time.Minute}
	change(&config)
	r, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALiveRunIsWatchedAndEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	var asked atomic.Int64
	addr := listen(t, func(line string) string {
		if asked.Add(1) == 1000 {
			cancel(errors.New("enough"))
		}
		return strings.Replace(line, "REQ", "ACK", 1)
	})
	r := live(t, func(c *Config) { c.Servers, c.Requests = [][]poller.Addr{{poller.TCPAddr(addr)}}, RequestsMax })
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for before := uint64(0); ctx.Err() == nil; <-ticker.C {
			p := r.Progress()
			if p.Answered < before {
				t.Errorf("%d replies after %d", p.Answered, before)
			}
			before = p.Answered
		}
	}()
	result, err := r.Run(ctx)
	<-watched
	if err != nil {
		t.Fatal(err)
	}
	found := numbers(t, result)
	if result.Verdict(true) != nil || found["answered"] < 1000-5*4 || found["missing"] != 0 || found["answered"]+found["unsent"] != RequestsMax {
		t.Errorf("%v, %v", result.Verdict(true), found)
	}
	if p := r.Progress(); !p.Working || p.Connected != 5 || float64(p.Answered) != found["answered"] {
		t.Errorf("%+v", p)
	}
}

func TestALiveOpenLoop(t *testing.T) {
	addr := listen(t, func(line string) string { return strings.Replace(line, "REQ", "ACK", 1) })
	r := live(t, func(c *Config) {
		c.Servers, c.Duration, c.Rate = [][]poller.Addr{{poller.TCPAddr(addr)}}, 200*time.Millisecond, 5000
	})
	result, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := numbers(t, result)
	// The last request is due 199.8 ms after the first.
	if result.Verdict(true) != nil || found["requests"] != 1000 || found["seconds"] < 0.1998 {
		t.Errorf("%v, %v", result.Verdict(true), found)
	}
}

func TestALiveRunWithoutAServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddrPort(listener.Addr().String())
	listener.Close()
	r := live(t, func(c *Config) { c.Servers, c.Requests = [][]poller.Addr{{poller.TCPAddr(addr)}}, 1 })
	if _, err := r.Run(t.Context()); err == nil || !strings.HasSuffix(err.Error(), addr.String()+": connection refused") {
		t.Error(err)
	}
}
