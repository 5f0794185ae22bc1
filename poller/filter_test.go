// filter_test.go: bytes can pass a filter on their way in, and a connection can
// begin with bytes that came before it.

package poller_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
)

// header takes one line off the front, then itself. A line that begins with
// "bad" is an error.
type header struct {
	seen []byte
	got  string
}

func (h *header) Filter(_ *poller.Conn, raw []byte) (plain []byte, done bool, err error) {
	h.seen = append(h.seen, raw...)
	if bytes.HasPrefix(h.seen, []byte("bad")) {
		return nil, false, errors.New("a bad header")
	}
	line, rest, found := bytes.Cut(h.seen, []byte("\n"))
	if !found {
		return nil, false, nil
	}
	h.got = string(line)
	return rest, true, nil
}

// shout is a filter that stays.
type shout struct{ plain []byte }

func (s *shout) Filter(_ *poller.Conn, raw []byte) (plain []byte, done bool, err error) {
	s.plain = append(s.plain[:0], bytes.ToUpper(raw)...)
	return s.plain, false, nil
}

func TestAFilterTakesAHeaderOffHoweverItIsCut(t *testing.T) {
	const script = "PROXY 1.2.3.4\nREQ 1\nREQ 2\nfrag"
	for cut := range len(script) {
		r := newRig(t)
		h := &header{}
		r.prepare = func(_ *actor, c *poller.Conn) { c.SetFilter(h) }
		p, a := r.client()
		p.SendString(script[:cut])
		r.settle()
		p.SendString(script[cut:])
		p.CloseWrite()
		r.settle()
		r.wantLines(a, "REQ 1\nREQ 2\n")
		r.wantSaid(a, `end "frag"`)
		if h.got != "PROXY 1.2.3.4" {
			t.Fatalf("cut at %d: header %q", cut, h.got)
		}
	}
}

func TestAFilterThatStaysSeesEverything(t *testing.T) {
	r := newRig(t)
	r.prepare = func(_ *actor, c *poller.Conn) { c.SetFilter(&shout{}) }
	p, a := r.client()
	for _, part := range []string{"req", " 1\nreq 2\nre", "q 3\n"} {
		p.SendString(part)
		r.settle()
	}
	r.wantLines(a, "REQ 1\nREQ 2\nREQ 3\n")
}

func TestAFilterThatFailsEndsTheConnection(t *testing.T) {
	r := newRig(t)
	r.prepare = func(_ *actor, c *poller.Conn) { c.SetFilter(&header{}) }
	p, a := r.client()
	p.SendString("bad\nREQ 1\n")
	r.settle()
	if a.said() != "closed: aborted" {
		t.Errorf("journal: %s", a.said())
	}
}

// closer is a filter that closes its connection at the first byte.
type closer struct{ abort bool }

func (x closer) Filter(c *poller.Conn, raw []byte) (plain []byte, done bool, err error) {
	if x.abort {
		c.Abort()
	} else {
		c.Close()
	}
	return raw, true, nil
}

func TestAFilterMayCloseItsConnection(t *testing.T) {
	for abort, says := range map[bool]string{false: "closed: closed", true: "closed: aborted"} {
		for _, stopping := range []bool{false, true} {
			r := newRig(t)
			r.prepare = func(_ *actor, c *poller.Conn) { c.SetFilter(closer{abort}) }
			p, a := r.client()
			p.SendString("REQ 1\nREQ 2\nfrag")
			if stopping {
				a.conn.StopReading()
			}
			r.settle()
			if !p.Ended() && !abort {
				t.Error("there is no FIN")
			}
			p.Close()
			r.settle()
			r.wantLines(a, "")
			r.wantSaid(a, says)
		}
	}
}

// handOver takes the first byte off and gives the connection to another handler.
type handOver struct{ to *actor }

func (x handOver) Filter(c *poller.Conn, raw []byte) (plain []byte, done bool, err error) {
	c.SetHandler(x.to)
	return raw[1:], true, nil
}

func TestAFilterMayGiveItsConnectionToAnotherHandler(t *testing.T) {
	r := newRig(t)
	b := &actor{}
	r.prepare = func(_ *actor, c *poller.Conn) { c.SetFilter(handOver{b}) }
	p, a := r.client()
	p.SendString("xREQ 1\nfr")
	r.settle()
	p.SendString("ag\n")
	p.Close()
	r.settle()
	r.wantLines(a, "")
	r.wantLines(b, "REQ 1\nfrag\n")
	if len(a.journal) > 0 {
		t.Errorf("the first handler's journal: %s", a.said())
	}
}

// adopted is a connection that another loop has let go, with the given bytes.
func (r *rig) adopted(carried string) *actor {
	r.t.Helper()
	_, old := r.client()
	fd, _, _ := old.conn.Release()
	a := &actor{}
	c, e := r.loop.Adopt(fd, []byte(carried), a, r.config)
	if e != 0 {
		r.t.Fatal(e)
	}
	a.conn = c
	if len(a.journal) != 0 {
		r.t.Fatalf("the handler was called before it had its connection: %s", a.said())
	}
	r.settle()
	return a
}

func TestACarriedByteComesFirst(t *testing.T) {
	for _, c := range []struct {
		carried, lines string
		said           string
	}{
		{"", "", ""},
		{"REQ 1\n", "REQ 1\n", "1 lines"},
		{"REQ 1\nREQ 2\nfrag", "REQ 1\nREQ 2\n", "2 lines"},
		{"frag", "", ""},
		{strings.Repeat("x", 99) + "\n", strings.Repeat("x", 99) + "\n", "1 lines"},
		{strings.Repeat("x", 100), "", "long line"},
		{"REQ 1\n" + strings.Repeat("x", 100) + "\nREQ 2\n", "REQ 1\n", "1 lines, long line"},
		{strings.Repeat("REQ 1\n", 600), strings.Repeat("REQ 1\n", 600), "256 lines, 256 lines, 88 lines"},
	} {
		r := newRig(t, func(r *rig) { r.config.MaxLine = 100 })
		a := r.adopted(c.carried)
		r.wantLines(a, c.lines)
		if a.said() != c.said {
			t.Errorf("%.40q: journal %s, want %s", c.carried, a.said(), c.said)
		}
	}
}

func TestACarriedFragmentIsOnTime(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.LineTimeout = time.Second })
	a := r.adopted("frag")
	r.pass(2 * time.Second)
	r.wantSaid(a, "closed: line timeout")
}

func TestAnotherHandlerGoesOn(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendString("REQ 1\nfr")
	r.settle()
	b := &actor{}
	a.conn.SetHandler(b)
	p.SendString("ag\n")
	p.Close()
	r.settle()
	r.wantLines(a, "REQ 1\n")
	r.wantLines(b, "frag\n")
	r.wantSaid(b, `end ""`)
}
