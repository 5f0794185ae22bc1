package main

// This file owns the tests of a server at a unix socket.

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestItServesAtAUnixSocketAndTidiesUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} { // the second one finds the first one's file
		p := proctest.Launch(t, proctest.Command("-listen", "unix:"+path))
		if p.Addr != "unix:"+path {
			t.Fatalf("it listens on %s", p.Addr)
		}
		conn := p.Dial()
		proctest.Ask(t, conn, "REQ 1 a\nREQ 2\n", "ACK 1 a\nACK 2\n")
		conn.Close()
		p.Send(signal)
		p.ExpectExit(map[syscall.Signal]int{syscall.SIGKILL: -1, syscall.SIGTERM: 0}[signal])
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there (%v)", err)
	}
}
