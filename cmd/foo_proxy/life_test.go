// life_test.go: a process from its first log line to its exit code, and its
// signals.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestTheFirstLineAndThePidFileNameTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	p := start(t, startServer(t), "-pidfile", file)
	var first struct{ Pid int }
	if err := json.Unmarshal([]byte(p.Log[0]), &first); err != nil || first.Pid != p.Process.Pid {
		t.Errorf("the log begins with %q (%v)", p.Log, err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != strconv.Itoa(p.Process.Pid)+"\n" {
		t.Errorf("the pid file holds %q (%v)", text, err)
	}
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file is still there (%v)", err)
	}
}

func TestASignalDrains(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			p := start(t, startServer(t))
			c := p.Dial()
			proctest.Ask(t, c, "REQ 1 a\nodd\n", "ACK 1 a\nNAK 0 unknown type\n")
			p.Send(sig)
			atEnd(t, c)
			c.Close()
			p.ExpectExit(0)
		})
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	p := start(t, startServer(t), "-drain", "1h", "-pidfile", file)
	idle, busy := p.Dial(), p.Dial()
	proctest.Ask(t, idle, "REQ 1 a\n", "ACK 1 a\n")
	proctest.Ask(t, busy, "REQ 1 hold\nREQ 2 b\n", "ACK 2 b\n")
	p.Send(syscall.SIGTERM)
	atEnd(t, idle) // so the first signal has arrived
	p.Send(syscall.SIGINT)
	p.ExpectExit(1)
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the pid file is still there (%v)", err)
	}
}

func TestADrainWithARequestThatNobodyAnswersHasAnEnd(t *testing.T) {
	p := start(t, startServer(t), "-drain", "200ms")
	c := p.Dial()
	proctest.Ask(t, c, "REQ 1 hold\nREQ 2 b\n", "ACK 2 b\n")
	p.Send(syscall.SIGTERM)
	atEnd(t, c)
	p.ExpectExit(0)
}

// TestSIGUSR1PrintsOneLine looks at names and order: others read them.
func TestSIGUSR1PrintsOneLine(t *testing.T) {
	server := startServer(t)
	p := start(t, server, "-strict")
	c := p.Dial()
	proctest.Ask(t, c, "REQ 1 a\nREQ 2 b\nREQ 2 hold\nbad\nREQ 5 c\n", "ACK 1 a\nACK 2 b\nACK 5 c\n")
	for range 3 {
		p.Send(syscall.SIGUSR1)
		line, err := p.Stdout.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		names, values := readNumbers(t, line)
		want := "msg_total msg_req msg_ack msg_nak request_rate_1s request_rate_10s response_rate_1s response_rate_10s " +
			"connections refused_per_ip refused_header answered outstanding abandoned lines_invalid data_invalid strays late nak_zero naks_local duplicates out_of_order " +
			"bytes_in bytes_out latency_us p50 p90 p99 p999 max events_stale log_dropped " +
			"naks_local_by_reason line too long empty line unknown type Seq missing Seq has a sign Seq has a leading zero Seq is zero " +
			"Seq is not decimal Seq overflow data is not UTF-8 data holds NUL not a request upstream lost no server timeout " +
			"upstreams address SERVER state up sessions outstanding requests failures refused connect_timeout reset ended line_too_long " +
			"write_timeout request_timeout unanswered check stray nak0 invalid uptime_s"
		if got := strings.Replace(strings.Join(names, " "), server, "SERVER", 1); got != want {
			t.Errorf("names: %s", got)
		}
		for name, value := range map[string]float64{"msg_total": 7, "msg_req": 4, "msg_ack": 3, "msg_nak": 0, "connections": 1,
			"answered": 3, "outstanding": 1, "lines_invalid": 1, "duplicates": 1, "out_of_order": 2, "naks_local": 0} {
			if values[name] != value {
				t.Errorf("%s is %v, want %v", name, values[name], value)
			}
		}
		for _, name := range []string{"request_rate_10s", "p50", "max", "uptime_s"} {
			if values[name] <= 0 {
				t.Errorf("%s is %v", name, values[name])
			}
		}
	}
	c.Close() // the drain would wait for the reply that does not come
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}

// readNumbers gives the names in their order, and all numbers.
func readNumbers(t *testing.T, line []byte) (names []string, values map[string]float64) {
	t.Helper()
	values = map[string]float64{}
	decoder := json.NewDecoder(bytes.NewReader(line))
	for name := ""; ; {
		token, err := decoder.Token()
		if err == io.EOF {
			return names, values
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		switch x := token.(type) {
		case string:
			name = x
			names = append(names, x)
		case float64:
			values[name] = x
		}
	}
}

func TestABurstOfSignalsPrintsAtLeastOneWholeLine(t *testing.T) {
	p := start(t, startServer(t))
	for range 50 {
		p.Send(syscall.SIGUSR1)
	}
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil || !json.Valid(line) {
		t.Errorf("%q (%v)", line, err)
	}
	p.Send(syscall.SIGTERM)
	rest, err := io.ReadAll(p.Stdout)
	if err != nil {
		t.Error(err)
	}
	for _, line := range bytes.SplitAfter(rest, []byte("\n")) {
		if len(line) > 0 && !json.Valid(line) {
			t.Errorf("%q", line)
		}
	}
	p.ExpectExit(0)
}

func TestClosedStreamsKillNobody(t *testing.T) {
	p := start(t, startServer(t), "-log-level", "debug")
	c := p.Dial()
	p.CloseReaders()
	for i := range 3 {
		p.Send(syscall.SIGUSR1)
		other := p.Dial() // which is logged
		proctest.Ask(t, other, "REQ 1 a\n", "ACK 1 a\n")
		other.Close()
		proctest.Ask(t, c, fmt.Sprintf("REQ %d a\n", i+1), fmt.Sprintf("ACK %d a\n", i+1))
	}
	p.Send(syscall.SIGTERM)
	atEnd(t, c)
	c.Close()
	_ = p.Wait() // the exit code says it all
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("foo_proxy ended with %v", p.ProcessState)
	}
}

func TestAServerThatIsNotThereIsNoReasonToEnd(t *testing.T) {
	p := start(t, "no.such.name.invalid:5151")
	c := p.Dial()
	atEnd(t, c)
	c.Close()
	p.Send(syscall.SIGTERM)
	log := p.ExpectExit(0)
	if n := strings.Count(log, "server not reachable"); n != 1 {
		t.Errorf("it is logged %d times:\n%s", n, log)
	}
}
