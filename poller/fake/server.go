// server.go owns the listeners of the test, at which the loop's dials arrive.

package fake

import "fooproxy/poller"

// Server is a listener at which the loop's dials arrive.
type Server struct {
	kernel   *Kernel
	listener *listener
}

// Listen opens a server. It panics where the address is taken. A port of 0 is
// replaced by a free one.
func (k *Kernel) Listen(addr poller.Addr) *Server {
	l, e := k.listen(addr, poller.SocketOptions{Backlog: 128})
	if e != 0 {
		panic("fake: " + addr.String() + ": " + e.Error())
	}
	l.refs++
	return &Server{kernel: k, listener: l}
}

// Addr is where the server listens.
func (s *Server) Addr() poller.Addr { return s.listener.addr }

// SetBacklog changes how many connections wait for Accept: one more than n.
func (s *Server) SetBacklog(n int) { s.listener.options.Backlog = n }

// OnNews has f called whenever somebody has connected. It may only note it for
// later.
func (s *Server) OnNews(f func()) { s.listener.notify = f }

// Waiting is how many connections wait for Accept.
func (s *Server) Waiting() int { return len(s.listener.queue) }

// Accept takes the oldest waiting connection, nil where none waits.
func (s *Server) Accept() *Peer {
	if len(s.listener.queue) == 0 {
		return nil
	}
	return &Peer{kernel: s.kernel, end: s.listener.take()}
}

// Close stops listening. Connections that nobody accepted are reset, accepted
// ones stay.
func (s *Server) Close() { s.kernel.unref(s.listener) }
