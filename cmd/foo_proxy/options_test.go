// options_test.go: the command line, what is wrong with it, and what of it
// reaches the proxy.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/cli"

	"fooproxy/cmd/internal/proctest"
)

func TestAWrongCommandLineIsOneLineAndCodeTwo(t *testing.T) {
	cases := []struct{ args, says string }{
		{"-f 99999", "-f: port 99999 is not between 1 and 65535"},
		{"--forward 0", "-forward: port 0 is not between 1 and 65535"},
		{"-p 70000", "-p: port 70000 is not between 0 and 65535"},
		{"-forward x", `-forward: "x" has no port; write host:port or a port`},
		{"-listen [::1", `-listen: "[::1" is not an address; write [v6]:port`},
		{"-f unix:", "-f: the path is missing; write unix:/path"},
		{"-f 8000,weight=0", "-f: weight of localhost:8000: 0 is not between 1 and 256"},
		{"-f backup,8000", `-f: "backup" stands before any address; it belongs behind one`},
		{"-f 8000 -forward 127.0.0.1:8000", "-forward: localhost:8000 and 127.0.0.1:8000 are the same server"},
		{"-f 8000,backup", "-f: all servers are backups; at least one must not be"},
		{"-p", "-p: the value is missing"},
		{"-frob", "-frob: unknown flag; foo_proxy -h lists all flags"},
		{"extra", `"extra": unexpected argument; every value belongs to a flag`},
		{"-max-line 1", "-max-line: 1 is not between 64 and 16MiB"},
		{"-max-line 64k -max-output 1k", "-max-output: must be at least -max-line, so that a line fits"},
		{"-max-conns -1", "-max-conns: -1 is not between 0 and 1073741824"},
		{"-max-conns-per-ip -1", "-max-conns-per-ip: -1 is not between 0 and 1073741824"},
		{"-accept-proxy localhost", `-accept-proxy: "localhost" is not a network; write 10.0.0.0/8, 127.0.0.1 or unix, with commas between them`},
		{"-accept-proxy 10.1.0.0/8", "-accept-proxy: 10.1.0.0/8 has bits behind its mask; write 10.0.0.0/8"},
		{"-send-proxy v3", `-send-proxy: "v3" is not one of v1, v2`},
		{"-mux 65", "-mux: 65 is not between 0 and 64"},
		{"-mux 1 -send-proxy v1", "-mux: cannot go with -send-proxy: a shared connection has no one client to tell of"},
		{"-on-server-close relay -mux 1", "-mux: cannot go with -on-server-close relay: the end of a shared connection is no one client's"},
		{"-ordered", "-ordered: needs -mux; without it replies come as the server gives them"},
		{"-link-max-age 1m", "-link-max-age: needs -mux; without it a connection is as old as its client's"},
		{"-drain 5", `-drain: "5" has no unit; write 5s or 5ms`},
		{"-drain 0s", "-drain: 0s is not between 1ms and 24h"},
		{"-idle-timeout -1s", "-idle-timeout: -1s is not between 0s and 24h"},
		{"-connect-timeout 0s", "-connect-timeout: 0s is not between 1ms and 24h"},
		{"-slow 50ms", "-slow: needs -log-requests, which says where to"},
		{"-slow -1ms -log-requests x", "-slow: -1ms is not between 0s and 24h"},
		{"-log-level loud", `-log-level: "loud" is not one of debug, info, warn, error`},
		{"-strict=maybe", `-strict: "maybe" is neither true nor false`},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			_, code, done := parseOptions(strings.Fields(c.args), &stdout, &stderr)
			if want := "foo_proxy: " + c.says + "\n"; !done || code != 2 || stdout.Len() > 0 || stderr.String() != want {
				t.Errorf("done %v with %d, %q and %q; want %q", done, code, stdout.String(), stderr.String(), want)
			}
		})
	}
	// Once through a process, with both streams.
	cmd := proctest.Command("-f", "99999")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code says it all
	if code := cmd.ProcessState.ExitCode(); code != 2 || stdout.Len() > 0 || stderr.String() != "foo_proxy: -f: port 99999 is not between 1 and 65535\n" {
		t.Errorf("ended with %d, %q and %q", code, stdout.String(), stderr.String())
	}
}

func parse(t *testing.T, args ...string) *options {
	t.Helper()
	o, code, done := parseOptions(args, io.Discard, io.Discard)
	if done {
		t.Fatalf("%q ends with %d", args, code)
	}
	return o
}

func TestTheShortFormMeansTheSameAsTheLongOne(t *testing.T) {
	short := parse(t, "-p", "8001", "-f", "8000")
	long := parse(t, "-listen", ":8001", "--forward", "localhost:8000")
	if short.listen != long.listen || !slices.Equal(short.servers.forward, long.servers.forward) {
		t.Errorf("%v and %v, %v and %v", short.listen, long.listen, short.servers.forward, long.servers.forward)
	}
}

func TestSeveralServersComeInOneValueOrInMany(t *testing.T) {
	one := parse(t, "-f", "8000,weight=3,foo:8001,max=7,unix:/a,backup")
	many := parse(t, "-f", "8000,weight=3", "-forward", "foo:8001,max=7", "-f", "unix:/a,backup")
	want := []cli.Server{
		{Address: cli.Address{Host: "localhost", Port: 8000}, Weight: 3},
		{Address: cli.Address{Host: "foo", Port: 8001}, Weight: 1, Max: 7},
		{Address: cli.Address{Path: "/a"}, Weight: 1, Backup: true},
	}
	if !slices.Equal(one.servers.forward, want) || !slices.Equal(many.servers.forward, want) {
		t.Errorf("%v and %v, want %v", one.servers.forward, many.servers.forward, want)
	}
}

// TestWithoutFlagsItListensOnAllInterfaces: both addresses are known without a
// name service.
func TestWithoutFlagsItListensOnAllInterfaces(t *testing.T) {
	o, same := parse(t), parse(t, "-p", fmt.Sprint(portDefault), "-f", fmt.Sprint(serverPortDefault))
	if o.listen != same.listen || !slices.Equal(o.servers.forward, same.servers.forward) {
		t.Errorf("listens on %#v and forwards to %#v, want %#v and %#v", o.listen, o.servers.forward, same.listen, same.servers.forward)
	}
	for _, a := range []cli.Address{o.listen, o.servers.forward[0].Address} {
		if _, fixed := a.Fixed(); !fixed {
			t.Errorf("%#v needs a name service", a)
		}
	}
}

func TestEachFlagSetsItsLimit(t *testing.T) {
	o := parse(t, "-strict", "-max-line", "1k", "-max-output", "2k", "-max-memory", "3m", "-max-conns", "4", "-max-outstanding", "5",
		"-turn-bytes", "6k", "-turn-lines", "7", "-backlog", "8", "-idle-timeout", "9s", "-line-timeout", "10s", "-write-timeout", "11s",
		"-connect-timeout", "12s", "-linger", "13s", "-keepalive", "14s", "-user-timeout", "15s", "-drain", "16s", "-pidfile", "x",
		"-log-requests", "y", "-slow", "17ms", "-max-conns-per-ip", "18", "-accept-proxy", "10.0.0.0/8,unix", "-send-proxy", "v2")
	c := o.config
	got := fmt.Sprint(c.Strict, c.Client.MaxLine, c.Server.MaxLine, c.Client.HighMark, c.Server.HighMark, c.Client.LowMark, c.Server.LowMark,
		c.MaxMemory, c.MaxConns, c.MaxOutstanding, c.Client.TurnBytes, c.Server.TurnBytes, c.Client.TurnLines, c.Server.TurnLines,
		c.Socket.Backlog, c.Client.IdleTimeout, c.Client.LineTimeout, c.Client.WriteTimeout, c.Server.ConnectTimeout,
		c.Client.LingerTimeout, c.Server.LingerTimeout, c.Socket.KeepIdle, c.Socket.UserTimeout, c.Drain, " "+o.pidFile+" "+o.logRequests+" ", o.slow, c.MaxConnsPerIP, " "+c.AcceptProxy.String()+" ", c.SendProxy)
	want := "true 1024 1024 2048 2048 1024 1024 3145728 4 5 6144 6144 7 7 8 9s 10s 11s 12s 13s 13s 14s 15s 16s x y 17ms 18 10.0.0.0/8,unix 2"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// A server that is silent or slow is no fault of its client.
	if c.Server.IdleTimeout != 0 || c.Server.LineTimeout != 0 || c.Server.WriteTimeout != 11*time.Second {
		t.Error("the client's timeouts hold for the server, too")
	}
}

func TestALongLineNeedsNoSecondFlag(t *testing.T) {
	if o := parse(t, "-max-line", "1m"); o.config.Client.HighMark != 1<<20 || o.config.Server.HighMark != 1<<20 {
		t.Errorf("the output may be %d and %d bytes", o.config.Client.HighMark, o.config.Server.HighMark)
	}
}

func TestDefaults(t *testing.T) {
	c := parse(t).config
	got := fmt.Sprint(c.Strict, c.Client.MaxLine, c.Client.HighMark, c.Client.LowMark, c.MaxOutstanding, c.MaxMemory, c.Client.TurnBytes,
		c.Client.TurnLines, c.MaxConns, c.Client.IdleTimeout+c.Client.LineTimeout+c.Client.WriteTimeout, c.Server.ConnectTimeout,
		c.Drain, c.Client.LingerTimeout, c.Socket.Backlog, c.Socket.KeepIdle, c.Socket.KeepInterval, c.Socket.KeepCount, c.MaxConnsPerIP, c.AcceptProxy.Anybody(), c.SendProxy)
	want := fmt.Sprint(false, 64<<10, 64<<10, 32<<10, 1024, 128<<20, 64<<10, 256, 0, time.Duration(0), time.Second,
		10*time.Second, 5*time.Second, 4096, 30*time.Second, 10*time.Second, 3, 0, false, 0)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHelpAndVersion(t *testing.T) {
	var help, version, stderr bytes.Buffer
	if _, code, done := parseOptions([]string{"-h"}, &help, &stderr); !done || code != 0 || stderr.Len() > 0 {
		t.Errorf("-h: done %v with %d and %q", done, code, stderr.String())
	}
	for _, wanted := range []string{"-p, -listen ADDRESS", "-f, -forward ADDRESS", "-strict", "-max-line SIZE", "-max-conns N", "-max-outstanding N",
		"-max-conns-per-ip N", "-accept-proxy NETWORKS", "-send-proxy v1|v2",
		"-max-memory SIZE", "-idle-timeout", "-line-timeout", "-write-timeout", "-connect-timeout", "-drain", "-backlog", "-log-level",
		"-log-requests FILE", "-slow DURATION", "-pidfile", "-version", "foo_proxy -p 8001 -f 8000", "USR1"} {
		if !strings.Contains(help.String(), wanted) {
			t.Errorf("help does not show %q", wanted)
		}
	}
	if _, code, done := parseOptions([]string{"-version"}, &version, &stderr); !done || code != 0 || version.String() != cli.VersionLine("foo_proxy")+"\n" {
		t.Errorf("-version: done %v with %d and %q", done, code, version.String())
	}
}

func TestWhatCannotBeStartedIsOneLineAndCodeOne(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	addr := taken.Addr().String()
	cases := []struct {
		args []string
		says string
	}{
		{[]string{"-listen", addr}, fmt.Sprintf("cannot listen on %s: address already in use", addr)},
		{[]string{"-listen", "192.0.2.1:1"}, "cannot listen on 192.0.2.1:1: cannot assign requested address"},
		{[]string{"-listen", "127.0.0.1:0", "-pidfile", "/nonexistent/pid"}, "pid file /nonexistent/pid: no such file or directory"},
		{[]string{"-listen", "127.0.0.1:0", "-log-requests", "/nonexistent/log"}, "request log /nonexistent/log: no such file or directory"},
	}
	for _, c := range cases {
		cmd := proctest.Command(c.args...)
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the exit code says it all
		if code := cmd.ProcessState.ExitCode(); code != 1 || stdout.Len() > 0 || stderr.String() != "foo_proxy: "+c.says+"\n" {
			t.Errorf("%q ended with %d, %q and %q", c.args, code, stdout.String(), stderr.String())
		}
	}
}
