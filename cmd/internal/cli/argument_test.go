package cli

import (
	"strings"
	"testing"
	"time"
)

func TestAnAddressMayStandAmongTheFlags(t *testing.T) {
	for _, c := range []struct {
		args string
		want Address
		wait time.Duration
		says string
	}{
		{"", Address{}, time.Second, ""},
		{"8000", Address{Host: "localhost", Port: 8000}, time.Second, ""},
		{"8000 -wait 2s", Address{Host: "localhost", Port: 8000}, 2 * time.Second, ""},
		{"-wait 2s 8000", Address{Host: "localhost", Port: 8000}, 2 * time.Second, ""},
		{"-loud [::1]:80 -wait 2s", Address{Host: "::1", Port: 80}, 2 * time.Second, ""},
		{"-wait 2s", Address{}, 2 * time.Second, ""},
		{"host", Address{}, 0, `foo check: ADDR: "host" has no port`},
		{"-wait 2s 0", Address{}, 0, "foo check: ADDR: port 0 is not between"},
		{"8000 8001", Address{}, 0, `foo check: "8001": unexpected argument`},
		{"8000 -wait 2s 8001 -x", Address{}, 0, `foo check: "8001": unexpected argument`},
		{"8000 -unknown", Address{}, 0, "foo check: -unknown: unknown flag"},
		{"8000 -wait", Address{}, 0, "foo check: -wait: the value is missing"},
	} {
		var stdout, stderr strings.Builder
		var got Address
		wait, loud := time.Second, false
		f := NewFlags("foo check", "checks.", &stdout, &stderr)
		f.ConnectArgument(&got, "ADDR")
		f.Duration(&wait, "wait", "How long.", 0, time.Hour)
		f.Bool(&loud, "loud", "How loud.")
		code, done := f.Parse(strings.Fields(c.args))
		if c.says == "" && (done || code != ExitOK || got != c.want || wait != c.wait) {
			t.Errorf("%q: %v, %v, code %d, %q", c.args, got, wait, code, stderr.String())
		}
		if c.says != "" && (!done || code != ExitUsage || !strings.HasPrefix(stderr.String(), c.says) || strings.Count(stderr.String(), "\n") != 1) {
			t.Errorf("%q: code %d, %q", c.args, code, stderr.String())
		}
	}
}

func TestHelpNamesTheArgument(t *testing.T) {
	var stdout, stderr strings.Builder
	f := NewFlags("foo check", "checks.", &stdout, &stderr)
	f.ConnectArgument(new(Address), "ADDR")
	if code, done := f.Parse([]string{"-h"}); !done || code != ExitOK || !strings.Contains(stdout.String(), "\nUsage: foo check ADDR [flags]\n") {
		t.Errorf("code %d, %q", code, stdout.String())
	}
	if code := f.RefuseArgument("it is missing"); code != ExitUsage || stderr.String() != "foo check: ADDR: it is missing\n" {
		t.Errorf("code %d, %q", code, stderr.String())
	}
}
