// This file owns the part of the command line that is about servers: which there
// are, how they are chosen, watched and done without. Defaults that depend on how
// many there are count what -f names, never addresses.

package main

import (
	"context"
	"strings"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/proxy"
)

// serverFlags is what the command line says of servers.
type serverFlags struct {
	forward        []cli.Server
	onClose        string
	check          string
	balance        string
	endWords       string
	requestTimeout time.Duration
}

// The words of -on-server-close and -check.
const (
	closeRelay    = "relay"
	closeFailover = "failover"
)

var checks = map[string]proxy.Check{"foo": proxy.CheckFoo, "tcp": proxy.CheckTCP, "off": proxy.CheckOff}

func (o *options) declareServers(f *cli.Flags) {
	c, s := &o.config, &o.servers
	f.Group("Servers")
	f.Choice(&s.balance, "balance", "How a session gets its server: by turns, where there are the fewest sessions, where fewer requests wait of two drawn, or by the client's address.", proxy.BalanceWords()...)
	f.Int(&c.Mux, "mux", "Let all clients share `N` connections to each server, instead of one for each client. Each request goes to its own server by -balance; only requests are forwarded, as with -strict; the death of a server ends no client.", 0, muxHigh)
	f.ZeroIs("default off")
	f.Bool(&c.Ordered, "ordered", "With -mux, hold replies back so that each client gets them in the order of its requests.")
	f.Duration(&c.LinkMaxAge, "link-max-age", "With -mux, let another connection take the place of one that is older than this `DURATION`, or a quarter less.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Choice(&s.onClose, "on-server-close", "Close the client with its server, or keep it: what is outstanding is answered NAK, all else goes to another server (default failover with several servers, relay with one).", closeRelay, closeFailover)
	f.String(&s.endWords, "end-words", "With failover, close the client nevertheless where its server closes behind the reply to a request with one of these `WORDS`, in any case, commas between.")
	f.Choice(&s.check, "check", "Check servers by a request, by a connection, or not at all (default foo with several servers, off with one).", "foo", "tcp", "off")
	f.Duration(&c.CheckInterval, "check-interval", "Begin a check of each server every `DURATION`.", checkLow, timeHigh)
	f.Duration(&c.CheckTimeout, "check-timeout", "Call a check bad that takes this `DURATION`.", timeLow, timeHigh)
	f.Duration(&s.requestTimeout, "request-timeout", "Answer a request NAK whose reply has not come for this `DURATION`.", 0, timeHigh)
	f.ZeroIs("default 5s with several servers, off with one")
	f.Duration(&c.NoServerWait, "no-server-wait", "With failover and no server, let requests wait for one for this `DURATION` before they are answered NAK.", 0, timeHigh)
	f.ZeroIs("default: answer at once")
	f.Bool(&c.Rebalance, "rebalance", "With failover, give a server that comes back its share of sessions again, at most 5 % of all in a second.")
}

// words are the end words.
func (s *serverFlags) words() []string {
	return strings.FieldsFunc(s.endWords, func(r rune) bool { return r == ',' })
}

// applyServers spreads what was said, and fills in what depends on the number of
// servers.
func (o *options) applyServers(f *cli.Flags) {
	c, s := &o.config, &o.servers
	several := len(s.forward) > 1
	c.OnServerClose, c.Check, c.RequestTimeout = proxy.Relay, proxy.CheckOff, s.requestTimeout
	if c.Mux > 0 {
		c.OnServerClose = proxy.Failover
	}
	if several {
		c.OnServerClose, c.Check = proxy.Failover, proxy.CheckFoo
		if !f.Given("request-timeout") {
			c.RequestTimeout = proxy.DefaultRequestTimeout
		}
	}
	if s.onClose != "" {
		c.OnServerClose = proxy.Relay
		if s.onClose == closeFailover {
			c.OnServerClose = proxy.Failover
		}
	}
	if s.check != "" {
		c.Check = checks[s.check]
	}
	c.Balance, _ = proxy.ParseBalance(s.balance) // the flag takes no other words
	c.EndWords = s.words()
}

// cannotShare tells which flag of shared connections cannot go with the others, and
// why; why is empty where all can.
func (o *options) cannotShare() (name, why string) {
	c := &o.config
	switch {
	case c.Mux == 0 && c.Ordered:
		return "ordered", "needs -mux; without it replies come as the server gives them"
	case c.Mux == 0 && c.LinkMaxAge > 0:
		return "link-max-age", "needs -mux; without it a connection is as old as its client's"
	case c.Mux == 0:
	case o.sendProxy != "":
		return "mux", "cannot go with -send-proxy: a shared connection has no one client to tell of"
	case o.servers.onClose == closeRelay:
		return "mux", "cannot go with -on-server-close relay: the end of a shared connection is no one client's"
	}
	return "", ""
}

// findServers looks all names up once before there are clients. One that does not
// resolve is a server that cannot be reached, and no reason to end.
func (o *options) findServers() []proxy.Server {
	ctx, cancel := context.WithTimeout(context.Background(), firstLookup)
	defer cancel()
	var servers []proxy.Server
	for i, t := range loop.FindTargets(ctx, o.servers.forward) {
		f := o.servers.forward[i]
		servers = append(servers, proxy.Server{Name: t.Name, Addrs: t.Addrs, Resolve: t.Resolve, Weight: f.Weight, MaxSessions: f.Max, Backup: f.Backup})
	}
	return servers
}
