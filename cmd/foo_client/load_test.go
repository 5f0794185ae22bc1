// This file owns the tests of whole load runs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// figures reads a report back.
func figures(t *testing.T, text string) map[string]float64 {
	t.Helper()
	found := make(map[string]float64)
	for line := range strings.Lines(text) {
		var name string
		var value float64
		if n, err := fmt.Sscan(line, &name, &value); n != 2 {
			t.Fatalf("report line %q: %v", line, err)
		}
		found[name] = value
	}
	return found
}

func wantFigures(t *testing.T, got result, want map[string]float64) {
	t.Helper()
	found := figures(t, got.out)
	for name, value := range want {
		if found[name] != value {
			t.Errorf("%s is %v, want %v; %v", name, found[name], value, got)
		}
	}
}

func TestLoadRunSendsAllAndChecksAll(t *testing.T) {
	for _, args := range []string{
		"-n 1", "-n 1000", "-n 1000 -d 7", "-n 5000 -c 3 -d 16", "-n 3 -c 5",
		"-n 500 -size 0", "-n 500 -c 2 -d 4 -size 3", "-n 300 -d 300 -size 65511",
		"-n 300 -c 3 -d 2 -rate 100000",
	} {
		t.Run(args, func(t *testing.T) {
			var lines atomic.Int64
			port := startServer(t, func(_ int, line string) (string, bool) {
				lines.Add(1)
				return ackLine(line), true
			})
			got := runCommand(t.Context(), nil, append(strings.Fields(args), "-p", port)...)
			if got.code != 0 || got.err != "" {
				t.Error(got)
			}
			var n float64
			_, _ = fmt.Sscanf(args, "-n %g", &n)
			wantFigures(t, got, map[string]float64{"requests": n, "mismatches": 0, "naks": 0, "missing": 0, "unsent": 0})
			if float64(lines.Load()) != n {
				t.Errorf("the server got %d lines, want %v", lines.Load(), n)
			}
			found := figures(t, got.out)
			previous := 0.0
			for _, name := range []string{"p50_us", "p90_us", "p99_us", "p999_us", "max_us"} {
				if found[name] <= 0 || found[name] < previous {
					t.Errorf("%s is %v after %v", name, found[name], previous)
				}
				previous = found[name]
			}
			if found["seconds"] < 0 || found["rate"] <= 0 {
				t.Errorf("seconds %v, rate %v", found["seconds"], found["rate"])
			}
		})
	}
}

func TestARateIsNotExceeded(t *testing.T) {
	port := startServer(t, ackAll)
	got := runCommand(t.Context(), nil, "-p", port, "-n", "101", "-c", "4", "-d", "50", "-rate", "1000")
	// The last request is due after 100 ms; a slow machine may take longer.
	if found := figures(t, got.out); got.code != 0 || found["seconds"] < 0.1 {
		t.Error(got)
	}
}

// wrongReplies are what servers may do to 8 requests of which up to 4 are
// outstanding, and the figures that tell.
var wrongReplies = []struct {
	name   string
	answer answerFunc
	code   int
	want   map[string]float64
}{
	{"every second is a NAK", func(number int, line string) (string, bool) {
		if number%2 == 0 {
			return strings.Replace(line, "REQ", "NAK", 1) + "\n", true
		}
		return ackLine(line), true
	}, 0, map[string]float64{"naks": 4, "mismatches": 0, "missing": 0}},
	{"another's Data", func(number int, line string) (string, bool) {
		if number == 3 {
			return "ACK 3 " + strings.Repeat("0", 32) + "\n", true
		}
		return ackLine(line), true
	}, 1, map[string]float64{"data": 1, "mismatches": 1, "missing": 0}},
	{"no Data", func(number int, line string) (string, bool) {
		return fmt.Sprintf("ACK %d\n", number), true
	}, 1, map[string]float64{"data": 8, "mismatches": 8, "missing": 0}},
	{"two swapped", swapped(3), 1, map[string]float64{"order": 1, "mismatches": 1, "missing": 0}},
	{"one too many", func(number int, line string) (string, bool) {
		if number == 5 {
			return ackLine(line) + ackLine(line), true
		}
		return ackLine(line), true
	}, 1, map[string]float64{"seq": 1, "mismatches": 1, "missing": 0}},
	{"one too many at the end", func(number int, line string) (string, bool) {
		if number == 8 {
			return ackLine(line) + "ACK 9 x\n", true
		}
		return ackLine(line), true
	}, 1, map[string]float64{"seq": 1, "mismatches": 1, "missing": 0}},
	{"NAK 0 beside them", func(number int, line string) (string, bool) {
		if number == 2 {
			return "NAK 0 why\n" + ackLine(line), true
		}
		return ackLine(line), true
	}, 1, map[string]float64{"not_foo": 1, "mismatches": 1, "naks": 0, "missing": 0}},
	{"lines that are no replies", func(number int, line string) (string, bool) {
		if number == 2 {
			return "\n\x1b\nREQ 2\n" + ackLine(line), true
		}
		return ackLine(line), true
	}, 1, map[string]float64{"not_foo": 3, "mismatches": 3, "missing": 0}},
	{"a fragment at the end", func(number int, line string) (string, bool) {
		if number == 8 {
			return ackLine(line) + "ACK", false
		}
		return ackLine(line), true
	}, 1, map[string]float64{"not_foo": 1, "mismatches": 1, "missing": 0}},
}

func TestWrongRepliesAreToldApart(t *testing.T) {
	for _, c := range wrongReplies {
		t.Run(c.name, func(t *testing.T) {
			port := startServer(t, c.answer)
			got := runCommand(t.Context(), nil, "-p", port, "-n", "8", "-d", "4")
			if got.code != c.code || strings.Contains(got.out+got.err, "\x1b") {
				t.Errorf("%v; want code %d", got, c.code)
			}
			wantFigures(t, got, c.want)
		})
	}
}

// swapped answers request number first after the one behind it.
func swapped(first int) answerFunc {
	held := ""
	return func(number int, line string) (string, bool) {
		switch number {
		case first:
			held = ackLine(line)
			return "", true
		case first + 1:
			return ackLine(line) + held, true
		}
		return ackLine(line), true
	}
}

func TestMissingRepliesOfALoadRun(t *testing.T) {
	t.Run("server closes", func(t *testing.T) {
		port := startServer(t, func(number int, line string) (string, bool) { return ackLine(line), number < 10 })
		got := runCommand(t.Context(), nil, "-p", port, "-n", "100000", "-c", "8", "-d", "4")
		found := figures(t, got.out)
		if got.code != 1 || found["missing"]+found["unsent"] != 100000-80 {
			t.Errorf("%v", got)
		}
		// A few connections are named, the others counted.
		if lines := strings.Count(got.err, "\n"); lines != complaintsMax+2 {
			t.Errorf("%d lines on stderr: %s", lines, got.err)
		}
	})
	t.Run("server goes silent", func(t *testing.T) {
		port := startServer(t, func(number int, line string) (string, bool) {
			if number > 5 {
				return "", true
			}
			return ackLine(line), true
		})
		got := runCommand(t.Context(), nil, "-p", port, "-n", "100", "-d", "4", "-wait", "1s")
		wantFigures(t, got, map[string]float64{"requests": 9, "missing": 4, "unsent": 91, "mismatches": 0})
		if got.code != 1 || !strings.Contains(got.err, "gave up waiting, no reply for 1s; replies missing: 4, not sent: 91\n") {
			t.Error(got)
		}
	})
	t.Run("server never reads", func(t *testing.T) {
		release := make(chan struct{})
		port := startRawServer(t, func(*net.TCPConn) { <-release })
		got := runCommand(t.Context(), nil, "-p", port, "-n", "10000", "-d", "10000", "-size", "60000", "-wait", "100ms")
		close(release)
		if found := figures(t, got.out); got.code != 1 || found["missing"] < 1 || found["missing"] != found["requests"] {
			t.Error(got)
		}
	})
}

func TestASignalEndsALoadRunInOrder(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	port := startServer(t, func(number int, line string) (string, bool) {
		if number == 1000 {
			cancel(errors.New("a signal"))
		}
		return ackLine(line), true
	})
	got := runCommand(ctx, nil, "-p", port, "-n", "1000000000000", "-c", "3", "-d", "8")
	found := figures(t, got.out)
	if got.code != 0 || got.err != "" || found["missing"] != 0 || found["requests"]+found["unsent"] != 1e12 {
		t.Error(got)
	}
}

func TestASignalBetweenTwoPacedRequests(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	port := startRawServer(t, func(nc *net.TCPConn) {
		// The first request is due at once, the next in a second: long after the signal.
		if _, err := io.ReadFull(nc, make([]byte, len("REQ 1\n"))); err == nil {
			_, _ = io.WriteString(nc, "ACK 1\n")
			cancel()
		}
		<-release // The run must not wait for the server's close.
	})
	got := runCommand(ctx, nil, "-p", port, "-n", "20", "-c", "10", "-rate", "1", "-size", "0", "-wait", "1h")
	if got.code != 0 || figures(t, got.out)["missing"] != 0 {
		t.Error(got)
	}
}

func TestLoadRunWithoutAServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	got := runCommand(t.Context(), nil, "-connect", addr, "-n", "10", "-c", "100")
	if got.code != 1 || got.out != "" || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, "refused") ||
		strings.Contains(got.err, " client: ") {
		t.Error(got)
	}
}

func TestADurationAloneMakesALoadRun(t *testing.T) {
	port := startServer(t, ackAll)
	got := runCommand(t.Context(), nil, "-p", port, "-duration", "50ms", "-c", "2", "-P", "3")
	if found := figures(t, got.out); got.code != 0 || got.err != "" || found["requests"] < 6 || found["missing"] != 0 {
		t.Error(got)
	}
}

func TestAReportForPrograms(t *testing.T) {
	port := startServer(t, ackAll)
	got := runCommand(t.Context(), nil, "-p", port, "-n", "20", "-c", "2", "-json")
	var found map[string]float64
	if err := json.Unmarshal([]byte(got.out), &found); err != nil || strings.Count(got.out, "\n") != 1 || got.code != 0 || got.err != "" {
		t.Errorf("%v; %v", err, got)
	}
	if found["answered"] != 20 || found["connections"] != 2 || found["mismatches"] != 0 {
		t.Error(got)
	}
	port = startServer(t, func(int, string) (string, bool) { return "ACK 1 other\n", false })
	got = runCommand(t.Context(), nil, "-p", port, "-n", "20", "-json")
	if err := json.Unmarshal([]byte(got.out), &found); err != nil || got.code != 1 || found["wrong_data"] != 1 || found["connections_lost"] != 1 {
		t.Errorf("%v; %v", err, got)
	}
}

func TestANakIsAFaultForWhoSaysSo(t *testing.T) {
	port := startServer(t, func(number int, line string) (string, bool) {
		return fmt.Sprintf("NAK %d no\n", number), true
	})
	if got := runCommand(t.Context(), nil, "-p", port, "-n", "3"); got.code != 0 || got.err != "" {
		t.Error(got)
	}
	if got := runCommand(t.Context(), nil, "-p", port, "-n", "3", "-e"); got.code != 1 || got.err != "foo_client: NAKs: 3\n" {
		t.Error(got)
	}
}

func TestAMixComesFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mix")
	if err := os.WriteFile(file, []byte("SET k v\r\n\nGET k"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mutex sync.Mutex
	var lines []string
	port := startServer(t, func(number int, line string) (string, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		lines = append(lines, line)
		return fmt.Sprintf("ACK %d OK\n", number), true
	})
	got := runCommand(t.Context(), nil, "-p", port, "-n", "4", "-mix", file)
	mutex.Lock()
	asked := slices.Clone(lines)
	mutex.Unlock()
	if want := []string{"REQ 1 SET k v", "REQ 2", "REQ 3 GET k", "REQ 4 SET k v"}; got.code != 0 || !slices.Equal(asked, want) {
		t.Errorf("%v; %q", got, asked)
	}
	if got := runCommand(t.Context(), nil, "-p", port, "-n", "4", "-mix", file, "-echo"); got.code != 1 || figures(t, got.out)["data"] != 4 {
		t.Error(got)
	}
	for name, want := range map[string]string{
		file + "2":  "foo_client: -mix: open ",
		t.TempDir(): "foo_client: -mix: ",
		os.DevNull:  `foo_client: -mix: "/dev/null": it has no line`,
	} {
		if got := runCommand(t.Context(), nil, "-p", port, "-n", "4", "-mix", name); got.code != 1 || got.out != "" ||
			strings.Count(got.err, "\n") != 1 || !strings.HasPrefix(got.err, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestASignalEndsTheWaitForAMix(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("ended by a signal"))
	ended := make(chan result, 1)
	go func() { ended <- runCommand(ctx, nil, "-p", deadPort(t), "-n", "1", "-mix", pipe) }()
	select {
	case got := <-ended:
		if got.code != 1 || got.err != "foo_client: ended by a signal\n" {
			t.Error(got)
		}
	case <-time.After(5 * time.Second): // it takes no time
		t.Error("it waits for a writer")
	}
	// Whoever still opens the pipe gets its other end, and then nothing.
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
}
