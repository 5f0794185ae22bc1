package soak

// This file owns the course of a run: which fault comes when, and what must be true
// in the end.

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// run is one run.
type run struct {
	t        *testing.T
	time     time.Duration
	random   *rand.Rand
	proxy    *proctest.Process
	logged   chan string
	servers  []*server
	executed executed
	load     *proctest.Load
	step     int
	begin    time.Time

	naks           int // of the load
	failed         int // faults at which something was wrong
	descriptors    int // at the start
	threads        int // after the warm-up
	before, behind int // the most memory until the warm-up was over, and since
}

// fault is one kind: its row in the table of faults, and what happens for so long.
type fault struct {
	row, name string
	happen    func(r *run, d time.Duration) error
}

var faults = []fault{
	{"U1, U2", "one server is killed and comes back", (*run).killOne},
	{"U3, U4", "one server is stopped and goes on", (*run).stopOne},
	{"U5", "all servers are killed and come back", (*run).killAll},
	{"U6", "one server is killed and comes back again and again", (*run).flap},
	{"C2", "half-close behind many requests", (*run).halfClose},
	{"C3", "clients leave with replies outstanding", (*run).leave},
	{"C4", "clients send without end and never read", (*run).neverRead},
	{"C5", "clients send single bytes", (*run).sendSlowly},
	{"C6", "one connection floods", (*run).flood},
	{"C7", "many requests in one go", (*run).manyInOneGo},
}

// Run makes a run with the programs in a folder.
func Run(t *testing.T, programs string, d time.Duration, seed uint64) {
	r := &run{t: t, time: d, random: rand.New(rand.NewPCG(seed, 0)), executed: executed{seen: map[string][]uint64{}}}
	t.Logf("%v, seed %d", d, seed)
	warmUp := time.Duration(float64(d) * warmUpShare)
	step := (d - warmUp) / stepsAfter
	r.open(programs, min(requestTimeoutMax, step/10))
	for _, i := range r.random.Perm(len(faults)) {
		r.play(faults[i], warmUp/time.Duration(len(faults)))
		r.before = max(r.before, proctest.ResidentBytes(t, r.proxy.Process.Pid))
	}
	r.threads = proctest.Entries(t, r.proxy.Process.Pid, "task")
	for range stepsAfter {
		r.play(faults[r.random.IntN(len(faults))], step)
		r.behind = max(r.behind, proctest.ResidentBytes(t, r.proxy.Process.Pid))
	}
	r.judge()
}

// open starts everything.
func (r *run) open(programs string, requestTimeout time.Duration) {
	args := []string{"-listen", "127.0.0.1:0", "-request-timeout", requestTimeout.String(), "-rebalance"}
	for i := range servers {
		s := &server{t: r.t, program: filepath.Join(programs, "foo_server"), addr: freeAddr(r.t, i), executed: &r.executed}
		s.start()
		r.servers = append(r.servers, s)
		args = append(args, "-forward", s.addr)
	}
	r.proxy = proctest.Launch(r.t, exec.Command(filepath.Join(programs, "foo_proxy"), args...))
	r.logged = make(chan string, 1)
	go r.readLog()
	// One client comes and goes first, so that what the first one opens is there.
	if err := r.pipeline(1, true); err != nil {
		r.t.Fatal(err)
	}
	r.descriptors = proctest.Descriptors(r.t, r.proxy.Process.Pid)
	r.load = proctest.StartLoad(r.t, proctest.StandardLoad(r.proxy.Addr))
	r.begin = time.Now()
}

// readLog keeps the last lines of the proxy's log.
func (r *run) readLog() {
	const kept = 40
	var lines []string
	for {
		line, err := r.proxy.Stderr.ReadString('\n')
		if err != nil {
			break
		}
		if lines = append(lines, line); len(lines) > kept {
			lines = lines[1:]
		}
	}
	r.logged <- fmt.Sprint(lines)
}

// play has a fault happen, and waits for the rest of its step.
func (r *run) play(f fault, step time.Duration) {
	r.t.Helper()
	r.step++
	end := time.Now().Add(step)
	err := f.happen(r, time.Duration(float64(step)*faultShare))
	time.Sleep(time.Until(end)) // a run is as long as it is to be
	window := r.load.Mark()
	r.naks += window.Naks
	r.t.Logf("%7.1fs  %-7s %-52s %8d requests, %6d NAKs, p99 %v, longest gap %v", time.Since(r.begin).Seconds(), f.row, f.name,
		window.Requests, window.Naks, window.P99.Round(time.Microsecond), window.LongestGap.Round(time.Millisecond))
	if err != nil {
		r.failed++
		r.t.Errorf("%s, %s: %v", f.row, f.name, err)
	}
	if window.Wrong > 0 || window.Lost > 0 {
		r.t.Fatalf("%s, %s: the load: %v", f.row, f.name, window)
	}
}

func (r *run) any() *server { return r.servers[r.random.IntN(servers)] }

func (r *run) killOne(d time.Duration) error {
	s := r.any()
	s.kill()
	time.Sleep(d) // the fault itself, as below
	s.start()
	return nil
}

func (r *run) stopOne(d time.Duration) error {
	s := r.any()
	s.process.Send(syscall.SIGSTOP)
	time.Sleep(d)
	s.process.Send(syscall.SIGCONT)
	return nil
}

func (r *run) killAll(d time.Duration) error {
	for _, s := range r.servers {
		s.kill()
	}
	time.Sleep(d)
	for _, s := range r.servers {
		s.start()
	}
	return nil
}

func (r *run) flap(d time.Duration) error {
	s := r.any()
	for until := time.Now().Add(d); time.Now().Before(until); {
		s.kill()
		time.Sleep(flapTime / 2)
		s.start()
		time.Sleep(flapTime / 2)
	}
	return nil
}

// judge ends the load and looks whether all is as it was.
func (r *run) judge() {
	t, pid := r.t, r.proxy.Process.Pid
	load := r.load.Stop()
	r.naks += load.Naks
	left := proctest.Descriptors(t, pid)
	for deadline := time.Now().Add(proctest.Patience); left != r.descriptors && time.Now().Before(deadline); {
		left = proctest.Descriptors(t, pid)
	}
	threads := proctest.Entries(t, pid, "task")
	total, twice, which := r.executed.result()
	t.Logf("load: %d replies, %d of them NAKs, %d wrong, %d missing, %d connections lost", load.Total, r.naks, load.Wrong, load.Missing, load.Lost)
	t.Logf("servers' logs: %d requests executed, %d of them twice", total, twice)
	t.Logf("proxy: descriptors %d, %d at the start; threads %d, %d after the warm-up; memory at most %.2f MiB between faults, %.2f MiB in the warm-up",
		left, r.descriptors, threads, r.threads, float64(r.behind)/(1<<20), float64(r.before)/(1<<20))
	if !load.Faultless() {
		t.Errorf("the load: %v", load)
	}
	if twice > 0 || total == 0 {
		t.Errorf("of %d requests %d were executed twice: %q", total, twice, which)
	}
	if left != r.descriptors || threads > r.threads+threadsMore {
		t.Error("descriptors or threads are left")
	}
	growth := r.behind - r.before
	proctest.Figure(t, "R16", fmt.Sprintf("soak of %v: servers and clients fail by turns", r.time),
		fmt.Sprintf("%d violations in %d requests; descriptors %+d; memory %+.2f MiB", load.Wrong+load.Missing+load.Lost+twice+r.failed, load.Total, left-r.descriptors, float64(growth)/(1<<20)), "0; 0; at most 1 MiB")
	if growth > growthMax && r.time >= judgedTime {
		t.Errorf("the proxy has grown by %d KiB", growth>>10)
	}
	r.proxy.Send(syscall.SIGTERM)
	log := <-r.logged
	if r.proxy.ExpectExit(0); t.Failed() {
		t.Log(log)
	}
}
