package loop

// What only a real process can show: the test binary starts itself again as a
// process whose loop is stuck.

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/rcrowley/go-metrics"
	"go.uber.org/zap/zapcore"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
	"fooproxy/stats"
)

const stuckVariable = "LOOP_TEST_STUCK"

func TestMain(m *testing.M) {
	if how := os.Getenv(stuckVariable); how != "" {
		runStuckLoop(how)
		os.Exit(99) // the watchdog was to end this
	}
	if ending := os.Getenv(lifeVariable); ending != "" {
		cli.IgnoreBrokenPipe()
		os.Exit(playLife(ending))
	}
	os.Exit(m.Run())
}

// runStuckLoop runs a loop whose first message does not end.
func runStuckLoop(how string) {
	SetCores(1)
	log := cli.OpenLog(os.Stderr, zapcore.InfoLevel)
	signals := cli.WatchSignals(cli.SignalHandlers{})
	defer signals.Stop()
	kernel, err := poller.NewKernel()
	if err != nil {
		panic(err)
	}
	l, err := poller.NewLoop(kernel)
	if err != nil {
		panic(err)
	}
	stuck := spinForever
	if how == "call" {
		stuck = hangInRawCall
	}
	if err := l.Mailbox().Post(stuck); err != nil {
		panic(err)
	}
	Watch(l, log)
	l.Run()
}

// spinForever touches no memory: the race detector would look at each access in
// C, where a signal finds no stack.
//
//go:noinline
func spinForever() {
	for i := 0; i >= 0; i ^= 1 {
	}
}

// hangInRawCall waits in the kernel without the scheduler's knowledge, so that
// the world cannot be stopped any more.
//
//go:noinline
func hangInRawCall() {
	var nobody syscall.Timespec
	for {
		nobody.Sec = 3600
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&nobody)), 0, 0)
	}
}

func TestALoopThatIsStuckIsReportedAndEndsTheProcess(t *testing.T) {
	for how, culprit := range map[string]string{"spin": "spinForever", "call": "hangInRawCall"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), stuckVariable+"="+how)
			cmd.Dir = t.TempDir() // for a core, where the system writes one
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			status := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !status.Signaled() || status.Signal() != syscall.SIGABRT {
				t.Errorf("the process ended with %v", err)
			}
			for _, wanted := range []string{"takes too long", "does not end; aborting", culprit, "poller.(*Loop).Turn"} {
				if !strings.Contains(stderr.String(), wanted) {
					t.Errorf("stderr does not hold %q", wanted)
				}
			}
			if t.Failed() {
				t.Logf("stderr:\n%s", stderr.String())
			}
		})
	}
}

func TestCoresAreOneMoreThanBefore(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	SetCores(1)
	if now := runtime.GOMAXPROCS(0); now != before+1 {
		t.Errorf("GOMAXPROCS went from %d to %d", before, now)
	}
}

func TestStatisticsAreOneLine(t *testing.T) {
	recorder := stats.NewRecorder(metrics.NewRegistry(), 0)
	recorder.Add(stats.MsgReq, 3)
	ask := func(context.Context) (*stats.Snapshot, error) {
		s := stats.NewSnapshot()
		recorder.Fill(s, 1)
		return s, nil
	}
	var out bytes.Buffer
	if err := PrintStats(t.Context(), &out, ask); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"msg_req":3,`) {
		t.Errorf("printed %q", text)
	}
}

func TestStatisticsThatCannotBeHadAreAnError(t *testing.T) {
	busy := func(context.Context) (*stats.Snapshot, error) { return nil, poller.ErrBusy }
	var out bytes.Buffer
	if err := PrintStats(t.Context(), &out, busy); !errors.Is(err, poller.ErrBusy) || out.Len() > 0 {
		t.Errorf("got %v and %q", err, out.String())
	}
}
