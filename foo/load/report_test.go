// report_test.go: what is said about a run, to programs and to people.

package load

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// sample is a result whose figures all differ.
func sample() *Result {
	l := newLatencies()
	for range 90 {
		l.record(int64(150 * time.Microsecond))
	}
	for range 9 {
		l.record(int64(1500 * time.Microsecond))
	}
	l.record(int64(30 * time.Millisecond))
	return &Result{
		tally:       tally{acks: 97, naks: 3, wrongSeq: 4, wrongOrder: 5, wrongData: 6, notFoo: 7},
		connections: 11, depth: 12, size: 13, rate: 14, sent: 108, missing: 8, unsent: 92,
		elapsed: 250 * time.Millisecond, latencies: l, losses: []error{errors.New("gone")}, lost: 2, replaced: 9,
	}
}

func TestTheReportIsAFigureALine(t *testing.T) {
	const want = `requests    108
seconds     0.250
rate        400.0
p50_us      150.0
p90_us      150.0
p99_us      1500.2
p999_us     30000.0
max_us      30000.0
mismatches  22
  seq       4
  order     5
  data      6
  not_foo   7
naks        3
missing     8
  lost      2
unsent      92
reconnects  9
`
	if got := string(sample().Text()); got != want {
		t.Errorf("%s", got)
	}
	if got := string((&Result{latencies: newLatencies(), sent: 3, missing: 3}).Text()); strings.Contains(got, "_us") || strings.Contains(got, "unsent") ||
		strings.Contains(got, "lost") || strings.Contains(got, "reconnects") {
		t.Errorf("latencies of no reply, or what is not the case: %s", got)
	}
}

// TestTheJSONIsFlatAndWhole: others read these keys.
func TestTheJSONIsFlatAndWhole(t *testing.T) {
	const want = `{"connections":11,"depth":12,"size":13,"target_rate":14,"requests":108,"answered":100,"seconds":0.25,` +
		`"rate":400,"mean_us":569.998,"p50_us":150.015,"p90_us":150.015,"p99_us":1500.159,"p999_us":30000,"max_us":30000,` +
		`"mismatches":22,"wrong_seq":4,"wrong_order":5,"wrong_data":6,"not_foo":7,"naks":3,"missing":8,"lost":2,"unsent":92,"reconnects":9,"connections_lost":1}` + "\n"
	if got := string(sample().JSON()); got != want {
		t.Errorf("%s", got)
	}
	empty := &Result{latencies: newLatencies()}
	if found := numbers(t, empty); found["p50_us"] != 0 || found["rate"] != 0 || len(found) != 25 {
		t.Errorf("%v", found)
	}
}

func TestTheChartIsDrawnFromTheFastestToTheSlowest(t *testing.T) {
	const want = `latency to      replies   share
     200us           90  90.00% ########################################
     500us            0   0.00%
       1ms            0   0.00%
       2ms            9   9.00% ####
       5ms            0   0.00%
      10ms            0   0.00%
      20ms            0   0.00%
      50ms            1   1.00% #
`
	if got := string(sample().Chart()); got != want {
		t.Errorf("%s", got)
	}
	if got := (&Result{latencies: newLatencies()}).Chart(); got != nil {
		t.Errorf("a chart of nothing: %s", got)
	}
}

func TestTheChartFitsWhateverTheLatency(t *testing.T) {
	l := newLatencies()
	l.record(1)
	l.record(int64(latencyMax))
	r := &Result{tally: tally{acks: RequestsMax}, latencies: l}
	for line := range strings.Lines(string(r.Chart())) {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}

func TestTheVerdictNamesEveryKindOfFault(t *testing.T) {
	lost := []error{errors.New("gone")}
	for _, c := range []struct {
		sent, missing, withheld, wrong uint64
		losses                         []error
		want                           string
	}{
		{10, 0, 0, 0, nil, ""},
		{10, 4, 0, 0, lost, "replies missing: 4 of 10"},
		{1, 1, 9, 0, lost, "replies missing: 1, not sent: 9, of 10"},
		{4, 0, 6, 0, nil, "requests not sent: 6 of 10"},
		{10, 0, 0, 3, nil, "wrong replies: 3"},
		{10, 4, 0, 3, lost, "replies missing: 4 of 10; wrong replies: 3"},
		{10, 0, 0, 0, lost, "connections lost: 1"},
	} {
		r := Result{sent: c.sent, missing: c.missing, withheld: c.withheld, unsent: 100, losses: c.losses, tally: tally{wrongSeq: c.wrong}}
		got := ""
		if err := r.Verdict(false); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

func TestTheProgressLine(t *testing.T) {
	for _, c := range []struct {
		p       Progress
		elapsed time.Duration
		width   int
		want    string
	}{
		{Progress{Connections: 50, Connected: 7}, 0, 80, "connecting: 7 of 50"},
		{Progress{Working: true, Requests: 1000, Answered: 250}, 2 * time.Second, 80,
			"[#####...............]  25%  250 replies  125/s  2 s"},
		{Progress{Working: true, Duration: 10 * time.Second, Answered: 9, Wrong: 2}, 5 * time.Second, 80,
			"[##########..........]  50%  9 replies  125/s  5 s  wrong: 2"},
		{Progress{Working: true, Requests: 100, Answered: 90, Duration: 10 * time.Second}, 5 * time.Second, 80,
			"[##################..]  90%  90 replies  125/s  5 s"},
		{Progress{Working: true, Duration: time.Second}, time.Minute, 30, "[####################] 100%  0"},
		{Progress{Working: true}, 0, -1, ""},
	} {
		if got := c.p.Line(c.elapsed, 125, c.width); got != c.want {
			t.Errorf("%+v: %q, want %q", c.p, got, c.want)
		}
	}
}
