package reqlog

import (
	"encoding/json"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/foo"
)

// epoch is when the loop's clock stood at 0, in these tests.
var epoch = time.Date(2026, 2, 28, 23, 59, 58, 999_999_000, time.UTC)

var fourPeers = Peers{Conn: 7, Client: IPEndpoint(netip.MustParseAddrPort("192.0.2.1:40000")), Server: IPEndpoint(netip.MustParseAddrPort("[2001:db8::1]:8000"))}

func TestLines(t *testing.T) {
	const who = `"conn":7,"client":"192.0.2.1:40000","upstream":"[2001:db8::1]:8000"`
	far := Peers{Conn: 1<<32 - 1, Client: IPEndpoint(netip.MustParseAddrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535")), Server: UnixServer(1)}
	cases := []struct {
		name string
		e    entry
		want string
	}{
		{"a connect", entry{peers: fourPeers, event: connectEvent},
			`{"ts":"2026-02-28T23:59:58.999999Z","event":"connect",` + who + `}`},
		{"a client without a server", entry{at: 1000, peers: Peers{Conn: 1, Client: UnixClient}, event: connectEvent},
			`{"ts":"2026-02-28T23:59:59.000000Z","event":"connect","conn":1,"client":"unix","upstream":null}`},
		{"an ACK", entry{at: 61_000_999, peers: fourPeers, event: requestEvent,
			request: Request{Seq: 3, Arrived: 60_000_000, BytesIn: 10, BytesOut: 11, Type: foo.ACK, End: Answered}},
			`{"ts":"2026-02-28T23:59:59.060999Z","event":"request",` + who + `,"seq":3,"type":"ACK","bytes_in":10,"bytes_out":11,"latency_us":1000,"end":"answered"}`},
		{"a NAK of the server", entry{peers: fourPeers, event: requestEvent, request: Request{Seq: 3, Type: foo.NAK, End: Answered}},
			`{"ts":"2026-02-28T23:59:58.999999Z","event":"request",` + who + `,"seq":3,"type":"NAK","bytes_in":0,"bytes_out":0,"latency_us":0,"end":"answered"}`},
		{"a NAK made here", entry{peers: fourPeers, event: requestEvent, request: Request{Seq: 4, BytesIn: 9, BytesOut: 20, Type: foo.NAK, End: Refused, Why: DataNotUTF8}},
			`{"ts":"2026-02-28T23:59:58.999999Z","event":"request",` + who + `,"seq":4,"type":"NAK","bytes_in":9,"bytes_out":20,"latency_us":0,"end":"refused","why":"data is not UTF-8"}`},
		{"all numbers at their greatest", entry{at: 1 << 62, peers: far, event: requestEvent,
			request: Request{Seq: 1<<63 - 1, BytesIn: 1<<32 - 1, BytesOut: 1<<32 - 1, End: Abandoned, Why: ServerUnreachable}},
			`{"ts":"2172-04-19T23:53:37.427386Z","event":"request","conn":4294967295,"client":"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535","upstream":"unix:/run/\"foo\"\n",` +
				`"seq":9223372036854775807,"type":null,"bytes_in":4294967295,"bytes_out":4294967295,"latency_us":4611686018427387,"end":"abandoned","why":"server not reachable"}`},
		{"a close", entry{peers: fourPeers, event: closeEvent, why: ClientEnded},
			`{"ts":"2026-02-28T23:59:58.999999Z","event":"close",` + who + `,"why":"client ended"}`},
		{"a close with the kernel's word", entry{peers: fourPeers, event: closeEvent, why: ClientReset, errno: uint16(syscall.ECONNRESET)},
			`{"ts":"2026-02-28T23:59:58.999999Z","event":"close",` + who + `,"why":"client reset","error":"connection reset by peer"}`},
	}
	s := newSpelling(&Config{Epoch: epoch.UnixNano(), UnixServers: []string{"", "/run/\"foo\"\n"}})
	for range 2 { // the second time from what it remembers
		for _, c := range cases {
			line := string(s.appendLine([]byte("before"), &c.e))
			if want := "before" + c.want + "\n"; line != want {
				t.Errorf("%s:\n got %s\nwant %s", c.name, line, want)
			}
			if !json.Valid([]byte(strings.TrimPrefix(line, "before"))) || len(line) > lineBytesMax {
				t.Errorf("%s: not a line of JSON, or too long: %s", c.name, line)
			}
		}
	}
}

// TestTheAddressesAreThoseOfTheEntry: what is remembered of a connection must
// not be told of another, nor of a server that it has left.
func TestTheAddressesAreThoseOfTheEntry(t *testing.T) {
	s := newSpelling(&Config{})
	server := func(addr string) Endpoint { return IPEndpoint(netip.MustParseAddrPort(addr)) }
	for i, p := range []Peers{
		{Conn: 1, Server: server("10.0.0.1:1")},
		{Conn: 1, Server: server("10.0.0.2:1")},
		{Conn: 1 + peersCached, Server: server("10.0.0.2:1")},
		{Conn: 1, Server: server("10.0.0.2:1")},
		{Conn: 0},
	} {
		fresh := string(newSpelling(&Config{}).appendLine(nil, &entry{peers: p}))
		if line := string(s.appendLine(nil, &entry{peers: p})); line != fresh {
			t.Errorf("line %d: %s, want %s", i, line, fresh)
		}
	}
}

func TestEveryReasonHasAName(t *testing.T) {
	seen := map[string]bool{"": true}
	for why := Why(1); why < numWhys; why++ {
		if quoted, err := json.Marshal(why.String()); err != nil || string(quoted) != `"`+why.String()+`"` || seen[why.String()] {
			t.Errorf("reason %d is %q", why, why)
		}
		seen[why.String()] = true
	}
	for e := syscall.Errno(1); e < 134; e++ {
		line := newSpelling(&Config{}).appendLine(nil, &entry{event: closeEvent, why: ClientReset, errno: uint16(e)})
		if !json.Valid(line) {
			t.Errorf("not JSON: %s", line)
		}
	}
}
