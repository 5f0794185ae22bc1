// This file owns the tests of load runs whose servers die.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestALoadRunGoesOnWithTheNextServer(t *testing.T) {
	first, _ := startDying(t) // -echo is the default, so it is not told when to die
	dead := deadPort(t)
	got := runCommand(t.Context(), nil, "-p", dead+","+first, "-n", "100", "-c", "4", "-json")
	var found map[string]float64
	if err := json.Unmarshal([]byte(got.out), &found); err != nil || got.code != 0 || got.err != "" || found["answered"] != 100 || found["reconnects"] != 0 {
		t.Errorf("%v (%v)", got, err)
	}
	// The server ends each connection with its tenth reply. The next request may
	// have left by then.
	closing := startServer(t, func(number int, line string) (string, bool) { return ackLine(line), number < 10 })
	got = runCommand(t.Context(), nil, "-p", closing+","+first, "-n", "100", "-c", "2")
	lost := figures(t, got.out)["lost"]
	wantFigures(t, got, map[string]float64{"requests": 100, "missing": lost, "mismatches": 0, "reconnects": 1})
	want := fmt.Sprintf("foo_client: connection 1 of 2: 127.0.0.1:%s: the server has closed it; requests lost: %v\n", closing, lost)
	if lost > 1 || got.code != int(lost) || !strings.HasPrefix(got.err, want) {
		t.Errorf("%v, want %q", got, want)
	}
}

// TestServersAreKilledUnderALoad: two servers are killed in turn and started anew.
// Each request is answered or lost, and the run sends them all.
func TestServersAreKilledUnderALoad(t *testing.T) {
	const requests, kills = 100_000, 5
	servers := []*proctest.Process{proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")), proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0"))}
	addrs := []string{servers[0].Addr, servers[1].Addr}
	done := make(chan result, 1)
	go func() {
		done <- runCommand(context.Background(), nil, "-connect", strings.Join(addrs, ","), "-n", fmt.Sprint(requests),
			"-c", "50", "-d", "16", "-json", "-reconnect", "30s")
	}()
	killed := 0
	var got result
	for ended := false; !ended; {
		// The moment of a death is when a client beside the load has its replies.
		which := killed % 2
		conn := servers[which].Dial()
		for i := 1; i <= 10; i++ {
			proctest.Ask(t, conn, fmt.Sprintf("REQ %d x\n", i), fmt.Sprintf("ACK %d x\n", i))
		}
		conn.Close()
		if killed < kills {
			killed++
			servers[which].Send(os.Kill)
			_ = servers[which].Wait() // it was killed
			servers[which] = proctest.Launch(t, proctest.EchoCommand(addrs[which]))
		}
		select {
		case got = <-done:
			ended = true
		default:
		}
	}
	var found map[string]float64
	if err := json.Unmarshal([]byte(got.out), &found); err != nil {
		t.Fatalf("%v: %v", err, got)
	}
	if found["requests"] != requests || found["unsent"] != 0 || found["answered"]+found["lost"] != requests || found["missing"] != found["lost"] ||
		found["mismatches"] != 0 || found["connections_lost"] != 0 || found["reconnects"] == 0 {
		t.Errorf("%v, %s", found, got.err)
	}
	if lost := found["lost"] > 0; lost != (got.code == 1) {
		t.Errorf("%v lost, exit code %d", found["lost"], got.code)
	}
	t.Logf("%d kills: %v answered, %v lost, %v reconnects", killed, found["answered"], found["lost"], found["reconnects"])
}
