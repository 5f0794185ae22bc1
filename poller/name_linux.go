// name_linux.go owns the names of TCP sockets as the kernel reads and writes them.
// Package unix makes objects of them, about 330 bytes for each client of a proxy;
// here they pass through one buffer of the kernel's and nothing is left behind.

package poller

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socketName is the buffer. It must not be on a stack: what is passed to the
// kernel by its address would be allocated for each call.
type socketName struct {
	raw  unix.RawSockaddrAny
	size uint32
}

// ask makes a call that writes a name.
func (n *socketName) ask(call uintptr, fd int, flags uintptr) (answer int, e Errno) {
	n.size = unix.SizeofSockaddrAny
	r, _, e := syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&n.raw)), uintptr(unsafe.Pointer(&n.size)), flags, 0, 0)
	return int(r), e
}

// tell makes a call that reads the name.
func (n *socketName) tell(call uintptr, fd int) Errno {
	_, _, e := syscall.RawSyscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&n.raw)), uintptr(n.size), 0, 0, 0)
	return e
}

// set writes a as the kernel reads it.
func (n *socketName) set(a netip.AddrPort) {
	if a.Addr().Is4() {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&n.raw))
		*in = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: a.Addr().As4()}
		binary.BigEndian.PutUint16(portBytes(&in.Port), a.Port())
		n.size = unix.SizeofSockaddrInet4
		return
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&n.raw))
	*in = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: a.Addr().As16()}
	binary.BigEndian.PutUint16(portBytes(&in.Port), a.Port())
	n.size = unix.SizeofSockaddrInet6
}

// addrPort is what the kernel has written, without a zone; not valid where that
// is no TCP socket's name. An IPv4 peer of a dual-stack socket is shown as IPv4.
func (n *socketName) addrPort() netip.AddrPort {
	switch n.raw.Addr.Family {
	case unix.AF_INET:
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(&n.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), binary.BigEndian.Uint16(portBytes(&in.Port)))
	case unix.AF_INET6:
		in := (*unix.RawSockaddrInet6)(unsafe.Pointer(&n.raw))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), binary.BigEndian.Uint16(portBytes(&in.Port)))
	}
	return netip.AddrPort{}
}

// portBytes is a port as it lies in memory, in the network's order.
func portBytes(port *uint16) []byte { return (*[2]byte)(unsafe.Pointer(port))[:] }
