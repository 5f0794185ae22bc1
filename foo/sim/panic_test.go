package sim

import (
	"strings"
	"testing"

	"fooproxy/poller/fake"
)

var (
	nobodys  map[string]int
	negative = -1
)

func TestAPanicOfTheHarnessIsNoneOfTheProgram(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails func()
		want  string
	}{
		{"here", func() { panic("a judge that cannot judge") }, classHarness},
		{"a map of nobody", func() { nobodys["x"] = 1 }, classHarness},
		{"the simulated kernel, on purpose", func() { fake.New().Share(77) }, "panic"},
		{"the program", func() { t.Log(strings.Repeat("x", negative)) }, "panic"},
	} {
		w := NewWorld(fake.NewChoices(1))
		func() {
			defer func() { w.FailPanic(recover()) }()
			c.fails()
		}()
		if v := w.Violation(); v == nil || v.Class != c.want {
			t.Errorf("%s: %v, wanted class %s", c.name, v, c.want)
		}
	}
	w := NewWorld(fake.NewChoices(1))
	func() {
		defer func() { w.FailPanic(recover()) }()
	}()
	if v := w.Violation(); v != nil {
		t.Errorf("without a panic: %v", v)
	}
}
