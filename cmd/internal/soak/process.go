package soak

// This file owns what is seen of the proxy's process from outside: descriptors,
// threads, memory. Goroutines are not told by anybody.

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// entries is how many a folder of /proc has.
func entries(t *testing.T, pid int, folder string) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, folder))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// descriptors is the least that are open within a moment: checks open one now and
// then.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	least := entries(t, pid, "fd")
	for range 50 {
		time.Sleep(5 * time.Millisecond) // between two looks
		least = min(least, entries(t, pid, "fd"))
	}
	return least
}
