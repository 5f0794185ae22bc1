// This file owns the tests of servers at unix sockets.
package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAServerAtAUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer nc.Close()
				line := make([]byte, 64)
				for {
					n, err := nc.Read(line)
					if err != nil {
						return
					}
					io.WriteString(nc, strings.ReplaceAll(string(line[:n]), "REQ", "ACK")) // the client judges what comes
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	for _, flag := range []string{"-p", "-connect"} {
		got := runCommand(t.Context(), strings.NewReader("hey\n"), flag, "unix:"+path)
		if got.code != 0 || got.out != "ACK 1 hey\n" || got.err != "" {
			t.Errorf("%s: %v", flag, got)
		}
		load := runCommand(t.Context(), nil, flag, "unix:"+path, "-n", "100", "-c", "4", "-size", "8")
		wantFigures(t, load, map[string]float64{"requests": 100, "mismatches": 0, "missing": 0})
	}
	got := runCommand(t.Context(), strings.NewReader("hey\n"), "-p", "unix:"+path+"x")
	if want := "foo_client: dial unix " + path + "x: connect: no such file or directory\n"; got.code != 1 || got.err != want {
		t.Errorf("%v, want %q", got, want)
	}
}

// TestAShortQueueOfAUnixSocketFailsNoCheck has the kernel answer EAGAIN: there
// are many more conversations at once than the queue holds, and one is
// accepted at a time.
func TestAShortQueueOfAUnixSocketFailsNoCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	// The queue is full from the beginning, of one that says nothing.
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			peer, _, err := unix.Accept(fd)
			if err != nil {
				return // the listener has been shut down
			}
			work.Go(func() {
				defer unix.Close(peer)
				line := make([]byte, 64)
				for {
					n, err := unix.Read(peer, line)
					if err != nil || n == 0 {
						return
					}
					if _, err := unix.Write(peer, bytes.Replace(line[:n], []byte("REQ"), []byte("ACK"), 1)); err != nil {
						return
					}
				}
			})
		}
	})
	got := runCommand(t.Context(), nil, "check", "-run", "reply,connections", "unix:"+path)
	if got.code != 0 || got.err != "" {
		t.Error(got)
	}
	if err := errors.Join(first.Close(), unix.Shutdown(fd, unix.SHUT_RDWR)); err != nil {
		t.Error(err)
	}
	work.Wait()
}
