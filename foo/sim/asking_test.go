// asking_test.go: what is excused where a shared connection does not answer whether its
// server is there, and what is not.

package sim

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// askedConn opens a shared connection to a server model that is asked after a while, and
// answers so much later; 0: not before the calm.
func askedConn(answers time.Duration) (c *Conn, sys *fake.Sys, fd int) {
	w := NewWorld(fake.PlayChoices(nil))
	w.Kernel.KeepSaid = true
	w.Rules = Rules{MaxLine: 100, Failover: true, Strict: true, Shared: true, AskTimeout: 500 * time.Millisecond, Linger: time.Minute}
	s := w.AddServer(loopback)
	sys = w.Kernel.NewSys()
	fd, _ = sys.Connect(s.Addr(), &poller.SocketOptions{}) // it is in progress
	w.Kernel.Advance(time.Second)
	c = s.conns[0]
	c.mute = true
	sys.Write(fd, []byte("REQ 1\n"))
	w.NoteQuestions(always)
	if answers > 0 {
		w.Kernel.After(answers, func() { c.calm() })
	}
	return c, sys, fd
}

func always(netip.AddrPort) bool { return true }
func never(netip.AddrPort) bool  { return false }

func TestOnlyWhatIsNotAnsweredInTimeMayBeLeft(t *testing.T) {
	for name, x := range map[string]struct {
		answers, passes, rule time.Duration
		lost                  bool
		class                 string
	}{
		"no answer, and no time is over":     {0, 400 * time.Millisecond, 500 * time.Millisecond, false, ""},
		"no answer in time":                  {0, 600 * time.Millisecond, 500 * time.Millisecond, true, ""},
		"no answer, and nobody leaves":       {0, 900 * time.Millisecond, 500 * time.Millisecond, true, "asked"},
		"an answer in time":                  {100 * time.Millisecond, 900 * time.Millisecond, 500 * time.Millisecond, false, ""},
		"an answer that is late":             {600 * time.Millisecond, 700 * time.Millisecond, 500 * time.Millisecond, true, ""},
		"no answer, and none was to be left": {0, 900 * time.Millisecond, 0, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, _ := askedConn(x.answers)
			c.world.Rules.AskTimeout = x.rule
			for range x.passes / (10 * time.Millisecond) {
				c.world.Kernel.Advance(10 * time.Millisecond)
				c.world.NoteQuestions(always)
			}
			if got := c.leavesUnanswered(); got != x.lost {
				t.Errorf("it may be left: %t", got)
			}
			expectClass(t, c.world, x.class)
		})
	}
}

// TestWhoOwesRepliesIsNotAsked: a second question, or one behind a request.
func TestWhoOwesRepliesIsNotAsked(t *testing.T) {
	c, sys, fd := askedConn(0)
	sys.Write(fd, []byte("REQ 2\n"))
	c.world.Kernel.Advance(10 * time.Millisecond)
	expectClass(t, c.world, "asked")
}

// TestNobodyIsAskedWhereNobodyMayBe: what has no Data is a client's there, or nobody's.
func TestNobodyIsAskedWhereNobodyMayBe(t *testing.T) {
	c, sys, fd := askedConn(time.Millisecond)
	c.world.Kernel.Advance(10 * time.Millisecond)
	c.world.Rules.AskTimeout = 0
	sys.Write(fd, []byte("REQ 2\n"))
	c.world.Kernel.Advance(10 * time.Millisecond)
	expectClass(t, c.world, "byte equality")
}

// TestWhoIsTakenIntoUseAgainIsLeftInItsTime: no turn ends for a while before that.
func TestWhoIsTakenIntoUseAgainIsLeftInItsTime(t *testing.T) {
	c, _, _ := askedConn(0)
	c.world.NoteQuestions(never)
	c.world.Kernel.Advance(time.Second)
	c.world.NoteQuestions(always)
	expectClass(t, c.world, "")
	c.world.Kernel.Advance(askedMax + 1)
	c.world.NoteQuestions(always)
	expectClass(t, c.world, "asked")
}

// TestAQuestionThatWaitsForRoomIsOut: its time runs from when the proxy wants to write
// it, not from when the last byte of it has left.
func TestAQuestionThatWaitsForRoomIsOut(t *testing.T) {
	for name, x := range map[string]struct {
		leaves, passes time.Duration // the second one: behind that
		lost           bool
	}{
		"its time is over":               {300 * time.Millisecond, 180 * time.Millisecond, true},
		"its time is not over":           {300 * time.Millisecond, 150 * time.Millisecond, false},
		"it has not left, and it is":     {480 * time.Millisecond, 0, true},
		"it has not left, and it is not": {450 * time.Millisecond, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, sys, fd := askedConn(time.Millisecond)
			k := c.world.Kernel
			k.Advance(10 * time.Millisecond)
			c.world.NoteQuestions(always)
			c.mute = true
			k.Inject(fake.CallWrite, fake.Fault{Errno: syscall.EAGAIN}, fake.Fault{Bytes: 2})
			sys.Write(fd, []byte("REQ 2\n"))
			k.Advance(100 * time.Millisecond)
			sys.Write(fd, []byte("REQ 2\n"))
			k.Advance(x.leaves - 100*time.Millisecond)
			if x.passes > 0 {
				sys.Write(fd, []byte("Q 2\n"))
				c.world.NoteQuestions(always)
				k.Advance(x.passes)
			}
			if got := c.leavesUnanswered(); got != x.lost {
				t.Errorf("it may be left: %t", got)
			}
			expectClass(t, c.world, "")
		})
	}
}
