package client

// This file owns the tests of unix sockets: what is the same there, and a server
// whose queue of connections is full.

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// listenUnix listens with room for so many connections and one more.
func listenUnix(t *testing.T, backlog int) (path string, listener *net.UnixListener) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	raw, err := listener.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.Control(func(fd uintptr) { err = unix.Listen(int(fd), backlog) }), err); err != nil {
		t.Fatal(err)
	}
	return path, listener
}

func TestAUnixSocketIsAServerLikeAnyOther(t *testing.T) {
	path, listener := listenUnix(t, 4)
	go func() {
		nc, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		_, err = io.Copy(nc, nc)
		if err != nil {
			t.Error(err)
		}
	}()
	c, err := Dial(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := errors.Join(c.SendLine([]byte("ACK 1 hey")), c.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if m, err := c.Receive(t.Context()); err != nil || string(m.Data) != "hey" {
		t.Errorf("got %v %q, %v", m.Type, m.Data, err)
	}
	if _, err := c.Receive(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if _, err := Dial(t.Context(), "unix:"+path+"x"); !errors.Is(err, syscall.ENOENT) {
		t.Error(err)
	}
}

// TestAFullQueueIsWaitedFor has the kernel answer EAGAIN until somebody is
// accepted.
func TestAFullQueueIsWaitedFor(t *testing.T) {
	path, listener := listenUnix(t, 0)
	first, err := Dial(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	deadline := time.Now().Add(3 * busyRetry)
	ctx, cancel := context.WithDeadline(t.Context(), deadline)
	defer cancel()
	if _, err := Dial(ctx, "unix:"+path); !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if time.Now().Before(deadline) {
		t.Error("it was given up early")
	}
	time.AfterFunc(3*busyRetry, func() {
		if nc, err := listener.Accept(); err == nil {
			nc.Close()
		}
	})
	second, err := Dial(t.Context(), "unix:"+path)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
}
