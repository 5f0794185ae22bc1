package main

// Tests of what the comparison stands on: the wrapper that pins, the CPU time, the
// load runs, the io.Copy proxy, and the end of all processes. They run on real
// processes; this binary plays them.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/proctest"
)

// What the test binary plays beside what the command itself can be.
const (
	playAffinity = "affinity" // tells its cores and its limit of descriptors
	playDeaf     = "deaf"     // does not listen, and does not end at SIGTERM
	playFail     = "fail"     // ends at once
	playClient   = "client"   // prints the report it is given and ends with the code it is given
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case playIOCopy, playPinned:
			main()
		case playAffinity:
			tellAffinity()
		case playDeaf:
			signal.Ignore(syscall.SIGTERM)
			fmt.Println("deaf")
			time.Sleep(time.Hour)
		case playFail:
			fmt.Println("first words")
			fmt.Println("the port is \x1b[31mtaken")
			os.Exit(1)
		case playClient:
			fmt.Println(os.Args[2])
			fmt.Fprintln(os.Stderr, "foo_client: it was so")
			if os.Args[3] == "1" {
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	proctest.Main(m, main)
}

func tellAffinity() {
	var limit syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	// Every thread is asked: the runtime has started some by now.
	tasks, err2 := os.ReadDir("/proc/self/task")
	if err := errors.Join(err, err2); err != nil {
		panic(err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(filepath.Join("/proc/self/task", task.Name(), "status"))
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "Cpus_allowed_list:") {
				fmt.Printf("%s limit %v\n", strings.TrimSpace(line), limit.Cur == limit.Max)
			}
		}
	}
	os.Exit(0)
}

func TestLayoutUsesOneThreadOfEachCoreFirst(t *testing.T) {
	for _, test := range []struct {
		cores    []int
		siblings map[int]string
		want     layout
	}{
		{[]int{3}, nil, layout{3, 3, 3, 1}},
		{[]int{0, 1}, nil, layout{0, 1, 1, 2}},
		{[]int{0, 1}, map[int]string{0: "0-1", 1: "0-1"}, layout{0, 1, 1, 2}},
		{[]int{2, 5, 9, 11}, nil, layout{2, 5, 9, 4}},
		{[]int{0, 1, 2, 3}, map[int]string{0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3"}, layout{0, 2, 1, 4}},
		{[]int{0, 1, 2, 3, 4, 5}, map[int]string{0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3", 4: "4-5", 5: "4-5"}, layout{0, 2, 4, 6}},
	} {
		got := layOut(test.cores, func(core int) string { return test.siblings[core] })
		if got != test.want {
			t.Errorf("%v with %v: %+v, want %+v", test.cores, test.siblings, got, test.want)
		}
	}
}

func TestPinnedProgramHasAllItsThreadsOnOneCore(t *testing.T) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for core := range runtime.NumCPU() {
		if !set.IsSet(core) {
			continue
		}
		said, err := pinned(core, selfPath, playAffinity).Output()
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(said)), "\n")
		for _, line := range lines {
			if want := fmt.Sprintf("Cpus_allowed_list:\t%d limit true", core); line != want {
				t.Errorf("a thread of %d says %q, want %q", len(lines), line, want)
			}
		}
	}
}

func TestPinnedRefusesNonsense(t *testing.T) {
	for _, args := range [][]string{nil, {"0"}, {"zero", "true"}, {"0", "no-such-program"}, {"1000", "true"}} {
		var exit *exec.ExitError
		said, err := exec.Command(selfPath, append([]string{playPinned}, args...)...).CombinedOutput()
		if !errors.As(err, &exit) || exit.ExitCode() != 1 || strings.Count(string(said), "\n") != 1 {
			t.Errorf("%q: %v: %s", args, err, said)
		}
	}
}

// The kernel's two clocks of a process agree, so all threads have been counted.
func TestCPUTimeCountsEveryThread(t *testing.T) {
	var stop atomic.Bool
	defer stop.Store(true)
	for range 3 {
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for !stop.Load() {
			}
		}()
	}
	total := func() time.Duration {
		var usage unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
			t.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	begin, err := cpuTimeOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for first := total(); total()-first < 200*time.Millisecond; {
		runtime.Gosched()
	}
	end, err := cpuTimeOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := end.minus(begin); used.running < 100*time.Millisecond {
		t.Errorf("200 ms of CPU time were %v", used.running)
	}
}

func TestCPUTimeOfAProcessThatHasEnded(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if d, err := cpuTimeOf(cmd.Process.Pid); err == nil {
		t.Errorf("it is %v", d)
	}
}

func TestParseSchedstat(t *testing.T) {
	for text, want := range map[string]cpuTime{
		"123456789 5 6\n": {123456789, 5}, "0 0 0\n": {},
	} {
		if got, err := parseSchedstat([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1 2", "1 2 3 4", "x 2 3", "1 x 3", "-1 2 3", "1 -2 3", "99999999999999999999 2 3"} {
		if got, err := parseSchedstat([]byte(text)); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func TestParsePerf(t *testing.T) {
	for text, want := range map[string]float64{
		"# started on Thu\n\n1000,,instructions:u,55,100.00,,\n234,,instructions:k,55,100.00,,\n": 1234,
		"1000,,instructions:u,55,100.00,,\n":                                                      -1,
		"<not supported>,,instructions:u,0,100.00,,\n1,,instructions:k,0,100.00,,\n":              -1,
		"<not counted>,,instructions:u,0,0.00,,\n1,,instructions:k,0,100.00,,\n":                  -1,
		"": -1,
	} {
		got, err := parsePerf([]byte(text))
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %g (%v), want %g", text, got, err, want)
		}
	}
}

func TestProcessThatEndsAtOnceIsToldWithItsLastWords(t *testing.T) {
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, err = launch(t.Context(), "foo", addr, t.TempDir(), exec.Command(selfPath, playFail))
	if want := `foo ended at once; it said: "the port is \x1b[31mtaken"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestWaitForAProcessEndsWhenInterrupted(t *testing.T) {
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := exec.Command(selfPath, playDeaf)
	_, err = launch(ctx, "foo", addr, t.TempDir(), cmd)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if cmd.ProcessState == nil {
		t.Error("the process was left behind")
	}
}

func TestProcessThatDoesNotEndIsKilled(t *testing.T) {
	cmd := exec.Command(selfPath, playDeaf)
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err == nil {
		_, err = pipe.Read(make([]byte, 8)) // it is deaf from now on
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop(cmd, ended)
	if state := cmd.ProcessState; state == nil || state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", state)
	}
}

// A shape that cannot be measured leaves none of its programs to the next one.
func TestShapeEndsItsPrograms(t *testing.T) {
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plant(t, bin, "foo_server", "exec "+self+" "+playIOCopy+" $2 127.0.0.1:1\n")
	var started []string
	b := &bench{options: options{rounds: 1, duration: time.Second, bin: bin}, temp: t.TempDir(), progress: io.Discard}
	b.programs = []program{{Name: nameIOCopy, command: func(at place) ([]string, error) {
		started = append(started, at.listen, at.server)
		return ioCopyCommand(at)
	}}}
	// There is no foo_client.
	if _, err := b.measureShape(t.Context(), shape{1, 1}); err == nil || !strings.Contains(err.Error(), "foo_client") {
		t.Errorf("got %v", err)
	}
	for _, addr := range started {
		if c, err := net.Dial("tcp", addr); err == nil {
			c.Close()
			t.Errorf("something still listens at %s", addr)
		}
	}
	if len(started) != 2 {
		t.Errorf("started were %q", started)
	}
}

func TestLoadRunsWithFaultsAreErrors(t *testing.T) {
	for _, test := range []struct{ report, code, want string }{
		{`{"answered":100,"rate":5.5,"p99_us":7.25,"unsent":3}`, "0", ""},
		{`{"answered":100,"missing":2}`, "1", "missing 2"},
		{`{"answered":100,"mismatches":1,"wrong_seq":1}`, "1", "mismatches 1, wrong Seq 1"},
		{`{"answered":100,"naks":4}`, "0", "NAKs 4"},
		{`{"answered":100,"connections_lost":1}`, "0", "connections lost 1"},
		{`{"answered":100,"wrong_order":1,"wrong_data":2,"not_foo":3}`, "0", "wrong order 1, wrong data 2, not Foo 3"},
		{`{"answered":0}`, "0", "without replies"},
		{`{"answered":100}`, "1", `exit status 1; it said: "foo_client: it was so"`},
		{"answered 100", "0", `no report`},
		{"", "1", "exit status 1"},
	} {
		r, err := runLoad(t.Context(), exec.Command(selfPath, playClient, test.report, test.code), time.Second)
		if test.want == "" {
			if err != nil || r.Rate != 5.5 || r.P99US != 7.25 || r.Answered != 100 {
				t.Errorf("%s: %+v, %v", test.report, r, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q, code %s: %v, want %q", test.report, test.code, err, test.want)
		}
	}
}

func TestLoadRunEndsWhenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cmd := exec.Command("sleep", "3600")
	if _, err := runLoad(ctx, cmd, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if cmd.ProcessState == nil {
		t.Error("the process was left behind")
	}
}

// startIOCopy gives the address of an io.Copy proxy in front of a server.
func startIOCopy(t *testing.T, server string) string {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	argv, err := ioCopyCommand(place{listen: addr, server: server})
	if err != nil {
		t.Fatal(err)
	}
	p, err := launch(t.Context(), nameIOCopy, addr, t.TempDir(), exec.Command(argv[0], argv[1:]...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.end)
	return addr
}

func TestIOCopyRelaysAndKeepsHalfCloses(t *testing.T) {
	c := proctest.Dial(t, startIOCopy(t, proctest.StartEcho(t)))
	proctest.Ask(t, c, "REQ 1 hey\n", "ACK 1 hey\n")
	if _, err := io.WriteString(c, "REQ 2 you\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(c)
	if err != nil || string(rest) != "ACK 2 you\n" {
		t.Errorf("after a half-close came %q (%v)", rest, err)
	}
}

func TestIOCopyClosesTheClientOfAServerThatIsNotThere(t *testing.T) {
	dead, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	addr := startIOCopy(t, dead)
	c := proctest.Dial(t, addr)
	if rest, err := io.ReadAll(c); len(rest) != 0 || err != nil {
		t.Errorf("came %q (%v)", rest, err)
	}
}
