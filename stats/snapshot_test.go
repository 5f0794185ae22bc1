package stats

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rcrowley/go-metrics"
)

// snapshotKeys is what readers of the snapshot rely on.
var snapshotKeys = strings.Fields(`
	msg_total msg_req msg_ack msg_nak
	request_rate_1s request_rate_10s response_rate_1s response_rate_10s
	connections refused_per_ip refused_header answered outstanding abandoned
	lines_invalid data_invalid strays late nak_zero naks_local duplicates out_of_order
	bytes_in bytes_out
	latency_us latency_us.p50 latency_us.p90 latency_us.p99 latency_us.p999 latency_us.max
	events_stale log_dropped uptime_s`)

// decode reads a snapshot and returns its keys in their order, those of the
// inner object behind its name, and its numbers as they were written.
func decode(t *testing.T, line []byte) (keys []string, values map[string]string) {
	t.Helper()
	if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' {
		t.Fatalf("not one line: %q", line)
	}
	if !json.Valid(line) {
		t.Fatalf("not JSON: %q", line)
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	values = map[string]string{}
	var prefix, key string
	for {
		token, err := decoder.Token()
		if err != nil {
			return keys, values // the line is valid, so this is its end
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' && key != "" {
				prefix = key + "."
			} else if token == '}' {
				prefix = ""
			}
			key = ""
		case string:
			key = prefix + token
			keys = append(keys, key)
		case json.Number:
			values[key] = token.String()
			key = ""
		default:
			t.Fatalf("%s is neither a number nor an object: %v", key, token)
		}
	}
}

func TestSnapshotHasItsKeysInOrder(t *testing.T) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	s := NewSnapshot()
	for _, state := range []string{"never filled", "empty", "busy"} {
		switch state {
		case "empty":
			r.Fill(s, 0)
		case "busy":
			for c := range numCounters {
				r.Add(c, 1<<40)
			}
			r.Latency(1 << 40)
			r.Fill(s, 1<<40)
		}
		keys, values := decode(t, s.AppendJSON(nil))
		if !slices.Equal(keys, snapshotKeys) {
			t.Errorf("%s: keys\n%v, want\n%v", state, keys, snapshotKeys)
		}
		for key, value := range values {
			if state != "busy" && value != "0" {
				t.Errorf("%s: %s is %s, want 0", state, key, value)
			}
		}
	}
}

func TestSnapshotHoldsWhatWasRecorded(t *testing.T) {
	const start = 5 * testSecond
	r := NewRecorder(metrics.NewRegistry(), start)
	want := map[string]string{}
	for c := range numCounters {
		n := 1000 + 10*int64(c) // different for each
		r.Add(c, n)
		want[c.String()] = fmt.Sprint(n)
	}
	r.Add(Accepts, 100)
	delete(want, "accepts")
	delete(want, "closes")
	for range 1000 {
		r.Latency(20_000)
	}
	r.Latency(7_654_321)

	s := NewSnapshot()
	r.Fill(s, start+2_500*testMillisecond+600_000) // without EndTurn: Fill publishes
	r.Add(MsgReq, 1)                               // must not reach s
	r.Latency(9 * testSecond)
	_, got := decode(t, s.AppendJSON([]byte{}))

	for key, value := range map[string]string{
		"msg_total":         "3030",
		"connections":       "90",    // 1160 + 100 - 1170
		"outstanding":       "-1070", // 1000 - 1030 - 1040
		"request_rate_1s":   "1000",
		"request_rate_10s":  "100",
		"response_rate_1s":  "2030",
		"response_rate_10s": "203",
		"latency_us.max":    "7654.3",
		"uptime_s":          "2.501",
	} {
		want[key] = value
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %s, want %s", key, got[key], value)
		}
	}
	for _, key := range []string{"latency_us.p50", "latency_us.p90", "latency_us.p99", "latency_us.p999"} {
		if _, decimals, _ := strings.Cut(got[key], "."); len(decimals) > 1 {
			t.Errorf("%s is %s, with more than 1 decimal", key, got[key])
		}
		if !strings.HasPrefix(got[key], "20.") && got[key] != "20" {
			t.Errorf("%s is %s, want 20 within 1 %%", key, got[key])
		}
	}
}

func TestWordsAreWrittenWhereThereAreAny(t *testing.T) {
	s := NewSnapshot()
	if text := string(s.AppendJSON(nil)); strings.Contains(text, `"words"`) {
		t.Errorf("without words: %s", text)
	}
	s.Words = []Named{{"WHO", 2}, {"get", 0}}
	if text := string(s.AppendJSON(nil)); !strings.Contains(text, `,"words":{"WHO":2,"get":0},"uptime_s":`) {
		t.Errorf("got %s", text)
	}
}

func TestSnapshotIsAppended(t *testing.T) {
	s := NewSnapshot()
	got := s.AppendJSON([]byte("before "))
	if want := append([]byte("before "), s.AppendJSON(nil)...); !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSnapshotIsWrittenWhileTheLoopGoesOn lets the race detector judge whether
// a snapshot that was given away shares anything with its recorder.
func TestSnapshotIsWrittenWhileTheLoopGoesOn(t *testing.T) {
	registry := metrics.NewRegistry()
	r := NewRecorder(registry, 0)
	free, filled := make(chan *Snapshot, 2), make(chan *Snapshot, 2)
	free <- NewSnapshot()
	free <- NewSnapshot()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range filled {
			if !json.Valid(s.AppendJSON(nil)) {
				t.Error("not JSON")
			}
			registry.Each(func(_ string, metric any) { metric.(metrics.Counter).Count() })
			free <- s
		}
	}()
	for now := range int64(100) {
		for c := range numCounters {
			r.Add(c, 1)
		}
		r.Latency(now * testMillisecond)
		r.EndTurn(now * testMillisecond)
		s := <-free
		r.Fill(s, now*testMillisecond)
		filled <- s
	}
	close(filled)
	<-done
}
