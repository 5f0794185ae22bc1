package sim

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

func TestOnlyAProcessThatSaysSoHasFoundItsFault(t *testing.T) {
	exit := error(&exec.ExitError{})
	for _, c := range []struct {
		name, out string
		err       error
		want      outcome
	}{
		{"no failure", "PASS", nil, playNotFound},
		{"a failure", "--- FAIL\n  x.go:1: found at seed 3: loop: torn\n", exit, playFound},
		{"its record is rotten", "--- FAIL\n  x.go:1: the record has rotted\n  x.go:2: found at seed 3: loop: torn\n", exit, playRotten},
		{"a panic", "panic: test timed out after 2m0s\n", exit, playBroken},
		{"another failure", "--- FAIL: TestPlayAPlantedFault\n", exit, playBroken},
		{"no process", "", errors.New("no such file"), playBroken},
	} {
		if said, got := judgePlay(c.out, c.err); got != c.want {
			t.Errorf("%s: %v (%s), wanted %v", c.name, got, said, c.want)
		}
	}
}

func TestARecordThatFindsNothingAnyMoreIsRotten(t *testing.T) {
	t.Chdir(t.TempDir())
	if findsAgain("a fault", toy) {
		t.Error("without a record")
	}
	if err := os.MkdirAll(corpus, 0o755); err != nil {
		t.Fatal(err)
	}
	for record, want := range map[string]bool{"\x01\x02": false, "\x01\x07": true} {
		if err := os.WriteFile(corpus+"/planted-a-fault", []byte(record), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := findsAgain("A fault", toy); got != want {
			t.Errorf("%q: found again: %t", record, got)
		}
	}
}
