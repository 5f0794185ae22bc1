// This file owns the tests of what is said about a load run that broke off.
package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
)

// startTakingServer reads the first line of each connection and closes it, each
// time when all connections have sent one.
func startTakingServer(t *testing.T, connections int) string {
	t.Helper()
	arrived, all := make(chan struct{}), make(chan struct{})
	go func() {
		for range connections {
			<-arrived
		}
		close(all)
	}()
	return startRawServer(t, func(nc *net.TCPConn) {
		_, _ = bufio.NewReader(nc).ReadString('\n') // the client sends one
		arrived <- struct{}{}
		<-all
	})
}

func TestALoadRunThatBreaksOffNamesWhatIsMissingAndWhatIsNotSent(t *testing.T) {
	got := runCommand(t.Context(), nil, "-p", startTakingServer(t, 2), "-n", "10", "-c", "2")
	lines := strings.Split(strings.TrimSuffix(got.err, "\n"), "\n")
	if got.code != 1 || len(lines) != 3 || lines[2] != "foo_client: replies missing: 2, not sent: 8, of 10" {
		t.Error(got)
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasSuffix(line, "replies missing: 1, not sent: 4") {
			t.Errorf("a connection has %q", line)
		}
	}
	if strings.Contains(got.out, "_us") {
		t.Errorf("latencies of no reply: %s", got.out)
	}
}

func TestTheVerdictNamesEveryKindOfFault(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx                          context.Context
		sent, missing, unsent, wrong uint64
		want                         string
	}{
		{t.Context(), 10, 0, 0, 0, ""},
		{t.Context(), 10, 4, 0, 0, "replies missing: 4 of 10"},
		{t.Context(), 1, 1, 9, 0, "replies missing: 1, not sent: 9, of 10"},
		{t.Context(), 4, 0, 6, 0, "requests not sent: 6 of 10"},
		{t.Context(), 10, 0, 0, 3, "wrong replies: 3"},
		{t.Context(), 10, 4, 0, 3, "replies missing: 4 of 10; wrong replies: 3"},
		{ended, 4, 0, 6, 0, ""},
		{ended, 4, 1, 6, 0, "replies missing: 1 of 4"},
	} {
		r := report{sent: c.sent, missing: c.missing, unsent: c.unsent, tally: tally{wrongSeq: c.wrong}}
		got := ""
		if err := r.verdict(c.ctx); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestAConnectionThatLacksNoReplyNamesWhatItDidNotSend(t *testing.T) {
	l := &lane{requests: 5, window: newWindow(1), lost: errors.New("gone")}
	r := newReport(t.Context(), options{}, []*lane{l}, newLatencies())
	if len(r.losses) != 1 || r.losses[0].Error() != "connection 1 of 1: gone; requests not sent: 5" {
		t.Errorf("losses: %v", r.losses)
	}
}
