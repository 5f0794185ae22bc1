package proxyheader

// What a header says, where it ends, and what is none. Every header is cut at
// every place, since peers may send it so.

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// version2 makes a header of version 2: its kind, its length where that is not what
// follows, and what follows.
func version2(kind, family byte, length int, payload string) string {
	if length < 0 {
		length = len(payload)
	}
	return "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{kind, family, byte(length >> 8), byte(length)}) + payload
}

const (
	pair4 = "\xc0\x00\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb"
	pair6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\xdc\x04\x01\xbb"
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x01" + "\xdc\x04\x01\xbb"
	nobody = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x00" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc6\x33\x64\x01" + "\xdc\x04\x01\xbb"
	extras = "\x03\x00\x04\x01\x02\x03\x04\x04\x00\x02\x0a\x0a" // two of them, one with line ends
)

var headers = []struct {
	name, header string
	client       string // none: it names nobody
	wrong        error
}{
	{"TCP4", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "192.0.2.1:56324", nil},
	{"TCP6", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", "[2001:db8::1]:56324", nil},
	{"TCP6 with an IPv4 address", "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 1 2\r\n", "192.0.2.1:1", nil},
	{"longest", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", "", nil},
	{"unknown", "PROXY UNKNOWN\r\n", "", nil},
	{"unspecified address", "PROXY TCP4 0.0.0.0 198.51.100.1 0 443\r\n", "", nil},
	{"no carriage return", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", "", ErrMalformed},
	{"port too large", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n", "", ErrMalformed},
	{"leading zero", "PROXY TCP4 192.0.2.1 198.51.100.1 01 443\r\n", "", ErrMalformed},
	{"address of the other family", "PROXY TCP4 2001:db8::1 198.51.100.1 1 443\r\n", "", ErrMalformed},
	{"name", "PROXY TCP4 localhost 198.51.100.1 1 443\r\n", "", ErrMalformed},
	{"zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 443\r\n", "", ErrMalformed},
	{"too few words", "PROXY TCP4 192.0.2.1\r\n", "", ErrMalformed},
	{"too many words", "PROXY TCP4 192.0.2.1 198.51.100.1 1 443 7\r\n", "", ErrMalformed},
	{"two blanks", "PROXY  TCP4 192.0.2.1 198.51.100.1 1 443\r\n", "", ErrMalformed},
	{"one byte too long", "PROXY UNKNOWN " + strings.Repeat("x", 92) + "\r\n", "", ErrTooLong},
	{"lower case", "proxy TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", "", ErrMissing},
	{"a line of Foo", "REQ 1 hello\n", "", ErrMissing},
	{"nearly", "PROXYX\r\n", "", ErrMissing},
	{"two empty lines", "\r\n\r\nREQ 1\n", "", ErrMissing},

	{"version 2, IPv4", version2(0x21, 0x11, -1, pair4), "192.0.2.1:56324", nil},
	{"version 2, IPv6", version2(0x21, 0x21, -1, pair6), "[2001:db8::1]:56324", nil},
	{"version 2, IPv4 in IPv6", version2(0x21, 0x21, -1, mapped), "192.0.2.1:56324", nil},
	{"version 2, unspecified IPv4 in IPv6", version2(0x21, 0x21, -1, nobody), "", nil},
	{"version 2, extras", version2(0x21, 0x11, -1, pair4+extras), "192.0.2.1:56324", nil},
	{"version 2, most extras", version2(0x21, 0x11, -1, pair4+strings.Repeat("x", payloadBytesMax-len(pair4))), "192.0.2.1:56324", nil},
	{"version 2, UDP", version2(0x21, 0x12, -1, pair4), "", nil},
	{"version 2, unix", version2(0x21, 0x31, -1, strings.Repeat("/", 216)), "", nil},
	{"version 2, local", version2(0x20, 0x00, -1, ""), "", nil},
	{"version 2, local with addresses", version2(0x20, 0x11, -1, pair4), "", nil},
	{"version 2, local with half an address", version2(0x20, 0x11, -1, pair4[:5]), "", nil},
	{"version 2, local with extras", version2(0x20, 0x00, -1, extras), "", nil},
	{"version 2, a client of no family", version2(0x21, 0x00, -1, ""), "", ErrMalformed},
	{"version 2, too short for its addresses", version2(0x21, 0x11, -1, pair4[:11]), "", ErrMalformed},
	{"version 2, unknown command", version2(0x22, 0x11, -1, pair4), "", ErrMalformed},
	{"version 3", version2(0x31, 0x11, -1, pair4), "", ErrMalformed},
	{"version 2, unknown family", version2(0x21, 0x41, -1, pair4), "", ErrMalformed},
	{"version 2, unknown transport", version2(0x21, 0x13, -1, pair4), "", ErrMalformed},
	{"version 2, one byte too long", version2(0x21, 0x11, payloadBytesMax+1, ""), "", ErrTooLong},
}

// show is a client as the table has it.
func show(client netip.AddrPort) string {
	if !client.IsValid() {
		return ""
	}
	return client.String()
}

// read gives a stream to a reader in two pieces.
func read(first, second string) (rest, client string, done bool, err error) {
	var r Reader
	for _, piece := range []string{first, second} {
		if rest != "" || done || err != nil {
			rest += piece
			continue
		}
		b, c, d, e := r.Read([]byte(piece))
		rest, client, done, err = string(b), show(c), d, e
	}
	return rest, client, done, err
}

func TestAHeaderSaysTheSameHoweverItIsCut(t *testing.T) {
	const behind = "REQ 1 hello\nREQ 2"
	for _, h := range headers {
		t.Run(h.name, func(t *testing.T) {
			stream := h.header + behind
			whole := h.wrong == nil
			for cut := range len(stream) + 1 {
				rest, client, done, err := read(stream[:cut], stream[cut:])
				if !errors.Is(err, h.wrong) || done != whole || client != h.client {
					t.Fatalf("cut at %d: client %q, done %v, %v; want %q, %v, %v", cut, client, done, err, h.client, whole, h.wrong)
				}
				if whole && rest != behind {
					t.Fatalf("cut at %d: behind it came %q", cut, rest)
				}
			}
		})
	}
}

func TestAHeaderThatComesInSingleBytesIsRead(t *testing.T) {
	for _, h := range headers {
		if h.wrong != nil {
			continue
		}
		var r Reader
		for i, b := range []byte(h.header) {
			rest, client, done, err := r.Read([]byte{b})
			if last := i == len(h.header)-1; err != nil || done != last || last && (show(client) != h.client || len(rest) > 0) {
				t.Fatalf("%s, byte %d: done %v, client %v, rest %q, %v", h.name, i, done, client, rest, err)
			}
			if done == r.Began() {
				t.Fatalf("%s, byte %d: began %v", h.name, i, r.Began())
			}
		}
	}
}

// TestWhatCannotBeAHeaderIsKnownAtItsFirstWrongByte: nobody waits for more.
func TestWhatCannotBeAHeaderIsKnownAtItsFirstWrongByte(t *testing.T) {
	for _, c := range []struct {
		stream string
		at     int
	}{
		{"REQ 1\n", 1}, {"PROXX", 5}, {"PROXY\t", 6}, {"\n", 1}, {"\r\n\r\n\r", 5}, {"\r\nREQ", 3}, {"\r\n\r\n\x00\r\nQUIT\r", 12},
		{version2(0x21, 0x11, 0xffff, ""), fixedBytes},
		{"PROXY " + strings.Repeat("x", 200), textBytesMax},
	} {
		for n := range c.at + 1 {
			length, err := Length([]byte(c.stream[:n]))
			if (err != nil) != (n == c.at) || length != 0 {
				t.Errorf("%.20q: after %d bytes %d, %v", c.stream, n, length, err)
			}
		}
	}
}

func TestAReaderKeepsNoMoreThanAHeader(t *testing.T) {
	long := version2(0x21, 0x11, payloadBytesMax, pair4)
	var r Reader
	if _, _, done, err := r.Read([]byte(long)); done || err != nil {
		t.Fatalf("done %v, %v", done, err)
	}
	if len(r.seen) >= BytesMax {
		t.Errorf("%d bytes are kept", len(r.seen))
	}
	behind := strings.Repeat("x", 1<<20)
	rest, _, done, err := r.Read([]byte(behind))
	if want := len(behind) - (BytesMax - len(long)); !done || err != nil || len(rest) != want || r.seen != nil {
		t.Errorf("done %v, %v, %d bytes behind it, want %d", done, err, len(rest), want)
	}
}

func TestWhatIsWrongIsQuoted(t *testing.T) {
	_, err := Parse([]byte("PROXY TCP4 \x1b[2J\u2028 198.51.100.1 1 443\r\n"))
	if text := fmt.Sprint(err); err == nil || strings.ContainsAny(text, "\x1b\u2028\r\n") {
		t.Errorf("%q", text)
	}
}

func TestAHeaderOfOursSaysWhatItWasGiven(t *testing.T) {
	for _, c := range []struct{ client, to, text, bytes string }{
		{"192.0.2.1:56324", "198.51.100.1:443", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", version2(0x21, 0x11, -1, pair4)},
		{"[2001:db8::1]:56324", "[2001:db8::2]:443", "PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", version2(0x21, 0x21, -1, pair6)},
		{"192.0.2.1:56324", "[2001:db8::2]:443", "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 56324 443\r\n", version2(0x21, 0x21, -1, mapped[:16]+pair6[16:])},
		{"", "198.51.100.1:443", "PROXY UNKNOWN\r\n", version2(0x20, 0, -1, "")},
		{"192.0.2.1:56324", "", "PROXY UNKNOWN\r\n", version2(0x20, 0, -1, "")},
		{"", "", "PROXY UNKNOWN\r\n", version2(0x20, 0, -1, "")},
	} {
		client, to := addrPort(t, c.client), addrPort(t, c.to)
		for version, want := range map[int]string{1: c.text, 2: c.bytes} {
			got := Append([]byte("x"), version, client, to)
			if string(got) != "x"+want {
				t.Errorf("%q to %q, version %d: %q, want %q", c.client, c.to, version, got[1:], want)
			}
			names := c.client
			if c.to == "" {
				names = ""
			}
			if back, err := Parse(got[1:]); err != nil || show(back) != names {
				t.Errorf("%q names %v, %v", got[1:], back, err)
			}
		}
	}
	for version, want := range map[int]string{1: "PROXY UNKNOWN\r\n", 2: version2(0x20, 0, -1, "")} {
		if got := AppendLocal(nil, version); string(got) != want {
			t.Errorf("version %d: %q", version, got)
		}
	}
}

func addrPort(t *testing.T, text string) netip.AddrPort {
	t.Helper()
	if text == "" {
		return netip.AddrPort{}
	}
	a, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
