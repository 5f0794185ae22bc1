// requestlog_test.go: what the request log is told of sessions and requests, on
// the simulated kernel.

package proxy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/foo"
	"fooproxy/proxy/reqlog"
)

// loggedStage opens a stage with a request log; lines ends both, and gives the
// log in short.
func loggedStage(t *testing.T, slow time.Duration, change ...func(*Config)) (g *stage, lines func() []string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	log, err := reqlog.Open(reqlog.Config{Path: path, Slow: slow})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Stop)
	g = newStage(t, append(change, func(c *Config) { c.RequestLog = log })...)
	return g, func() []string {
		t.Helper()
		g.proxy.shut()
		log.Stop()
		if log.Dropped() != 0 {
			t.Errorf("%d lines were dropped", log.Dropped())
		}
		return shortLines(t, path)
	}
}

// shortLines gives the lines of a log as: conn event, and what there is more.
func shortLines(t *testing.T, path string) (short []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var x map[string]any
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		s := fmt.Sprintf("%v %v", x["conn"], x["event"])
		for _, name := range []string{"seq", "type", "bytes_in", "bytes_out", "latency_us", "end", "why", "error"} {
			if v, ok := x[name]; ok {
				s += fmt.Sprint(" ", v)
			}
		}
		short = append(short, s)
	}
	return short
}

// loggedCases is what is played and what the log tells of it, behind the connect.
var loggedCases = []struct {
	name   string
	play   func(g *stage)
	change func(*Config)
	want   []string
}{
	{name: "answered", want: []string{"1 request 1 ACK 9 8 0 answered", "1 request 2 NAK 7 13 2000 answered", "1 close client ended"},
		play: func(g *stage) {
			client, server := g.connect()
			g.says(client, "REQ 1 ab\nREQ 2\r\n")
			g.says(server, "ACK 1 x\n")
			g.pass(2 * time.Millisecond)
			g.says(server, "NAK 2 reason\n")
			client.CloseWrite()
			g.settle()
			server.CloseWrite()
			g.settle()
		}},
	{name: "out of order, stray and invalid", want: []string{"1 request 2 ACK 6 6 0 answered", "1 request 1 ACK 6 6 0 answered", "1 close server ended"},
		play: func(g *stage) {
			client, server := g.connect()
			g.says(client, "bad\nREQ 1\nREQ 2\n")
			g.says(server, "NAK 0 x\nACK 2\nACK 7\nACK 1\n")
			server.CloseWrite()
			g.settle()
			client.CloseWrite()
			g.settle()
		}},
	{name: "refused here", change: func(c *Config) { c.Strict = true },
		want: []string{"1 request 1 NAK 8 24 0 refused data is not UTF-8", "1 request 2 NAK 8 21 0 refused data holds NUL", "1 close shutdown"},
		play: func(g *stage) {
			client, _ := g.connect()
			g.says(client, "REQ 1 \xff\nbad\nREQ 2 \x00\n")
		}},
	{name: "a line that is too long", change: func(c *Config) { c.Client.MaxLine = 100 }, want: []string{"1 request 1 <nil> 6 0 0 abandoned shutdown", "1 close shutdown"},
		play: func(g *stage) {
			client, _ := g.connect()
			g.says(client, "REQ 1\n"+strings.Repeat("x", 200))
		}},
	{name: "a line that is too long behind nothing", change: func(c *Config) { c.Client.MaxLine = 100 }, want: []string{"1 close line too long"},
		play: func(g *stage) {
			client, _ := g.connect()
			g.says(client, strings.Repeat("x", 200))
		}},
	{name: "the server's line is too long", change: func(c *Config) { c.Server.MaxLine = 100 }, want: []string{"1 request 1 <nil> 6 0 0 abandoned server line too long", "1 close server line too long"},
		play: func(g *stage) {
			client, server := g.connect()
			g.says(client, "REQ 1\n")
			g.says(server, strings.Repeat("x", 200))
		}},
	{name: "the client resets", want: []string{"1 request 1 <nil> 6 0 3000 abandoned client reset", "1 close client reset connection reset by peer"},
		play: func(g *stage) {
			client, _ := g.connect()
			g.says(client, "REQ 1\n")
			g.pass(3 * time.Millisecond)
			client.Reset()
			g.settle()
		}},
	{name: "the server resets, which is read as its end", want: []string{"1 request 1 <nil> 6 0 0 abandoned server ended", "1 close server ended"},
		play: func(g *stage) {
			client, server := g.connect()
			g.says(client, "REQ 1\n")
			server.Reset()
			g.settle()
		}},
	{name: "idle", change: func(c *Config) { c.Client.IdleTimeout = time.Second }, want: []string{"1 close idle timeout"},
		play: func(g *stage) {
			g.connect()
			g.pass(2 * time.Second)
		}},
	{name: "a drain", want: []string{"1 request 1 ACK 6 6 0 answered", "1 close drained"},
		play: func(g *stage) {
			client, server := g.connect()
			g.says(client, "REQ 1\n")
			g.proxy.Drain()
			g.settle()
			g.says(server, "ACK 1\n")
		}},
	{name: "a drain that nobody answers", change: func(c *Config) { c.Drain = time.Second }, want: []string{"1 request 1 <nil> 6 0 900000 abandoned drain over", "1 close drain over"},
		play: func(g *stage) {
			client, _ := g.connect()
			g.says(client, "REQ 1\n")
			g.proxy.Drain()
			g.settle()
			g.pass(2 * time.Second)
		}},
}

func TestEveryRequestAndEveryConnectionIsLogged(t *testing.T) {
	for _, c := range loggedCases {
		t.Run(c.name, func(t *testing.T) {
			g, lines := loggedStage(t, 0, func(config *Config) {
				if c.change != nil {
					c.change(config)
				}
			})
			c.play(g)
			if got, want := lines(), append([]string{"1 connect"}, c.want...); !slices.Equal(got, want) {
				t.Errorf("\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

func TestAClientWithoutAServerIsLogged(t *testing.T) {
	g, lines := loggedStage(t, 0)
	g.server.Close()
	g.kernel.Dial(g.addr)
	g.settle()
	got, want := lines(), []string{"1 connect", "1 close server not reachable connection refused"}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func TestOnlyWhatIsSlowIsLogged(t *testing.T) {
	g, lines := loggedStage(t, 5*time.Millisecond)
	client, server := g.connect()
	g.says(client, "REQ 1\nREQ 2\nREQ 3\n")
	g.pass(4 * time.Millisecond)
	g.says(server, "ACK 2\n")
	g.pass(time.Millisecond)
	g.says(server, "ACK 1\n")
	g.says(client, "REQ 4\n")
	client.Reset()
	g.settle()
	got, want := lines(), []string{"1 request 1 ACK 6 6 5000 answered", "1 request 3 <nil> 6 0 5000 abandoned client reset"}
	if !slices.Equal(got, want) {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
}

// TestALoggedMessageCostsNoAllocation: neither on the way in nor out.
func TestALoggedMessageCostsNoAllocation(t *testing.T) {
	log, err := reqlog.Open(reqlog.Config{Path: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Stop()
	if n := allocations(t, exchange(t, func(c *Config) { c.RequestLog = log })); n != 0 {
		t.Errorf("%v allocations in %d messages and their replies", n, batch)
	}
}

// TestTheLogHasAWordForEveryRefusal: the same as on the wire.
func TestTheLogHasAWordForEveryRefusal(t *testing.T) {
	for _, err := range []error{foo.ErrDataNotUTF8, foo.ErrDataNUL} {
		if got := whyOf(nakOf(err)).String(); got != err.Error() {
			t.Errorf("%q is logged as %q", err, got)
		}
	}
}

// TestDroppedLinesAreCounted in the statistics.
func TestDroppedLinesAreCounted(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	log, err := reqlog.Open(reqlog.Config{Path: "/dev/full"})
	if err != nil {
		t.Fatal(err)
	}
	g := newStage(t, func(c *Config) { c.RequestLog = log })
	client, server := g.connect()
	g.says(client, "REQ 1\n")
	g.says(server, "ACK 1\n")
	log.Stop() // the writer has tried
	g.settle()
	g.proxy.endTurn(g.proxy.loop.Now())
	g.numbers().expect(t, numbers{"log_dropped": 2})
}
