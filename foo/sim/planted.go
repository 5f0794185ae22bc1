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
	"strings"
	"sync"
	"testing"

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
	said, found := playAll(t, binary, names)
	for i, name := range names {
		t.Logf("%s: %s", name, said[i])
		if found[i] != (name != plantedNone) {
			t.Errorf("%s: found: %t", name, found[i])
		}
	}
}

// PlayPlanted is what the test of the name TestPlayAPlantedFault is to do.
func PlayPlanted(t *testing.T, run Run) {
	t.Helper()
	name := os.Getenv(plantedVariable)
	if name == "" {
		t.Skip("no fault is asked for")
	}
	for seed := uint64(1); seed <= plantedSeeds; seed++ {
		r := run(fake.NewChoices(seed), nil)
		if r.Violation == nil {
			continue
		}
		if *keep {
			keepRecord(t, strings.NewReplacer(" ", "-", "'", "", ",", "").Replace(name), shrink(r, run))
		}
		t.Fatalf("found at seed %d: %.300s", seed, strings.ReplaceAll(r.Violation.Error(), "\n", " "))
	}
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
func playAll(t *testing.T, binary string, names []string) (said []string, found []bool) {
	said, found = make([]string, len(names)), make([]bool, len(names))
	next := make(chan int)
	var work sync.WaitGroup
	for range runtime.NumCPU() {
		work.Go(func() {
			for i := range next {
				said[i], found[i] = play(t, binary, names[i])
			}
		})
	}
	for i := range names {
		next <- i
	}
	close(next)
	work.Wait()
	return said, found
}

// play runs a process with one fault, and gives what it says in the end. With
// -sim.keep it leaves the record by which the fault was found, made small.
func play(t *testing.T, binary, name string) (said string, found bool) {
	cmd := exec.Command(binary, "-test.run", "^"+plantedPlayer+"$", fmt.Sprintf("-sim.keep=%t", *keep))
	cmd.Env = append(os.Environ(), plantedVariable+"="+name)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Error(err)
	}
	for line := range strings.Lines(string(out)) {
		if at := strings.Index(line, "found at seed"); at >= 0 {
			return strings.TrimSpace(line[at:]), true
		}
	}
	if err != nil {
		return string(out[:min(len(out), 2000)]), true
	}
	return fmt.Sprintf("not found in %d seeds", plantedSeeds), false
}
