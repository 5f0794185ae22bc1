// unix_test.go: the file of a unix socket: whose it is, who may take it over, and
// what becomes of it.

package poller_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// starter is a process as far as its sockets are concerned.
type starter struct {
	*poller.Kernel
	t *testing.T
}

func newStarter(t *testing.T) *starter {
	t.Helper()
	k, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	s := &starter{k, t}
	t.Cleanup(func() { s.end() })
	return s
}

// end is its orderly end.
func (s *starter) end() {
	s.t.Helper()
	if s.Kernel == nil {
		return
	}
	if err := s.Shut(); err != nil {
		s.t.Error(err)
	}
	s.Kernel = nil
}

func (s *starter) listen(path string) (int, poller.Errno) {
	return s.Listen(poller.UnixAddr(path), &poller.SocketOptions{Backlog: 4})
}

// serve listens, and must be able to.
func (s *starter) serve(path string) (fd int) {
	s.t.Helper()
	fd, e := s.listen(path)
	if e != 0 {
		s.t.Fatal(e)
	}
	return fd
}

// stale leaves a file as a process does that is killed.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	fatal(t, err)
	l.SetUnlinkOnClose(false)
	fatal(t, l.Close())
}

// reaches reports whether a connection to path arrives at fd.
func (s *starter) reaches(path string, fd int) bool {
	c, err := net.Dial("unix", path)
	if err != nil {
		return false
	}
	defer c.Close()
	conn, _, e := s.Accept(fd)
	if e != 0 {
		return false
	}
	s.Close(conn)
	return true
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestAFileThatNobodyServesIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale(t, path)
	s := newStarter(t)
	if fd := s.serve(path); !s.reaches(path, fd) {
		t.Error("nobody listens there")
	}
}

func TestASocketThatIsServedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, second := newStarter(t), newStarter(t)
	fd := first.serve(path)
	refused := func(what string) {
		t.Helper()
		if _, e := second.listen(path); e != syscall.EADDRINUSE {
			t.Errorf("%s: %v", what, e)
		}
	}
	refused("idle")
	conn, _, e := first.Accept(fd) // what asked whether it lives
	if e != 0 {
		t.Fatal(e)
	}
	first.Close(conn)
	if !first.reaches(path, fd) {
		t.Error("the first one is not reached any more")
	}
	for e := syscall.Errno(0); e != syscall.EAGAIN; {
		conn, e = second.Connect(poller.UnixAddr(path), &poller.SocketOptions{})
		if conn < 0 {
			t.Fatal(e)
		}
		defer second.Close(conn)
	}
	refused("with its queue full")
	second.end()
	if !exists(path) {
		t.Error("who was refused has removed it")
	}
}

func TestASocketOfAnotherTypeThatIsServedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	other, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	fatal(t, err)
	defer other.Close()
	if _, e := newStarter(t).listen(path); e != syscall.EADDRINUSE {
		t.Error(e)
	}
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "x")
	stale(t, filepath.Join(folder, "stale"))
	for name, create := range map[string]func() error{
		"a file":                   func() error { return os.WriteFile(path, []byte("precious"), 0o600) },
		"a directory":              func() error { return os.Mkdir(path, 0o700) },
		"a pipe":                   func() error { return unix.Mkfifo(path, 0o600) },
		"a link to nothing":        func() error { return os.Symlink(filepath.Join(folder, "nothing"), path) },
		"a link to a stale socket": func() error { return os.Symlink(filepath.Join(folder, "stale"), path) },
		"a link to a regular file": func() error { return os.Symlink(os.Args[0], path) },
	} {
		fatal(t, create())
		before, err := os.Lstat(path)
		fatal(t, err)
		if _, e := newStarter(t).listen(path); e != syscall.ENOTSOCK {
			t.Errorf("%s: %v", name, e)
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) || before.Size() != after.Size() {
			t.Errorf("%s was touched (%v)", name, err)
		}
		fatal(t, os.Remove(path))
	}
}

func TestTheFileGoesWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := newStarter(t)
	fd := s.serve(path)
	s.Close(fd)
	if !exists(path) {
		t.Fatal("the file went with the listener") // the loop must not wait for a disk
	}
	s.end()
	if exists(path) {
		t.Error("the file is still there")
	}
	again := newStarter(t)
	again.serve(path)
	fatal(t, again.RemoveFiles())
	if exists(path) {
		t.Error("the file is still there")
	}
	// Who has removed it by hand, or its whole directory, has done no harm.
	folder := t.TempDir()
	gone := newStarter(t)
	gone.serve(filepath.Join(folder, "1"))
	gone.serve(filepath.Join(folder, "2"))
	fatal(t, os.Remove(filepath.Join(folder, "1")))
	fatal(t, os.RemoveAll(folder))
	gone.end()
}

// TestAFileThatWasTakenOverIsLeft has many processes follow each other while the
// one before still drains. Some file systems would give the next file the number
// of the last.
func TestAFileThatWasTakenOverIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	old := newStarter(t)
	fd := old.serve(path)
	for range 10 {
		old.Close(fd)
		next := newStarter(t)
		fd = next.serve(path)
		old.end()
		if !next.reaches(path, fd) {
			t.Fatal("the old process took the new one's file away")
		}
		old = next
	}
	// Something else in its place is none of its business either.
	fatal(t, os.Remove(path))
	fatal(t, os.WriteFile(path, nil, 0o600))
	old.end()
	if !exists(path) {
		t.Error("a file of others was removed")
	}
}

// TestOneOfManyStartersWins: whoever believes to listen is the one who is
// reached.
func TestOneOfManyStartersWins(t *testing.T) {
	const starters, rounds = 8, 50
	path := filepath.Join(t.TempDir(), "s")
	for round := range rounds {
		if round%2 == 0 {
			stale(t, path)
		}
		var all [starters]*starter
		var fds [starters]int
		var errs [starters]poller.Errno
		begin, work := make(chan struct{}), sync.WaitGroup{}
		for i := range all {
			all[i] = newStarter(t)
			work.Go(func() {
				<-begin
				fds[i], errs[i] = all[i].listen(path)
			})
		}
		close(begin)
		work.Wait()
		winners := 0
		for i, s := range all {
			if errs[i] == 0 {
				winners++
				for conn := 0; conn >= 0; { // those who asked
					if conn, _, _ = s.Accept(fds[i]); conn >= 0 {
						s.Close(conn)
					}
				}
				if !s.reaches(path, fds[i]) {
					t.Errorf("round %d: the winner is not reached", round)
				}
				s.Close(fds[i])
			} else if errs[i] != syscall.EADDRINUSE {
				t.Errorf("round %d: %v", round, errs[i])
			}
			s.end()
		}
		if winners != 1 {
			t.Fatalf("round %d: %d listen", round, winners)
		}
	}
}

func TestADirectoryThatStaysLockedIsNotWaitedForForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes its time")
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "s")
	s := newStarter(t)
	fd := s.serve(path)
	lock, err := os.Open(folder)
	fatal(t, err)
	defer lock.Close()
	fatal(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if _, e := newStarter(t).listen(path); e != syscall.EBUSY {
		t.Error(e)
	}
	s.Close(fd)
	s.end() // whoever has the lock is about to take the file over
	if !exists(path) {
		t.Error("removed without the lock")
	}
}

func TestWhereAUnixSocketCannotBeIsSaid(t *testing.T) {
	l := newLive(t)
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	fatal(t, os.WriteFile(at("file"), nil, 0o600))
	newStarter(t).serve(at("served"))
	before := openDescriptors(t)
	for path, want := range map[string]struct {
		why  error
		says string
	}{
		at("served"):   {syscall.EADDRINUSE, "cannot listen: unix:" + at("served") + " is in use"},
		at("file"):     {syscall.ENOTSOCK, "cannot listen on unix:" + at("file") + ": the file there is no socket"},
		at("no/where"): {syscall.ENOENT, "cannot listen on unix:" + at("no/where") + ": no such file or directory"},
		at("file/x"):   {syscall.ENOTDIR, "cannot listen on unix:" + at("file/x") + ": not a directory"},
	} {
		_, err := l.loop.Listen(poller.UnixAddr(path), &l.options, &l.host)
		if !errors.Is(err, want.why) || err.Error() != want.says {
			t.Errorf("%v, want %s", err, want.says)
		}
	}
	if n := openDescriptors(t) - before; n != 0 {
		t.Errorf("%d descriptors are left", n)
	}
}

func TestThePathMayBeAsLongAsTheKernelTakes(t *testing.T) {
	t.Chdir(t.TempDir())
	path := strings.Repeat("x", poller.UnixPathBytesMax)
	s := newStarter(t)
	if fd := s.serve(path); !s.reaches(path, fd) {
		t.Error("nobody listens there")
	}
	if _, e := newStarter(t).listen(path + "x"); e != syscall.EINVAL {
		t.Error(e)
	}
}
