// hear.go owns what a server model makes of a stream that may be one of several
// of its client's: each line tells whose it is, and which. It checks that the line
// was said so, that nobody else was sent it, and that its Seq is one that this
// server may see.

package sim

import (
	"bytes"
	"slices"
	"strconv"
)

// probe is what a check asks. No client says it, since theirs have a mark.
const probe = "REQ 1\n"

// heardNotes is what a connection keeps for this.
type heardNotes struct {
	probed   bool    // a check came
	last     int     // the line of the script that came last
	requests int     // how many of them came
	begins   int     // the line that came first
	bytes    int     // of whole lines
	original bool    // the Seqs can be the client's own
	counted  bool    // the Seqs can be 1, 2, 3…
	asked    []asked // what was said, and to what
	told     int     // of them: how many the client has got, or will never get
	arrivals int     // of them: how many the proxy's kernel has
	quit     bool    // the end was asked for
	isSlow   bool    // it may take longer than the timeout
	// drained is how many bytes the kernel had taken when the server was drained.
	drained int
	isLeft  bool // the server was drained
	left    int  // the last line of which a byte had left for it
	// disorders: it answers in another order than it was asked, or not all.
	disorders bool
	spoiled   int // where the first thing that ends a shared connection begins in the stream; 0: nothing does
}

// asked is a reply, and the line it is about.
type asked struct {
	line  int     // -1: none
	whose *Client // whose line it is, where a connection is shared
	seq   uint64
	text  []byte
	place int // where it ends in the stream
	// arrived is when the proxy's kernel had all of it; 0: not yet.
	arrived int64
	stray   bool // its Seq is not that of the line, or there is none
}

// hear takes the whole lines of what came.
func (c *Conn) hear(got []byte) {
	c.early = append(c.early, got...)
	for !c.over {
		n := bytes.IndexByte(c.early, '\n') + 1
		if n == 0 {
			return
		}
		line := c.early[:n]
		c.early = c.early[n:]
		c.hearLine(line)
	}
}

func (c *Conn) hearLine(line []byte) {
	if c.world.Rules.Shared {
		c.hearSharedLine(line)
		return
	}
	if c.client == nil && string(line) == probe {
		c.answerProbe()
		return
	}
	client, i, ok := c.world.whose(line)
	switch {
	case !ok || c.probed:
		c.invented(line)
		return
	case c.client == nil:
		c.meet(client, i)
	case c.client != client:
		c.world.Fail("byte equality", "server %d, connection %d of client %d got %.100q, which is client %d's", c.server.id, c.id, c.client.id, line, client.id)
		return
	}
	s, l := client.script, &client.script.lines[i]
	seq, ok := c.matches(line, i)
	switch {
	case !ok:
		c.invented(line)
	case i >= client.lines || l.long || l.reason != "" && c.world.Rules.Strict:
		c.world.Fail("no invention", "server %d, connection %d got %.100q, which client %d has not sent, or not for a server", c.server.id, c.id, line, client.id)
	case client.kept.places[i].conn != nil:
		c.world.Fail("at most once", "server %d, connection %d got line %d of client %d, which server %d, connection %d has got before", c.server.id, c.id, i,
			client.id, client.kept.places[i].conn.server.id, client.kept.places[i].conn.id)
	case i <= c.last:
		c.world.Fail("order", "server %d, connection %d got line %d of client %d behind line %d", c.server.id, c.id, i, client.id, c.last)
	}
	c.checkLeft(i, c.bytes)
	client.kept.places[i].conn = c
	c.last = i
	c.bytes += len(line)
	if !s.lines[i].request {
		client.kept.isRelayed = true
	}
	c.answer(i, seq)
	c.lines++
}

// meet is the first line of a client.
func (c *Conn) meet(client *Client, i int) {
	c.client, client.conn = client, c
	c.last, c.begins = i-1, i
	c.original, c.counted = true, true
	// A server that stands still hears of a connection later than it was made.
	k := &client.kept
	at := len(k.conns)
	for at > 0 && k.conns[at-1].peer.RemoteAddr().Port() > c.peer.RemoteAddr().Port() {
		at--
	}
	k.conns = slices.Insert(k.conns, at, c)
	if at <= k.at && len(k.conns) > 1 {
		k.at++
	}
}

// matches reports whether a line is the i-th of the script, its Seq apart, and what
// that is. A Seq is the client's own, or it counts from 1 on.
func (c *Conn) matches(line []byte, i int) (seq uint64, ok bool) {
	s := c.client.script
	said := s.text(i)
	if !s.lines[i].request {
		return 0, bytes.Equal(line, said)
	}
	head, seq, rest := splitSeq(line)
	wantHead, _, wantRest := splitSeq(said)
	c.requests++
	c.original = c.original && seq == s.lines[i].seq
	c.counted = c.counted && seq == uint64(c.requests)
	if !c.original && !c.counted {
		c.world.Fail("Seq", "server %d, connection %d got %.100q as request %d; the client said %d", c.server.id, c.id, line, c.requests, s.lines[i].seq)
	}
	if !c.counted && !c.isFirst() {
		c.world.Fail("Seq", "server %d, connection %d got %.100q as request %d, and requests of client %d were answered elsewhere before", c.server.id, c.id, line, c.requests, c.client.id)
	}
	return seq, bytes.Equal(head, wantHead) && bytes.Equal(rest, wantRest)
}

// isFirst reports whether the connection may have begun together with its client:
// whoever comes later gets Seqs from 1 on.
func (c *Conn) isFirst() bool { return c.client.kept.conns[0] == c && !c.client.kept.isNAKed(c.begins) }

func decimal(n uint64) string { return strconv.FormatUint(n, 10) }

func (c *Conn) invented(line []byte) {
	c.world.Fail("byte equality", "server %d, connection %d got %.200q, which nobody sent", c.server.id, c.id, line)
	c.end(farewellLeft)
}

// text is the i-th line, its LF included.
func (s *script) text(i int) []byte { return s.stream[s.start(i):s.lines[i].end] }

func (s *script) start(i int) int {
	if i == 0 {
		return 0
	}
	return s.lines[i-1].end
}

// splitSeq splits a request at its Seq.
func splitSeq(line []byte) (head []byte, seq uint64, rest []byte) {
	from := bytes.IndexAny(line, "0123456789")
	if from < 0 {
		return line, 0, nil
	}
	to := from
	for to < len(line) && line[to] >= '0' && line[to] <= '9' {
		to++
	}
	seq, _ = strconv.ParseUint(string(line[from:to]), 10, 64) // 0 where it is too large, which no request of a script is
	return line[:from], seq, line[to:]
}

// whose finds the mark of a line, and which line it is of its client's.
func (w *World) whose(line []byte) (client *Client, i int, ok bool) {
	at := bytes.IndexByte(line, '~')
	if at < 0 || len(line) < at+5 || line[at+3] != '~' {
		return nil, 0, false
	}
	n, err := strconv.Atoi(string(line[at+1 : at+3]))
	if err != nil || n >= len(w.Clients) {
		return nil, 0, false
	}
	client = w.Clients[n]
	last := len(client.script.lines) - 1
	if at += 4; line[at]|0x20 == 'q' {
		return client, last, client.script.lines[last].quit
	}
	digits := at
	for ; at < len(line) && line[at] >= '0' && line[at] <= '9'; at++ {
		i = i*10 + int(line[at]-'0')
	}
	return client, i, at > digits && i <= last
}
