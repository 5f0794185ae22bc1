// fault_linux_test.go owns the system calls that the tests of faults need beyond
// the standard library's.

package main

import "golang.org/x/sys/unix"

// outQueue is how many bytes of a socket's output are not acknowledged.
func outQueue(fd uintptr) (int, error) { return unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }
