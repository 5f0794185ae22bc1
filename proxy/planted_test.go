// planted_test.go owns the test of the simulation itself: faults that it must
// find. Each is an edit of a shipped file behind a switch. All edits are made in
// copies that one build puts in the place of the files, so that no shipped file
// holds any of it; a process of that build plays one fault.

package proxy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"fooproxy/foo/sim"
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
)

// planted is one fault: what it takes out, or puts in.
type planted struct {
	name  string
	edits []edit
}

// edit replaces a text that stands exactly once in a file.
type edit struct{ file, old, new string }

// overlay writes copies of the files with all edits, and says how the go command
// is to use them.
func overlay(t *testing.T, root, folder string) string {
	t.Helper()
	files := map[string]string{}
	for _, fault := range plantedFaults {
		for _, e := range fault.edits {
			text, ok := files[e.file]
			if !ok {
				b, err := os.ReadFile(filepath.Join(root, e.file))
				if err != nil {
					t.Fatal(err)
				}
				text = string(b)
			}
			if n := strings.Count(text, e.old); n != 1 {
				t.Fatalf("%s: the text to change stands %d times in %s, not once:\n%s", fault.name, n, e.file, e.old)
			}
			switched := strings.ReplaceAll(e.new, plantedWord, fmt.Sprintf("(plantedFault == %q)", fault.name))
			files[e.file] = strings.Replace(text, e.old, switched, 1)
		}
	}
	replace := map[string]string{}
	packages := map[string]string{}
	for file, text := range files {
		replace[filepath.Join(root, file)] = write(t, folder, file, text)
		packages[filepath.Dir(file)] = filepath.Base(filepath.Dir(file))
	}
	for dir, name := range packages {
		file := filepath.Join(dir, "planted_fault.go")
		text := fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar plantedFault = os.Getenv(%q)\n", name, plantedVariable)
		replace[filepath.Join(root, file)] = write(t, folder, file, text)
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	return write(t, folder, "overlay.json", string(b))
}

func write(t *testing.T, folder, file, text string) string {
	t.Helper()
	path := filepath.Join(folder, strings.ReplaceAll(file, "/", "_"))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// buildPlanted builds the tests of this package with all faults.
func buildPlanted(t *testing.T) (binary string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	binary = filepath.Join(folder, "planted.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay(t, root, folder), "-o", binary, ".")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, said)
	}
	return binary
}

func TestEveryPlantedFaultIsFound(t *testing.T) {
	if os.Getenv(plantedVariable) != "" {
		t.Skip("this process plays a fault")
	}
	if raceDetector {
		t.Skip("the race detector has nothing to do with it")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build the faults with")
	}
	binary := buildPlanted(t)
	names := []string{plantedNone}
	for _, fault := range plantedFaults {
		names = append(names, fault.name)
	}
	said := make([]string, len(names))
	found := make([]bool, len(names))
	next := make(chan int)
	var work sync.WaitGroup
	for range 2 {
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
	for i, name := range names {
		t.Logf("%s: %s", name, said[i])
		if found[i] != (name != plantedNone) {
			t.Errorf("%s: found: %t", name, found[i])
		}
	}
}

// play runs a process with one fault; with -sim.keep it leaves the record by which
// the fault was found, made small, and gives what it says in the end.
func play(t *testing.T, binary, name string) (said string, found bool) {
	cmd := exec.Command(binary, "-test.run", "^TestPlayAPlantedFault$", fmt.Sprintf("-sim.keep=%t", sim.Keeping()))
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

// TestPlayAPlantedFault is a process of the build with the faults.
func TestPlayAPlantedFault(t *testing.T) {
	if os.Getenv(plantedVariable) == "" {
		t.Skip("no fault is asked for")
	}
	for seed := uint64(1); seed <= plantedSeeds; seed++ {
		r := simRun(fake.NewChoices(seed), nil)
		if r.Violation == nil {
			continue
		}
		if sim.Keeping() {
			sim.Keep(t, strings.NewReplacer(" ", "-", "'", "").Replace(os.Getenv(plantedVariable)), r, simRun)
		}
		t.Fatalf("found at seed %d: %.300s", seed, strings.ReplaceAll(r.Violation.Error(), "\n", " "))
	}
}
