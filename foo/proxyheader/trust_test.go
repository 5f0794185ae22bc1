package proxyheader

// Who is trusted, and how a list of them is written.

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// netipOf writes an address and a port as netip does.
func netipOf(addr string, port uint16) string {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), port).String()
}

func TestOnlyWhoIsNamedIsTrusted(t *testing.T) {
	cases := []struct{ list, trusted, not string }{
		{"10.0.0.0/8,127.0.0.1", "10.0.0.0 10.255.255.255 127.0.0.1 ::ffff:10.1.2.3", "11.0.0.0 9.255.255.255 127.0.0.2 ::1 unix"},
		{"unix", "unix", "127.0.0.1 ::1"},
		{"2001:db8::/32,unix", "2001:db8::1 2001:db8:ffff::1 unix", "2001:db9::1 10.0.0.1"},
		{"0.0.0.0/0", "1.2.3.4 255.255.255.255", "::1 2001:db8::1 unix"},
		{"::/0", "::1 2001:db8::1", "1.2.3.4 unix"},
		{"::ffff:10.0.0.0/104", "10.1.2.3", "11.0.0.1"},
		{"::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"},
	}
	for _, c := range cases {
		trusted, err := ParseTrusted(c.list)
		if err != nil {
			t.Errorf("%s: %v", c.list, err)
			continue
		}
		for want, peers := range map[bool]string{true: c.trusted, false: c.not} {
			for peer := range strings.FieldsSeq(peers) {
				var from netip.AddrPort
				if peer != "unix" {
					from = netip.AddrPortFrom(netip.MustParseAddr(peer), 7)
				}
				if got := trusted.Trusts(from); got != want {
					t.Errorf("%s: %s is trusted: %v", c.list, peer, got)
				}
			}
		}
		again, err := ParseTrusted(trusted.String())
		if err != nil || again.String() != trusted.String() || !again.Anybody() {
			t.Errorf("%s is written as %s: %v", c.list, trusted, err)
		}
	}
	var nobody Trusted
	if nobody.Anybody() || nobody.Trusts(netip.AddrPort{}) || nobody.Trusts(netip.MustParseAddrPort("127.0.0.1:1")) {
		t.Error("the zero value trusts somebody")
	}
}

func TestAWrongListIsOneSentence(t *testing.T) {
	const how = "; write 10.0.0.0/8, 127.0.0.1 or unix, with commas between them"
	cases := []struct{ list, says string }{
		{"", "a network is missing" + how},
		{"10.0.0.0/8,", "a network is missing" + how},
		{"10.0.0.0/33", `"10.0.0.0/33" is not a network` + how},
		{"localhost", `"localhost" is not a network` + how},
		{"10.0.0.1:80", `"10.0.0.1:80" is not a network` + how},
		{"fe80::1%eth0", `"fe80::1%eth0" is not a network` + how},
		{" 10.0.0.1", `" 10.0.0.1" is not a network` + how},
		{"10.1.0.0/8", "10.1.0.0/8 has bits behind its mask; write 10.0.0.0/8"},
		{strings.Repeat("10.0.0.1,", NetworksMax) + "10.0.0.1", fmt.Sprintf("more than %d networks", NetworksMax)},
	}
	for _, c := range cases {
		if _, err := ParseTrusted(c.list); err == nil || err.Error() != c.says {
			t.Errorf("%.30q: %v, want %s", c.list, err, c.says)
		}
	}
}
