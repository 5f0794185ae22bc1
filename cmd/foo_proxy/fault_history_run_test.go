// fault_history_run_test.go: clients whose histories are kept, while networks,
// server and proxy have faults at random from a seed. FOO_SEED runs one seed
// again; what the scheduler does is not repeated with it.
//
//	clients ──► relay ──► foo_proxy ──► relay ──► server
//	             │          │             │         └─ kill -9 and start, SIGSTOP
//	             │          │             └─ latency, pieces, resets, half-closes, small buffers
//	             │          └─ few descriptors, SIGSTOP
//	             └─ as the other, and it stops forwarding altogether

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"fooproxy/cmd/internal/faultrelay"
	"fooproxy/cmd/internal/proctest"
)

const (
	historyClients  = 20
	historyVisits   = 4  // connections of a client, one after the other
	historyRequests = 60 // of a connection
	historyDepth    = 48 // outstanding on it
	outagesMax      = 2  // since one excuses all connections of its time
)

func TestHistoriesUnderFaults(t *testing.T) {
	var seeds []uint64
	count := uint64(3)
	if proctest.Release() {
		count = 40
	}
	for seed := range count {
		seeds = append(seeds, seed+1)
	}
	if text := os.Getenv("FOO_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("FOO_SEED: %v", err)
		}
		seeds = []uint64{seed}
	}
	whole := 0
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("FOO_SEED=%d", seed), func(t *testing.T) {
			s := newScene(t, seed)
			s.play()
			whole += s.whole
		})
	}
	if all := len(seeds) * historyClients * historyVisits; whole < all/5 {
		t.Errorf("%d of %d connections are without an excuse, so little is shown", whole, all)
	}
}

// scene is one run.
type scene struct {
	t            *testing.T
	random       *rand.Rand // of the test's own goroutine
	server       *proctest.Process
	proxy        *proctest.Process
	front, back  *faultrelay.Relay
	clock        stamps
	clientsEnded chan struct{}
	quit         chan struct{} // closed when the test is over, whatever the clients do

	lock    sync.Mutex
	history []porcupine.Operation
	outages []outage
	whole   int            // connections that no fault excuses
	cut     map[string]int // the others, by their faults
}

// outage is a time without a server. One that lasts has no end yet.
type outage struct{ begin, end time.Time }

func newScene(t *testing.T, seed uint64) *scene {
	s := &scene{t: t, random: rand.New(rand.NewPCG(seed, 0)), cut: map[string]int{}, clientsEnded: make(chan struct{}), quit: make(chan struct{})}
	s.server = proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0"))
	buffer := []int{0, 4 << 10}[s.random.IntN(2)]
	back := func(_ int, random *rand.Rand) faultrelay.Plan {
		// The report names a connection by its first bytes, so one must have come.
		return planFaults(random, []faultrelay.Kind{faultrelay.Reset, faultrelay.HalfClose}, 1)
	}
	s.back = faultrelay.Start(t, faultrelay.Config{Target: s.server.Addr, Seed: seed, SocketBuffer: buffer, Plan: back})
	cmd := proctest.Command("-listen", "127.0.0.1:0", "-forward", s.back.Addr)
	if s.random.IntN(2) == 0 {
		proctest.LimitDescriptors(cmd, 64) // 16 clients at a time; the others wait
	}
	s.proxy = proctest.Launch(t, cmd)
	front := func(_ int, random *rand.Rand) faultrelay.Plan {
		return planFaults(random, []faultrelay.Kind{faultrelay.Reset, faultrelay.HalfClose, faultrelay.Blackhole}, 0)
	}
	s.front = faultrelay.Start(t, faultrelay.Config{Target: s.proxy.Addr, Seed: seed + 1<<32, SocketBuffer: buffer, Plan: front})
	return s
}

// planFaults gives one direction of sixteen a fault that may lose bytes, and any of
// them faults that may not.
func planFaults(random *rand.Rand, losing []faultrelay.Kind, least int) (plan faultrelay.Plan) {
	for i, d := range []*faultrelay.Direction{&plan.Requests, &plan.Replies} {
		if random.IntN(2) == 0 {
			d.Latency, d.Jitter = time.Duration(random.IntN(3))*time.Millisecond, 2*time.Millisecond
		}
		if random.IntN(3) == 0 {
			d.SliceMax = 16 + random.IntN(1000)
		}
		if random.IntN(6) == 0 {
			d.Rate = 300_000 + random.IntN(1_000_000)
		}
		place := least + random.IntN(30_000)
		if random.IntN(4) == 0 {
			d.Events = append(d.Events, faultrelay.Event{Kind: faultrelay.Urgent, After: place})
		}
		if random.IntN(6) == 0 {
			pause := time.Duration(1+random.IntN(40)) * time.Millisecond
			d.Events = append(d.Events, faultrelay.Event{Kind: faultrelay.ZeroWindow, After: place + 500, For: pause})
		}
		if random.IntN(16) == 0 {
			after := least + random.IntN(80_000)
			d.Events = append(d.Events, faultrelay.Event{Kind: losing[random.IntN(len(losing))], After: max(after, place+500)})
			if i == 0 && least == 0 && random.IntN(8) == 0 {
				d.Events = []faultrelay.Event{{Kind: faultrelay.Reset}} // before the first byte
			}
		}
	}
	return plan
}

// play has the clients talk and the faults happen, and judges the histories.
func (s *scene) play() {
	t := s.t
	var clients sync.WaitGroup
	for i := range historyClients {
		clients.Go(func() {
			for visit := range historyVisits {
				if s.isOver() {
					return
				}
				if visit > 0 { // the first ones come whether there is a server or not
					s.waitForServer()
				}
				newVisit(s, fmt.Sprintf("c%d-%d", i, visit)).run()
			}
		})
	}
	go func() {
		clients.Wait()
		close(s.clientsEnded)
	}()
	defer func() { // also where disturb gives up: nobody may speak of a test that is over
		close(s.quit)
		<-s.clientsEnded
	}()
	s.disturb()
	<-s.clientsEnded
	if wrong := refuses(s.history); len(wrong) > 0 {
		t.Errorf("%d histories are wrong; the first: %s", len(wrong), strings.Join(wrong[:min(3, len(wrong))], "; "))
	}
	replies, connections := 0, historyClients*historyVisits
	for _, o := range s.history {
		if o.Input.(action).kind == received {
			replies++
		}
	}
	t.Logf("%d operations, %d of %d requests with a reply, %d server outages; %d of %d connections without an excuse, the others: %v",
		len(s.history), replies, connections*historyRequests, len(s.outages), s.whole, connections, s.cut)
	s.proxy.Send(syscall.SIGTERM)
	s.proxy.ExpectExit(0)
}

func (s *scene) isOver() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// disturb has a fault of a process now and then, until the clients have ended.
func (s *scene) disturb() {
	for range 40 {
		if !s.pause(5 + s.random.IntN(60)) {
			return
		}
		switch choice := s.random.IntN(9); {
		case choice == 0 && len(s.outages) < outagesMax:
			s.outage()
		case choice < 5:
			s.stop(s.server)
		default:
			s.stop(s.proxy)
		}
	}
}

// pause reports whether there are clients left after so many milliseconds.
func (s *scene) pause(millis int) bool {
	select {
	case <-s.clientsEnded:
		return false
	case <-time.After(time.Duration(millis) * time.Millisecond):
		return true
	}
}

func (s *scene) stop(p *proctest.Process) {
	p.Send(syscall.SIGSTOP)
	s.pause(1 + s.random.IntN(150))
	p.Send(syscall.SIGCONT)
}

// outage kills the server, and starts it again on its port.
func (s *scene) outage() {
	s.lock.Lock()
	s.outages = append(s.outages, outage{begin: time.Now()})
	s.lock.Unlock()
	s.server.Send(syscall.SIGKILL)
	s.server.ExpectExit(-1)
	s.pause(s.random.IntN(30))
	s.server = proctest.Launch(s.t, proctest.EchoCommand(s.server.Addr))
	s.lock.Lock()
	s.outages[len(s.outages)-1].end = time.Now()
	s.lock.Unlock()
}

// waitForServer waits as long as there is an outage.
func (s *scene) waitForServer() {
	for deadline := time.Now().Add(proctest.Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.lock.Lock()
		n := len(s.outages)
		up := n == 0 || !s.outages[n-1].end.IsZero()
		s.lock.Unlock()
		if up || s.isOver() {
			return
		}
	}
}

// visit is one connection of a client.
type visit struct {
	scene     *scene
	name      string
	begin     time.Time
	conn      net.Conn
	places    chan struct{} // one for each request that may be outstanding
	lastStamp int64         // when the last receiving was over
	quit      chan struct{}
	sender    sync.WaitGroup
}

func newVisit(s *scene, name string) *visit {
	return &visit{scene: s, name: name, begin: time.Now(), places: make(chan struct{}, historyDepth), quit: make(chan struct{})}
}

func (v *visit) run() {
	conn, err := net.DialTimeout("tcp", v.scene.front.Addr, proctest.Patience)
	if err != nil {
		// A reset may come before the dial has returned; nothing was asked then.
		if !errors.Is(err, syscall.ECONNRESET) {
			v.scene.t.Error(err)
		}
		return
	}
	defer conn.Close()
	v.conn = conn
	v.lastStamp = v.scene.clock.next()
	v.sender.Go(v.send)
	rest, err := v.receive()
	close(v.quit)
	conn.Close()
	v.sender.Wait()
	why := v.excuse()
	v.note(action{kind: over, line: rest, excused: why != "", orderly: errors.Is(err, io.EOF)}, v.scene.clock.next())
	v.scene.lock.Lock()
	defer v.scene.lock.Unlock()
	if why == "" {
		v.scene.whole++
	} else {
		v.scene.cut[why]++
	}
}

// note keeps an operation that began at a stamp and is over now.
func (v *visit) note(a action, began int64) (now int64) {
	a.connection = v.name
	now = v.scene.clock.next()
	v.scene.lock.Lock()
	defer v.scene.lock.Unlock()
	v.scene.history = append(v.scene.history, porcupine.Operation{Input: a, Call: began, Return: now})
	return now
}

// send sends all requests, as there are places, and then FIN. A request whose
// write fails may have been sent.
func (v *visit) send() {
	for seq := 1; seq <= historyRequests; seq++ {
		select {
		case v.places <- struct{}{}:
		case <-v.quit:
			return
		}
		began := v.scene.clock.next()
		_, err := io.WriteString(v.conn, requestOf(v.name, seq))
		v.note(action{kind: sent, seq: seq}, began)
		if err != nil {
			return
		}
	}
	_ = v.conn.(*net.TCPConn).CloseWrite() // where it has ended, receiving says so
}

// receive takes lines until the end. Where nothing comes, a blackhole may be why.
func (v *visit) receive() (rest string, err error) {
	lines := bufio.NewReader(v.conn)
	patience := time.Now().Add(proctest.Patience)
	for {
		if err := v.conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			return rest, err
		}
		part, err := lines.ReadString('\n')
		rest += part
		switch {
		case err == nil:
			v.lastStamp = v.note(action{kind: received, line: rest}, v.lastStamp)
			rest = ""
			select {
			case <-v.places:
			default: // more replies than requests; the history says so
			}
		case !os.IsTimeout(err) || time.Now().After(patience) || v.scene.isOver():
			return rest, err
		case strings.HasPrefix(v.excuse(), faultrelay.Blackhole.String()):
			return rest, err
		}
	}
}

// excuse names the recorded fault that may have cut the connection, if there is one.
func (v *visit) excuse() string {
	client := v.conn.LocalAddr().String()
	for _, r := range v.scene.front.Reports() {
		if r.Client == client {
			if why := losing(r); why != "" {
				return why
			}
		}
	}
	for _, r := range v.scene.back.Reports() {
		if strings.HasPrefix(string(r.Head), "REQ 1 "+v.name+".") {
			if why := losing(r); why != "" {
				return why
			}
		}
	}
	v.scene.lock.Lock()
	defer v.scene.lock.Unlock()
	for _, o := range v.scene.outages {
		if o.end.IsZero() || o.end.After(v.begin) {
			return "server killed"
		}
	}
	return ""
}

func losing(r faultrelay.Report) string {
	for _, e := range r.Happened {
		if e.Kind.Loses() {
			return e.Kind.String()
		}
	}
	return ""
}
