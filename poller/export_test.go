// export_test.go shows the tests what the package hides from others.

package poller

import (
	"net/netip"
	"time"
	"unsafe"
)

const (
	CallsPerServe    = callsPerServe
	EAgainDoubts     = eAgainDoubts
	GatherBytesMax   = gatherBytesMax
	TurnWorkMax      = turnWorkMax
	AcceptsPerTurn   = acceptsPerTurn
	EventsPerWait    = eventsPerWait
	JudgePutOffMax   = judgePutOffMax
	AcceptRetry      = acceptRetry
	AcceptComplaint  = acceptComplaint
	MailPerTurn      = mailPerTurn
	ReadBufferBytes  = readBufferBytes
	ReadRoomMin      = readRoomMin
	TrimInterval     = trimInterval
	SparePages       = sparePages
	SpareTimersMax   = spareTimersMax
	WatchdogInterval = watchdogInterval
	WaitMillisMax    = waitMillisMax
	BlockBytesMin    = blockBytesMin
	PageBytes        = pageBytes
	ConnBytes        = unsafe.Sizeof(Conn{})
)

var WholeMillis = wholeMillis

func (k *Kernel) TimeoutMillis(deadline int64) int { return k.timeoutMillis(deadline) }

// Pages is how many pages the loop's pool has.
func (l *Loop) Pages() int { return l.pool.pages }

// Waits reports whether a watched loop is about to wait, or does.
func (l *Loop) Waits() bool { return l.beat.Load() == 0 }

// SpareTimers is how many timers wait for another connection.
func (l *Loop) SpareTimers() int { return len(l.spareTimers) }

// Owners is how many descriptors the loop owns.
func (l *Loop) Owners() int { return l.slots.open }

// Connecting makes a connection of a descriptor that is being connected.
func (l *Loop) Connecting(fd int, h Handler, config *ConnConfig) (*Conn, Errno) {
	return newConn(l, fd, h, config, stateConnecting)
}

// Names is what the socket under a connection says.
func (c *Conn) Names() (local, peer netip.AddrPort, e Errno) { return c.loop.sys.Names(int(c.fd)) }

// Descriptor is the connection's number.
func (c *Conn) Descriptor() int { return int(c.fd) }

// Descriptor is the listener's number.
func (ln *Listener) Descriptor() int { return ln.fd }

// Descriptor is the number of the eventfd.
func (m *Mailbox) Descriptor() int { return m.fd }

// NewMailbox is a mailbox without a loop, and Drain what its loop would do.
func NewMailbox(sys Sys) *Mailbox             { return newMailbox(sys, 0, MailboxCapacity) }
func (m *Mailbox) Drain(most int) (more bool) { return m.drain(most) }

// Ring is the queue under the mailbox, for numbers.
type Ring struct{ r *ring[int] }

func NewRing(size int) Ring         { return Ring{newRing[int](size)} }
func (r Ring) Push(v int) bool      { return r.r.push(v) }
func (r Ring) Pop() (v int, o bool) { return r.r.pop() }

// Heap is the timers of a loop.
type Heap struct{ timers }

func (h *Heap) Arm(t *Timer, owner Expirer, when int64) { h.arm(t, owner, when) }
func (h *Heap) Disarm(t *Timer)                         { h.disarm(t) }
func (h *Heap) Pop(now int64) Expirer                   { return h.pop(now) }
func (h *Heap) Next() int64                             { return h.next() }
func (h *Heap) Len() int                                { return h.len() }

// Store is a pool with a check.
type Store struct{ pool }

func (s *Store) Check() error { return s.check() }
func (s *Store) Trim()        { s.trim() }
func (s *Store) Lent() int    { return s.lent }
func (s *Store) Pages() int   { return s.pages }

// Bytes is a buffer of a Store.
type Bytes struct{ buffer }

func (b *Bytes) Append(s *Store, p []byte) { b.append(&s.pool, p) }
func (b *Bytes) Consume(s *Store, n int)   { b.consume(&s.pool, n) }
func (b *Bytes) Cut(s *Store, n int)       { b.cut(&s.pool, n) }
func (b *Bytes) Drop(s *Store)             { b.drop(&s.pool) }
func (b *Bytes) All() []byte               { return b.bytes() }
func (b *Bytes) Held() int                 { return b.held() }

// Gaze is what the watchdog sees.
type Gaze struct{ gaze }

func NewGaze(now time.Time) *Gaze { return &Gaze{gaze{last: now}} }

func (g *Gaze) Look(turn uint64, now time.Time, w Watchdog) { g.look(turn, now, w) }
