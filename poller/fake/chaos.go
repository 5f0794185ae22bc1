// chaos.go owns what a kernel may do to a program at any time and seldom does:
// calls that are interrupted, pieces that are short, answers that are late. Each
// happens by a choice, as often as its rate says.

package fake

import (
	"iter"
	"syscall"
	"time"

	"fooproxy/poller"
)

// Misfortune is one kind of what the kernel may do.
type Misfortune uint8

// The kinds, each in its place: a call, or a wait for events.
const (
	Interrupted     Misfortune = iota // a call answers EINTR
	ShortRead                         // a read leaves bytes behind, where the kernel may do so
	ShortWrite                        // a write takes less than there is room for
	FullWrite                         // a write finds no room though there will be some soon
	SmallBatch                        // a wait reports fewer events than there are
	Reordered                         // and not in the order in which they happened
	LateWait                          // time passes before a wait returns, and more happens
	Stall                             // so much of it that the process stood still
	Spurious                          // an edge tells nothing new
	AcceptAborted                     // a client gave up while it waited to be accepted
	Exhausted                         // the process or the host is out of descriptors or memory
	ConnectRefused                    // nobody listens there any more
	ConnectSlow                       // the answer to a connect takes its time
	ConnectLost                       // and never comes
	NoPort                            // a connect finds no local port, or no route
	SelfConnect                       // a connect meets itself
	RegisterFailed                    // epoll is out of memory or watches
	Shared                            // a closed descriptor lives on in another process for a while
	MisfortuneCount int        = iota
)

var misfortuneNames = [MisfortuneCount]string{"interrupted call", "short read", "short write", "full write", "small batch",
	"reordered events", "late wait", "stall", "spurious edge", "aborted in the backlog", "out of descriptors or memory", "connect refused",
	"connect slow", "connect lost", "no local port", "self-connect", "registration failed", "descriptor shared"}

// String names the kind for a table.
func (m Misfortune) String() string { return misfortuneNames[m] }

// Chaos is the misfortunes of one kernel.
type Chaos struct {
	Choices *Choices
	// Rates says how often each kind happens, in a thousand occasions.
	Rates [MisfortuneCount]int
	// Happened counts them.
	Happened [MisfortuneCount]int

	kernel *Kernel
	stalls [][2]int64               // from when to when each was
	times  [MisfortuneCount][]int64 // when each happened, where that is kept
	slow   []slowConnect

	stalling int64 // since when the process stands still; 0: it does not
}

// slowConnect is a connect whose answer took its time.
type slowConnect struct {
	when int64
	took time.Duration
}

// ConnectTook reports whether the answer to a connect of that time took so long.
func (c *Chaos) ConnectTook(from, until int64, least time.Duration) bool {
	for _, s := range c.slow {
		if s.when >= from && s.when <= until && s.took >= least {
			return true
		}
	}
	return false
}

// Connecting is how long the slowest of the connects took that were under way between
// from and until, and had not begun before since; 0 where there was none.
func (c *Chaos) Connecting(since, from, until int64) (took time.Duration) {
	for _, s := range c.slow {
		if s.when >= since && s.when <= until && s.when+int64(s.took) > from {
			took = max(took, s.took)
		}
	}
	return took
}

// kept says of which kinds it is kept when they happened: those that explain later
// what became of somebody.
var kept = [MisfortuneCount]bool{SmallBatch: true, LateWait: true, Stall: true, Exhausted: true, RegisterFailed: true,
	ConnectRefused: true, ConnectLost: true, NoPort: true, SelfConnect: true, AcceptAborted: true}

// Within reports whether one of the kinds happened in a time, its ends included.
func (c *Chaos) Within(from, until int64, kinds ...Misfortune) bool {
	for _, m := range kinds {
		if !kept[m] {
			panic("fake: when there was a " + m.String() + " is not kept")
		}
		for _, when := range c.times[m] {
			if when >= from && when <= until {
				return true
			}
		}
	}
	return false
}

// Stalling is since when the process stands still, 0 where it does not.
func (c *Chaos) Stalling() int64 { return c.stalling }

// Stalls gives the stalls that ended after a moment, from when to when each was.
func (c *Chaos) Stalls(since int64) iter.Seq2[int64, int64] {
	return func(yield func(from, until int64) bool) {
		for _, s := range c.stalls {
			if s[1] > since && !yield(s[0], s[1]) {
				return
			}
		}
	}
}

// Unleash has c decide what the kernel does where it is free.
func (k *Kernel) Unleash(c *Chaos) {
	k.chaos, c.kernel = c, k
	k.Choose = c.choose
}

// Calm ends all misfortunes. What has begun ends in its time.
func (c *Chaos) Calm() { c.Rates = [MisfortuneCount]int{} }

func (c *Chaos) strikes(m Misfortune) bool {
	if !c.Choices.Chance(c.Rates[m]) {
		return false
	}
	c.Happened[m]++
	if kept[m] {
		c.times[m] = append(c.times[m], c.now())
	}
	return true
}

func (c *Chaos) now() int64 {
	if c.kernel == nil {
		return 0
	}
	return c.kernel.Now()
}

// choose implements Kernel.Choose.
func (c *Chaos) choose(what Choice, n int) int {
	switch {
	case what == ChooseEvent && c.strikes(Reordered):
		return 1 + c.Choices.Next(n-1)
	case what == ChooseBatch && c.strikes(SmallBatch):
		return 1 + c.Choices.Next(min(n-1, smallBatchMax))
	}
	return 0
}

var exhaustions = [...]poller.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM}

func (c *Chaos) exhaustion() poller.Errno { return exhaustions[c.Choices.Next(len(exhaustions))] }

// fault is what the call on n does instead of the usual.
func (c *Chaos) fault(k *Kernel, call Call, n node) Fault {
	switch call {
	case CallWait, CallRead, CallWrite, CallAccept:
		if s, ok := n.(*stream); ok && call == CallRead && s.in.atUrgent() && !s.unix {
			return c.urgentFault(s)
		}
		if c.strikes(Interrupted) {
			return Fault{Errno: syscall.EINTR}
		}
	}
	switch call {
	case CallRead:
		return c.readFault(k, n.(*stream))
	case CallWrite:
		return c.writeFault()
	case CallConnect:
		return c.connectFault()
	case CallAccept:
		switch {
		case c.strikes(AcceptAborted):
			return Fault{Errno: syscall.ECONNABORTED}
		case c.strikes(Exhausted):
			return Fault{Errno: c.exhaustion()}
		}
	case CallRegister:
		if c.strikes(RegisterFailed) {
			return Fault{Errno: [...]poller.Errno{syscall.ENOMEM, syscall.ENOSPC}[c.Choices.Next(2)]}
		}
	}
	return Fault{}
}

// urgentFault has a signal meet a read that comes to an urgent byte: it says EAGAIN,
// and the next one gives what is behind that byte. Both are rare, so where there
// are signals at all one meets every such read.
func (c *Chaos) urgentFault(s *stream) Fault {
	if c.Rates[Interrupted] == 0 || s.interrupted {
		return Fault{}
	}
	s.interrupted = true
	c.Happened[Interrupted]++
	return Fault{Errno: syscall.EAGAIN}
}

// readFault leaves bytes behind only where the kernel was seen to: with an urgent
// byte, or when the peer's end has come. A program that reads until EAGAIN does
// not rely on that, so there it may happen always.
func (c *Chaos) readFault(k *Kernel, s *stream) Fault {
	waits := s.in.readable()
	if waits < 2 || !k.AnyShortRead && s.mask()&doubtful == 0 || !c.strikes(ShortRead) {
		return Fault{}
	}
	return Fault{Bytes: 1 + c.Choices.Next(waits-1)}
}

func (c *Chaos) writeFault() Fault {
	switch {
	case c.strikes(FullWrite):
		return Fault{Errno: syscall.EAGAIN}
	case c.strikes(ShortWrite):
		return Fault{Bytes: 1 + c.Choices.Next(1<<c.Choices.Next(shortWriteBits))}
	}
	return Fault{}
}

func (c *Chaos) connectFault() Fault {
	switch {
	case c.strikes(Exhausted):
		return Fault{Errno: c.exhaustion()}
	case c.strikes(NoPort):
		return Fault{Errno: [...]poller.Errno{syscall.EADDRNOTAVAIL, syscall.EAGAIN, syscall.ENETUNREACH}[c.Choices.Next(3)]}
	case c.strikes(SelfConnect):
		return Fault{Self: true}
	case c.strikes(ConnectRefused):
		return Fault{Refuse: true, Delay: c.pause(slowConnectMax)}
	case c.strikes(ConnectLost):
		return Fault{Delay: Never}
	case c.strikes(ConnectSlow):
		took := c.pause(slowConnectMax)
		c.slow = append(c.slow, slowConnect{c.now(), took})
		return Fault{Delay: took}
	}
	return Fault{}
}

// pause is a time of up to most, short ones as likely as long ones.
func (c *Chaos) pause(most time.Duration) time.Duration {
	return min(time.Duration(1)<<c.Choices.Next(pauseBits)*time.Microsecond, most)
}

// beforeEvents happens while the program waits.
func (c *Chaos) beforeEvents(k *Kernel) {
	if c.strikes(LateWait) {
		k.Advance(c.pause(lateWaitMax))
	}
	if c.strikes(Stall) {
		c.stalling = k.Now()
		k.Advance(stalls[c.Choices.Next(len(stalls))])
		c.stalls = append(c.stalls, [2]int64{c.stalling, k.Now()})
		c.stalling = 0
	}
	if c.strikes(Spurious) {
		c.rumour(k)
	}
}

// afterWake happens when something has woken the program: it may run a while later,
// and more happens until then.
func (c *Chaos) afterWake(k *Kernel) {
	if c.strikes(LateWait) {
		k.Advance(c.pause(lateWaitMax))
	}
}

// rumour wakes somebody for nothing. A connect that is under way may be told of as
// OUT and HUP.
func (c *Chaos) rumour(k *Kernel) {
	n := k.table[c.Choices.Next(len(k.table))]
	if n == nil {
		return
	}
	if s, ok := n.(*stream); ok && s.state == streamConnecting && s.watch != nil {
		s.watch.told = append(s.watch.told, poller.Event{Token: s.token, Mask: maskOut | maskHup})
		s.told |= maskOut | maskHup
		return
	}
	wake(n)
}

// laterRoom has a socket that said "full" tell of room in a while.
func (c *Chaos) laterRoom(k *Kernel, s *stream) {
	k.After(c.pause(laterRoomMax), func() { wake(s) })
}

// share lets another process hold a descriptor that is being closed.
func (c *Chaos) share(k *Kernel, n node) {
	if _, ok := n.(*stream); ok && c.strikes(Shared) {
		n.base().refs++
		k.After(c.pause(sharedMax), func() { wake(n) }) // its registration lives on as well
		k.After(c.pause(sharedMax), func() { k.unref(n) })
	}
}
