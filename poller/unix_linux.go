// unix_linux.go owns what is special about unix sockets: a file that outlives the
// process that made it. It takes over a file that nobody listens at any more,
// leaves alone what is alive or no socket, and removes its own at the end.
//
//	bind ─► there is a file ─► no socket ──────────────────────► ENOTSOCK
//	                      └──► a socket ─► connect: refused ───► unlink, bind again
//	                                           └──► all else ──► EADDRINUSE, or why
//
// Two processes that start at the same time would both find the file dead, and the
// second would remove what the first has just made. So all of this, up to the
// listen and at the end the removal, is done under a lock on the directory. A
// file of its own beside the socket would have to stay for ever, since who removes
// it takes the lock away from those who have opened it already. The lock is not
// kept while the socket lives: whether it does is what the connect asks, and a new
// process can take over while the old one drains.

package poller

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// socketFile is a file that this process made. The descriptor only stands for
// the file: while it is open no other file can get its number, so that a
// comparison of numbers proves that the file is still ours.
type socketFile struct {
	path string
	fd   int
	stat unix.Stat_t
}

// socketFiles are those of one kernel. A signal that ends the process at once
// removes them from a goroutine of its own, hence the lock.
type socketFiles struct {
	sync.Mutex
	made []socketFile
}

func connectUnix(path string, o *SocketOptions) (int, Errno) {
	fd, e := openSocket(unix.AF_UNIX, 0, o)
	if e != 0 {
		return -1, e
	}
	switch e := connectPath(fd, path); e {
	case 0, unix.EAGAIN:
		return fd, e
	default:
		return closeWith(fd, e)
	}
}

// ConnectAgain implements Sys.
func (k *Kernel) ConnectAgain(fd int, addr Addr) Errno { return connectPath(fd, addr.Path()) }

// connectPath never waits, so a signal in the middle is a reason to ask again.
func connectPath(fd int, path string) Errno {
	switch e := errno(unix.Connect(fd, &unix.SockaddrUnix{Name: path})); e {
	case unix.EISCONN:
		return 0
	case unix.EINTR:
		return unix.EAGAIN
	default:
		return e
	}
}

func (k *Kernel) listenUnix(path string, o *SocketOptions) (int, Errno) {
	fd, e := openSocket(unix.AF_UNIX, 0, o)
	if e != 0 {
		return -1, e
	}
	lock, e := lockFolder(path, folderLockMax)
	if e != 0 {
		return closeWith(fd, e)
	}
	defer unix.Close(lock) // and with it the lock
	e = bindPath(fd, path)
	if e == unix.EADDRINUSE {
		if e = removeStale(path); e == 0 {
			e = bindPath(fd, path)
		}
	}
	if e != 0 {
		return closeWith(fd, e)
	}
	if err := unix.Listen(fd, o.Backlog); err != nil {
		unix.Unlink(path) // the caller's error is the one worth telling
		return closeWith(fd, errno(err))
	}
	if e := k.files.note(path); e != 0 {
		unix.Unlink(path) // likewise
		return closeWith(fd, e)
	}
	return fd, 0
}

func bindPath(fd int, path string) Errno {
	return errno(unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
}

// removeStale removes a socket at which nobody listens. A file of another kind
// must not be asked: the kernel refuses the connect there too.
func removeStale(path string) Errno {
	var stat unix.Stat_t
	switch err := unix.Lstat(path, &stat); {
	case err == unix.ENOENT:
		return 0 // its owner has just removed it
	case err != nil:
		return errno(err)
	case stat.Mode&unix.S_IFMT != unix.S_IFSOCK:
		return unix.ENOTSOCK
	}
	fd, e := openSocket(unix.AF_UNIX, 0, nil)
	if e != 0 {
		return e
	}
	defer unix.Close(fd)
	switch e := connectPath(fd, path); e {
	case unix.ECONNREFUSED:
		return errno(unix.Unlink(path))
	case unix.ENOENT:
		return 0
	case 0, unix.EAGAIN, unix.EPROTOTYPE: // served; a full queue; a socket of another type
		return unix.EADDRINUSE
	default: // nobody may say what he was not allowed to ask
		return e
	}
}

// lockFolder locks the directory of path until the descriptor is closed. EBUSY:
// somebody else did not let go of it.
func lockFolder(path string, most time.Duration) (fd int, e Errno) {
	fd, err := unix.Open(filepath.Dir(path), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, errno(err)
	}
	for end := time.Now().Add(most); ; time.Sleep(folderLockRetry) {
		switch err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return fd, 0
		case err != unix.EWOULDBLOCK && err != unix.EINTR:
			return closeWith(fd, errno(err))
		case time.Now().After(end):
			return closeWith(fd, unix.EBUSY)
		}
	}
}

// note remembers a file that was just made.
func (s *socketFiles) note(path string) Errno {
	f := socketFile{path: path}
	var err error
	if f.fd, err = unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0); err != nil {
		return errno(err)
	}
	if err := unix.Fstat(f.fd, &f.stat); err != nil {
		_, e := closeWith(f.fd, errno(err))
		return e
	}
	s.Lock()
	defer s.Unlock()
	s.made = append(s.made, f)
	return 0
}

// RemoveFiles removes the files of the unix sockets that were opened, as far as
// they are still the same files: another process may have taken one over. It may
// be called by any goroutine and again, and before Shut, which calls it. Its error
// names the file.
func (k *Kernel) RemoveFiles() error {
	s := &k.files
	s.Lock()
	defer s.Unlock()
	var err error
	for _, f := range s.made {
		err = errors.Join(err, f.remove())
		unix.Close(f.fd) // its answer changes nothing: it only kept a number
	}
	s.made = nil
	return err
}

// remove needs the lock, so that nobody takes the file over between the look and
// the unlink. Who holds it is about to, and a file that stays does no harm.
func (f *socketFile) remove() error {
	lock, e := lockFolder(f.path, folderLockLast)
	switch e {
	case 0:
		defer unix.Close(lock)
	case unix.EBUSY, unix.ENOENT:
		return nil
	default:
		return f.complain(e)
	}
	var stat unix.Stat_t
	switch err := unix.Lstat(f.path, &stat); {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return f.complain(err)
	case stat.Dev != f.stat.Dev || stat.Ino != f.stat.Ino:
		return nil
	}
	if err := unix.Unlink(f.path); err != nil && err != unix.ENOENT {
		return f.complain(err)
	}
	return nil
}

func (f *socketFile) complain(err error) error {
	return fmt.Errorf("cannot remove %s: %w", UnixAddr(f.path), os.NewSyscallError("unlink", err))
}
