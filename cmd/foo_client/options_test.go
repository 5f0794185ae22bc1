// This file owns the tests of the command line.
package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/cli"
)

func TestWrongFlagsGiveOneLineAndCode2(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "-p: the server is missing"},
		{"-n 5", "-p: the server is missing"},
		{"-p 1 -n x", `-n: "x" is not a whole number`},
		{"-p 1 -n -5", "-n: -5 is not between"},
		{"-p 0", "-p: port 0 is not between"},
		{"-connect ::1:80", "-connect: "},
		{"-p 1 -H a_b/", "-H: "},
		{"-p 10.0.0.1:5 -H other", "-H: a host is given by -p already"},
		{"-p unix:/x -H other", "-H: a unix socket has no host"},
		{"-p unix:@x", "-p: unix sockets without a file are not supported; write unix:/path"},
		{"-connect h:5 -p 1", "-p: the server is given by -connect already"},
		{"-port 1 -connect h:5", "-p: the server is given by -connect already"},
		{"-connect h:5 -H other", "-H: the server is given by -connect already"},
		{"-p 1 -H [::1", "-H: "},
		{"-p 1 -c 2", "-c: only a load run"},
		{"-p 1 -rate 2", "-rate: only a load run"},
		{"-p 1 -size 2 -n 0", "-size: only a load run"},
		{"-p 1 -n 1 -size 64k", "-size: "},
		{"-p 1 -json", "-json: only a load run"},
		{"-p 1 -quiet", "-quiet: only a load run"},
		{"-p 1 -mix x", "-mix: only a load run"},
		{"-p 1 -duration 1us", "-duration: 1µs is not between"},
		{"-p 1 -n 1 -mix x -size 1", "-size: the Data come from -mix"},
		{"-p 1 -n 1 -echo", "-echo: without -mix"},
		{"-p 1 -n 1 -P 65537", "-P: 65537 is not between"},
		{"-p 1 -n 1 -c 60000 -d 65536", "-d: 60000 connections"},
		{"-p 1 -n 1 -history h", "-history: a load run has it not"},
		{"-p 1 -wait 0s", "-wait: 0s is not between"},
		{"-p 1 -unknown", "-unknown: unknown flag"},
		{"-p 1,", "-p: the address is missing"},
		{"-p 1,2 -p 3,h", `-p: "h" has no port`},
		{"-p 1,h:2 -H other", "-H: a host is given by -p already"},
		{"-p 1 -H a,b_/", "-H: "},
		{"-p 1 -reconnect 5", `-reconnect: "5" has no unit`},
		{"-p 1 hey", `"hey": unexpected argument`},
	} {
		got := runCommand(t.Context(), strings.NewReader(""), strings.Fields(c.args)...)
		if got.code != cli.ExitUsage || got.out != "" || strings.Count(got.err, "\n") != 1 ||
			!strings.HasPrefix(got.err, "foo_client: "+c.want) {
			t.Errorf("%q: %v; want code 2 and %q", c.args, got, c.want)
		}
	}
}

func TestOptionsAreRead(t *testing.T) {
	for _, c := range []struct {
		args string
		want options
	}{
		{"-p 8001", options{servers: []cli.Address{cli.Address{Host: "localhost", Port: 8001}}, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-p 8001 -H ::1", options{servers: []cli.Address{cli.Address{Host: "::1", Port: 8001}}, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-p 8001 -H [::1]", options{servers: []cli.Address{cli.Address{Host: "::1", Port: 8001}}, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-p unix:/x", options{servers: []cli.Address{cli.Address{Path: "/x"}}, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-connect unix:x", options{servers: []cli.Address{cli.Address{Path: "x"}}, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-p 1,2 -p 1 -H a,b -reconnect 9s", options{servers: []cli.Address{{Host: "a", Port: 1}, {Host: "a", Port: 2}, {Host: "b", Port: 1}, {Host: "b", Port: 2}},
			reconnect: 9 * time.Second, reconnectGiven: true, connections: 1, depth: 1, size: 32, wait: 10 * time.Second}},
		{"-connect 10.0.0.1:5 -wait 1s -n 7 -c 2 -d 3 -size 1k -rate 9",
			options{servers: []cli.Address{cli.Address{Host: "10.0.0.1", Port: 5}}, requests: 7, connections: 2, depth: 3, size: 1024, rate: 9, wait: time.Second}},
		{"-connect 10.0.0.1:5 -duration 2s -P 8 -mix m -echo -e -json -quiet",
			options{servers: []cli.Address{cli.Address{Host: "10.0.0.1", Port: 5}}, duration: 2 * time.Second, connections: 1, depth: 8, size: 32,
				mix: "m", echo: true, failOnNak: true, json: true, quiet: true, wait: 10 * time.Second}},
	} {
		var out, errs bytes.Buffer
		got, _, done := parseOptions(strings.Fields(c.args), streams{nil, &out, &errs})
		if done || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v, %q; want %+v", c.args, got, done, errs.String(), c.want)
		}
	}
}

func TestHelpHasExamplesAndVersionIsALine(t *testing.T) {
	help := runCommand(t.Context(), nil, "-h")
	if help.code != 0 || help.err != "" || !strings.Contains(help.out, "echo hey | foo_client -p 8001") {
		t.Errorf("-h: %v", help)
	}
	version := runCommand(t.Context(), nil, "-version")
	if version.code != 0 || !strings.HasPrefix(version.out, "foo_client ") || strings.Count(version.out, "\n") != 1 {
		t.Errorf("-version: %v", version)
	}
}
