package main

// This file owns the tests of how a process starts: without flags, and with few
// descriptors.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

func TestWithoutFlagsItListensOnTheDocumentedPort(t *testing.T) {
	const documented = "0.0.0.0:5151"
	probe, err := net.Listen("tcp4", documented)
	if err != nil {
		t.Skip("the port is taken: ", err)
	}
	probe.Close()
	p := proctest.Launch(t, proctest.Command())
	if p.Addr != documented {
		t.Errorf("it listens on %s", p.Addr)
	}
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}

// TestTheLogTellsHowManyClientsAreServed, and it tells the truth.
func TestTheLogTellsHowManyClientsAreServed(t *testing.T) {
	for _, c := range []struct {
		args   []string
		served int
	}{{nil, 32}, {[]string{"-max-clients", "1000"}, 32}, {[]string{"-max-clients", "3"}, 3}} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			cmd := proctest.Command(append([]string{"-listen", "127.0.0.1:0"}, c.args...)...)
			proctest.LimitDescriptors(cmd, 64)
			p := proctest.Launch(t, cmd)
			if _, err := p.Stderr.ReadBytes('\n'); err != nil { // where keys are kept
				t.Fatal(err)
			}
			line, err := p.Stderr.ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			var entry struct {
				Msg string
				Max int `json:"connections_max"`
			}
			if err := json.Unmarshal(line, &entry); err != nil || entry.Msg != "serving" || entry.Max != c.served {
				t.Errorf("the log says %q (%v), not %d", line, err, c.served)
			}
			var served []net.Conn
			for i := range c.served {
				conn := p.Dial()
				proctest.Ask(p.T, conn, fmt.Sprintf("REQ 1 %d\n", i), fmt.Sprintf("ACK 1 %d\n", i))
				served = append(served, conn)
			}
			waiting := p.Dial()
			if _, err := waiting.Write([]byte("REQ 1 waits\n")); err != nil {
				t.Fatal(err)
			}
			// Too short a time lets a wrong server pass, never a right one fail.
			if err := waiting.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if n, err := waiting.Read(make([]byte, 1)); n != 0 || !os.IsTimeout(err) {
				t.Errorf("a client that should wait got %d bytes, %v", n, err)
			}
			served[0].Close()
			if err := waiting.SetReadDeadline(time.Now().Add(proctest.Patience)); err != nil {
				t.Fatal(err)
			}
			proctest.Ask(p.T, waiting, "", "ACK 1 waits\n")
		})
	}
}

// TestHelpIsNoWiderThanATerminal looks at its sentences; examples are command
// lines and stay whole.
func TestHelpIsNoWiderThanATerminal(t *testing.T) {
	var help bytes.Buffer
	if _, code, done := parseOptions([]string{"-h"}, &help, &help); code != 0 || !done {
		t.Fatalf("-h: code %d, done %v", code, done)
	}
	for line := range strings.Lines(help.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	for _, wanted := range []string{"for this DURATION. (default off)", "(default: from the descriptor limit)", "Delay each reply"} {
		if !strings.Contains(strings.Join(strings.Fields(help.String()), " "), wanted) {
			t.Errorf("help does not show %q", wanted)
		}
	}
}
