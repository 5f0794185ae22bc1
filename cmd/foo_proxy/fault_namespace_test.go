// fault_namespace_test.go owns a network of a test's own, in which the local
// ports can be as few as a row wants without anybody else missing them: the test
// binary runs one test again, as the first process of a new network namespace.

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// playNamespace tells a test that it runs in a network of its own.
const playNamespace = "FOO_TEST_HAS_A_NETWORK_OF_ITS_OWN"

const portRangeFile = "/proc/sys/net/ipv4/ip_local_port_range"

// inOwnNetwork runs the test that calls it, or part of a test, again in a new network,
// which has loopback alone, and reports whether this is that run. The other one has nothing
// more to do.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(playNamespace) != "" {
		if err := raiseLoopback(); err != nil {
			t.Fatal(err)
		}
		return true
	}
	if err := ownNetwork(exec.Command("/proc/self/exe", "-test.run=^$")).Run(); err != nil {
		t.Skipf("this machine gives no network of its own: %v", err)
	}
	cmd := ownNetwork(exec.Command("/proc/self/exe", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.count=1"))
	out, err := cmd.CombinedOutput()
	if !bytes.Contains(out, []byte("--- PASS: "+t.Name()+" ")) || err != nil {
		t.Fatalf("in a network of its own: %v\n%s", err, out)
	}
	t.Logf("in a network of its own:\n%s", out)
	return false
}

// ownNetwork has a command begin with a new network, in which it may set what it
// likes, and be the same user for files.
func ownNetwork(cmd *exec.Cmd) *exec.Cmd {
	cmd.Env = append(os.Environ(), playNamespace+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	return cmd
}

// raiseLoopback brings up the one interface that a new network has.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	return nil
}

// setLocalPorts says from which ports connections of this network may come.
func setLocalPorts(t *testing.T, first, last int) {
	t.Helper()
	if err := os.WriteFile(portRangeFile, fmt.Appendf(nil, "%d %d\n", first, last), 0); err != nil {
		t.Skipf("the local ports cannot be set: %v", err)
	}
}
