// stream.go owns one end of a connection: its queues, its half-closes, its
// resets, and the mask that follows from them. Two ends make a connection:
//
//	write ─► out ─► (as far as there is room) ─► in of the other end ─► read
//
// Bytes cross as soon as there is room for them, and FIN follows the last one.

package fake

import (
	"net/netip"
	"syscall"

	"fooproxy/poller"
)

const (
	maskIn    = poller.MaskIn
	maskPri   = poller.MaskPri
	maskOut   = poller.MaskOut
	maskErr   = poller.MaskErr
	maskHup   = poller.MaskHup
	maskRdhup = poller.MaskRdhup

	// doubtful are the bits with which a short read may leave bytes behind.
	doubtful = maskPri | maskRdhup | maskHup | maskErr
)

// A stream's life. What it has said goodbye to is kept apart, in three bits.
//
//	from \ event   accepted   refused   reset    closed with input unread
//	connecting     open       broken    -        broken
//	open           -          -         broken   broken
//	broken         -          -         -        -
type streamState uint8

const (
	streamConnecting streamState = iota
	streamOpen
	streamBroken // reset, by whichever side
)

type stream struct {
	file
	local, remote netip.AddrPort
	to            poller.Addr // where a connect goes
	unix          bool        // a unix socket
	other         *stream     // the other end; nil before the connection stands
	in, out       queue
	err           poller.Errno // pending, given out once
	state         streamState
	finishing     bool   // our FIN follows what is in out
	finished      bool   // our FIN has gone
	ended         bool   // the other end's FIN has come
	full          bool   // space in out is news
	interrupted   bool   // a signal met the last read, at an urgent byte
	closed        bool   // nobody holds this end any more
	givenUp       bool   // aborted before it was accepted
	accepted      int64  // when
	said          []byte // all that was taken of it, where that is kept
	moves         moves  // where it is the loop's
}

// newStream makes an end with the buffers that o asks for. Unsent bytes are what
// waits in out, so the limit on them is that of out.
func (k *Kernel) newStream(o *poller.SocketOptions) *stream {
	s := &stream{}
	s.kernel = k
	s.in.limit, s.out.limit = receiveBufferBytes, sendBufferBytes
	if o == nil {
		return s
	}
	if o.ReceiveBuffer > 0 {
		s.in.limit = o.ReceiveBuffer
	}
	if o.SendBuffer > 0 {
		s.out.limit = o.SendBuffer
	}
	if o.NotSentLowat > 0 {
		s.out.limit = min(s.out.limit, o.NotSentLowat)
	}
	return s
}

// goTo says where a connect goes.
func (s *stream) goTo(addr poller.Addr) { s.to, s.remote, s.unix = addr, addr.TCP(), addr.IsUnix() }

// join makes one connection of two ends.
func join(a, b *stream) {
	a.other, b.other = b, a
	a.state, b.state = streamOpen, streamOpen
}

// writable follows Linux: a third must be free before space is news.
func (s *stream) writable() bool { return 2*s.out.free() >= s.out.size && s.out.free() > 0 }

func (s *stream) mask() (m uint32) {
	switch {
	case s.state == streamConnecting && s.unix:
		return maskOut | maskHup // it has no peer, and says so
	case s.state == streamConnecting:
		return 0
	}
	broken := s.state == streamBroken
	if broken || s.finishing && s.ended {
		m |= maskHup
	}
	if broken || s.ended {
		m |= maskIn | maskRdhup
	}
	if s.in.readable() > 0 || s.unix && s.in.marked {
		m |= maskIn
	}
	if s.in.marked {
		m |= maskPri
	}
	if broken || s.finishing || s.writable() {
		m |= maskOut
	} else {
		s.full = true // whoever looks is told of space
	}
	if s.err != 0 {
		m |= maskErr
	}
	return m
}

// takeErr gives the pending error out.
func (s *stream) takeErr() poller.Errno {
	e := s.err
	s.err = 0
	return e
}

func (s *stream) read(p []byte) (int, poller.Errno) {
	s.interrupted = false
	if n := s.in.read(p); n > 0 {
		if s.other != nil {
			s.other.cross()
		}
		return n, 0
	}
	switch {
	case s.ended && (s.err == 0 || !s.unix):
		return 0, 0
	case s.err != 0:
		return 0, s.takeErr()
	case s.state == streamBroken:
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

func (s *stream) write(p []byte) (n int, e poller.Errno) {
	switch {
	case s.err != 0 && !s.unix:
		return 0, s.takeErr()
	case s.state == streamBroken, s.finishing:
		return 0, syscall.EPIPE
	case s.state == streamConnecting:
		return 0, syscall.EAGAIN
	}
	for n < len(p) {
		took := s.out.push(p[n:])
		if took == 0 {
			s.full = true
			break
		}
		if s.kernel.KeepSaid {
			s.said = append(s.said, p[n:n+took]...)
		}
		n += took
		s.cross()
		if s.state == streamBroken {
			return n, 0 // the answer to these bytes was a reset; the next call tells
		}
	}
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, 0
}

// cross moves what can go to the other end.
func (s *stream) cross() {
	to := s.other
	if s.state != streamOpen || to == nil {
		return
	}
	if to.closed && s.out.size > 0 {
		to.shatter()
		s.reset() // nobody is there to read it
		return
	}
	if to.in.moveFrom(&s.out) > 0 {
		wake(to)
		if s.full && s.writable() {
			s.full = false
			wake(s)
		}
	}
	if s.finishing && !s.finished && s.out.size == 0 {
		s.finished, to.ended = true, true
		wake(to)
	}
}

// finish sends FIN behind what was written.
func (s *stream) finish() poller.Errno {
	if s.state != streamOpen {
		return syscall.ENOTCONN
	}
	s.finishing = true
	s.cross()
	wake(s)
	return 0
}

// reset is the arrival of an RST. What was received stays to be read; what was
// not sent is lost. After the other end's FIN it is a broken pipe, while reads
// still find the end; after both FINs there is nothing left to reset.
func (s *stream) reset() {
	switch {
	case s.state == streamBroken, s.ended && s.finished && !s.unix:
		return
	case s.state == streamConnecting:
		s.err = syscall.ECONNREFUSED
	case s.ended && !s.unix:
		s.err = syscall.EPIPE
	default:
		s.err = syscall.ECONNRESET
	}
	s.shatter()
	wake(s)
}

// shatter is the end without a word: nothing comes or goes any more.
func (s *stream) shatter() {
	s.state = streamBroken
	s.out.clear()
}

// abort sends an RST.
func (s *stream) abort() {
	if s.state != streamOpen {
		return
	}
	s.shatter()
	s.other.reset()
}

// release is close(): FIN behind the output, or RST and the loss of the output
// where input was not read.
func (s *stream) release() {
	s.closed = true
	if s.state != streamOpen {
		s.shatter()
		return
	}
	if s.unix {
		s.deliver()
	}
	switch {
	case s.in.size > 0:
		s.abort()
	case s.unix:
		s.shatter()
		s.other.hangUp()
	default:
		s.finishing = true
		s.cross()
	}
}
