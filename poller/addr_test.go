package poller_test

import (
	"net/netip"
	"testing"

	"fooproxy/poller"
)

func TestAPeerIsTheAddressItWasMadeOf(t *testing.T) {
	for _, text := range []string{"127.0.0.1:1", "[::1]:65535", "[2001:db8::1]:80", "0.0.0.0:0", "[::]:1"} {
		a := netip.MustParseAddrPort(text)
		if got := poller.PeerOf(a).AddrPort(); got != a {
			t.Errorf("%v became %v", a, got)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:1.2.3.4]:5")
	if got := poller.PeerOf(mapped).String(); got != "1.2.3.4:5" {
		t.Errorf("a mapped address is shown as %q", got)
	}
	if got := poller.PeerOf(netip.AddrPort{}); got != (poller.Peer{}) || got.AddrPort().IsValid() {
		t.Errorf("no address became %v", got)
	} else if got.String() != "unix" {
		t.Errorf("nobody is shown as %q", got)
	}
}
