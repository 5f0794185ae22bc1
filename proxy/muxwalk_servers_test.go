// muxwalk_servers_test.go: what servers do in the walk over shared links, and what of
// it their side of the account says.

package proxy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// isLost reports whether a connection has ended, by its server or by the proxy.
func (w *muxWalk) isLost(c *muxServed) bool {
	if !c.lost {
		c.got += w.takes(c.Peer)
	}
	return c.lost || c.Ended() || c.Err() != 0
}

// serve is what servers do with what has come to them.
func (w *muxWalk) serve(calm bool) {
	for i, server := range w.servers {
		for w.up[i] {
			p := server.Accept()
			if p == nil {
				break
			}
			w.served = append(w.served, &muxServed{Peer: p, server: i, next: 1})
			w.settle()
		}
	}
	for _, c := range w.served {
		if !c.lost && (!c.stopped || calm) {
			c.stopped = !calm && w.random.IntN(20) == 0
			w.take(c)
			w.answer(c, calm)
		}
	}
	w.served = slices.DeleteFunc(w.served, func(c *muxServed) bool { return c.lost })
}

func (w *muxWalk) take(c *muxServed) {
	c.got += w.takes(c.Peer)
	for {
		line, rest, whole := strings.Cut(c.got, "\n")
		if !whole {
			return
		}
		c.got = rest
		word := strings.SplitN(line, " ", 3)
		if len(word) == 2 && word[0] == "REQ" && word[1] == strconv.Itoa(c.next) { // of a check
			w.kinds["check"]++
			c.owes = append(c.owes, muxAsked{seq: word[1]})
			c.next++
			continue
		}
		if len(word) != 3 || word[0] != "REQ" || word[1] != strconv.Itoa(c.next) {
			w.t.Fatalf("server %d gets %q as request %d", c.server, line, c.next)
		}
		q := w.known[word[2]]
		if q == nil || q.at != nil {
			w.t.Fatalf("server %d gets %q, which nobody has said, or which was sent before", c.server, line)
		}
		q.at = c
		c.is = append(c.is, q)
		c.owes = append(c.owes, muxAsked{seq: word[1], text: word[2]})
		c.next++
	}
}

func (w *muxWalk) answer(c *muxServed, calm bool) {
	if c.Ended() {
		c.Close()
		c.lost = true
		w.settle()
		return
	}
	reply := ""
	for len(c.owes) > 0 && (calm || w.random.IntN(6) > 0) {
		i := 0
		if w.random.IntN(3) == 0 {
			i = w.random.IntN(len(c.owes))
		}
		reply += fmt.Sprintf("%s %s %s\n", []string{"ACK", "NAK"}[w.random.IntN(2)], c.owes[i].seq, c.owes[i].text)
		c.owes = slices.Delete(c.owes, i, i+1)
	}
	if c.SendString(reply) < len(reply) {
		w.lose(c)
		return
	}
	w.settle()
	if !calm && w.random.IntN(40) == 0 {
		w.spoil(c)
	}
}

// spoil has a server do what ends its connection.
func (w *muxWalk) spoil(c *muxServed) {
	said := []string{"what\n", "NAK 0 what\n", "REQ 1 x\n", fmt.Sprintf("ACK %d x\n", c.next+2000),
		strings.Repeat("x", 5001), "ACK 1 x", ""}[w.random.IntN(7)]
	if c.next > 1 && !slices.ContainsFunc(c.owes, func(q muxAsked) bool { return q.seq == "1" }) && w.random.IntN(4) == 0 {
		said = "ACK 1 again\n"
	}
	w.kinds["spoilt "+said[:min(5, len(said))]]++
	c.lost = c.SendString(said) == len(said) && strings.HasSuffix(said, "\n")
	w.settle()
	w.takes(c.Peer)
	if c.lost && !c.Ended() && c.Err() == 0 {
		w.t.Fatalf("server %d says %q, and its connection stays", c.server, said)
	}
	w.lose(c)
}

func (w *muxWalk) lose(c *muxServed) {
	c.lost = true // before anybody is told of it
	if w.random.IntN(2) == 0 {
		c.Reset()
	} else {
		c.Close()
	}
	w.settle()
}
