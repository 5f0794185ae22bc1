// This file owns how results look at a terminal: one line each. It must not
// know how they came about.
package check

import (
	"fmt"
	"strings"
)

// Line is the result as one line of a table, LF included.
func (r Result) Line() string {
	if !r.Pass {
		text := fmt.Sprintf("sent %s; expected %s; came %s", r.Sent, r.Expected, r.Came)
		if r.Note != "" {
			text += "; " + r.Note
		}
		return line(r.Name, "FAIL", text)
	}
	text := r.Says
	if r.Note != "" {
		text += " (" + r.Note + ")"
	}
	return line(r.Name, "pass", text)
}

// List is the checks, a line each: the name and the rule.
func List(checks []Check) string {
	var b strings.Builder
	for _, c := range checks {
		fmt.Fprintf(&b, "%-*s  %s\n", nameWidth, c.Name, c.Says)
	}
	return b.String()
}

func line(name, verdict, text string) string {
	return fmt.Sprintf("%-*s  %s  %s\n", nameWidth, name, verdict, text)
}

// nameWidth is the longest name of a check.
var nameWidth = func() (width int) {
	for _, c := range All() {
		width = max(width, len(c.Name))
	}
	return width
}()
