// fault_mux_leave_test.go owns row C3 where links are shared: a client that goes
// takes its requests with it, its link stays, and the replies to it are nobody's.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// heldReplies has a server keep the replies to requests that say so until it is told
// to give them. All others are answered at once.
type heldReplies struct {
	came chan struct{} // one for each request that is kept
	give chan struct{} // one for all replies that are kept
}

func (h *heldReplies) serve(in *bufio.Reader, out *bufio.Writer) {
	lines, held := make(chan []byte), []byte(nil)
	go func() {
		defer close(lines)
		for {
			line, err := in.ReadBytes('\n')
			if err != nil {
				return
			}
			lines <- line
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return
			}
			reply := append([]byte("ACK"), line[len("REQ"):]...)
			if bytes.Contains(line, []byte("never read")) {
				held = append(held, reply...)
				h.came <- struct{}{}
				continue
			}
			out.Write(reply) // what fails shows in the flush
		case <-h.give:
			out.Write(held)
			held = nil
		}
		if out.Flush() != nil {
			for range lines { // to its end
			}
			return
		}
	}
}

// await waits for so many requests.
func (h *heldReplies) await(requests int) int {
	for range requests {
		<-h.came
	}
	return requests
}

// TestAClientThatGoesTakesItsRequestsOffASharedLink is row C3. The client's share of
// the link is what may be outstanding for it; the rest of what it sent has not left.
func TestAClientThatGoesTakesItsRequestsOffASharedLink(t *testing.T) {
	const ask = "REQ 1 never read this reply\n"
	trials := inForm(20, 250)
	var all []string
	late := 0
	for _, c := range []struct {
		name     string
		reset    bool
		requests int
	}{
		{"close, replies then", false, 50},
		{"reset", true, 50},
		{"reset of a client that has asked for more than its share", true, 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &heldReplies{came: make(chan struct{}, 2048), give: make(chan struct{})}
			server := startKeeper(t, 0, h.serve)
			p := watchProxy(t, server.addr, muxed.args()...)
			p.untilLinks(muxed.links)
			load := proctest.StartLoad(t, muxed.load(proctest.LoadConfig{Addr: p.Addr, Conns: 4, Depth: 1, Bytes: 64}))
			before := p.descriptors()
			var longest time.Duration
			for range trials {
				start := p.servers().Late
				client := p.Dial().(*net.TCPConn)
				if _, err := io.WriteString(client, strings.Repeat(ask, c.requests)); err != nil {
					t.Fatal(err)
				}
				kept := h.await(min(c.requests, 50))
				if c.reset {
					if err := client.SetLinger(0); err != nil {
						t.Fatal(err)
					}
				}
				client.Close()
				if !c.reset { // its end may be half a close: it waits for its replies
					h.give <- struct{}{}
					longest = max(longest, p.untilDescriptors(before))
				} else {
					longest = max(longest, p.untilDescriptors(before))
					h.give <- struct{}{}
					p.untilServers("late replies are swallowed", func(s serversSeen) bool { return s.Late >= start+kept && s.Outstanding <= 4 })
					late += kept
				}
				h.await(len(h.came)) // beyond those
			}
			others := load.Stop()
			expectFaultless(t, "the others", others)
			s := p.servers()
			if s.Naks["upstream lost"] > 0 || s.Upstreams[0].Sessions != muxed.links {
				t.Errorf("%+v", s)
			}
			all = append(all, fmt.Sprintf("%s %.1f ms (others: %d requests, %d wrong or lost, longest gap %.1f ms)", c.name, milliseconds(longest), others.Total, others.Wrong+others.Missing+others.Lost, milliseconds(others.LongestGap)))
			if longest > 10*time.Second {
				t.Errorf("descriptors were free after %v", longest)
			}
		})
	}
	proctest.Figure(t, muxed.row("C3"), fmt.Sprintf("client goes with 50 or more requests outstanding, %d trials each beside 4 clients", trials),
		fmt.Sprintf("descriptors free at last after: %s; at least %d late replies swallowed and counted, the link stays", strings.Join(all, "; "), late), "no effect on others; 100 ms; all")
}
