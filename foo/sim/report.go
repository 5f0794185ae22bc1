// report.go owns what is asked of many runs, whatever runs in them: that none
// breaks an invariant, that a failure is shown small and can be kept. It knows
// records, not what their choices mean.
//
//	go test ./proxy -run Sim -sim.seeds 1000000             a million seeds
//	go test ./proxy -run Sim -sim.seed 17 -sim.seeds 1 -v   seed 17, told as a list of events
//	go test ./proxy -run Sim -sim.keep                      what fails goes to testdata/sim
//	go test ./proxy -run Planted -sim.keep                  new records of all planted faults

package sim

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

var (
	seeds    = flag.Uint64("sim.seeds", seedsUsual, "how many simulated runs are made")
	firstOne = flag.Uint64("sim.seed", 1, "the seed of the first one")
	keep     = flag.Bool("sim.keep", false, "write the record of a failure to testdata/sim, made small")
)

const (
	// corpus is where records are kept that once broke something. Those of a kind of
	// run with a name have a folder of that name in it.
	corpus = "testdata/sim"
	// shrinkTries and shrinkTime bound the runs that a failure is made smaller
	// with.
	shrinkTries = 20_000
	shrinkTime  = 30 * time.Second
	// fuzzBytesMax bounds a record that a fuzzer makes. A run makes some hundred
	// to some thousand choices, and a longer record only makes slower runs.
	fuzzBytesMax = 8 << 10
)

// Run makes one run from its choices. trace, where it is not nil, is told of all
// that happens. The same choices must always give the same result.
type Run func(choices *fake.Choices, trace func(line string)) Result

// Result is what a run tells about itself.
type Result struct {
	Violation *Violation
	Record    []uint32
	Requests  int64
	Turns     uint64
	World     *World
	Options   string // how the thing under test was configured
	Kind      string // of a run whose records mean something else than those of others; empty: the usual
}

// kindOf is the kind of the runs that are made, as the most boring one tells.
func kindOf(run Run) string { return run(fake.PlayChoices(nil), nil).Kind }

// folder is where the records of a kind of run are.
func folder(kind string) string { return filepath.Join(corpus, kind) }

// CheckSeeds makes as many runs as the flags say and reports what they came to.
func CheckSeeds(t *testing.T, run Run) {
	t.Helper()
	begin := time.Now()
	s := Many(*firstOne, *seeds, run)
	took := time.Since(begin)
	t.Logf("%d seeds in %.1f s, %.0f a second; %.1f requests and %.1f turns a seed", s.Seeds, took.Seconds(),
		float64(s.Seeds)/took.Seconds(), float64(s.Requests)/float64(s.Seeds), float64(s.Turns)/float64(s.Seeds))
	if testing.Verbose() {
		t.Log(s.Table())
		if *seeds == 1 && len(s.Failed) == 0 {
			run(fake.NewChoices(*firstOne), func(line string) { t.Log(line) })
		}
	}
	for _, seed := range s.Failed {
		ReportSeed(t, seed, run)
	}
}

// ReportSeed shows a seed that failed, as small as it gets.
func ReportSeed(t testing.TB, seed uint64, run Run) {
	t.Helper()
	first, again := run(fake.NewChoices(seed), nil), run(fake.NewChoices(seed), nil)
	if first.Violation == nil || again.Violation == nil || *first.Violation != *again.Violation {
		t.Fatalf("seed %d does not fail the same way twice: %v, %v", seed, first.Violation, again.Violation)
	}
	ReportRecord(t, fmt.Sprintf("seed %d", seed), fmt.Sprint(seed), first, run)
}

// ReportRecord shows a run that failed, as small as it gets. suffix is for the
// name of the file in which its record may be kept.
func ReportRecord(t testing.TB, name, suffix string, r Result, run Run) {
	t.Helper()
	small := shrink(r, run, shrinkTime)
	var events strings.Builder
	last := run(fake.PlayChoices(small), func(line string) { events.WriteString(line + "\n") })
	t.Errorf("%s: %v\n%d choices, %d after shrinking: %v\n%s\nas a record: %x\n%s", name, r.Violation, len(r.Record), len(small), last.Violation,
		last.Options, fake.EncodeRecord(small), events.String())
	if *keep {
		keepRecord(t, r.Kind, strings.ReplaceAll(r.Violation.Class, " ", "-")+"-"+suffix, small)
	}
}

// shrink makes the record of a run that failed as small as it gets.
func shrink(r Result, run Run, most time.Duration) []uint32 {
	end := time.Now().Add(most)
	return fake.ShrinkRecord(r.Record, shrinkTries, func(record []uint32) bool {
		if time.Now().After(end) {
			return false
		}
		candidate := run(fake.PlayChoices(record), nil)
		return candidate.Violation != nil && candidate.Violation.Class == r.Violation.Class
	})
}

func keepRecord(t testing.TB, kind, name string, record []uint32) {
	t.Helper()
	if err := os.MkdirAll(folder(kind), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder(kind), strings.ToLower(name))
	if err := os.WriteFile(path, fake.EncodeRecord(record), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("kept as %s", path)
}

// kept is the records of a kind of run by their names.
func kept(t testing.TB, kind string) (names []string, records [][]byte) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder(kind), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			continue // of another kind; who has gone meanwhile was none to keep
		}
		names = append(names, name)
		record, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	return names, records
}

// CheckCorpus makes the runs of all records that were kept. That they still hold
// what they were kept for is CheckPlanted's to see. Without records nothing was
// replayed, which is no success.
func CheckCorpus(t testing.TB, run Run) {
	t.Helper()
	kind := kindOf(run)
	names, records := kept(t, kind)
	for i, record := range records {
		checkBytes(t, filepath.Base(names[i]), record, run)
	}
	if len(records) == 0 {
		t.Errorf("there is no record in %s", folder(kind))
	}
}

// Fuzz has a fuzzer make the choices.
func Fuzz(f *testing.F, run Run) {
	f.Helper()
	_, records := kept(f, kindOf(run))
	for _, record := range records {
		f.Add(record)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, record []byte) {
		if len(record) > fuzzBytesMax {
			t.Skip("too long")
		}
		checkBytes(t, "the record", record, run)
	})
}

func checkBytes(t testing.TB, name string, record []byte, run Run) {
	t.Helper()
	r := run(fake.PlayChoices(fake.DecodeRecord(record)), nil)
	switch {
	case r.Violation == nil:
	case fuzzing():
		// The fuzzer makes it small by itself, with very many runs.
		t.Fatalf("%v\n%s", r.Violation, r.Options)
	default:
		ReportRecord(t, name, fmt.Sprintf("%d-bytes", len(record)), r, run)
	}
}

// fuzzing reports whether records are being made up, and not only replayed.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}
