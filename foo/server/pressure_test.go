package server

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"fooproxy/stats"
)

// numbered gives request lines, or their replies, that all have one length.
func numbered(kind string, from, count int) []byte {
	lines := make([]byte, 0, count*numberedLength)
	for i := range count {
		lines = fmt.Appendf(lines, "%s 1 %0*d\n", kind, numberedLength-len("REQ 1 \n"), from+i)
	}
	return lines
}

const numberedLength = 100

// heldMax is what one client may hold in buffers: HighMark bytes of output in a
// block of the next size class, and as much of lines that could not go on.
const heldMax = 2*(64<<10) + 2*(64<<10)

func TestAClientThatDoesNotReadCostsABoundedAmount(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	const count = 200_000 // 20 MB, more than all buffers of the kernel hold
	sent := make(chan error, 1)
	go func() {
		_, err := p.Write(numbered("REQ", 0, count))
		sent <- err
	}()
	held := 0
	r.within("the client is not read", func() bool {
		held = max(held, r.loop.Held())
		return len(r.clients.all) == 1 && r.clients.all[0].conn.Paused()
	})
	if held > heldMax {
		t.Errorf("%d bytes are held", held)
	}
	got := make([]byte, count*numberedLength)
	if _, err := io.ReadFull(p, got); err != nil || !bytes.Equal(got, numbered("ACK", 0, count)) {
		t.Errorf("the replies are not those to the requests (%v)", err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// flood sends requests until the server has taken nothing for a while, and gives
// the number of bytes that went out.
func (c *caller) flood() (sent int) {
	c.server.t.Helper()
	const chunk = 1000
	var lines []byte
	for stuck := 0; stuck < 30; stuck++ {
		if len(lines) < chunk*numberedLength/2 {
			lines = append(lines, numbered("REQ", (sent+len(lines))/numberedLength, chunk)...)
		}
		n := c.Send(lines)
		lines = lines[n:]
		sent += n
		if n > 0 {
			stuck = 0
		}
		c.server.after(time.Millisecond)
	}
	return sent
}

func TestAClientThatReadsAgainGetsAllReplies(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Millisecond, 20 * time.Millisecond} {
		t.Run(fmt.Sprint("delay ", delay), func(t *testing.T) {
			s := step(t, func(c *Config) { c.Delay = delay })
			c := s.call()
			sent := c.flood()
			if held := s.loop.Held(); held > heldMax || !s.clients.all[0].conn.Paused() {
				t.Errorf("%d bytes are held; not read: %t", held, s.clients.all[0].conn.Paused())
			}
			var got []byte
			for range 1000 {
				got = append(got, c.Receive()...)
				s.after(time.Millisecond)
			}
			if !bytes.Equal(got, numbered("ACK", 0, sent/numberedLength)) {
				t.Errorf("%d bytes of replies to %d bytes of requests, or others than those", len(got), sent)
			}
			c.Close()
			s.after(delay)
			s.expectNobody()
		})
	}
}

func TestRepliesThatWaitForTheirTimeAreBounded(t *testing.T) {
	s := step(t, func(c *Config) { c.Delay = time.Hour })
	caller := s.call()
	caller.say(string(numbered("REQ", 0, 300)))
	sent := 300*numberedLength + caller.flood()
	c := s.clients.all[0]
	most := s.config.Conn.HighMark
	if size := c.delayed.size(); size+c.conn.Kept() > most || size < most/2 || !c.conn.Paused() {
		t.Errorf("%d bytes wait, and %d of lines; not read: %t", size, c.conn.Kept(), c.conn.Paused())
	}
	requests := s.count(stats.MsgReq)
	if int(requests)*numberedLength > sent {
		t.Errorf("%d requests came of %d bytes", requests, sent)
	}
	s.expectCount(stats.Answered, 0)
	caller.Reset()
	s.settle()
	s.expectCount(stats.Abandoned, requests)
	s.expectNobody()
	s.after(2 * time.Hour) // the time of the replies comes, but nobody is there
}

func TestTinyBatchesThatWaitAreBoundedToo(t *testing.T) {
	s := step(t, func(c *Config) { c.Delay = time.Hour })
	caller := s.call()
	const sent = delayedBatchesMax + 1000
	for range delayedBatchesMax - 1 {
		caller.say("REQ 1\n")
		s.kernel.Advance(time.Millisecond)
	}
	// What comes in one read takes several turns, and time passes between them.
	caller.SendString(strings.Repeat("REQ 1\n", 1000))
	for range 10 {
		s.loop.Turn(s.sys.Now())
		s.kernel.Advance(time.Millisecond)
	}
	caller.say("REQ 1\n")
	c := s.clients.all[0]
	if waits := c.delayed.waits(); waits != delayedBatchesMax || !c.conn.Paused() {
		t.Errorf("%d batches wait", waits)
	}
	for range 4 {
		s.after(time.Hour)
	}
	s.expectCount(stats.Answered, sent)
}

func TestNothingIsReadWhileNoBatchMayBeAdded(t *testing.T) {
	s := step(t, func(c *Config) { c.Delay = time.Hour })
	caller := s.call()
	for range delayedBatchesMax + 1 {
		caller.say("REQ 1\n")
		s.kernel.Advance(time.Millisecond)
	}
	c := s.clients.all[0]
	if c.delayed.waits() != delayedBatchesMax || c.conn.Kept() != 0 {
		t.Errorf("%d batches wait, %d bytes were read in vain", c.delayed.waits(), c.conn.Kept())
	}
}

// The reply to an empty line is 17 times as long.
func TestRepliesLongerThanTheirLinesAreBoundedToo(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Hour} {
		t.Run(fmt.Sprint("delay ", delay), func(t *testing.T) {
			s := step(t, func(c *Config) { c.Delay = delay })
			caller := s.call()
			lines := bytes.Repeat([]byte{'\n'}, 64<<10)
			for caller.Send(lines) > 0 {
				s.settle()
			}
			c := s.clients.all[0]
			if held := s.loop.Held(); held > heldMax || c.delayed.size() > s.config.Conn.HighMark || !c.conn.Paused() {
				t.Errorf("%d bytes are held, %d delayed; not read: %t", held, c.delayed.size(), c.conn.Paused())
			}
		})
	}
}

// Replies wait for their time while earlier ones wait for a slow reader. A server
// that asks for room again and again would never come to rest.
func TestASlowReaderOfDelayedRepliesCostsNoTurns(t *testing.T) {
	const delay = time.Second
	s := step(t, func(c *Config) { c.Delay = delay })
	c := s.call()
	var got []byte
	sent := 0
	for i := range 400 {
		lines := numbered("REQ", sent/numberedLength, 50)
		sent += c.Send(lines[sent%numberedLength:])
		s.after(delay / 10)
		if i%3 == 0 {
			got = append(got, c.ReceiveSome(10_000)...)
		}
	}
	for range 1000 {
		got = append(got, c.Receive()...)
		s.after(delay / 10)
	}
	if !bytes.Equal(got, numbered("ACK", 0, sent/numberedLength)) {
		t.Errorf("%d bytes of replies to %d bytes of requests, or others than those", len(got), sent)
	}
}

func TestAResetEndsAClientThatIsNotRead(t *testing.T) {
	s := step(t, nil)
	c := s.call()
	c.flood()
	c.Reset()
	s.settle()
	s.expectNobody()
}

func TestTimeoutsCloseWhomTheyAreMeantFor(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Config)
		act    func(*caller)
	}{
		"write": {func(c *Config) { c.Conn.WriteTimeout = time.Minute }, func(c *caller) { c.flood() }},
		"line":  {func(c *Config) { c.Conn.LineTimeout = time.Minute }, func(c *caller) { c.say("REQ 1 a") }},
		"idle":  {func(c *Config) { c.Conn.IdleTimeout = time.Minute }, func(c *caller) { c.say("REQ 1 a\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			s := step(t, x.change)
			x.act(s.call())
			s.after(50 * time.Second)
			if len(s.clients.all) != 1 {
				t.Fatal("the client was closed too early")
			}
			s.after(10 * time.Second)
			s.expectNobody()
		})
	}
}

// TestLongAnswersOfAllClientsAreBounded has many ask for much and take nothing, and
// then all of it.
func TestLongAnswersOfAllClientsAreBounded(t *testing.T) {
	const clients, each = 80, pendingReadsMax + 2
	s, store := stepLate(t, 0, nil)
	first := s.call()
	first.say("REQ 1 set k " + valueLongest + "\n")
	s.completes(store, 1)
	first.hear("ACK 1 ok\n")
	all := make([]*caller, clients)
	for i := range all {
		all[i] = s.call()
		all[i].SetWindow(1000)
		all[i].say(strings.Repeat("REQ 1 get k\n", each))
		for len(store.waiting) > 0 {
			s.completes(store, len(store.waiting))
		}
	}
	// The buffers' size classes are powers of two.
	if most := answersHeldMax + clients*2*(s.config.Conn.HighMark+answerBytesMax); s.loop.Held() > most {
		t.Errorf("%d bytes are held, %d are the limit", s.loop.Held(), most)
	}
	for i, c := range all {
		c.SetWindow(1 << 20)
		heard := 0
		for range 4 * each {
			heard += strings.Count(string(c.Receive()), "\n")
			s.settle()
			s.completes(store, len(store.waiting))
		}
		if heard += strings.Count(string(c.Receive()), "\n"); heard != each {
			t.Fatalf("client %d has %d answers of %d", i, heard, each)
		}
	}
}
