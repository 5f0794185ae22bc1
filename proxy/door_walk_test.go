// door_walk_test.go: clients of all kinds come to the door in any order, and a plain
// list says who must be in.

package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller/fake"
)

// caller is a client of the walk.
type caller struct {
	*fake.Peer
	ip     string // by which it is counted, once it is in
	script string // what it still sends; the part that decides first
	decide int    // bytes until then
	began  bool
	good   bool
	came   int64
}

// walk is a stage and what must be true of it.
type walk struct {
	*stage
	random         *rand.Rand
	most           int
	waiting, in    []*caller
	perIP, refused int
	port           uint16
}

// come has a client connect: half of them from a network that has to send headers, of
// which a few are bad.
func (w *walk) come() {
	w.port++
	c := &caller{came: w.kernel.Now(), good: true}
	if w.random.IntN(2) == 0 {
		c.ip = fmt.Sprintf("10.1.0.%d", w.random.IntN(3))
		c.Peer = w.fromIP(c.ip, w.port)
		w.decideOn(c)
		return
	}
	c.Peer = w.fromIP("10.0.0.1", w.port)
	c.ip = fmt.Sprintf("10.1.0.%d", w.random.IntN(5))
	named := netip.AddrPortFrom(netip.MustParseAddr(c.ip), w.port)
	header := string(proxyheader.Append(nil, 1+w.random.IntN(2), named, w.addr.TCP()))
	if w.random.IntN(4) == 0 {
		c.good, header = false, "PROXY TCP4 nobody\r\n"
	}
	c.script, c.decide = header+"REQ 1 x\n", len(header)
	w.waiting = append(w.waiting, c)
}

// decideOn says what must become of a client that needs no header, or has brought it.
func (w *walk) decideOn(c *caller) {
	same := 0
	for _, x := range w.in {
		if x.ip == c.ip {
			same++
		}
	}
	switch {
	case !c.good:
		w.refused++
	case same >= w.most:
		w.perIP++
	default:
		w.in = append(w.in, c)
		return
	}
	w.ended(c.Peer)
	c.Close()
	w.settle()
}

// send has one of those who wait send a part of its header, or the rest of it and more.
func (w *walk) send() {
	if len(w.waiting) == 0 {
		return
	}
	i := w.random.IntN(len(w.waiting))
	c := w.waiting[i]
	n := 1 + w.random.IntN(len(c.script))
	w.says(c.Peer, c.script[:n])
	c.began = true
	c.script, c.decide = c.script[n:], c.decide-n
	if c.decide <= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
		w.decideOn(c)
	}
}

// leave has a client go, without having said that it will.
func (w *walk) leave() {
	list := &w.in
	if w.random.IntN(3) == 0 {
		list = &w.waiting
	}
	if len(*list) == 0 {
		return
	}
	i := w.random.IntN(len(*list))
	c := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	if list == &w.waiting && c.began {
		w.refused++
	}
	c.Reset()
	w.settle()
}

// rest lets time pass. Who has waited for too long is refused.
func (w *walk) rest() {
	w.pass(time.Duration(w.random.IntN(3)) * 701 * time.Millisecond)
	now := w.kernel.Now()
	w.waiting = slices.DeleteFunc(w.waiting, func(c *caller) bool {
		if now-c.came < int64(5*time.Second) {
			return false
		}
		w.refused++
		w.ended(c.Peer)
		c.Close()
		return true
	})
	w.settle()
}

func TestTheDoorOverALongWalk(t *testing.T) {
	for seed := range uint64(20) {
		w := &walk{stage: newStage(t, trusts(t, "10.0.0.0/16"), perIPIs(2)), most: 2, random: rand.New(rand.NewPCG(seed, 1))}
		for step := range 300 {
			switch w.random.IntN(8) {
			case 0, 1, 2:
				w.come()
			case 3, 4:
				w.send()
			case 5, 6:
				w.leave()
			default:
				w.rest()
			}
			n := w.numbers()
			if n["connections"] != float64(len(w.in)) || n["refused_per_ip"] != float64(w.perIP) || n["refused_header"] != float64(w.refused) || w.proxy.door.newcomers.Len() != len(w.waiting) {
				t.Fatalf("seed %d, step %d: %v connections, %v and %v refused, %d wait; want %d, %d, %d, %d", seed, step,
					n["connections"], n["refused_per_ip"], n["refused_header"], w.proxy.door.newcomers.Len(), len(w.in), w.perIP, w.refused, len(w.waiting))
			}
		}
	}
}
