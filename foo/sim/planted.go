// planted.go owns the test of the simulation itself: faults that it must find. Each
// is an edit of a shipped file behind a switch. All edits are made in copies that
// one build puts in the place of the files, so that no shipped file holds any of
// it; a process of that build plays one fault.

package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

const (
	// plantedVariable names the fault that a process plays.
	plantedVariable = "FOO_PLANTED_FAULT"
	// plantedSeeds is within how many runs each fault must be found.
	plantedSeeds = 1000
	// plantedNone plays the build without any fault.
	plantedNone = "none"
	// plantedWord stands in an edit for "this fault is played".
	plantedWord = "PLANTED"
	// plantedPlayer is the test by which a process of the build plays its fault.
	plantedPlayer = "TestPlayAPlantedFault"
	// plantedTimeout bounds a process: it makes its runs in a second or two, and a
	// fault that has it hang is not found by hanging.
	plantedTimeout = 2 * time.Minute
	// plantedShrinkTime bounds the making small of a record that is kept.
	plantedShrinkTime = 5 * time.Second
	// foundWords begin what a process says that has found its fault, rottenWords
	// what it says of a record that finds it no more.
	foundWords  = "found at seed"
	rottenWords = "the record has rotted"
)

// Planted is one fault: what it takes out, or puts in.
type Planted struct {
	Name  string
	Edits []Edit
}

// Edit replaces a text that stands exactly once in a file, named from the root of
// the module. PLANTED in the new text stands for "this fault is played".
type Edit struct{ File, Old, New string }

// Plant makes a fault of one edit or more, each of them a file, its old text and
// its new one.
func Plant(name string, edits ...string) Planted {
	p := Planted{Name: name}
	for ; len(edits) > 0; edits = edits[3:] {
		p.Edits = append(p.Edits, Edit{File: edits[0], Old: edits[1], New: edits[2]})
	}
	return p
}

// CheckPlanted builds the tests of the package in the current folder with all
// faults, and has a process play each of them. root leads to the module's root.
func CheckPlanted(t *testing.T, root string, faults []Planted) {
	t.Helper()
	switch {
	case os.Getenv(plantedVariable) != "":
		t.Skip("this process plays a fault")
	case raceDetector:
		t.Skip("the race detector has nothing to do with it")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build the faults with")
	}
	binary := buildPlanted(t, root, faults)
	names := []string{plantedNone}
	for _, fault := range faults {
		names = append(names, fault.Name)
	}
	said, how := playAll(t, binary, names)
	for i, name := range names {
		t.Logf("%s: %s", name, said[i])
		wanted := playFound
		if name == plantedNone {
			wanted = playNotFound
		}
		if how[i] != wanted {
			t.Errorf("%s: %v, wanted %v", name, how[i], wanted)
		}
	}
}

// outcome is what became of a process that played a fault.
type outcome string

const (
	playFound    outcome = "found"
	playNotFound outcome = "not found"
	playRotten   outcome = "found, but not by its record; -run Planted -sim.keep makes new records"
	playBroken   outcome = "the process failed by itself, which finds nothing"
)

// PlayPlanted is what the test of the name TestPlayAPlantedFault is to do: it plays
// the record by which the fault was found before, then new runs.
func PlayPlanted(t *testing.T, kinds ...Kind) {
	t.Helper()
	name := os.Getenv(plantedVariable)
	if name == "" {
		t.Skip("no fault is asked for")
	}
	for _, k := range kinds {
		knows := func(f Planted) bool { return f.Name == name }
		if name == plantedNone || slices.ContainsFunc(k.Faults, knows) {
			playFault(t, name, k.Run)
		}
	}
}

// Kind is runs of one kind, and the faults that they are to find.
type Kind struct {
	Run    Run
	Faults []Planted
}

func playFault(t *testing.T, name string, run Run) {
	t.Helper()
	for seed := uint64(1); seed <= plantedSeeds; seed++ {
		r := run(fake.NewChoices(seed), nil)
		switch {
		case r.Violation == nil:
			continue
		case r.Violation.Class == classHarness:
			t.Fatalf("seed %d: %v", seed, r.Violation)
		case *keep:
			keepRecord(t, r.Kind, recordName(name), shrink(r, run, plantedShrinkTime))
		case !findsAgain(name, run):
			t.Error(rottenWords)
		}
		t.Fatalf("%s %d: %.300s", foundWords, seed, strings.ReplaceAll(r.Violation.Error(), "\n", " "))
	}
}

// recordName is the file of a fault's record in the corpus.
func recordName(fault string) string {
	return "planted-" + strings.NewReplacer(" ", "-", "'", "", ",", "").Replace(strings.ToLower(fault))
}

// findsAgain reports whether a fault's record still finds it. What is drawn
// changes with the simulation, and a record whose choices mean something else by
// now would go on being replayed for nothing.
func findsAgain(fault string, run Run) bool {
	record, err := os.ReadFile(filepath.Join(folder(kindOf(run)), recordName(fault)))
	if err != nil {
		return false
	}
	r := run(fake.PlayChoices(fake.DecodeRecord(record)), nil)
	return r.Violation != nil && r.Violation.Class != classHarness
}

// buildPlanted builds the tests of this package with all faults.
func buildPlanted(t *testing.T, root string, faults []Planted) (binary string) {
	t.Helper()
	root, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	binary = filepath.Join(folder, "planted.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay(t, root, folder, faults), "-o", binary, ".")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, said)
	}
	return binary
}

// overlay writes copies of the files with all edits, and says how the go command
// is to use them.
func overlay(t *testing.T, root, folder string, faults []Planted) string {
	t.Helper()
	files := map[string]string{}
	for _, fault := range faults {
		for _, e := range fault.Edits {
			plant(t, root, files, fault.Name, e)
		}
	}
	replace, packages := map[string]string{}, map[string]bool{}
	for file, text := range files {
		replace[filepath.Join(root, file)] = writeCopy(t, folder, file, text)
		packages[filepath.Dir(file)] = true
	}
	for dir := range packages {
		file := filepath.Join(dir, "planted_fault.go")
		text := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar plantedFault = os.Getenv(%q)\n", filepath.Base(dir), plantedVariable)
		replace[filepath.Join(root, file)] = writeCopy(t, folder, file, text)
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return writeCopy(t, folder, "overlay.json", string(b))
}

// plant makes one edit.
func plant(t *testing.T, root string, files map[string]string, name string, e Edit) {
	t.Helper()
	text, ok := files[e.File]
	if !ok {
		b, err := os.ReadFile(filepath.Join(root, e.File))
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	if n := strings.Count(text, e.Old); n != 1 {
		t.Fatalf("%s: the text to change stands %d times in %s, not once:\n%s", name, n, e.File, e.Old)
	}
	switched := strings.ReplaceAll(e.New, plantedWord, fmt.Sprintf("(plantedFault == %q)", name))
	files[e.File] = strings.Replace(text, e.Old, switched, 1)
}

func writeCopy(t *testing.T, folder, file, text string) string {
	t.Helper()
	path := filepath.Join(folder, strings.ReplaceAll(file, "/", "_"))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// playAll has a process for each name, as many at once as there are cores.
func playAll(t *testing.T, binary string, names []string) (said []string, how []outcome) {
	said, how = make([]string, len(names)), make([]outcome, len(names))
	next := make(chan int)
	var work sync.WaitGroup
	for range runtime.NumCPU() {
		work.Go(func() {
			for i := range next {
				said[i], how[i] = play(binary, names[i])
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	work.Wait()
	return said, how
}

// play runs a process with one fault, and gives what it says in the end. With
// -sim.keep it leaves the record by which the fault was found, made small.
func play(binary, name string) (said string, how outcome) {
	cmd := exec.Command(binary, "-test.run", "^"+plantedPlayer+"$", "-test.timeout", plantedTimeout.String(), fmt.Sprintf("-sim.keep=%t", *keep))
	cmd.Env = append(os.Environ(), plantedVariable+"="+name)
	out, err := cmd.CombinedOutput()
	return judgePlay(string(out), err)
}

// judgePlay tells a fault that was found from a process that failed: only what the
// process says itself counts as found, never how it ended.
func judgePlay(out string, err error) (said string, how outcome) {
	var exit *exec.ExitError
	at := strings.Index(out, foundWords)
	switch {
	case err == nil:
		return fmt.Sprintf("not found in %d seeds", plantedSeeds), playNotFound
	case !errors.As(err, &exit) || at < 0:
		return fmt.Sprintf("%v: %.2000s", err, out), playBroken
	}
	said, _, _ = strings.Cut(out[at:], "\n")
	if strings.Contains(out, rottenWords) {
		return said, playRotten
	}
	return said, playFound
}
