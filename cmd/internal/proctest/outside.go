package proctest

// This file owns what is seen of a process from outside: descriptors, threads,
// memory. Goroutines are not told by anybody.

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// Entries is how many a folder of a process in /proc has: fd, its descriptors, or
// task, its threads.
func Entries(t testing.TB, pid int, folder string) int {
	t.Helper()
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/%s", pid, folder))
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// Descriptors is the least that are open within a moment: checks open one now and
// then, and a process that has just begun has one that it will close.
func Descriptors(t testing.TB, pid int) int {
	t.Helper()
	least := Entries(t, pid, "fd")
	for range 50 {
		time.Sleep(5 * time.Millisecond) // between two looks
		least = min(least, Entries(t, pid, "fd"))
	}
	return least
}

// ResidentBytes is the memory of a process that is in RAM. Any goroutine may ask.
func ResidentBytes(t testing.TB, pid int) int {
	t.Helper()
	var size, pages int
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err == nil {
		_, err = fmt.Sscan(string(text), &size, &pages)
	}
	if err != nil {
		t.Error(err)
	}
	return pages * os.Getpagesize()
}
