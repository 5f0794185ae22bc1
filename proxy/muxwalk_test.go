// muxwalk_test.go: clients of all kinds share links to servers of all kinds, in any
// order of events that a seed draws, and a plain account of who said what judges it:
// each request gets one reply, its own; nothing of one client reaches another; a
// server gets each request once, numbered 1, 2, 3…; who is told of a lost server was
// on a connection that was lost.

package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// muxAsked is one request in the account.
type muxAsked struct {
	seq  string
	text string // its Data, which no other request has
	when int64
	at   *muxServed // the connection on which a server got it; nil: none has
}

// muxServed is one shared connection, at the server's end.
type muxServed struct {
	*fake.Peer
	server  int
	got     string // of a line that is not whole yet
	next    int    // Seq that must come
	owes    []muxAsked
	is      []*muxAsked
	stopped bool
	lost    bool
}

// muxAsker is one client.
type muxAsker struct {
	*fake.Peer
	name    int
	seq     int
	waits   []*muxAsked // in the order of its requests
	zeros   int         // NAK 0 that it must get
	got     string
	quit    string // Seq of its end word
	deaf    bool
	closed  bool // its side
	gone    bool
	replies int
}

type muxWalk struct {
	*cluster
	random  *rand.Rand
	askers  []*muxAsker
	served  []*muxServed
	known   map[string]*muxAsked // by Data
	up      []bool
	timeout time.Duration
	wait    time.Duration
	names   int
	kinds   map[string]int // what has happened, for a look at the test itself
}

func newMuxWalk(t *testing.T, seed uint64) *muxWalk {
	w := &muxWalk{random: rand.New(rand.NewPCG(seed, 7)), known: map[string]*muxAsked{}, kinds: map[string]int{}}
	n := 1 + w.random.IntN(3)
	w.timeout = time.Duration(w.random.IntN(2)) * time.Second
	w.wait = time.Duration(w.random.IntN(2)) * 300 * time.Millisecond
	w.cluster = newCluster(t, n, func(c *Config) {
		c.Mux, c.Seed = 1+w.random.IntN(3), seed
		c.LinkMaxAge = time.Duration(w.random.IntN(2)) * 300 * time.Millisecond
		if w.random.IntN(3) == 0 {
			c.Check = CheckFoo
		}
		c.Ordered = w.random.IntN(3) == 0
		c.RequestTimeout, c.NoServerWait = w.timeout, w.wait
		c.Balance = Balance(w.random.IntN(4))
		c.MaxOutstanding = []int{4, 50, 1024}[w.random.IntN(3)]
		c.Client.MaxLine, c.Server.MaxLine = 5000, 5000
		c.Client.TurnLines, c.Server.TurnLines = 1+w.random.IntN(40), 1+w.random.IntN(40)
		c.Socket.NotSentLowat = []int{300, 16 << 10}[w.random.IntN(2)]
	})
	w.proxy.upstreams[0].backup = n > 1 && w.random.IntN(3) == 0
	for range n {
		w.up = append(w.up, true)
	}
	return w
}

// come, ask and leaves are what clients do.
func (w *muxWalk) come() {
	if len(w.askers) < 12 {
		w.names++
		w.askers = append(w.askers, &muxAsker{Peer: w.dial(), name: w.names})
	}
}

func (w *muxWalk) ask() {
	a := w.anAsker()
	if a == nil || a.closed || a.quit != "" {
		return
	}
	text := ""
	var asked []*muxAsked
	for range 1 + w.random.IntN(20) {
		a.seq++
		q := &muxAsked{seq: strconv.Itoa(a.seq), text: fmt.Sprintf("c%d.%d", a.name, a.seq), when: w.kernel.Now()}
		line := fmt.Sprintf("REQ %d %s", a.seq, q.text)
		switch w.random.IntN(60) {
		case 0:
			text += "what\n"
			a.zeros++
		case 1:
			line += strings.Repeat(".", w.random.IntN(4500))
			q.text = line[strings.LastIndexByte(line, ' ')+1:]
		case 2:
			if w.random.IntN(3) == 0 && a.quit == "" {
				a.quit, q.text, line = q.seq, "", fmt.Sprintf("REQ %d quit", a.seq)
			}
		}
		text += line + "\n"
		asked = append(asked, q)
	}
	sent := a.SendString(text)
	for at := 0; at < sent; {
		n := strings.IndexByte(text[at:], '\n') + 1
		at += n
		if at > sent { // the rest of a line does not come: this client says no more
			a.CloseWrite()
			a.closed = true
		}
		if strings.HasPrefix(text[at-n:], "REQ") {
			q := asked[0]
			asked = asked[1:]
			if at <= sent && (a.quit == "" || q.seq == a.quit || len(a.waits) == 0 || a.waits[len(a.waits)-1].seq != a.quit) {
				a.waits = append(a.waits, q)
				if q.text != "" {
					w.known[q.text] = q
				}
			}
		} else if at > sent {
			a.zeros--
		}
	}
	if sent < len(text) && !a.closed {
		a.closed = true
		a.CloseWrite()
	}
	if a.quit != "" && (len(a.waits) == 0 || a.waits[len(a.waits)-1].seq != a.quit) {
		a.quit = "" // it was not sent
	}
	w.settle()
}

func (w *muxWalk) anAsker() *muxAsker {
	if len(w.askers) == 0 {
		return nil
	}
	return w.askers[w.random.IntN(len(w.askers))]
}

func (w *muxWalk) leaves() {
	a := w.anAsker()
	if a == nil {
		return
	}
	switch w.random.IntN(3) {
	case 0:
		w.kinds["reset"]++
		a.Reset()
		a.gone = true
	case 1:
		w.kinds["half-close"]++
		a.CloseWrite()
		a.closed = true
	case 2:
		a.deaf = !a.deaf
	}
	w.settle()
	w.askers = slices.DeleteFunc(w.askers, func(a *muxAsker) bool { return a.gone })
}

// listen takes what has come for the clients, and judges it.
func (w *muxWalk) listen() {
	for _, a := range w.askers {
		if !a.deaf {
			w.hear(a)
		}
	}
	w.askers = slices.DeleteFunc(w.askers, func(a *muxAsker) bool { return a.gone })
}

func (w *muxWalk) hear(a *muxAsker) {
	a.got += w.takes(a.Peer)
	for {
		line, rest, whole := strings.Cut(a.got, "\n")
		if !whole {
			break
		}
		a.got = rest
		w.judge(a, line)
	}
	if a.Err() != 0 {
		w.t.Fatalf("client %d: %v", a.name, a.Err())
	}
	if a.Ended() {
		if a.got != "" || a.quit == "" && !a.closed || a.quit == "" && len(a.waits) > 0 || a.quit != "" && len(a.waits) > 0 {
			w.t.Fatalf("client %d is closed with %q and %d requests outstanding, first %+v", a.name, a.got, len(a.waits), a.waits)
		}
		a.Close()
		a.gone = true
	}
}

func (w *muxWalk) judge(a *muxAsker, line string) {
	word := strings.SplitN(line, " ", 3)
	if len(word) > 1 && word[0] == "NAK" && word[1] == "0" {
		if a.zeros--; a.zeros < 0 {
			w.t.Fatalf("client %d gets %q for nothing", a.name, line)
		}
		return
	}
	i := slices.IndexFunc(a.waits, func(q *muxAsked) bool { return q.seq == word[1] })
	if i < 0 {
		w.t.Fatalf("client %d gets %q, and has asked no such thing", a.name, line)
	}
	if i > 0 && w.proxy.config.Ordered {
		w.t.Fatalf("client %d gets %q before the reply to %s", a.name, line, a.waits[0].seq)
	}
	q := a.waits[i]
	a.waits = slices.Delete(a.waits, i, i+1)
	a.replies++
	data := ""
	if len(word) > 2 {
		data = word[2]
	}
	age := time.Duration(w.kernel.Now() - q.when)
	switch {
	case q.seq == a.quit:
		if line != "ACK "+q.seq || len(a.waits) > 0 {
			w.t.Fatalf("client %d: its end word is answered %q with %d before it", a.name, line, len(a.waits))
		}
	case data == q.text && q.at != nil:
	case line == "NAK "+q.seq+" upstream lost" && (q.at == nil || w.isLost(q.at)):
		w.kinds["lost"]++
	case line == "NAK "+q.seq+" timeout" && w.timeout > 0 && age >= w.timeout:
		w.kinds["timeout"]++
	case line == "NAK "+q.seq+" no server" && q.at == nil:
		w.kinds["no server"]++
	default:
		w.t.Fatalf("client %d: %q answers %+v", a.name, line, *q)
	}
}

// operate is what happens to servers as such.
func (w *muxWalk) operate() {
	i := w.random.IntN(len(w.servers))
	u := w.proxy.upstreams[i]
	switch w.random.IntN(5) {
	case 0:
		if w.up[i] {
			w.servers[i].Close()
			for _, c := range w.served {
				if c.server == i && !c.lost {
					w.lose(c)
				}
			}
		} else {
			w.servers[i] = w.kernel.Listen(w.servers[i].Addr())
		}
		w.up[i] = !w.up[i]
	case 1:
		w.proxy.drainUpstream(u)
	case 2, 3:
		w.proxy.enableUpstream(u)
	}
	w.settle()
}

// calm ends the walk: everybody behaves, and in the end nothing is left.
func (w *muxWalk) calm() {
	for i := range w.servers {
		if !w.up[i] {
			w.servers[i], w.up[i] = w.kernel.Listen(w.servers[i].Addr()), true
		}
		w.proxy.enableUpstream(w.proxy.upstreams[i])
	}
	for _, a := range w.askers {
		a.deaf = false
	}
	for range 400 {
		w.pass(100 * time.Millisecond)
		w.serve(true)
		w.listen()
	}
	for _, a := range w.askers {
		if !a.closed {
			a.CloseWrite()
			a.closed = true
		}
	}
	for range 10 {
		w.pass(100 * time.Millisecond)
		w.serve(true)
		w.listen()
	}
	if len(w.askers) > 0 {
		a := w.askers[0]
		w.t.Fatalf("client %d is still there, with %d requests outstanding", a.name, len(a.waits))
	}
	if live := w.proxy.records.live; live != 0 {
		w.t.Fatalf("%d records are left", live)
	}
}

func (w *muxWalk) run(steps int) {
	for range steps {
		switch n := w.random.IntN(100); {
		case n < 10:
			w.come()
		case n < 45:
			w.ask()
		case n < 70:
			w.serve(false)
		case n < 85:
			w.listen()
		case n < 88:
			w.leaves()
		case n < 91:
			w.operate()
		default:
			w.pass(time.Duration(w.random.IntN(400)) * time.Millisecond)
		}
	}
	w.calm()
}

func TestMuxWalk(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(150) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newMuxWalk(t, seed)
			w.run(300)
			for k, n := range w.kinds {
				kinds[k] += n
			}
		})
		if !ok {
			return
		}
	}
	t.Log(kinds)
}
