package main

import (
	"bytes"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"fooproxy/foo/proxyheader"
	"fooproxy/foo/server"
)

func TestWhereItListens(t *testing.T) {
	for _, x := range []struct {
		args   []string
		wanted string
	}{
		{nil, "0.0.0.0:5151"},
		{[]string{"-p", "8000"}, "0.0.0.0:8000"},
		{[]string{"-port", "0"}, "0.0.0.0:0"},
		{[]string{"-H", "127.0.0.1"}, "127.0.0.1:5151"},
		{[]string{"-host", "::1", "-p", "8000"}, "[::1]:8000"},
		{[]string{"-H", "[::1]", "-p", "8000"}, "[::1]:8000"},
		{[]string{"-host", "localhost", "-p", "8000"}, "localhost:8000"},
		{[]string{"-listen", "8000"}, "[::]:8000"},
		{[]string{"-listen", "[::1]:8000"}, "[::1]:8000"},
	} {
		var out bytes.Buffer
		o, _, done := parseOptions(x.args, &out, &out)
		if got := o.listen.String(); done || got != x.wanted {
			t.Errorf("%v gives %s (%s), not %s", x.args, got, out.String(), x.wanted)
		}
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	var out bytes.Buffer
	o, _, done := parseOptions([]string{"-nak-rate", "0.5", "-delay", "20ms", "-max-line", "1KiB", "-max-clients", "7",
		"-idle-timeout", "1s", "-line-timeout", "2s", "-write-timeout", "3s", "-drain", "4s", "-linger", "6s", "-backlog", "9", "-accept-proxy", "10.0.0.0/8,unix"}, &out, &out)
	c := o.server
	if done || c.Random == nil {
		t.Fatalf("the flags are refused, or nothing is random: %s", out.String())
	}
	wanted := server.DefaultConfig()
	wanted.Log, wanted.Registry, wanted.Random = c.Log, c.Registry, c.Random
	wanted.NakRate, wanted.Delay, wanted.MaxConns, wanted.Drain = 0.5, 20*time.Millisecond, 7, 4*time.Second
	wanted.Conn.MaxLine, wanted.Socket.Backlog = 1024, 9
	wanted.Conn.IdleTimeout, wanted.Conn.LineTimeout, wanted.Conn.WriteTimeout = time.Second, 2*time.Second, 3*time.Second
	wanted.Conn.LingerTimeout = 6 * time.Second
	wanted.AcceptProxy = proxyheader.Trusted{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Unix: true}
	if !reflect.DeepEqual(c, wanted) {
		t.Errorf("the configuration is %+v, not %+v", c, wanted)
	}
}
