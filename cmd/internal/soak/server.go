package soak

// This file owns a server as a process that can be killed, stopped and started again
// at its address, and whose log is read all the time.

import (
	"bufio"
	"net"
	"os/exec"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

type server struct {
	t        *testing.T
	program  string
	addr     string
	executed *executed
	process  *proctest.Process // nil: it is not there
	read     chan struct{}     // closed when its log has ended
}

// start begins it. Its log tells of each reply.
func (s *server) start() {
	s.t.Helper()
	p := proctest.Launch(s.t, exec.Command(s.program, "-listen", s.addr, "-log-level", "debug"))
	s.process, s.read = p, make(chan struct{})
	go func(read chan struct{}) {
		defer close(read)
		lines := bufio.NewReaderSize(p.Stderr, logBytes)
		for {
			line, err := lines.ReadSlice('\n')
			if err != nil {
				return
			}
			s.executed.note(line)
		}
	}(s.read)
}

// kill ends it without a word.
func (s *server) kill() {
	s.t.Helper()
	s.process.Send(syscall.SIGKILL)
	<-s.read
	_ = s.process.Wait() // it was killed, which is what this would say
	s.process = nil
}

// freeAddr is an address for a server that comes back: its port lies below those that
// the kernel gives out by itself, and no dial can meet itself there.
func freeAddr(t *testing.T, number int) string {
	t.Helper()
	for port := 21_001 + 2*((syscall.Getpid()*17+number*101)%5_000); port < 32_000; port += 2 {
		addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
		if l, err := net.ListenTCP("tcp", addr); err == nil {
			l.Close()
			return addr.String()
		}
	}
	t.Fatal("there is no free port")
	return ""
}
