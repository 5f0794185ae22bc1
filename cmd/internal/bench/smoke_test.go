package main

// Tests of the whole comparison on real processes, with runs so short that their
// figures say nothing. None is asserted.

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// buildTrio puts the three commands into a folder.
func buildTrio(t *testing.T) (folder string) {
	t.Helper()
	folder = t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", folder+"/",
		"fooproxy/cmd/foo_proxy", "fooproxy/cmd/foo_server", "fooproxy/cmd/foo_client")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return folder
}

// inFolder is the command with a folder of its own for what it writes. Its
// children are known by it.
func inFolder(t *testing.T, args ...string) (cmd *exec.Cmd, folder string) {
	folder = t.TempDir()
	cmd = proctest.Command(args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+folder)
	return cmd, folder
}

// expectNothingLeft wants no process that names the folder, and no file in it.
func expectNothingLeft(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range left {
		t.Errorf("%s is left", entry.Name())
	}
	for _, what := range []string{"cmdline", "environ"} {
		files, err := filepath.Glob("/proc/[0-9]*/" + what)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			// A process that has ended meanwhile cannot be read.
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), folder) {
				t.Errorf("%s: a process is left", file)
			}
		}
	}
}

// The three commands are built once.
func TestComparison(t *testing.T) {
	bin := buildTrio(t)
	t.Run("of everything installed", func(t *testing.T) { compareInstalled(t, bin) })
	t.Run("interrupted leaves nothing behind", func(t *testing.T) { interruptComparison(t, bin) })
	t.Run("ends at a run with faults", func(t *testing.T) { compareWithFaults(t, bin) })
}

func compareInstalled(t *testing.T, bin string) {
	out := t.TempDir()
	cmd, folder := inFolder(t, "-bin", bin, "-out", out, "-rounds", "1", "-duration", "100ms", "-shapes", "5x1,3x4")
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(filepath.Join(out, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var s summary
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Shapes) != 2 || len(s.Programs) < 4 {
		t.Fatalf("%d shapes of %d programs", len(s.Shapes), len(s.Programs))
	}
	for i := range s.Shapes {
		shape := &s.Shapes[i]
		for _, p := range s.Programs {
			r := shape.find(p.Name)
			if r == nil || r.P99 == nil || p.Name != nameDirect && (r.CPU == nil || r.CPU.Value.Median <= 0 || r.Busy == nil) {
				t.Errorf("%s, %s: %+v", shape.shape, p.Name, r)
			}
		}
		if shape.nullOf(metricCPU, s.Null) == nil {
			t.Errorf("%s has no null test", shape.shape)
		}
	}
	expectNothingLeft(t, folder)
}

func interruptComparison(t *testing.T, bin string) {
	cmd, folder := inFolder(t, "-bin", bin, "-out", filepath.Join(t.TempDir(), "out"), "-rounds", "1000", "-shapes", "2x1")
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it has ended, unless the test has failed
	lines, said := bufio.NewScanner(pipe), ""
	for lines.Scan() {
		said = lines.Text()
		if strings.Contains(said, "round 1 of 1000") {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // its code is asked for below
	if code := cmd.ProcessState.ExitCode(); code != 1 || said != "bench: interrupted" {
		t.Errorf("code %d, its last words: %s", code, said)
	}
	expectNothingLeft(t, folder)
}

// A program that answers wrongly ends the comparison with its name.
func compareWithFaults(t *testing.T, good string) {
	bin := t.TempDir()
	for _, name := range []string{"foo_proxy", "foo_server"} {
		if err := os.Symlink(filepath.Join(good, name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	plant(t, bin, "foo_client", "echo '{\"answered\":10,\"missing\":1}'\nexit 1\n")
	out := filepath.Join(t.TempDir(), "out")
	cmd, folder := inFolder(t, "-bin", bin, "-out", out, "-rounds", "1", "-duration", "100ms", "-shapes", "2x1")
	said, err := cmd.CombinedOutput()
	if want := "bench: 2 x 1: closed loop, direct: a run with faults is no figure: missing 1\n"; err == nil || !strings.HasSuffix(string(said), want) {
		t.Errorf("%v: %s", err, said)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("results were left of a comparison that has none")
	}
	expectNothingLeft(t, folder)
}
