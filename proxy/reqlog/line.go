package reqlog

// This file owns how an entry is spelled: one JSON object on a line. It must not
// know where lines go. Everything in a line is ours, and nothing of what peers
// sent, so there is nothing to escape but the path of a unix socket.

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"
)

// spelling turns entries into lines. It remembers what the last lines had in
// common with the next ones: the second, and the addresses.
type spelling struct {
	epoch       int64    // of the loop's clock, in ns since 1970
	unixServers [][]byte // as JSON strings

	second int64  // since 1970, that stamp is about
	stamp  []byte // `{"ts":"2006-01-02T15:04:05.`
	peers  [peersCached]peersText
}

// peersText is what lines say of a connection.
type peersText struct {
	peers Peers
	text  []byte
}

func newSpelling(config *Config) *spelling {
	s := &spelling{epoch: config.Epoch, second: -1 << 62}
	for _, path := range config.UnixServers {
		if len(path) > unixPathBytesMax {
			path = path[:unixPathBytesMax]
		}
		quoted, err := json.Marshal("unix:" + path)
		if err != nil {
			panic("reqlog: a text that cannot be quoted: " + err.Error()) // there is none
		}
		s.unixServers = append(s.unixServers, quoted)
	}
	return s
}

// server is the text of a server's unix socket.
func (s *spelling) server(e *Endpoint) []byte {
	if n := int(e.port); e.kind == unixEndpoint && n < len(s.unixServers) {
		return s.unixServers[n]
	}
	return []byte(`"unix"`)
}

var eventTexts = [...]string{
	connectEvent: `Z","event":"connect",`,
	requestEvent: `Z","event":"request",`,
	closeEvent:   `Z","event":"close",`,
}

// appendLine appends an entry's line, LF included.
func (s *spelling) appendLine(dst []byte, e *entry) []byte {
	dst = s.appendTime(dst, s.epoch+e.at)
	dst = append(dst, eventTexts[e.event]...)
	dst = append(dst, s.peersText(&e.peers)...)
	switch e.event {
	case requestEvent:
		dst = appendRequest(dst, &e.request, e.at)
	case closeEvent:
		dst = appendWhy(dst, e.why)
		if e.errno != 0 {
			dst = append(dst, `,"error":`...)
			dst = strconv.AppendQuote(dst, e.error().Error())
		}
	}
	return append(dst, '}', '\n')
}

// appendTime writes a time of UTC to the microsecond, without its Z. Lines of
// the same second differ in the last six digits.
func (s *spelling) appendTime(dst []byte, ns int64) []byte {
	second, rest := ns/1e9, ns%1e9
	if second != s.second {
		s.second = second
		s.stamp = time.Unix(second, 0).UTC().AppendFormat(s.stamp[:0], `{"ts":"2006-01-02T15:04:05.`)
	}
	dst = append(dst, s.stamp...)
	n := uint32(rest / 1e3)
	return append(dst, byte('0'+n/100000), byte('0'+n/10000%10), byte('0'+n/1000%10),
		byte('0'+n/100%10), byte('0'+n/10%10), byte('0'+n%10))
}

// peersText gives the three fields that name a connection. They are made anew
// where the place is taken by another connection, or the server is another.
func (s *spelling) peersText(p *Peers) []byte {
	c := &s.peers[p.Conn%peersCached]
	if c.text == nil || c.peers != *p {
		c.peers = *p
		c.text = s.appendPeers(c.text[:0], p)
	}
	return c.text
}

func (s *spelling) appendPeers(dst []byte, p *Peers) []byte {
	dst = append(dst, `"conn":`...)
	dst = strconv.AppendUint(dst, uint64(p.Conn), 10)
	dst = append(dst, `,"client":`...)
	dst = appendEndpoint(dst, &p.Client, []byte(`"unix"`))
	dst = append(dst, `,"upstream":`...)
	return appendEndpoint(dst, &p.Server, s.server(&p.Server))
}

func appendEndpoint(dst []byte, e *Endpoint, ifUnix []byte) []byte {
	switch e.kind {
	case unixEndpoint:
		return append(dst, ifUnix...)
	case ipEndpoint:
		dst = append(dst, '"')
		dst = netip.AddrPortFrom(netip.AddrFrom16(e.addr).Unmap(), e.port).AppendTo(dst)
		return append(dst, '"')
	}
	return append(dst, "null"...)
}

func appendRequest(dst []byte, r *Request, now int64) []byte {
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, r.Seq, 10)
	if r.Type == 0 {
		dst = append(dst, `,"type":null,"bytes_in":`...)
	} else {
		dst = append(dst, `,"type":"`...)
		dst = append(dst, r.Type.String()...)
		dst = append(dst, `","bytes_in":`...)
	}
	dst = strconv.AppendUint(dst, uint64(r.BytesIn), 10)
	dst = append(dst, `,"bytes_out":`...)
	dst = strconv.AppendUint(dst, uint64(r.BytesOut), 10)
	dst = append(dst, `,"latency_us":`...)
	dst = strconv.AppendInt(dst, (now-r.Arrived)/1e3, 10)
	dst = append(dst, `,"end":"`...)
	dst = append(dst, endNames[r.End]...)
	dst = append(dst, '"')
	if r.Why != 0 {
		dst = appendWhy(dst, r.Why)
	}
	return dst
}

func appendWhy(dst []byte, why Why) []byte {
	dst = append(dst, `,"why":"`...)
	dst = append(dst, whyNames[why]...)
	return append(dst, '"')
}
