// This file owns the tests of servers at unix sockets.
package main

import (
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
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
