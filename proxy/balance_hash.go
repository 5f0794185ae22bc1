// balance_hash.go owns the choice by the client's address, and the hash itself. It
// must not see how busy a server is, nor anything that differs between proxies.

package proxy

import "math/bits"

// pickByHash is weighted rendezvous hashing. Client and server together give each
// server a number u, as if drawn evenly from 0 to 1, and the least -log(u)/weight
// wins. That is the time until something first happens which happens weight times
// as often, so a server wins with the share that its weight has. Without the
// server only its own clients move, each to its second choice; a new one
// takes its share evenly from all. The order of the candidates has no influence.
func pickByHash(candidates []*load, client uint64) int {
	client = mix(client)
	chosen, best := 0, rank(candidates[0], client)
	for i, c := range candidates[1:] {
		u := drawOf(c, client)
		if u < best.u && c.weight <= best.weight {
			continue // cannot win, which is the usual case: no need for the logarithm
		}
		if r := rank(c, client); r.before(&best) {
			chosen, best = i+1, r
		}
	}
	return chosen
}

// ranked is a server's place in the choice for one client.
type ranked struct {
	u      uint64
	cost   uint64 // -log2 of u, in units of 2^-logBits
	weight int32
	key    uint64
}

func rank(l *load, client uint64) ranked {
	u := drawOf(l, client)
	return ranked{u: u, cost: negLog2(u), weight: l.weight, key: l.key}
}

// before compares costs for the weight. Costs have at most logBits + 7 bits and
// weights 9, so the products fit. Where they are equal, the draw and then the key
// decide, which does not depend on an order either.
func (r *ranked) before(other *ranked) bool {
	a, b := r.cost*uint64(other.weight), other.cost*uint64(r.weight)
	if a != b {
		return a < b
	}
	if r.u != other.u {
		return r.u > other.u
	}
	return r.key < other.key
}

// drawOf is u as 64 bits behind the point.
func drawOf(l *load, client uint64) uint64 { return mix(client + l.key) }

// logBits is how many bits negLog2 gives behind the point. The products in before
// must fit into 64 bits.
const logBits = 48

// negLog2 is -log2(u / 2^64) in units of 2^-logBits, digit by digit: squaring
// doubles the logarithm, and each time the number passes 2 the next digit is 1.
// It never falls where u rises. The functions of package math are not used since
// they may differ in their last bit from one machine to another, and then two
// proxies would give a client two servers. It takes about 50 ns.
func negLog2(u uint64) uint64 {
	u = max(u, 1)
	zeros := bits.LeadingZeros64(u)
	m := u << zeros // 1 to 2, with 63 bits behind the point
	var digits uint64
	for range logBits {
		high, low := bits.Mul64(m, m)
		digit := high >> 63
		digits = digits<<1 | digit
		// The digit is a matter of chance, so a branch would be slower: where it is
		// 0, the number moves up by one bit.
		m = high<<(1-digit) | low>>63&^digit
	}
	return uint64(zeros+1)<<logBits - digits
}

// hashOf is the hash of an address, the same in every process on every machine: a
// hash with a seed of its process, as maphash has, would let proxies disagree.
// Whoever may choose his address can therefore choose his server.
// It is FNV-1a, whose upper bits hardly depend on the last bytes of a short text,
// and a mix that spreads every bit over all.
func hashOf[T string | []byte](address T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(address) {
		h = (h ^ uint64(address[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the end of MurmurHash3: one to one, and each bit that comes in changes
// each bit that goes out half of the time.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
