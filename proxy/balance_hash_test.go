package proxy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// manyClients are hashes of addresses as they stand side by side in a network,
// which is what a weak hash fails on.
func manyClients(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		address := [16]byte{10: 0xff, 11: 0xff, 12: 192, 13: 168}
		binary.BigEndian.PutUint16(address[14:], uint16(i))
		all[i] = hashOf(address[:])
	}
	return all
}

func TestHashSharesByWeight(t *testing.T) {
	clients := manyClients(60_000)
	for _, weights := range [][]int32{
		{1, 1, 1}, {1, 2, 3}, {1, 10}, {weightHigh, weightLow}, {weightHigh, weightHigh, 128, 64}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	} {
		all, counts := loadsOf(weights...), make([]int, len(weights))
		for _, client := range clients {
			counts[Hash.pick(all, client, 0)]++
		}
		wantShares(t, counts, weights)
	}
}

// TestWithoutAServerOnlyItsClientsMove, and to the others by weight; chance and
// load have no say.
func TestWithoutAServerOnlyItsClientsMove(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	weights := []int32{1, 2, 3, 4}
	all, clients := loadsOf(weights...), manyClients(40_000)
	for gone := range all {
		left := slices.Delete(slices.Clone(all), gone, gone+1)
		moved := make([]int, len(left))
		for _, client := range clients {
			before := all[Hash.pick(all, client, r.Uint64())]
			for _, l := range all {
				l.sessions, l.outstanding = r.Int32N(100), r.Int32N(100)
			}
			i := Hash.pick(left, client, r.Uint64())
			switch {
			case before == all[gone]:
				moved[i]++
			case left[i] != before:
				t.Fatalf("a client moved although its server is there")
			}
		}
		wantShares(t, moved, slices.Delete(slices.Clone(weights), gone, gone+1))
	}
}

// TestMoreWeightOnlyDrawsClientsIn: nobody moves between the others.
func TestMoreWeightOnlyDrawsClientsIn(t *testing.T) {
	before, after := loadsOf(1, 2, 3), loadsOf(1, 4, 3)
	for _, client := range manyClients(20_000) {
		i, j := Hash.pick(before, client, 0), Hash.pick(after, client, 0)
		if i != j && j != 1 {
			t.Fatalf("a client moved from %d to %d", i, j)
		}
	}
}

// TestTheOrderOfServersDoesNotMatter: each proxy may have a list of its own. Equal
// draws are decided as well; servers with the same key are none.
func TestTheOrderOfServersDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	for range 20_000 {
		all, client := randomLoads(r, 2+r.IntN(6)), r.Uint64()
		want := all[Hash.pick(all, client, 0)]
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := all[Hash.pick(all, client, 0)]; got != want {
			t.Fatalf("%+v and, in another order, %+v", *want, *got)
		}
	}
	one, other := ranked{cost: 6, weight: 2, u: 5, key: 1}, ranked{cost: 3, weight: 1, u: 5, key: 2}
	if !one.before(&other) || other.before(&one) {
		t.Error("of equal draws the lower key does not win")
	}
	if other.u = 6; one.before(&other) || !other.before(&one) {
		t.Error("of equal costs the higher draw does not win")
	}
}

// FuzzHash compares the choice with the textbook's, which takes the logarithm of
// everybody. Where the two best are too near for floating point, either is right.
func FuzzHash(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint8(3))
	f.Add(uint64(0), uint64(0), uint8(255))
	f.Fuzz(func(t *testing.T, seed, client uint64, n uint8) {
		r := rand.New(rand.NewPCG(seed, 4))
		all := randomLoads(r, 1+int(n)%32)
		for _, l := range all {
			l.key = r.Uint64()
		}
		cost := func(l *load) float64 {
			return -math.Log2(float64(drawOf(l, mix(client)))/(1<<64)) / float64(l.weight)
		}
		got := all[Hash.pick(all, client, 0)]
		for _, l := range all {
			if cost(l) < cost(got)*(1-1e-9)-1e-12 {
				t.Fatalf("%+v costs %g and was picked, %+v costs %g", *got, cost(got), *l, cost(l))
			}
		}
	})
}

// TestTheLogarithmIsOne: near to the one of package math, exact at powers of two,
// and it never rises with u.
func TestTheLogarithmIsOne(t *testing.T) {
	const unit = 1 << logBits
	for zeros := range 64 {
		if got := negLog2(1 << 63 >> zeros); got != uint64(zeros+1)*unit {
			t.Errorf("of 2^-%d it is %d", zeros+1, got)
		}
	}
	if got := negLog2(math.MaxUint64); got != 1 {
		t.Errorf("next to 1 it is %d, not the least that there is", got)
	}
	if got := negLog2(0); got != 64*unit {
		t.Errorf("of 0 it is %d", got)
	}
	r := rand.New(rand.NewPCG(4, 3))
	for range 100_000 {
		u := r.Uint64() >> r.IntN(64)
		got := negLog2(u)
		if off := float64(got)/unit + math.Log2(float64(max(u, 1))/(1<<64)); math.Abs(off) > 1e-13 {
			t.Fatalf("of %d it is %d, off by %g", u, got, off)
		}
		if high, _ := bits.Mul64(got, weightHigh); high != 0 {
			t.Fatalf("of %d it is %d, too much for a product", u, got)
		}
		if above := u + r.Uint64N(1<<20); above > u && negLog2(above) > got {
			t.Fatalf("it rises from %d to %d", u, above)
		}
	}
}

// agreedChoices is what proxies must agree on, as numbers of any process.
func agreedChoices() []byte {
	all := loadsOf(1, 2, 3, 256, 7)
	var chosen []byte
	for _, client := range manyClients(1000) {
		chosen = append(chosen, '0'+byte(Hash.pick(all, client, 0)))
	}
	return fmt.Appendf(nil, "%x %s\n", hashOf("foo.example.org:5151"), chosen)
}

// TestAllProcessesAgree: other processes choose what this one chooses. The numbers
// in the text hold for other machines, other builds and other years: where they
// change, clients change servers during a roll-out.
func TestAllProcessesAgree(t *testing.T) {
	const ask = "FOO_TEST_AGREED"
	if os.Getenv(ask) != "" {
		os.Stderr.Write(agreedChoices())
		return
	}
	want := agreedChoices()
	for range 2 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAllProcessesAgree$")
		cmd.Env = append(os.Environ(), ask+"=1")
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(said.Bytes(), want) {
			t.Errorf("one process says %s, another %s", want, said.Bytes())
		}
	}
	if got := hashOf(want); got != 0x3612323255b2227c {
		t.Errorf("the choices have the hash %#x", got)
	}
}

// TestHashOfSpreads: each bit of an address changes each bit of its hash in about
// half of the cases, and texts and bytes are the same.
func TestHashOfSpreads(t *testing.T) {
	for text, want := range map[string]uint64{
		"": mix(0xcbf29ce484222325), "a": mix(0xaf63dc4c8601ec8c), "foobar": mix(0x85944171f73967e8), // FNV-1a's published values
	} {
		if hashOf(text) != want || hashOf([]byte(text)) != want {
			t.Errorf("%q has the hash %#x, not %#x", text, hashOf(text), want)
		}
	}
	r := rand.New(rand.NewPCG(4, 4))
	const rounds = 2000
	var changed [16 * 8][64]int
	for range rounds {
		var address [16]byte
		binary.NativeEndian.PutUint64(address[:], r.Uint64())
		binary.NativeEndian.PutUint64(address[8:], r.Uint64())
		h := hashOf(address[:])
		for in := range changed {
			address[in/8] ^= 1 << (in % 8)
			for diff := h ^ hashOf(address[:]); diff != 0; diff &= diff - 1 {
				changed[in][bits.TrailingZeros64(diff)]++
			}
			address[in/8] ^= 1 << (in % 8)
		}
	}
	for in := range changed {
		for out, n := range changed[in] {
			if off := math.Abs(float64(n) - rounds/2); off > 6*math.Sqrt(rounds)/2 {
				t.Errorf("bit %d changes bit %d in %d of %d cases", in, out, n, rounds)
			}
		}
	}
}
