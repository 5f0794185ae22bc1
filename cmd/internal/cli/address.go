package cli

// This file owns how an address is written and what it means. It opens no
// sockets; only Resolve talks to a name service, and it may wait for it.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Address is where a command listens or connects, as it was written. It is a
// value: copy it freely, compare it with ==. The zero Address means none was
// given; the parsers never return it without an error.
type Address struct {
	Host string // a name, or an IP literal without brackets; "::" for all interfaces
	Port uint16 // 0 only where one listens: the kernel picks
	Path string // of a unix socket, which has neither of them
}

const (
	allInterfaces = "::"
	localhost     = "localhost"
	unixScheme    = "unix:"
)

// ParseListen reads an address to listen on: a unix socket as unix:/path, or a
// TCP address. A bare port and ":port" mean all
// interfaces, and port 0 lets the kernel pick. The error is one sentence
// without the name of the flag.
func ParseListen(s string) (Address, error) {
	return parseAddress(s, allInterfaces, 0)
}

// ParseConnect reads an address to connect to. A bare port and ":port" mean
// localhost. The error is one sentence without the name of the flag.
func ParseConnect(s string) (Address, error) {
	return parseAddress(s, localhost, 1)
}

// ParseConnectList reads addresses to connect to with commas between them. A
// comma always ends an address, so the path of a unix socket that holds one
// cannot stand in a list.
func ParseConnectList(s string) ([]Address, error) {
	var list []Address
	for item := range strings.SplitSeq(s, ",") {
		a, err := ParseConnect(item)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// JoinAddresses gives a list as ParseConnectList reads it.
func JoinAddresses(list []Address) string {
	shown := make([]string, len(list))
	for i, a := range list {
		shown[i] = a.String()
	}
	return strings.Join(shown, ",")
}

func parseAddress(s, hostDefault string, portMin uint64) (Address, error) {
	if path, ok := strings.CutPrefix(s, unixScheme); ok {
		return parsePath(path)
	}
	host, port, err := splitAddress(s)
	if err != nil {
		return Address{}, err
	}
	a := Address{Host: hostDefault}
	if host != "" {
		if a.Host, err = checkHost(host); err != nil {
			return Address{}, err
		}
	}
	if a.Port, err = parsePort(port, portMin); err != nil {
		return Address{}, err
	}
	return a, nil
}

// parsePath reads the path of a unix socket. It may be relative. Linux also has
// sockets whose name begins with @ and that have no file; what is said here of
// files that are taken over would not hold for them.
func parsePath(path string) (Address, error) {
	switch {
	case path == "":
		return Address{}, errors.New("the path is missing; write unix:/path")
	case path[0] == '@':
		return Address{}, errors.New("unix sockets without a file are not supported; write unix:/path")
	case len(path) > pathBytesMax:
		return Address{}, fmt.Errorf("the path of a unix socket has at most %d bytes, this one has %d", pathBytesMax, len(path))
	case clean(path) != path || strings.Contains(path, "\t"):
		return Address{}, fmt.Errorf("the path %s has characters that cannot be shown", quote(path))
	}
	return Address{Path: path}, nil
}

// splitAddress cuts host and port apart. A host in brackets keeps its opening
// bracket, so that checkHost can tell "[::1]" from a name. It is stricter than
// net.SplitHostPort, whose errors do not say what to write instead.
func splitAddress(s string) (host, port string, err error) {
	if s == "" {
		return "", "", errors.New("the address is missing")
	}
	if isDigits(s) {
		return "", s, nil
	}
	if strings.Contains(s, ",") {
		return "", "", fmt.Errorf("%s is more than one address; only one is taken here", quote(s))
	}
	if s[0] == '[' {
		inside, after, closed := strings.Cut(s, "]")
		if !closed || inside == "[" {
			return "", "", fmt.Errorf("%s is not an address; write [v6]:port", quote(s))
		}
		if after == "" || after == ":" {
			return "", "", fmt.Errorf("%s has no port; write %s]:PORT", quote(s), clean(shorten(inside)))
		}
		if after[0] != ':' {
			return "", "", fmt.Errorf("%s is not an address; write [v6]:port", quote(s))
		}
		return inside, after[1:], nil
	}
	switch strings.Count(s, ":") {
	case 0:
		return "", "", fmt.Errorf("%s has no port; write host:port or a port", quote(s))
	case 1:
		host, port, _ = strings.Cut(s, ":")
		if port == "" {
			return "", "", fmt.Errorf("%s has no port; write host:port or a port", quote(s))
		}
		return host, port, nil
	}
	return "", "", fmt.Errorf("%s is not an address; an IPv6 address needs brackets: [v6]:port", quote(s))
}

// JoinPort makes one text of host and port for ParseListen or ParseConnect. An
// IPv6 literal may stand in brackets or not.
func JoinPort(host string, port int) string {
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") && strings.Contains(host, ":") {
		host = host[1 : len(host)-1]
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func parsePort(s string, portMin uint64) (uint16, error) {
	if !isDigits(s) {
		return 0, fmt.Errorf("port %s is not a number", quote(s))
	}
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil || port < portMin {
		return 0, fmt.Errorf("port %s is not between %d and 65535", shorten(s), portMin)
	}
	return uint16(port), nil
}

// checkHost returns the host as an Address keeps it. Zones are refused because
// an interface may come and go while a command runs, and nothing here would
// notice.
func checkHost(host string) (string, error) {
	if host[0] == '[' {
		ip, err := netip.ParseAddr(host[1:])
		if err != nil || !ip.Is6() {
			return "", fmt.Errorf("%s is not an IPv6 address", quote(host[1:]))
		}
		if ip.Zone() != "" {
			return "", fmt.Errorf("%s has a zone; zones are not supported yet", quote(host[1:]))
		}
		return ip.String(), nil
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), nil
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), localhost) {
		return localhost, nil
	}
	if !isName(host) {
		return "", fmt.Errorf("%s is not a host name", quote(host))
	}
	// No top-level domain consists of digits, so this was meant as a literal.
	last := strings.TrimSuffix(host, ".")
	if isDigits(last[strings.LastIndexByte(last, '.')+1:]) {
		return "", fmt.Errorf("%s is not an IP address", quote(host))
	}
	return host, nil
}

// isName says whether a name service could know this name. The underscore is
// against the standard for hosts, yet names with it are in use.
func isName(host string) bool {
	trimmed := strings.TrimSuffix(host, ".")
	if len(trimmed) > hostBytesMax {
		return false
	}
	for label := range strings.SplitSeq(trimmed, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for i := range len(label) {
			c := label[i]
			letter := 'a' <= c|0x20 && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// String gives the address in a form that ParseListen or ParseConnect, the one
// it came from, reads back as the same Address. The zero Address gives "".
func (a Address) String() string {
	if a == (Address{}) {
		return ""
	}
	if a.Path != "" {
		return unixScheme + a.Path
	}
	return net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
}

// Fixed returns the TCP addresses that are known without a name service, in the
// order in which to try them, and false for a name that needs one. They belong
// to one server. All interfaces are [::]:port: whoever listens there shall take
// IPv4 too, and fall back to 0.0.0.0 on a machine without IPv6.
func (a Address) Fixed() ([]netip.AddrPort, bool) {
	if a.Host == localhost {
		return []netip.AddrPort{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), a.Port),
			netip.AddrPortFrom(netip.IPv6Loopback(), a.Port),
		}, true
	}
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		return nil, false
	}
	return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), a.Port)}, true
}

// Resolve returns the TCP addresses of the one server this Address names, at least
// one, in the order in which to try them. It may wait for a name service as
// long as ctx lets it, so it is never called on an event loop. An error means
// that the server cannot be reached now; it may resolve later. A unix socket has
// a path instead, and is not to be resolved.
func (a Address) Resolve(ctx context.Context) ([]netip.AddrPort, error) {
	return a.resolve(ctx, net.DefaultResolver.LookupNetIP)
}

type lookupFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

func (a Address) resolve(ctx context.Context, lookup lookupFunc) ([]netip.AddrPort, error) {
	if a.Host == "" {
		return nil, fmt.Errorf("address %s has no host", a)
	}
	if fixed, ok := a.Fixed(); ok {
		return fixed, nil
	}
	ips, err := lookup(ctx, "ip", a.Host)
	if err != nil {
		return nil, fmt.Errorf("name %s does not resolve: %w", quote(a.Host), lookupReason(err))
	}
	var found []netip.AddrPort
	seen := make(map[netip.Addr]bool)
	for _, ip := range ips {
		if ip = ip.Unmap(); !seen[ip] && len(found) < addressesMax {
			seen[ip] = true
			found = append(found, netip.AddrPortFrom(ip, a.Port))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("name %s has no address", quote(a.Host))
	}
	return found, nil
}

// lookupReason strips the name from an error, which names it already.
func lookupReason(err error) error {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return errors.New(clean(lookup.Err))
	}
	return err
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
