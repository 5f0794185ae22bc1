package sim

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"fooproxy/poller/fake"
)

// toy is a run of ten choices, which fails where one of them is a 7.
func toy(choices *fake.Choices, trace func(string)) Result {
	w := NewWorld(choices)
	w.Plan.Happened[Kill]++
	for i := range 10 {
		n := choices.Next(100)
		if trace != nil {
			trace(fmt.Sprintf("choice %d is %d", i, n))
		}
		if n == 7 {
			w.Fail("lucky number", "at %d", i)
		}
	}
	return Result{Violation: w.Violation(), Record: choices.Record(), Requests: 2, Turns: 3, World: w, Options: "a toy"}
}

// notebook notes what a test is told instead of failing.
type notebook struct {
	testing.TB
	errors string
}

func (n *notebook) Errorf(format string, args ...any) { n.errors += fmt.Sprintf(format, args...) }

func TestManyRunsStopAtAFailure(t *testing.T) {
	s := Many(1, 1000, toy)
	if s.Seeds == 0 || s.Seeds == 1000 || len(s.Failed) == 0 || s.Requests != 2*s.Seeds || s.Turns != 3*s.Seeds {
		t.Errorf("%d seeds, %d requests, %d turns, failed: %v", s.Seeds, s.Requests, s.Turns, s.Failed)
	}
	for _, seed := range s.Failed {
		if toy(fake.NewChoices(seed), nil).Violation == nil {
			t.Errorf("seed %d does not fail", seed)
		}
	}
	if table := s.Table(); !strings.Contains(table, "100.00 %  kill") || !strings.Contains(table, "never: ") {
		t.Error(table)
	}
}

func TestAFailureIsShownSmallAndKept(t *testing.T) {
	t.Chdir(t.TempDir())
	seed := uint64(1)
	for ; toy(fake.NewChoices(seed), nil).Violation == nil; seed++ {
	}
	*keep = true
	defer func() { *keep = false }()
	n := &notebook{TB: t}
	ReportSeed(n, seed, toy)
	for _, part := range []string{fmt.Sprintf("seed %d: lucky number", seed), "1 after shrinking", "a toy", "as a record: 07", "choice 9 is 0"} {
		if !strings.Contains(n.errors, part) {
			t.Errorf("%q is not in what is reported:\n%s", part, n.errors)
		}
	}
	names, records := kept(t, "")
	if want := fmt.Sprintf("testdata/sim/lucky-number-%d", seed); len(names) != 1 || names[0] != want || string(records[0]) != "\x07" {
		t.Errorf("kept: %v %x, wanted %s", names, records, want)
	}
}

func TestTheCorpusIsReplayed(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(corpus, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(corpus+"/good-1", []byte{1, 2, 3}, 0o644); err != nil {
		t.Fatal(err)
	}
	var played []uint32
	CheckCorpus(t, func(choices *fake.Choices, trace func(string)) Result {
		r := toy(choices, trace)
		played = r.Record
		return r
	})
	if fmt.Sprint(played) != "[1 2 3]" {
		t.Errorf("played: %v", played)
	}
}

func TestACorpusWithoutRecordsIsNoSuccess(t *testing.T) {
	t.Chdir(t.TempDir())
	n := &notebook{TB: t}
	CheckCorpus(n, toy)
	if !strings.Contains(n.errors, "no record") {
		t.Errorf("said: %q", n.errors)
	}
}
