package main

// This file owns which core each part of the comparison runs on, and how a
// program gets there. It does not know the programs.
//
//	cores     proxy   server  load generator
//	1         0       0       0                 the machine is shared: CPU time only
//	2         0       1       1
//	3, more   0       1       2                 one thread of each physical core first

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// layout names the cores. All proxies share one: only one of them has work at a
// time, and two cores of one machine are not always alike.
type layout struct {
	Proxy  int `json:"proxy"`
	Server int `json:"server"`
	Load   int `json:"load"`
	Cores  int `json:"cores"` // how many this process may use
}

func (l layout) String() string {
	if l.Server == l.Load {
		return fmt.Sprintf("proxies on core %d, server and load generator share core %d", l.Proxy, l.Load)
	}
	return fmt.Sprintf("proxies on core %d, server on core %d, load generator on core %d", l.Proxy, l.Server, l.Load)
}

// findLayout asks the kernel which cores there are.
func findLayout() (layout, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return layout{}, fmt.Errorf("sched_getaffinity: %w", err)
	}
	var cores []int
	for i := range len(set) * strconv.IntSize {
		if set.IsSet(i) {
			cores = append(cores, i)
		}
	}
	return layOut(cores, func(core int) string {
		// Not every machine tells; then each core counts as one of its own.
		siblings, _ := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", core))
		return strings.TrimSpace(string(siblings))
	}), nil
}

// layOut picks from the cores in their order. Two threads of one physical core
// slow each other down, so the second of a core is taken last.
func layOut(cores []int, siblings func(core int) string) layout {
	var first, second []int
	seen := map[string]bool{}
	for _, core := range cores {
		name := siblings(core)
		if name != "" && seen[name] {
			second = append(second, core)
			continue
		}
		seen[name] = true
		first = append(first, core)
	}
	picked := append(first, second...)
	l := layout{Proxy: picked[0], Server: picked[0], Load: picked[0], Cores: len(cores)}
	if len(picked) > 1 {
		l.Server, l.Load = picked[1], picked[1]
	}
	if len(picked) > 2 {
		l.Load = picked[2]
	}
	return l
}

// pinned is a command that starts on one core with all its threads. The binary
// starts itself in between: affinity is inherited by threads and through exec,
// and to set it from outside would miss threads that start meanwhile.
func pinned(core int, command string, args ...string) *exec.Cmd {
	return exec.Command(selfPath, append([]string{playPinned, strconv.Itoa(core), command}, args...)...)
}

// selfPath is this binary, which may have been replaced by a newer one meanwhile.
const selfPath = "/proc/self/exe"

// execPinned becomes the command. It asks for as many descriptors as the system
// gives: a shape of 500 connections needs more than the usual soft limit, and not
// every program raises it by itself.
func execPinned(args []string) error {
	if len(args) < 2 {
		return errors.New("pinned takes a core and a command")
	}
	core, err := strconv.Atoi(args[0])
	if err != nil {
		return fmt.Errorf("pinned takes a core: %w", err)
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	// The thread that calls exec is the one that lives on.
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(core)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return fmt.Errorf("sched_setaffinity to core %d: %w", core, err)
	}
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, args[1:], os.Environ()))
}
