// This file owns the tests of a run as a whole: its bounds, its end, and the
// names of its checks.
package check

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/foo"
)

func TestNamesAreDistinctAndSelectKeepsTheOrder(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range All() {
		if seen[c.Name] || c.Says == "" || strings.ToLower(c.Name) != c.Name || strings.ContainsAny(c.Name, " ,") {
			t.Errorf("%q: %q", c.Name, c.Says)
		}
		seen[c.Name] = true
	}
	checks, err := Select([]string{"order", "cut"})
	if err != nil || len(checks) != 2 || checks[0].Name != "cut" || checks[1].Name != "order" {
		t.Errorf("%v, %v", checks, err)
	}
	for _, names := range [][]string{{"cut", "cuts"}, {""}, {"\x1b[m"}} {
		if _, err := Select(names); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", names, err)
		}
	}
	if lines := strings.Count(List(All()), "\n"); lines != len(All()) {
		t.Errorf("the list has %d lines", lines)
	}
}

// hanging accepts connections and then does what it is told with each.
func hanging(t *testing.T, handle func(net.Conn)) Dial {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { nc.Close() })
			handle(nc)
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
	})
	return dialTo(listener.Addr().String())
}

func TestServersThatHangFailEachCheckInTime(t *testing.T) {
	t.Parallel() // It waits most of its time.
	flood := []byte(strings.Repeat("ACK 1 flood\n", 100_000))
	for name, x := range map[string]struct {
		handle func(net.Conn)
		says   string
	}{
		"mute":    {func(net.Conn) {}, "came nothing, then silence"},
		"closing": {func(nc net.Conn) { nc.Close() }, "came nothing, then "},
		"flooding": {func(nc net.Conn) {
			go func() {
				for _, err := nc.Write(flood); err == nil; _, err = nc.Write(flood) {
				}
			}()
		}, "ACK 1 flood"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checks, err := Select([]string{"reply", "cut", "order", "half-close", "slow-sender", "reset"})
			if err != nil {
				t.Fatal(err)
			}
			// A hang is what this looks for, and no figure: it is far above what all
			// timeouts together are.
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			config := Config{Server: hanging(t, x.handle), Timeout: TimeoutMin}
			said := ""
			_, err = Run(ctx, config, checks, func(r Result) {
				said += r.Line()
				// Whoever only wants a reply to come gets it from a flood.
				if r.Pass && (name != "flooding" || r.Name == "reply" || r.Name == "cut") {
					t.Errorf("%s has passed", r.Name)
				}
			})
			if err != nil {
				t.Error(err)
			}
			if !strings.Contains(said, x.says) {
				t.Errorf("it says %s", said)
			}
		})
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dial := hanging(t, func(net.Conn) { cancel() })
	passed, err := Run(ctx, Config{Server: dial, Timeout: TimeoutMax}, All(), func(r Result) { t.Errorf("%+v", r) })
	if passed || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", passed, err)
	}
}

func TestNobodyThereIsToldByEachCheck(t *testing.T) {
	refused := errors.New("nobody there")
	config := Config{Server: func(context.Context) (net.Conn, error) { return nil, refused }, Timeout: TimeoutMin}
	failed := 0
	passed, err := Run(t.Context(), config, All(), func(r Result) {
		failed++
		if r.Pass || !strings.Contains(r.Came, refused.Error()) {
			t.Errorf("%+v", r)
		}
	})
	if passed || err != nil || failed != len(All()) {
		t.Errorf("%v, %v, %d", passed, err, failed)
	}
}

func TestAServerThatRefusesAtRandomKeepsTheRules(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var mutex sync.Mutex
	s := start(t, manners{answer: func(_ *peer, line string) (string, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		message, err := foo.Parse([]byte(line))
		return fmt.Sprintf("NAK %d at random\n", message.Seq), err == nil && message.Type == foo.REQ && random.IntN(2) == 0
	}})
	if failed := failing(t, Config{Server: s.dial}, All()); failed != nil {
		t.Errorf("failed %q", failed)
	}
}

func TestSpellingsOfOneRequestAreCompared(t *testing.T) {
	for _, x := range []struct {
		model, other string
		same         bool
	}{
		{"ACK 1 a\n", "ACK 1 a\n", true},
		{"ACK 1 a\n", "ACK 1 a\r\n", true}, // a CR belongs to the line's end
		{"ACK 1 a\nNAK 2\n", "NAK 2\nACK 1 a\n", true},
		{"ACK 1 a\n", "ACK 1 b\n", false},
		{"ACK 1 a\n", "NAK 1 a\n", false},
		{"ACK 1 a\n", "ACK 1 a\nACK 1 a\n", false},
		{"ACK 1 a\n", "", false},
		{"NAK 0 a\n", "NAK 0 b\n", false},
	} {
		if _, came := sameReplies(heard{received: []byte(x.model)}, heard{received: []byte(x.other)}); (came == "") != x.same {
			t.Errorf("%q and %q: want %v", x.model, x.other, x.same)
		}
	}
}

func TestTranscriptsShowWhereTheyDiffer(t *testing.T) {
	a := heard{received: []byte("ACK 1 a\nACK 2 b\n"), end: endFIN}
	b := heard{received: []byte("ACK 1 a\nACK 2 \x1b\n"), end: endReset}
	expected, came := differing(a, b)
	if !strings.Contains(expected, `"ACK 2 b\n", then FIN`) || !strings.Contains(came, `"ACK 2 \x1b\n", then a reset (alike up to there: 8 bytes)`) {
		t.Errorf("%s; %s", expected, came)
	}
	if same := slices.Equal(a.received, b.received); same || sameSpeech(a, b) {
		t.Error("they are the same")
	}
	for _, x := range []struct {
		direct, proxied ending
		same            bool
	}{{endFIN, endFIN, true}, {endReset, endFIN, true}, {endFIN, endReset, false}, {endOpen, endFIN, false}, {endFIN, endSilence, false}} {
		if sameSpeech(heard{end: x.direct}, heard{end: x.proxied}) != x.same {
			t.Errorf("%v and %v: want %v", x.direct, x.proxied, x.same)
		}
	}
}
