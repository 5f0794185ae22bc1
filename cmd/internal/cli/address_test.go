package cli

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func tcp(host string, port uint16) Address { return Address{Host: host, Port: port} }

func TestAddressesAreRead(t *testing.T) {
	for _, c := range []struct {
		text            string
		listen, connect Address
	}{
		{"9000", tcp("::", 9000), tcp("localhost", 9000)},
		{":9000", tcp("::", 9000), tcp("localhost", 9000)},
		{"1", tcp("::", 1), tcp("localhost", 1)},
		{"65535", tcp("::", 65535), tcp("localhost", 65535)},
		{"127.0.0.1:80", tcp("127.0.0.1", 80), tcp("127.0.0.1", 80)},
		{"0.0.0.0:80", tcp("0.0.0.0", 80), tcp("0.0.0.0", 80)},
		{"[::1]:80", tcp("::1", 80), tcp("::1", 80)},
		{"[0:0::1]:80", tcp("::1", 80), tcp("::1", 80)},
		{"[::]:80", tcp("::", 80), tcp("::", 80)},
		{"localhost:80", tcp("localhost", 80), tcp("localhost", 80)},
		{"LocalHost.:80", tcp("localhost", 80), tcp("localhost", 80)},
		{"foo-1.example_site.org:80", tcp("foo-1.example_site.org", 80), tcp("foo-1.example_site.org", 80)},
		{"foo.example.org.:80", tcp("foo.example.org.", 80), tcp("foo.example.org.", 80)},
		{"4ever:80", tcp("4ever", 80), tcp("4ever", 80)},
		{"unix:/run/foo.sock", Address{Path: "/run/foo.sock"}, Address{Path: "/run/foo.sock"}},
		{"unix:foo:80", Address{Path: "foo:80"}, Address{Path: "foo:80"}},
		{"unix:./@foo", Address{Path: "./@foo"}, Address{Path: "./@foo"}},
		{"unix:/ä b", Address{Path: "/ä b"}, Address{Path: "/ä b"}},
		{"unix:" + strings.Repeat("x", 107), Address{Path: strings.Repeat("x", 107)}, Address{Path: strings.Repeat("x", 107)}},
	} {
		listen, err := ParseListen(c.text)
		if err != nil || listen != c.listen {
			t.Errorf("ParseListen(%q) = %+v, %v; want %+v", c.text, listen, err, c.listen)
		}
		connect, err := ParseConnect(c.text)
		if err != nil || connect != c.connect {
			t.Errorf("ParseConnect(%q) = %+v, %v; want %+v", c.text, connect, err, c.connect)
		}
		if again, err := ParseListen(listen.String()); err != nil || again != listen {
			t.Errorf("%q shown as %q is read back as %+v, %v", c.text, listen, again, err)
		}
		if again, err := ParseConnect(connect.String()); err != nil || again != connect {
			t.Errorf("%q shown as %q is read back as %+v, %v", c.text, connect, again, err)
		}
	}
}

func TestPortZeroIsForListenersOnly(t *testing.T) {
	for _, text := range []string{"0", ":0", "127.0.0.1:0", "[::1]:0", "localhost:0"} {
		a, err := ParseListen(text)
		if err != nil || a.Port != 0 {
			t.Errorf("ParseListen(%q) = %+v, %v", text, a, err)
		}
		if a == (Address{}) {
			t.Errorf("ParseListen(%q) looks like no address", text)
		}
		if _, err := ParseConnect(text); err == nil || err.Error() != "port 0 is not between 1 and 65535" {
			t.Errorf("ParseConnect(%q) = %v", text, err)
		}
	}
}

func TestWrongAddressesSayWhy(t *testing.T) {
	long := strings.Repeat("a", 64)
	for text, want := range map[string]string{
		"":                       `the address is missing`,
		"unix:":                  `the path is missing; write unix:/path`,
		"unix:@foo":              `unix sockets without a file are not supported; write unix:/path`,
		"unix:/" + long + long:   `the path of a unix socket has at most 107 bytes, this one has 129`,
		"unix:/a\nb":             `the path "/a\nb" has characters that cannot be shown`,
		"unix:/a\tb":             `the path "/a\tb" has characters that cannot be shown`,
		"unix:/\u009b":           `the path "/\u009b" has characters that cannot be shown`,
		"unix:/\xff":             `the path "/\xff" has characters that cannot be shown`,
		"1,2":                    `"1,2" is more than one address; only one is taken here`,
		"[::1]:1,[::1]:2":        `"[::1]:1,[::1]:2" is more than one address; only one is taken here`,
		"99999":                  `port 99999 is not between 1 and 65535`,
		":65536":                 `port 65536 is not between 1 and 65535`,
		"h:99999999999999999999": `port 99999999999999999999 is not between 1 and 65535`,
		"h:http":                 `port "http" is not a number`,
		"h:-1":                   `port "-1" is not a number`,
		":+1":                    `port "+1" is not a number`,
		"h:8 ":                   `port "8 " is not a number`,
		"-1":                     `"-1" has no port; write host:port or a port`,
		"host":                   `"host" has no port; write host:port or a port`,
		"host:":                  `"host:" has no port; write host:port or a port`,
		":":                      `":" has no port; write host:port or a port`,
		"[::1]":                  `"[::1]" has no port; write [::1]:PORT`,
		"[::1]:":                 `"[::1]:" has no port; write [::1]:PORT`,
		"[::1]80":                `"[::1]80" is not an address; write [v6]:port`,
		"[::1:80":                `"[::1:80" is not an address; write [v6]:port`,
		"[]:80":                  `"[]:80" is not an address; write [v6]:port`,
		"[host]:80":              `"host" is not an IPv6 address`,
		"[127.0.0.1]:80":         `"127.0.0.1" is not an IPv6 address`,
		"[fe80::1%eth0]:80":      `"fe80::1%eth0" has a zone; zones are not supported yet`,
		"::1:80":                 `"::1:80" is not an address; an IPv6 address needs brackets: [v6]:port`,
		"256.0.0.1:80":           `"256.0.0.1" is not an IP address`,
		"1.2.3:80":               `"1.2.3" is not an IP address`,
		"a b:80":                 `"a b" is not a host name`,
		"a\nb:80":                `"a\nb" is not a host name`,
		"*:80":                   `"*" is not a host name`,
		"a..b:80":                `"a..b" is not a host name`,
		".:80":                   `"." is not a host name`,
		long + ":80":             `"` + long + `" is not a host name`,
	} {
		a, err := ParseConnect(text)
		if err == nil || err.Error() != want {
			t.Errorf("ParseConnect(%q) = %v; want %s", text, err, want)
		}
		if a != (Address{}) {
			t.Errorf("ParseConnect(%q) gives %+v beside its error", text, a)
		}
	}
	if _, err := ParseConnect("[" + strings.Repeat(long, 100) + "]"); err == nil || len(err.Error()) > 1000 {
		t.Errorf("an error of unbounded length: %d bytes", len(err.Error()))
	}
	if _, err := ParseListen("99999"); err == nil || err.Error() != "port 99999 is not between 0 and 65535" {
		t.Errorf("ParseListen(99999) = %v", err)
	}
}

func addrPorts(texts ...string) []netip.AddrPort {
	var list []netip.AddrPort
	for _, text := range texts {
		list = append(list, netip.MustParseAddrPort(text))
	}
	return list
}

func TestFixedAddressesNeedNoNameService(t *testing.T) {
	for text, want := range map[string][]netip.AddrPort{
		"9000":                  addrPorts("[::]:9000"),
		"localhost:80":          addrPorts("127.0.0.1:80", "[::1]:80"),
		"127.0.0.2:80":          addrPorts("127.0.0.2:80"),
		"[::1]:80":              addrPorts("[::1]:80"),
		"[::ffff:127.0.0.1]:80": addrPorts("127.0.0.1:80"),
	} {
		a, err := ParseListen(text)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := a.Fixed()
		if !ok || !slices.Equal(got, want) {
			t.Errorf("%q is fixed at %v, %v; want %v", text, got, ok, want)
		}
		// A context that is over proves that nothing was asked.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err = a.Resolve(ctx); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q resolves to %v, %v; want %v", text, got, err, want)
		}
	}
	if got, ok := (Address{Path: "/x"}).Fixed(); ok {
		t.Errorf("a unix socket is fixed at %v", got)
	}
	if got, ok := tcp("foo.example.org", 80).Fixed(); ok {
		t.Errorf("a name is fixed at %v", got)
	}
}

func TestNamesResolveInOrderWithoutRepeats(t *testing.T) {
	name := tcp("foo.example.org", 80)
	answer := []netip.Addr{
		netip.MustParseAddr("::ffff:10.0.0.2"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"),
	}
	lookup := func(_ context.Context, network, host string) ([]netip.Addr, error) {
		if network != "ip" || host != name.Host {
			t.Errorf("asked for %s %s", network, host)
		}
		return answer, nil
	}
	got, err := name.resolve(t.Context(), lookup)
	if want := addrPorts("10.0.0.2:80", "10.0.0.1:80"); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}

	answer = nil
	for ip := netip.MustParseAddr("10.0.0.0"); len(answer) < 2*addressesMax; ip = ip.Next() {
		answer = append(answer, ip)
	}
	if got, _ = name.resolve(t.Context(), lookup); len(got) != addressesMax {
		t.Errorf("took %d addresses of one name, not %d", len(got), addressesMax)
	}

	answer = nil
	if _, err = name.resolve(t.Context(), lookup); err == nil || err.Error() != `name "foo.example.org" has no address` {
		t.Errorf("an empty answer gives %v", err)
	}
}

func TestResolveTellsWhatFailed(t *testing.T) {
	refused := errors.New("no such host")
	_, err := tcp("foo.example.org", 80).resolve(t.Context(),
		func(context.Context, string, string) ([]netip.Addr, error) { return nil, refused })
	if !errors.Is(err, refused) || err.Error() != `name "foo.example.org" does not resolve: no such host` {
		t.Errorf("got %v", err)
	}
	_, err = tcp("foo.example.org", 80).resolve(t.Context(), func(_ context.Context, _, host string) ([]netip.Addr, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "10.0.0.53:53", IsNotFound: true}
	})
	if err == nil || err.Error() != `name "foo.example.org" does not resolve: no such host` {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressWithoutAHostIsNotLookedUp(t *testing.T) {
	_, err := tcp("", 80).resolve(t.Context(), func(context.Context, string, string) ([]netip.Addr, error) {
		t.Error("a name service is asked for nothing")
		return nil, nil
	})
	if err == nil || err.Error() != "address :80 has no host" {
		t.Errorf("got %v", err)
	}
}

func TestHostAndPortAreJoined(t *testing.T) {
	for host, want := range map[string]string{
		"::1": "[::1]:80", "[::1]": "[::1]:80", "10.0.0.1": "10.0.0.1:80", "foo": "foo:80", "": "[::]:80",
	} {
		if a, err := ParseListen(JoinPort(host, 80)); err != nil || a.String() != want {
			t.Errorf("%q gives %v, %v; want %s", host, a, err, want)
		}
	}
	for _, host := range []string{"[foo]", "[::1", "[", "[]", "::1]", "[::1]]"} {
		if a, err := ParseListen(JoinPort(host, 80)); err == nil {
			t.Errorf("%q gives %v", host, a)
		}
	}
}
