package kv

// That a file is read from the disk, and not from memory that the disk does not know.

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pagesInMemory counts the pages of a file that the kernel would answer by itself.
func pagesInMemory(t *testing.T, file *os.File, pages int) (n int) {
	t.Helper()
	mapping, err := unix.Mmap(int(file.Fd()), 0, pages*os.Getpagesize(), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(mapping); err != nil {
			t.Error(err)
		}
	}()
	there := make([]byte, pages)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&mapping[0])), uintptr(len(mapping)), uintptr(unsafe.Pointer(&there[0])))
	if errno != 0 {
		t.Fatal(errno)
	}
	for _, b := range there {
		n += int(b & 1)
	}
	return n
}

// TestSettleLeavesNothingInMemory of what was just written: without the sync the kernel
// keeps it since the disk has not got it, and without the advice in any case.
func TestSettleLeavesNothingInMemory(t *testing.T) {
	const pages = 64
	file, err := os.Create(tempFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &fs); err != nil {
		t.Fatal(err)
	}
	if kind := uint32(fs.Type); kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC {
		t.Skip("this file system has no disk")
	}
	if _, err := file.Write(make([]byte, pages*os.Getpagesize())); err != nil {
		t.Fatal(err)
	}
	if n := pagesInMemory(t, file, pages); n != pages {
		t.Fatalf("only %d of %d pages are in memory at first", n, pages)
	}
	if err := settle(file); err != nil {
		t.Fatal(err)
	}
	if n := pagesInMemory(t, file, pages); n > 0 {
		t.Errorf("%d of %d pages are still in memory", n, pages)
	}
}
