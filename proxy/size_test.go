package proxy

// What an idle client costs.

import (
	"testing"
	"unsafe"
)

// TestAnIdleClientIsSmall: above this size the allocator takes the next larger one,
// for every client.
func TestAnIdleClientIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(session{}); size > 128 {
		t.Errorf("a session with its link takes %d bytes", size)
	}
}
