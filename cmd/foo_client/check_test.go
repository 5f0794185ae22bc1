// This file owns the tests of "foo_client check": its flags, what it prints and
// its exit codes. What is checked has its tests in foo/check.
package main

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/check"
)

func TestCheckRefusesWrongFlagsInOneLine(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", "ADDR: the server is missing"},
		{"-json", "ADDR: the server is missing"},
		{"host", `ADDR: "host" has no port`},
		{"1 2", `"2": unexpected argument; only one ADDR is taken`},
		{"1,2", `ADDR: "1,2" is more than one address; only one is taken here`},
		{"1 -via 2,3", `-via: "2,3" is more than one address; only one is taken here`},
		{"1 -via", "-via: the value is missing"},
		{"1 -via 0", "-via: port 0 is not between"},
		{"1 -timeout 0s", "-timeout: 0s is not between"},
		{"1 -timeout 24h", "-timeout: 24h is not between"},
		{"1 -run cut,cuts", `-run: no check has the name "cuts"; -list shows all`},
		{"1 -run ,", `-run: no check has the name ""`},
		{"1 -n 5", "-n: unknown flag"},
	} {
		got := runCommand(t.Context(), nil, append([]string{"check"}, strings.Fields(c.args)...)...)
		if got.code != cli.ExitUsage || got.out != "" || strings.Count(got.err, "\n") != 1 ||
			!strings.HasPrefix(got.err, "foo_client check: "+c.want) {
			t.Errorf("%q: %v; want code 2 and %q", c.args, got, c.want)
		}
	}
}

func TestCheckListsAndHelpsWithoutAServer(t *testing.T) {
	list := runCommand(t.Context(), nil, "check", "-list")
	if list.code != 0 || list.err != "" || list.out != check.List(check.All()) {
		t.Errorf("-list: %v", list)
	}
	few := runCommand(t.Context(), nil, "check", "-list", "-run", "order,cut")
	if few.code != 0 || strings.Count(few.out, "\n") != 2 {
		t.Errorf("-list -run: %v", few)
	}
	help := runCommand(t.Context(), nil, "check", "-h")
	if help.code != 0 || !strings.Contains(help.out, "Usage: foo_client check ADDR [flags]") {
		t.Errorf("-h: %v", help)
	}
}

// startAnswering is right in what these tests ask; another answer to "a" is a
// fault, its text that of a peer who would like to steer a terminal.
func startAnswering(t *testing.T, toA string) (port string) {
	return startServer(t, func(_ int, line string) (string, bool) {
		if line == "REQ 1 a" {
			return toA, true
		}
		return ackLine(line), true
	})
}

func TestCheckPrintsALineForEachCheck(t *testing.T) {
	good, bad := startAnswering(t, "ACK 1 a\n"), startAnswering(t, "ACK 1\x1b[2J\n")
	for _, c := range []struct {
		args string
		code int
		out  []string // how its lines begin
	}{
		{good + " -run reply,seq-twice", 0, []string{"reply          pass  a REQ gets", "seq-twice      pass  the same", "2 of 2 passed"}},
		{"-run reply,seq-twice " + bad + " -timeout 1s", 1,
			[]string{"reply          pass  ", `seq-twice      FAIL  sent "REQ 1 a\n" | "REQ 1 a\n" | "REQ 1 a\n"; expected one ACK or NAK of each of Seq 1, 1, 1; came `, "1 of 2 passed"}},
		{good + " -via " + good + " -run reply,seq-twice", 0, []string{"reply          pass  a REQ gets one ACK or NAK of its Seq (alike: 1 of 1)", "seq-twice      pass", "2 of 2 passed"}},
		{good + " -via " + bad + " -run seq-twice", 1, []string{"seq-twice      FAIL  sent ", "0 of 1 passed"}},
	} {
		got := runCommand(t.Context(), nil, append([]string{"check"}, strings.Fields(c.args)...)...)
		lines := strings.SplitAfter(strings.TrimSuffix(got.out, "\n"), "\n")
		if got.code != c.code || got.err != "" || len(lines) != len(c.out) || strings.Contains(got.out, "\x1b") {
			t.Errorf("%q: %v", c.args, got)
			continue
		}
		for i, line := range lines {
			if !strings.HasPrefix(line, c.out[i]) {
				t.Errorf("%q: line %d is %q, not %q", c.args, i, line, c.out[i])
			}
		}
	}
}

func TestCheckPrintsOneJSONObject(t *testing.T) {
	port := startAnswering(t, "ACK 2 a\n")
	got := runCommand(t.Context(), nil, "check", port, "-json", "-run", "reply,seq-twice", "-timeout", "1s")
	var report struct {
		Server, Via    string
		Passed, Failed int
		Checks         []check.Result
	}
	if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.code != 1 || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("%v: %v", got, err)
	}
	if report.Server != "localhost:"+port || report.Passed != 1 || report.Failed != 1 || len(report.Checks) != 2 ||
		report.Checks[1].Name != "seq-twice" || report.Checks[1].Pass || report.Checks[1].Expected == "" || report.Checks[1].Came == "" {
		t.Errorf("%+v", report)
	}
}

func TestCheckOfNobodyIsOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	nobody := conn.LocalAddr().String() // nobody listens here, and nobody can while conn lasts
	good := startServer(t, ackAll)
	for _, args := range [][]string{{"check", nobody}, {"check", good, "-via", nobody}, {"check", nobody, "-json"}} {
		got := runCommand(t.Context(), nil, args...)
		if got.code != cli.ExitFailure || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, "connection refused") {
			t.Errorf("%q: %v", args, got)
		}
	}
}

func TestCheckEndsWithASignal(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	port := startServer(t, func(int, string) (string, bool) {
		cancel(context.DeadlineExceeded)
		return "", true
	})
	got := runCommand(ctx, nil, "check", port, "-timeout", "10m")
	if got.code != cli.ExitFailure || got.out != "" || got.err != "foo_client: context deadline exceeded\n" {
		t.Errorf("%v", got)
	}
}
