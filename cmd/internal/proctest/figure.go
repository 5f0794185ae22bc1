package proctest

// This file owns the figures that tests of faults measure: where they are told,
// so that the last ones can stand in the README. It judges none of them.

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// figuresVariable names the file to which figures are added, one line of a
// Markdown table each. None is written where it is empty.
const figuresVariable = "FOO_FIGURES"

// Figure tells what a test has measured: the row of the table of faults, what
// happens to whom, the figure, and the goal it is held against.
//
//	proctest.Figure(t, "C2", "half-close behind 1,000 requests", "1,000 of 1,000 replies in 100 of 100 trials", "all")
func Figure(t testing.TB, row, fault, measured, goal string) {
	t.Helper()
	t.Logf("%s: %s: %s (goal: %s)", row, fault, measured, goal)
	file := os.Getenv(figuresVariable)
	if file == "" {
		return
	}
	line := fmt.Sprintf("| %s | %s | %s | %s |\n", row, cell(fault), cell(measured), cell(goal))
	out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = out.WriteString(line)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Errorf("the figure cannot be written: %v", err)
	}
}

// cell keeps a text within its cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
