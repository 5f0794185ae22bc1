// trust.go owns whose headers are believed: anybody can write one, so a header
// counts only where it comes from a network that its owner has named.

package proxyheader

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Trusted is who has to send a header. The zero value is nobody. It is not
// changed once it is in use.
type Trusted struct {
	Networks []netip.Prefix
	Unix     bool // the clients of unix sockets, which have no address
}

// unixWord stands for the clients of unix sockets in a list.
const unixWord = "unix"

// ParseTrusted reads a list as a command line has it: networks as 10.0.0.0/8,
// single addresses, and the word unix, with commas between them. The error is one
// sentence.
func ParseTrusted(list string) (t Trusted, err error) {
	for item := range strings.SplitSeq(list, ",") {
		if item == unixWord {
			t.Unix = true
			continue
		}
		network, err := parseNetwork(item)
		if err != nil {
			return Trusted{}, err
		}
		if t.Networks = append(t.Networks, network); len(t.Networks) > NetworksMax {
			return Trusted{}, fmt.Errorf("more than %d networks", NetworksMax)
		}
	}
	return t, nil
}

func parseNetwork(item string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(item); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(item)
	switch {
	case item == "":
		return p, errors.New("a network is missing; write 10.0.0.0/8, 127.0.0.1 or unix, with commas between them")
	case err != nil:
		return p, fmt.Errorf("%.64q is not a network; write 10.0.0.0/8, 127.0.0.1 or unix, with commas between them", item)
	case p.Addr().Is4In6() && p.Bits() >= 96:
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s has bits behind its mask; write %s", p, p.Masked())
	}
	return p, nil
}

// Anybody reports whether anybody is trusted at all.
func (t *Trusted) Anybody() bool { return t.Unix || len(t.Networks) > 0 }

// Trusts reports whether a peer is trusted. One that is not valid is the client of
// a unix socket.
func (t *Trusted) Trusts(peer netip.AddrPort) bool {
	if !peer.IsValid() {
		return t.Unix
	}
	addr := peer.Addr().Unmap()
	for _, network := range t.Networks {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// String is the list as ParseTrusted reads it.
func (t Trusted) String() string {
	var items []string
	for _, network := range t.Networks {
		items = append(items, network.String())
	}
	if t.Unix {
		items = append(items, unixWord)
	}
	return strings.Join(items, ",")
}
