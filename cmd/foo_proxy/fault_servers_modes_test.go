// fault_servers_modes_test.go owns the modes in which the rows of servers are run:
// a link for each client, or links that all clients share. What a row has to know of
// each is asked here. It knows no row.

package main

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// mode is how the proxy connects to servers.
type mode struct {
	links   int  // to each server, which all clients share; 0: each client has its own
	ordered bool // where they are shared, replies are held back for older ones
}

// The modes. The order of replies is judged in all but the second one.
var (
	ownLinks    = mode{}
	muxed       = mode{links: 1}
	muxedInTurn = mode{links: 2, ordered: true}
)

// inModes runs a row in some modes.
func inModes(t *testing.T, row func(t *testing.T, m mode), modes ...mode) {
	for _, m := range modes {
		t.Run(m.String(), func(t *testing.T) { row(t, m) })
	}
}

// args are the flags of the proxy, with more of them behind.
func (m mode) args(more ...string) []string {
	var args []string
	if m.shares() {
		args = append(args, "-mux", strconv.Itoa(m.links))
	}
	if m.ordered {
		args = append(args, "-ordered")
	}
	return append(args, more...)
}

// String tells the mode by its flags.
func (m mode) String() string {
	if !m.shares() {
		return "1:1"
	}
	return strings.Join(m.args(), " ")
}

// row is what a row is called in a figure.
func (m mode) row(id string) string {
	if !m.shares() {
		return id
	}
	return id + " " + m.String()
}

func (m mode) shares() bool { return m.links > 0 }

// anyOrder reports whether replies may overtake each other.
func (m mode) anyOrder() bool { return m.shares() && !m.ordered }

// load is a load as the mode answers it.
func (m mode) load(c proctest.LoadConfig) proctest.LoadConfig {
	c.AnyOrder = m.anyOrder()
	return c
}

// inMode picks how much of something a row does, as inForm does: where links are shared as much as
// last says, unless the long form is asked for.
func inMode[T any](m mode, suite, release, last T) T {
	if m.shares() && !proctest.Release() {
		return last
	}
	return inForm(suite, release)
}

// asker is one that takes replies as the mode gives them.
func (m mode) asker(conn net.Conn, name string) *asker {
	return &asker{conn: conn, name: name, anyOrder: m.anyOrder()}
}

// untilReady waits until so many clients have their links, or those that they share
// stand.
func (w watched) untilReady(m mode, clients int) {
	w.T.Helper()
	if m.shares() {
		w.untilLinks(m.links)
	} else {
		w.untilSpread(clients)
	}
}

// untilLinks waits until each server has so many shared links.
func (w watched) untilLinks(links int) {
	w.T.Helper()
	w.untilServers("the shared links stand", func(s serversSeen) bool {
		for _, u := range s.Upstreams {
			if u.Sessions != links {
				return false
			}
		}
		return true
	})
}
