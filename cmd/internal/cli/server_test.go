package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// parseServers gives each value to the flag, and what it prints on stderr.
func parseServers(values ...string) (list []Server, complaint string) {
	var stdout, stderr strings.Builder
	list = []Server{{Address: tcp("localhost", 8000), Weight: 1}}
	f := NewFlags("foo_proxy", "", &stdout, &stderr)
	f.Servers(&list, "f,forward", "Forward to these.")
	var args []string
	for _, value := range values {
		args = append(args, "-f", value)
	}
	if code, done := f.Parse(args); done != (stderr.Len() > 0) || done != (code == ExitUsage) || stdout.Len() > 0 {
		panic(fmt.Sprintf("%q: code %d, done %v, %q and %q", args, code, done, &stdout, &stderr))
	}
	return list, stderr.String()
}

func TestServersAreRead(t *testing.T) {
	local := func(port uint16) Server { return Server{Address: tcp("localhost", port), Weight: 1} }
	for _, c := range []struct {
		values []string
		want   []Server
	}{
		{nil, []Server{local(8000)}},
		{[]string{"9000"}, []Server{local(9000)}},
		{[]string{"1,2,3"}, []Server{local(1), local(2), local(3)}},
		{[]string{"1", "2,3"}, []Server{local(1), local(2), local(3)}},
		{[]string{":1,[::1]:2,LOCALHOST:3,foo.example.org:4,10.0.0.1:5"}, []Server{
			local(1), {Address: tcp("::1", 2), Weight: 1}, local(3), {Address: tcp("foo.example.org", 4), Weight: 1}, {Address: tcp("10.0.0.1", 5), Weight: 1},
		}},
		{[]string{"1,weight=3,2,backup"}, []Server{
			{Address: tcp("localhost", 1), Weight: 3}, {Address: tcp("localhost", 2), Weight: 1, Backup: true},
		}},
		{[]string{"1,backup,max=7,weight=256,2"}, []Server{
			{Address: tcp("localhost", 1), Weight: 256, Max: 7, Backup: true}, local(2),
		}},
		{[]string{"1,weight=1,max=1073741824"}, []Server{{Address: tcp("localhost", 1), Weight: 1, Max: 1 << 30}}},
		{[]string{"1,backup", "2"}, []Server{{Address: tcp("localhost", 1), Weight: 1, Backup: true}, local(2)}},
		// Each of these is an address, whatever it looks like.
		{[]string{"backup:1,weight:2,unix:backup,unix:weight=3,unix:=,max=4"}, []Server{
			{Address: tcp("backup", 1), Weight: 1}, {Address: tcp("weight", 2), Weight: 1},
			{Address: Address{Path: "backup"}, Weight: 1}, {Address: Address{Path: "weight=3"}, Weight: 1}, {Address: Address{Path: "="}, Weight: 1, Max: 4},
		}},
		{[]string{"foo:1,foo:2"}, []Server{{Address: tcp("foo", 1), Weight: 1}, {Address: tcp("foo", 2), Weight: 1}}},
		// The same host with two ports, and loopbacks that are not localhost's.
		{[]string{"127.0.0.1:1,[::1]:1,127.0.0.2:1,localhost:2"}, []Server{
			{Address: tcp("127.0.0.1", 1), Weight: 1}, {Address: tcp("::1", 1), Weight: 1}, {Address: tcp("127.0.0.2", 1), Weight: 1}, local(2),
		}},
	} {
		got, complaint := parseServers(c.values...)
		if complaint != "" || !slices.Equal(got, c.want) {
			t.Errorf("%q gives %+v and %q, want %+v", c.values, got, complaint, c.want)
		}
		if again, complaint := parseServers(showServers(got)); complaint != "" || !slices.Equal(again, got) {
			t.Errorf("%q shown as %q is read back as %+v and %q", c.values, showServers(got), again, complaint)
		}
	}
}

func TestWrongServersAreOneLine(t *testing.T) {
	for _, c := range []struct {
		values []string
		want   string
	}{
		{[]string{""}, `the address is missing`},
		{[]string{"1,"}, `the address is missing`},
		{[]string{",1"}, `the address is missing`},
		{[]string{"1,,2"}, `the address is missing`},
		{[]string{"1, 2"}, `" 2" has no port; write host:port or a port`},
		{[]string{"1,99999"}, `port 99999 is not between 1 and 65535`},
		{[]string{"unix:/a,b"}, `"b" has no port; write host:port or a port`},
		{[]string{"weight=3"}, `"weight=3" stands before any address; it belongs behind one`},
		{[]string{"backup,1"}, `"backup" stands before any address; it belongs behind one`},
		{[]string{"1", "max=3"}, `"max=3" stands before any address; it belongs behind one`},
		{[]string{"1,weight=0"}, `weight of localhost:1: 0 is not between 1 and 256`},
		{[]string{"2,1,weight=257"}, `weight of localhost:1: 257 is not between 1 and 256`},
		{[]string{"1,weight=-1"}, `weight of localhost:1: -1 is not between 1 and 256`},
		{[]string{"1,weight=1.5"}, `weight of localhost:1: "1.5" is not a whole number`},
		{[]string{"1,weight="}, `weight of localhost:1: "" is not a whole number`},
		{[]string{"1,max=0"}, `max of localhost:1: 0 is not between 1 and 1073741824`},
		{[]string{"1,max=99999999999999999999"}, `max of localhost:1: 99999999999999999999 is not between 1 and 1073741824`},
		{[]string{"1,weight=2,weight=2"}, `localhost:1 has a second weight`},
		{[]string{"1,max=2,backup,max=3"}, `localhost:1 has a second max`},
		{[]string{"1,backup,backup"}, `localhost:1 has a second backup`},
		{[]string{"1,wieght=2"}, `"wieght=2" is neither an address nor weight=N, max=N or backup`},
		{[]string{"wieght=2"}, `"wieght=2" is neither an address nor weight=N, max=N or backup`},
		{[]string{"1,Weight=2"}, `"Weight=2" is neither an address nor weight=N, max=N or backup`},
		{[]string{"1,weight"}, `"weight" is neither an address nor weight=N, max=N or backup`},
		{[]string{"1,backup=1"}, `"backup=1" is neither an address nor weight=N, max=N or backup`},
		{[]string{"1,=\x1b"}, `"=\x1b" is neither an address nor weight=N, max=N or backup`},
		{[]string{"1,2,localhost:1"}, `localhost:1 is given twice`},
		{[]string{"1", "1"}, `localhost:1 is given twice`},
		{[]string{"unix:/a", "unix:/a"}, `unix:/a is given twice`},
		{[]string{"1,127.0.0.1:1"}, `localhost:1 and 127.0.0.1:1 are the same server`},
		{[]string{"[::1]:1", "1"}, `[::1]:1 and localhost:1 are the same server`},
		{[]string{"10.0.0.1:1,[::ffff:10.0.0.1]:1"}, `10.0.0.1:1 and [::ffff:10.0.0.1]:1 are the same server`},
		{[]string{"foo.example.org:1,FOO.example.org:1"}, `foo.example.org:1 and FOO.example.org:1 are the same server`},
		{[]string{"1,backup,2,backup"}, `all servers are backups; at least one must not be`},
		{[]string{"1,backup", "2,backup"}, `all servers are backups; at least one must not be`},
		{[]string{"1,backup"}, `all servers are backups; at least one must not be`},
	} {
		if _, complaint := parseServers(c.values...); complaint != "foo_proxy: -f: "+c.want+"\n" {
			t.Errorf("%q:\n got %s want %s", c.values, complaint, c.want)
		}
	}
}

// TestServersHaveABound, however many values they come in.
func TestServersHaveABound(t *testing.T) {
	ports := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprint(i+1))
		}
		return all
	}
	const want = "foo_proxy: -f: more than 256 servers are given\n"
	for _, most := range [][]string{ports(serversMax), {strings.Join(ports(serversMax), ",")}} {
		if list, complaint := parseServers(most...); complaint != "" || len(list) != serversMax {
			t.Errorf("%d servers in %d values: %q", len(list), len(most), complaint)
		}
		if _, complaint := parseServers(append(most, "1000")...); complaint != want {
			t.Errorf("one more: %q", complaint)
		}
	}
	if _, complaint := parseServers(strings.Join(ports(serversMax+1), ",")); complaint != want {
		t.Errorf("one more in one value: %q", complaint)
	}
}

// TestAWrongValueLeavesTheServersBefore it as they are: none is there by half.
func TestAWrongValueLeavesTheServersBefore(t *testing.T) {
	list, complaint := parseServers("1,weight=2", "2,3,weight=4,5,max=x")
	if want := []Server{{Address: tcp("localhost", 1), Weight: 2}}; complaint == "" || !slices.Equal(list, want) {
		t.Errorf("%q leaves %v", complaint, list)
	}
	list, complaint = parseServers("1,2,x")
	if want := []Server{{Address: tcp("localhost", 8000), Weight: 1}}; complaint == "" || !slices.Equal(list, want) {
		t.Errorf("%q leaves %v, not the default", complaint, list)
	}
}

// TestNoServersAreNoBackups: whether a command needs one is its own business.
func TestNoServersAreNoBackups(t *testing.T) {
	var list []Server
	var stdout, stderr strings.Builder
	f := NewFlags("foo_proxy", "", &stdout, &stderr)
	f.Servers(&list, "f,forward", "Forward to these.")
	if code, done := f.Parse(nil); done || len(list) != 0 {
		t.Errorf("code %d, %v, %s", code, list, &stderr)
	}
}

func TestHelpShowsTheServersOfTheDefault(t *testing.T) {
	var stdout, stderr strings.Builder
	list := []Server{{Address: tcp("localhost", 1), Weight: 2, Max: 3}, {Address: tcp("foo", 4), Weight: 1, Backup: true}}
	f := NewFlags("foo_proxy", "", &stdout, &stderr)
	f.Servers(&list, "f,forward", "Forward to these.")
	f.Parse([]string{"-h"})
	if want := "  -f, -forward ADDRESS\n        Forward to these. (default localhost:1,weight=2,max=3,foo:4,backup)\n"; !strings.Contains(stdout.String(), want) {
		t.Errorf("help is %s", &stdout)
	}
}

// FuzzServers: whatever is written, it is a list that reads back as itself, or one
// line that steers no terminal. What a value means is judged by a second reading of
// it, item by item.
func FuzzServers(f *testing.F) {
	for _, seed := range []string{"1,weight=3,2,backup", "unix:/a b,max=7", "[::1]:1,foo:2,weight=256", "1,,2", "backup", "1,weight=", "a=b", "127.0.0.1:1,1", "unix:é=\x1b,\xff"} {
		f.Add(seed, "9")
	}
	f.Add("1,backup", "2,backup")
	f.Fuzz(func(t *testing.T, one, two string) {
		list, complaint := parseServers(one, two)
		if complaint != "" {
			if strings.Count(complaint, "\n") != 1 || strings.ContainsAny(complaint, "\x1b\r\x00\x7f") || !utf8.ValidString(complaint) || len(complaint) > 2000 {
				t.Fatalf("%q, %q: %q", one, two, complaint)
			}
			return
		}
		if again, complaint := parseServers(showServers(list)); complaint != "" || !slices.Equal(again, list) {
			t.Fatalf("%q, %q is shown as %q and read back as %+v, %q", one, two, showServers(list), again, complaint)
		}
		want := read(one + "," + two)
		if !slices.Equal(want, list) {
			t.Fatalf("%q, %q gives %+v, want %+v", one, two, list, want)
		}
		for i, s := range list {
			if s.Weight < 1 || s.Weight > 256 || s.Max < 0 || s.Max > 1<<30 || slices.Contains(list[:i], s) {
				t.Fatalf("%q, %q gives %+v", one, two, list)
			}
		}
		if !slices.ContainsFunc(list, func(s Server) bool { return !s.Backup }) || len(list) > 256 {
			t.Fatalf("%q, %q gives %+v", one, two, list)
		}
	})
}

// read is what a value without mistakes means.
func read(value string) (list []Server) {
	for _, item := range strings.Split(value, ",") {
		if a, err := ParseConnect(item); err == nil {
			list = append(list, Server{Address: a, Weight: 1})
			continue
		}
		s := &list[len(list)-1]
		if item == "backup" {
			s.Backup = true
		} else if _, err := fmt.Sscanf(item, "weight=%d", &s.Weight); err != nil {
			fmt.Sscanf(item, "max=%d", &s.Max)
		}
	}
	return list
}
