package scenario

// This file owns the stage on the simulated kernel: everything happens in one
// goroutine, and time passes only where the scenario says so. It knows no program;
// the test gives it a loop.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	// wholeWindow is what the kernel holds for a reader, smallWindow what it holds
	// where a scenario asks for small buffers, in bytes.
	wholeWindow = 64 << 10
	smallWindow = 4 << 10
	// serverBacklog is how many connections wait at a server until the scenario asks
	// for them.
	serverBacklog = 1024
)

var loopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

// Simulated is a stage. The test makes its program with Kernel and Sys and says
// what it is, then plays.
type Simulated struct {
	Kernel *fake.Kernel
	Sys    *fake.Sys
	// Loop is the program's, Target where clients go.
	Loop   *poller.Loop
	Target poller.Addr
	// Check, where it is set, looks at the program whenever it is at rest.
	Check func()
	// Own is asked for lines that are the program's.
	Own func(words []string, text string) error

	small   bool
	still   bool // the loop stands still
	servers map[string]*simServer
	conns   []*simConn
}

type simServer struct {
	*fake.Server
	addr  poller.Addr
	taken int
}

// NewSimulated makes a kernel on which all servers of a scenario listen.
func NewSimulated(s *Scenario) *Simulated {
	g := &Simulated{Kernel: fake.New(), small: s.Small, servers: map[string]*simServer{}}
	g.Sys = g.Kernel.NewSys()
	for _, name := range s.Addrs() {
		server := g.Kernel.Listen(loopback)
		server.SetBacklog(serverBacklog)
		g.servers[name] = &simServer{Server: server, addr: server.Addr()}
	}
	return g
}

// Addr is where a server listens.
func (g *Simulated) Addr(name string) poller.Addr { return g.servers[name].addr }

func (g *Simulated) join(p *fake.Peer) Conn {
	c := &simConn{Peer: p, stage: g, window: wholeWindow}
	if g.small {
		c.window = smallWindow
	}
	c.SetWindow(c.window)
	g.conns = append(g.conns, c)
	return c
}

// Dial implements Stage.
func (g *Simulated) Dial() (Conn, error) {
	p := g.Kernel.Dial(g.Target)
	if e := p.Err(); e != 0 {
		return nil, e
	}
	return g.join(p), nil
}

// Accept implements Stage.
func (g *Simulated) Accept(addr string) (Conn, error) {
	g.Settle()
	s := g.servers[addr]
	if s.Server == nil || s.Waiting() == 0 {
		return nil, errors.New("nobody has connected")
	}
	s.taken++
	return g.join(s.Server.Accept()), nil
}

// Accepted implements Stage.
func (g *Simulated) Accepted(addr string, _ int) int {
	s := g.servers[addr]
	if s.Server == nil {
		return s.taken
	}
	return s.taken + s.Waiting()
}

// Refuse implements Stage.
func (g *Simulated) Refuse(addr string) {
	if s := g.servers[addr]; s.Server != nil {
		s.Close()
		s.Server = nil
	}
}

// Listen implements Stage.
func (g *Simulated) Listen(addr string) error {
	s := g.servers[addr]
	if s.Server != nil {
		return errors.New("it does already")
	}
	s.Server = g.Kernel.Listen(s.addr)
	return nil
}

// Settle implements Stage: the loop does all it can, and so do those who send.
func (g *Simulated) Settle() {
	for moved := true; moved; {
		if !g.still {
			g.Sys.Settle(g.Loop)
		}
		moved = false
		for _, c := range g.conns {
			moved = c.pump() || moved
		}
	}
	if g.Check != nil && !g.still {
		g.Check()
	}
}

// Pass implements Stage.
func (g *Simulated) Pass(d time.Duration) {
	if g.still {
		g.Kernel.Advance(d)
		return
	}
	for end := g.Kernel.Now() + int64(d); g.Kernel.Now() < end; {
		g.Loop.Turn(end)
	}
	g.Settle()
}

// Do implements Stage.
//
//	the loop stands still               what others do happens meanwhile
//	the loop makes 1 turn
//	the loop goes on
//	the kernel has 1 descriptor         more than are open
//	the kernel tells of 1 event         with each wait
//	the next connect fails EMFILE       or ENOBUFS, EADDRNOTAVAIL
//	the next connect takes 10ms         or "for ever"
//	the next connect is refused 1ms     after that time
//	the next connect takes 1s, 9 times  the same nine times
func (g *Simulated) Do(words []string, text string) error {
	line := strings.Join(words, " ")
	how, isConnect := strings.CutPrefix(line, "the next connect ")
	var n int
	switch {
	case isConnect:
		return g.doConnect(how)
	case line == "the loop stands still":
		g.still = true
		return nil
	case scans(line, "the loop makes %d turn", &n):
		for range n {
			g.Loop.Turn(g.Sys.Now())
		}
		return nil
	case line == "the loop goes on":
		g.still = false
	case scans(line, "the kernel has %d descriptor", &n):
		g.Kernel.SetLimit(n)
	case scans(line, "the kernel tells of %d event", &n):
		g.Kernel.Batch = n
		return nil
	case g.Own == nil:
		return ErrUnknown
	default:
		if err := g.Own(words, text); err != nil {
			return err
		}
	}
	g.Settle()
	return nil
}

// scans reports whether a line begins like the format, and reads its number.
func scans(line, format string, n *int) bool {
	found, err := fmt.Sscanf(line, format, n)
	return found == 1 && err == nil
}

// doConnect says what becomes of the next connect for which nothing is said yet.
func (g *Simulated) doConnect(how string) error {
	var f fake.Fault
	times := 1
	if what, count, ok := strings.Cut(how, ", "); ok {
		if how = what; !scans(count, "%d times", &times) {
			return ErrUnknown
		}
	}
	verb, what, _ := strings.Cut(how, " ")
	switch {
	case verb == "fails" && errnos[what] != 0:
		f.Errno = errnos[what]
	case how == "takes for ever":
		f.Delay = fake.Never
	case verb == "takes" || strings.HasPrefix(how, "is refused "):
		d, err := time.ParseDuration(strings.TrimPrefix(what, "refused "))
		if err != nil {
			return err
		}
		f.Delay, f.Refuse = d, verb == "is"
	default:
		return ErrUnknown
	}
	for range times {
		g.Kernel.Inject(fake.CallConnect, f)
	}
	return nil
}

var errnos = map[string]poller.Errno{
	"EMFILE": syscall.EMFILE, "ENOBUFS": syscall.ENOBUFS, "EADDRNOTAVAIL": syscall.EADDRNOTAVAIL,
}
