// fault_client_sockets_test.go owns what the kernel tells of sockets, those of
// other processes included: how much waits in them. It knows IPv4 only.

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
)

// queue is what the kernel holds for one socket: bytes that the peer has not
// acknowledged, and bytes that nobody has read.
type queue struct{ send, receive int }

// queueOf asks for one socket by its addresses. A list of all sockets would take
// far too long behind tests that leave thousands of connections to rest.
func queueOf(t testing.TB, local, remote net.Addr) queue {
	t.Helper()
	const netlinkSockDiag, sockDiagByFamily = 4, 20
	fd, err := syscall.Socket(syscall.AF_NETLINK, syscall.SOCK_RAW|syscall.SOCK_CLOEXEC, netlinkSockDiag)
	if err != nil {
		t.Skipf("the kernel tells nothing of sockets: %v", err)
	}
	defer syscall.Close(fd)
	// The header, then inet_diag_req_v2: family, protocol, two bytes of wishes,
	// a mask of states, and the socket's identity without interface and cookie.
	ask := binary.NativeEndian.AppendUint32(nil, 72)
	ask = binary.NativeEndian.AppendUint16(ask, sockDiagByFamily)
	ask = binary.NativeEndian.AppendUint16(ask, syscall.NLM_F_REQUEST)
	ask = append(ask, make([]byte, 8)...)
	ask = append(ask, syscall.AF_INET, syscall.IPPROTO_TCP, 0, 0, 0xff, 0xff, 0xff, 0xff)
	from, to := local.(*net.TCPAddr).AddrPort(), remote.(*net.TCPAddr).AddrPort()
	ask = binary.BigEndian.AppendUint16(ask, from.Port())
	ask = binary.BigEndian.AppendUint16(ask, to.Port())
	for _, ip := range []netip.Addr{from.Addr(), to.Addr()} {
		ask = append(append(ask, ip.Unmap().AsSlice()...), make([]byte, 12)...)
	}
	ask = append(ask, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	if err := syscall.Sendto(fd, ask, 0, &syscall.SockaddrNetlink{Family: syscall.AF_NETLINK}); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4<<10)
	n, _, err := syscall.Recvfrom(fd, answer, 0)
	if err != nil {
		t.Fatal(err)
	}
	const receiveAt = syscall.NLMSG_HDRLEN + 4 + 48 + 4 // of inet_diag_msg
	if kind := binary.NativeEndian.Uint16(answer[4:]); kind != sockDiagByFamily || n < receiveAt+8 {
		t.Fatalf("there is no socket from %v to %v: message %d of %d bytes", local, remote, kind, n)
	}
	return queue{
		receive: int(binary.NativeEndian.Uint32(answer[receiveAt:])),
		send:    int(binary.NativeEndian.Uint32(answer[receiveAt+4:])),
	}
}

// queues adds up the sockets of this host that are wanted.
func queues(t testing.TB, wanted func(local, remote string) bool) (sum queue, sockets int) {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] == "sl" || !wanted(addressOf(f[1]), addressOf(f[2])) {
			continue
		}
		var q queue
		if _, err := fmt.Sscanf(f[4], "%x:%x", &q.send, &q.receive); err != nil {
			t.Fatal(err)
		}
		sum.send += q.send
		sum.receive += q.receive
		sockets++
	}
	return sum, sockets
}

// addressOf reads the kernel's form of an address: 0100007F:1F41 is
// 127.0.0.1:8001, in this host's order of bytes.
func addressOf(text string) string {
	var ip uint32
	var port uint16
	if _, err := fmt.Sscanf(text, "%x:%x", &ip, &port); err != nil {
		return text
	}
	var bytes [4]byte
	binary.NativeEndian.PutUint32(bytes[:], ip)
	return netip.AddrPortFrom(netip.AddrFrom4(bytes), port).String()
}
