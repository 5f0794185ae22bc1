// balance.go owns the rules by which a session gets its server: what a rule sees
// of a server, what the rules are called, and what they share. A rule decides
// among those it is given. Which servers may be chosen, and what a session is, it
// must not know.

package proxy

import (
	"cmp"
	"fmt"
	"strings"
)

// load is what a rule sees of a server. The first two and key are written by the
// server's owner, credit by the rules alone.
type load struct {
	weight      int32 // weightLow to weightHigh
	sessions    int32
	outstanding int32
	// credit is the state of smooth weighted round robin: what the server is owed,
	// or owes where it is below 0, in weights.
	credit int32
	// key is hashOf the server's address. Proxies agree on the servers of clients
	// only where they write the addresses of servers alike.
	key uint64
}

// compareSessions and compareOutstanding say who has fewer for its weight. They
// multiply instead of dividing, so that equal shares are equal.
func (l *load) compareSessions(other *load) int {
	return compareShares(l.sessions, l.weight, other.sessions, other.weight)
}

func (l *load) compareOutstanding(other *load) int {
	return compareShares(l.outstanding, l.weight, other.outstanding, other.weight)
}

func compareShares(a, aWeight, b, bWeight int32) int {
	return cmp.Compare(int64(a)*int64(bWeight), int64(b)*int64(aWeight))
}

// Balance is a rule for the choice of a session's server.
type Balance uint8

const (
	// RoundRobin gives the servers their turns by weight, evenly spread.
	RoundRobin Balance = iota
	// LeastConn takes the server with the fewest sessions for its weight.
	LeastConn
	// LeastOutstanding draws two servers and takes the one with fewer outstanding
	// requests for its weight.
	LeastOutstanding
	// Hash gives a client address always the same server, and each server its
	// share of the addresses by weight.
	Hash
)

var balanceWords = [...]string{
	RoundRobin:       "roundrobin",
	LeastConn:        "leastconn",
	LeastOutstanding: "least-outstanding",
	Hash:             "hash",
}

// BalanceWords are the words that ParseBalance reads, one for each rule.
func BalanceWords() []string { return balanceWords[:] }

// ParseBalance gives the rule that a word stands for. The error is one sentence.
func ParseBalance(word string) (Balance, error) {
	for b, known := range balanceWords {
		if word == known {
			return Balance(b), nil
		}
	}
	return 0, fmt.Errorf("%.64q is not one of %s", word, strings.Join(balanceWords[:], ", "))
}

// String is the word that ParseBalance reads back.
func (b Balance) String() string {
	if int(b) < len(balanceWords) {
		return balanceWords[b]
	}
	return fmt.Sprintf("Balance(%d)", uint8(b))
}

// pick chooses among candidates, of which there is at least one, and gives the
// index. client is hashOf the client's address, random are 64 random bits; the
// rules have no other source of chance. Nothing is written but the candidates'
// credit, nothing allocated.
func (b Balance) pick(candidates []*load, client, random uint64) int {
	switch b {
	case RoundRobin:
		return pickRoundRobin(candidates)
	case LeastConn:
		return pickLeastConn(candidates)
	case LeastOutstanding:
		return pickLeastOutstanding(candidates, random)
	case Hash:
		return pickByHash(candidates, client)
	}
	panic("balance: no such rule: " + b.String())
}
