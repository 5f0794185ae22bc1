// This file owns the faults of proxies that the comparison must find: a small
// relay on the standard library, right in all but what is planted.
package check

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/foo"
)

// relay is where a fault of a proxy can be planted. All that is zero is right.
type relay struct {
	up, down func(r *relaying, came []byte) []byte // what becomes of a read
	cutAtEnd bool                                  // the client's end ends both directions
	keepOpen bool                                  // the server's end is not passed on
	idle     time.Duration                         // for which a client may say nothing at first
	lineMax  int                                   // a longer line is refused here

	ended chan struct{} // closed with the test
}

// relaying is one connection of it.
type relaying struct {
	client, server *net.TCPConn
	pending        []byte // of a line from the client
	seen           map[string]bool
}

// startRelay stands in front of a server until the test ends.
func startRelay(t *testing.T, server *planted, m relay) Dial {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.ended = make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server.listener.Addr().String())
			if err != nil {
				client.Close()
				continue
			}
			r := &relaying{client: client.(*net.TCPConn), server: upstream.(*net.TCPConn), seen: make(map[string]bool)}
			work.Go(func() { m.serve(r) })
		}
	})
	t.Cleanup(func() {
		close(m.ended)
		listener.Close()
		work.Wait()
	})
	return dialTo(listener.Addr().String())
}

func (m relay) serve(r *relaying) {
	defer r.client.Close()
	defer r.server.Close()
	upward := make(chan struct{})
	go func() {
		defer close(upward)
		m.pass(r, r.client, r.server, m.up, m.lineMax)
		if m.cutAtEnd {
			r.client.Close()
			r.server.Close()
			return
		}
		r.server.Write(r.pending) // a fragment goes on as it is
		r.server.CloseWrite()
	}()
	m.pass(r, r.server, r.client, m.down, 0)
	if m.keepOpen {
		<-m.ended
	}
	r.client.CloseWrite()
	r.server.Close()
	<-upward
}

func (m relay) pass(r *relaying, from, to *net.TCPConn, change func(*relaying, []byte) []byte, lineMax int) {
	buffer := make([]byte, 64<<10)
	line := 0
	if m.idle > 0 && from == r.client {
		from.SetReadDeadline(time.Now().Add(m.idle))
	}
	for {
		n, err := from.Read(buffer)
		from.SetReadDeadline(time.Time{})
		came := buffer[:n]
		if change != nil {
			came = change(r, came)
		}
		if at := bytes.LastIndexByte(came, '\n'); at >= 0 {
			line = len(came) - at - 1
		} else {
			line += len(came)
		}
		if lineMax > 0 && line > lineMax {
			from.Write([]byte("NAK 0 line too long\n"))
			from.CloseWrite()
			for err == nil {
				_, err = from.Read(buffer)
			}
			return
		}
		if _, writeErr := to.Write(came); err != nil || writeErr != nil {
			return
		}
	}
}

// wholeLines hands over lines only, each changed; it keeps the rest.
func wholeLines(change func(r *relaying, line string) string) func(*relaying, []byte) []byte {
	return func(r *relaying, came []byte) []byte {
		r.pending = append(r.pending, came...)
		var out []byte
		for {
			line, tail, whole := bytes.Cut(r.pending, []byte{'\n'})
			if !whole {
				return out
			}
			out = append(out, change(r, string(line)+"\n")...)
			r.pending = tail
		}
	}
}

var plantedProxies = []struct {
	name   string
	named  []string
	server manners
	relay
}{
	{name: "none"},
	{name: "whole lines", relay: relay{up: wholeLines(func(_ *relaying, line string) string { return line })}},
	{name: "the client's end cuts off its replies", named: []string{"half-close"}, relay: relay{cutAtEnd: true}},
	{name: "a CR is stripped", named: []string{"cr-lf"},
		relay: relay{up: wholeLines(func(_ *relaying, line string) string {
			if strings.HasPrefix(line, "REQ") {
				return strings.Replace(line, "\r\n", "\n", 1)
			}
			return line
		})}},
	{name: "bad lines are refused here, in other words", named: []string{"bad-type"},
		relay: relay{up: wholeLines(func(r *relaying, line string) string {
			if strings.HasPrefix(line, "RST") {
				r.client.Write([]byte("NAK 0 what?\n"))
				return ""
			}
			return line
		})}},
	{name: "each read is decoded by itself", named: []string{"cut"}, relay: relay{up: func(_ *relaying, came []byte) []byte {
		if len(came) > 0 && came[0]&0xC0 == 0x80 {
			return bytes.ToValidUTF8(came, []byte("?"))
		}
		return came
	}}},
	{name: "a Seq that was there ends the conversation", named: []string{"seq-twice"},
		relay: relay{up: wholeLines(func(r *relaying, line string) string {
			message, err := foo.Parse([]byte(strings.TrimSuffix(line, "\n")))
			key := string(foo.AppendMessage(nil, foo.REQ, message.Seq, nil))
			if err == nil && message.Type == foo.REQ && r.seen[key] {
				r.client.CloseWrite()
				return ""
			}
			r.seen[key] = true
			return line
		})}},
	{name: "who says nothing at first is closed", named: []string{"idle"}, relay: relay{idle: idleRest / 2}},
	{name: "a short limit for lines", relay: relay{lineMax: 1000}},
	{name: "a reset becomes a FIN", server: manners{leave: func(p *peer, err error) {
		if p.told == 0 {
			p.nc.SetLinger(0)
		}
	}}},
}

func TestEachPlantedProxyFaultIsNamedAndNoOther(t *testing.T) {
	var work sync.WaitGroup
	defer work.Wait()
	places := make(chan struct{}, 6)
	for _, x := range plantedProxies {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			t.Run(x.name, func(t *testing.T) {
				s := start(t, x.server)
				config := Config{Server: s.dial, Via: startRelay(t, s, x.relay)}
				if failed := failing(t, config, All()); !slices.Equal(failed, x.named) {
					t.Errorf("failed %q, want %q", failed, x.named)
				}
			})
		})
	}
}

func TestAProxyThatDoesNotPassOnTheEndIsSeen(t *testing.T) {
	t.Parallel() // It waits most of its time.
	checks, err := Select([]string{"reply", "half-close", "no-request"})
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, manners{})
	config := Config{Server: s.dial, Via: startRelay(t, s, relay{keepOpen: true}), Timeout: muteTimeout}
	if failed := failing(t, config, checks); !slices.Equal(failed, []string{"reply", "half-close", "no-request"}) {
		t.Errorf("failed %q", failed)
	}
}

func TestAServerThatAnswersDifferentlyEachTimeIsNotTheProxysFault(t *testing.T) {
	number := make(chan int, 1)
	number <- 0
	s := start(t, manners{answer: func(*peer, string) (string, bool) {
		n := <-number
		number <- n + 1
		return strings.Replace("ACK 1 N\n", "N", strings.Repeat("x", n+1), 1), true
	}})
	checks, err := Select([]string{"reply"})
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	passed, err := Run(t.Context(), Config{Server: s.dial, Via: s.dial, Timeout: testTimeout}, checks, func(r Result) { results = append(results, r) })
	if err != nil || passed || len(results) != 1 || !strings.Contains(results[0].Note, "does not answer alike twice") {
		t.Errorf("%v, %v, %+v", passed, err, results)
	}
}

func TestWhatTheServerDoesWrongOnBothWaysIsNoted(t *testing.T) {
	s := start(t, manners{fragment: rightReply})
	checks, err := Select([]string{"fragment"})
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	passed, err := Run(t.Context(), Config{Server: s.dial, Via: startRelay(t, s, relay{}), Timeout: testTimeout}, checks, func(r Result) { results = append(results, r) })
	if err != nil || !passed || !strings.Contains(results[0].Note, "the server itself fails here") {
		t.Errorf("%v, %v, %+v", passed, err, results)
	}
}
