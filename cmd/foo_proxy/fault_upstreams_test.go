// fault_upstreams_test.go owns what the rows with several servers see of them
// from outside: what the proxy tells of each. It knows no row.

package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// toldServer is what the statistics say of one server.
type toldServer struct {
	Address, State                  string
	Sessions, Outstanding, Requests int64
	Failures                        map[string]int64
}

// failed adds up all that went wrong there.
func (s toldServer) failed() (n int64) {
	for count := range maps.Values(s.Failures) {
		n += count
	}
	return n
}

// toldServers asks for them, in the order of the command line. One goroutine at a
// time may ask for statistics.
func (w watched) toldServers() []toldServer {
	w.T.Helper()
	w.Send(syscall.SIGUSR1)
	line, err := w.Stdout.ReadBytes('\n')
	if err != nil {
		w.T.Fatal(err)
	}
	var told struct{ Upstreams []toldServer }
	if err := json.Unmarshal(line, &told); err != nil || len(told.Upstreams) == 0 {
		w.T.Fatalf("no servers are told of: %v: %s", err, line)
	}
	return told.Upstreams
}

// untilToldServers waits for a state of the servers.
func (w watched) untilToldServers(what string, good func([]toldServer) bool) {
	w.T.Helper()
	until(w.T, what, func() bool { return good(w.toldServers()) })
}

// launchEchoes starts so many servers that are processes, and gives them as -f
// takes them.
func launchEchoes(t *testing.T, n int) (servers []*proctest.Process, forward string) {
	t.Helper()
	var addrs []string
	for range n {
		server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0"))
		servers, addrs = append(servers, server), append(addrs, server.Addr)
	}
	return servers, strings.Join(addrs, ",")
}

// allUp reports whether the proxy takes all servers for healthy.
func allUp(servers []toldServer) bool {
	return !slices.ContainsFunc(servers, func(s toldServer) bool { return s.State != "up" })
}
