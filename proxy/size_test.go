package proxy

// What an idle client costs, and that nothing is lost where little is kept.

import (
	"net/netip"
	"testing"
	"unsafe"
)

// TestAnIdleClientIsSmall: above this size the allocator takes the next larger one,
// for every client.
func TestAnIdleClientIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 128 {
		t.Errorf("a session with its link takes %d bytes", size)
	}
}

func TestAnEndpointIsTheAddressItWasMadeOf(t *testing.T) {
	for _, text := range []string{"127.0.0.1:1", "[::1]:65535", "[2001:db8::1]:80", "0.0.0.0:0", "[::]:1"} {
		a := netip.MustParseAddrPort(text)
		if got := endpointOf(a).addrPort(); got != a {
			t.Errorf("%v became %v", a, got)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:1.2.3.4]:5")
	if got := endpointOf(mapped).String(); got != "1.2.3.4:5" {
		t.Errorf("a mapped address is shown as %q", got)
	}
	if got := endpointOf(netip.AddrPort{}); got != (endpoint{}) || got.addrPort().IsValid() {
		t.Errorf("no address became %v", got)
	}
}
