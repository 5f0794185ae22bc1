package cli

import (
	"errors"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"
)

// settings is what the flags of these tests fill.
type settings struct {
	listen  Address
	forward []Address
	drain   time.Duration
	maxLine int64
	count   int
	most    int
	idle    time.Duration
	probe   time.Duration
	share   float64
	strict  bool
	name    string
	mode    string
	level   zapcore.Level
	pidFile string
}

func testFlags() (f *Flags, s *settings, stdout, stderr *strings.Builder) {
	s = &settings{listen: tcp("::", 9000), drain: 10 * time.Second, maxLine: 64 << 10, count: 1, probe: 30 * time.Second, share: 0.5, mode: "relay"}
	stdout, stderr = new(strings.Builder), new(strings.Builder)
	f = NewFlags("foo_proxy", "stands between Foo clients and Foo servers, which is a sentence that one line does not hold.", stdout, stderr)
	f.Group("Addresses")
	f.Listen(&s.listen, "p,port,listen", "Listen on this `PORT`.")
	f.ConnectList(&s.forward, "f,forward", "Forward to this server; give it several times for several servers.")
	f.Group("Limits")
	f.Duration(&s.drain, "drain", "What is open at SIGTERM has this long to end.", 0, time.Hour)
	f.Size(&s.maxLine, "max-line", "The longest line, its end included.", 16, 1<<20)
	f.Int(&s.count, "n", "How many.", 1, 100)
	f.Int(&s.most, "most", "How many at most; 0 asks the system.", 0, 100)
	f.ZeroIs("default: what the system allows")
	f.Duration(&s.idle, "idle", "How long it may be idle.", 0, time.Hour)
	f.ZeroIs("default off")
	f.Duration(&s.probe, "probe", "How often it is looked at.", 0, time.Hour)
	f.ZeroIs("default off")
	f.Share(&s.share, "share", "How much.")
	f.Group("Behaviour")
	f.Bool(&s.strict, "strict", "Refuse bad lines here.")
	f.String(&s.name, "name", "What to call it.")
	f.Choice(&s.mode, "on-server-close", "What happens then.", "relay", "failover")
	f.LogLevel(&s.level)
	f.PidFile(&s.pidFile)
	f.Example("foo_proxy -p 9000 -f 9001", "One server on this machine.")
	return f, s, stdout, stderr
}

func TestFlagsAreRead(t *testing.T) {
	f, s, stdout, stderr := testFlags()
	args := strings.Fields("--listen 127.0.0.1:0 -f 9001 -forward=[::1]:9002 -drain 1m30s -max-line 64k " +
		"-n=7 -share .25 -strict -name x -on-server-close failover -log-level warn -pidfile /run/x.pid")
	if code, done := f.Parse(args); done || code != ExitOK {
		t.Fatalf("done with %d: %s%s", code, stdout, stderr)
	}
	if want := (tcp("127.0.0.1", 0)); s.listen != want {
		t.Errorf("listen is %v", s.listen)
	}
	if want := []Address{tcp("localhost", 9001), tcp("::1", 9002)}; !slices.Equal(s.forward, want) {
		t.Errorf("forward is %v", s.forward)
	}
	if s.drain != 90*time.Second || s.maxLine != 65536 || s.count != 7 || s.share != 0.25 || !s.strict ||
		s.name != "x" || s.mode != "failover" || s.level != zapcore.WarnLevel || s.pidFile != "/run/x.pid" {
		t.Errorf("got %+v", *s)
	}
	for name, want := range map[string]bool{"p": true, "port": true, "f": true, "forward": true, "version": false} {
		if f.Given(name) != want {
			t.Errorf("Given(%s) is %v", name, !want)
		}
	}
	if stdout.Len()+stderr.Len() != 0 {
		t.Errorf("printed %q and %q", stdout, stderr)
	}
}

func TestWithoutArgumentsTheDefaultsStay(t *testing.T) {
	f, s, _, _ := testFlags()
	s.forward = []Address{tcp("localhost", 1)}
	before := *s
	if _, done := f.Parse(nil); done {
		t.Fatal("done without arguments")
	}
	if before.listen != s.listen || len(s.forward) != 1 || before.drain != s.drain || f.Given("p") {
		t.Errorf("got %+v", *s)
	}
}

func TestTheLastOfTwoFlagsWins(t *testing.T) {
	f, s, _, _ := testFlags()
	if _, done := f.Parse([]string{"-p", "1", "-listen", "2", "-port", "3"}); done || s.listen.Port != 3 {
		t.Errorf("done %v, port %d", done, s.listen.Port)
	}
}

func TestAListReplacesItsDefault(t *testing.T) {
	f, s, _, _ := testFlags()
	s.forward = []Address{tcp("localhost", 1)}
	f.Parse([]string{"-f", "2", "-forward", "3"})
	if want := []Address{tcp("localhost", 2), tcp("localhost", 3)}; !slices.Equal(s.forward, want) {
		t.Errorf("got %v", s.forward)
	}
}

func TestAListIsGivenInPiecesAndInOne(t *testing.T) {
	want := []Address{tcp("localhost", 1), {Path: "/s"}, tcp("::1", 2)}
	for _, args := range [][]string{
		{"-f", "1,unix:/s,[::1]:2"},
		{"-f", "1", "-f", "unix:/s,[::1]:2"},
		{"-f", "1,1", "-f", "localhost:1,unix:/s", "-f", "[::1]:2,:1"},
	} {
		f, s, _, _ := testFlags()
		if _, done := f.Parse(args); done || !slices.Equal(s.forward, want) {
			t.Errorf("%q: got %v", args, s.forward)
		}
	}
	if list, err := ParseConnectList(JoinAddresses(want)); err != nil || !slices.Equal(list, want) {
		t.Errorf("%q is read as %v (%v)", JoinAddresses(want), list, err)
	}
}

func TestWrongFlagsGiveOneLineAndCode2(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-f", "99999"}, `-f: port 99999 is not between 1 and 65535`},
		{[]string{"-f", "1,"}, `-f: the address is missing`},
		{[]string{"-f", "1,h"}, `-f: "h" has no port; write host:port or a port`},
		{[]string{"--forward=99999"}, `-forward: port 99999 is not between 1 and 65535`},
		{[]string{"-p", "65536"}, `-p: port 65536 is not between 0 and 65535`},
		{[]string{"-p", ""}, `-p: the address is missing`},
		{[]string{"-listen", "unix:"}, `-listen: the path is missing; write unix:/path`},
		{[]string{"-f"}, `-f: the value is missing`},
		{[]string{"-bogus"}, `-bogus: unknown flag; foo_proxy -h lists all flags`},
		{[]string{"--bogus=1"}, `-bogus: unknown flag; foo_proxy -h lists all flags`},
		{[]string{"-bo\ngus\x1b[2J"}, `-bo\u000agus\u001b[2J: unknown flag; foo_proxy -h lists all flags`},
		{[]string{"---p", "1"}, `---p: not a flag`},
		{[]string{"9000"}, `"9000": unexpected argument; every value belongs to a flag`},
		{[]string{"-strict", "true"}, `"true": unexpected argument; every value belongs to a flag`},
		{[]string{"--", "-p"}, `"-p": unexpected argument; every value belongs to a flag`},
		{[]string{"-strict=maybe"}, `-strict: "maybe" is neither true nor false`},
		{[]string{"-drain", "5"}, `-drain: "5" has no unit; write 5s or 5ms`},
		{[]string{"-drain", "soon"}, `-drain: "soon" is not a duration; write 500ms, 10s or 1m30s`},
		{[]string{"-drain", "-1s"}, `-drain: -1s is not between 0s and 1h`},
		{[]string{"-drain", "61m"}, `-drain: 1h1m is not between 0s and 1h`},
		{[]string{"-max-line", "64KB"}, `-max-line: "64KB" is not a size; write 65536, 64k, 64KiB or 1MiB`},
		{[]string{"-max-line", "2m"}, `-max-line: 2m is not between 16 and 1MiB`},
		{[]string{"-n", "1.5"}, `-n: "1.5" is not a whole number`},
		{[]string{"-n", "0"}, `-n: 0 is not between 1 and 100`},
		{[]string{"-n", "99999999999999999999"}, `-n: 99999999999999999999 is not between 1 and 100`},
		{[]string{"-share", "1.1"}, `-share: 1.1 is not between 0 and 1`},
		{[]string{"-share", "NaN"}, `-share: NaN is not between 0 and 1`},
		{[]string{"-share", "half"}, `-share: "half" is not a number; write 0.25 for a quarter`},
		{[]string{"-on-server-close", "panic"}, `-on-server-close: "panic" is not one of relay, failover`},
		{[]string{"-log-level", "fatal"}, `-log-level: "fatal" is not one of debug, info, warn, error`},
		{[]string{"-n", "x\ny"}, `-n: "x\ny" is not a whole number`},
		{[]string{"-n", long}, `-n: "` + long[:quotedBytesMax] + `..." is not a whole number`},
		{[]string{"-n", "0", "-h"}, `-n: 0 is not between 1 and 100`},
	} {
		f, _, stdout, stderr := testFlags()
		code, done := f.Parse(c.args)
		if code != ExitUsage || !done {
			t.Errorf("%q: code %d, done %v", c.args, code, done)
		}
		if want := "foo_proxy: " + c.want + "\n"; stderr.String() != want {
			t.Errorf("%q:\n got %s want %s", c.args, stderr, want)
		}
		if stdout.Len() != 0 {
			t.Errorf("%q printed %q to stdout", c.args, stdout)
		}
	}
}

func TestAListHasABound(t *testing.T) {
	f, s, _, stderr := testFlags()
	var args []string
	for i := range repeatsMax + 1 {
		args = append(args, "-f", strconv.Itoa(9000+i))
	}
	code, _ := f.Parse(args)
	if code != ExitUsage || stderr.String() != "foo_proxy: -f: more than 1024 addresses\n" || len(s.forward) != repeatsMax {
		t.Errorf("code %d, %d servers, %q", code, len(s.forward), stderr)
	}
}

func TestRefuseNamesTheFlag(t *testing.T) {
	f, _, _, stderr := testFlags()
	if code := f.Refuse("f", "no server to forward to"); code != ExitUsage {
		t.Errorf("code %d", code)
	}
	if stderr.String() != "foo_proxy: -f: no server to forward to\n" {
		t.Errorf("printed %q", stderr)
	}
}

func TestHelpShowsEveryFlagInOrder(t *testing.T) {
	var page string
	for _, flag := range []string{"-h", "-help", "--help"} {
		f, _, stdout, stderr := testFlags()
		if code, done := f.Parse([]string{flag}); code != ExitOK || !done || stderr.Len() != 0 {
			t.Fatalf("%s: code %d, done %v, %q", flag, code, done, stderr)
		}
		if page = stdout.String(); !strings.HasPrefix(page, "foo_proxy: stands between") {
			t.Fatalf("%s printed %q", flag, page)
		}
	}
	rest := page
	for _, part := range []string{
		"Usage: foo_proxy [flags]\n",
		"\nAddresses:\n  -p, -port, -listen PORT\n        Listen on this PORT. (default [::]:9000)\n",
		"  -f, -forward ADDRESS\n        Forward to this server; give it several times for several servers.\n",
		"\nLimits:\n  -drain DURATION\n", "(default 10s)\n",
		"  -max-line SIZE\n", "(default 64KiB)\n", "  -n N\n", "(default 1)\n",
		"asks the system. (default: what the system allows)\n", "be idle. (default off)\n", "looked at. (default 30s)\n", "  -share SHARE\n", "(default 0.5)\n",
		"\nBehaviour:\n  -strict\n        Refuse bad lines here.\n",
		"  -name TEXT\n        What to call it.\n",
		"  -on-server-close relay|failover\n", "(default relay)\n",
		"  -log-level debug|info|warn|error\n", "  -pidfile FILE\n",
		"\nHelp:\n  -h, -help\n", "  -version\n",
		"\nExamples:\n  foo_proxy -p 9000 -f 9001\n        One server on this machine.\n",
	} {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Fatalf("help lacks %q after what came before it:\n%s", part, page)
		}
		rest = after
	}
	for line := range strings.Lines(page) {
		if len(line) > helpWidth+1 {
			t.Errorf("line of %d columns: %q", len(line)-1, line)
		}
	}
}

func TestVersionTellsTheCompilerToo(t *testing.T) {
	f, _, stdout, _ := testFlags()
	code, done := f.Parse([]string{"--version"})
	if want := "foo_proxy 0.1.0 (" + runtime.Version() + ")\n"; code != ExitOK || !done || stdout.String() != want {
		t.Errorf("code %d, done %v, printed %q", code, done, stdout)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestHelpThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, flag := range []string{"-h", "-version"} {
		f := NewFlags("foo_proxy", "", brokenWriter{}, brokenWriter{})
		if code, done := f.Parse([]string{flag}); code != ExitFailure || !done {
			t.Errorf("%s: code %d, done %v", flag, code, done)
		}
	}
}

func TestSizesAreReadAndShown(t *testing.T) {
	for _, c := range []struct {
		text  string
		bytes int64
		shown string
	}{
		{"0", 0, "0"}, {"1", 1, "1"}, {"65536", 65536, "64KiB"}, {"65537", 65537, "65537"},
		{"64k", 65536, "64KiB"}, {"64K", 65536, "64KiB"}, {"64KiB", 65536, "64KiB"}, {"64kib", 65536, "64KiB"},
		{"1024k", 1 << 20, "1MiB"}, {"1MiB", 1 << 20, "1MiB"}, {"2g", 2 << 30, "2GiB"}, {"1536m", 3 << 29, "1536MiB"},
	} {
		n, err := parseSize(c.text, 0, 1<<40)
		if err != nil || n != c.bytes || showSize(n) != c.shown {
			t.Errorf("parseSize(%q) = %d, %v, shown as %s", c.text, n, err, showSize(n))
		}
		if again, err := parseSize(showSize(n), 0, 1<<40); err != nil || again != n {
			t.Errorf("%s is read back as %d, %v", showSize(n), again, err)
		}
	}
	for _, text := range []string{"", "k", "-1", "+1", "1.5m", "1kb", "1b", "1 k", "0x10", "1e3", "9223372036854775808", "9007199254740993k"} {
		if n, err := parseSize(text, 0, 1<<62); err == nil {
			t.Errorf("parseSize(%q) = %d", text, n)
		}
	}
}

func TestDurationsAreShownShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 500 * time.Millisecond: "500ms", 10 * time.Second: "10s", time.Minute: "1m",
		90 * time.Second: "1m30s", time.Hour: "1h", 30 * time.Hour: "30h", time.Hour + time.Second: "1h0m1s",
	} {
		if got := showDuration(d); got != want {
			t.Errorf("%v is shown as %s, not %s", d, got, want)
		}
		if again, err := parseDuration(want, 0, 100*time.Hour); err != nil || again != d {
			t.Errorf("%s is read back as %v, %v", want, again, err)
		}
	}
}
