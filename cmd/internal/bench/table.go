package main

// This file owns how the results look as text: one Markdown table that can be read
// in a terminal as well, and the sentences without which it says nothing. Every
// row has the same form, whoever is ahead.

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

const noFigure = "–"

func table(s summary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; commit %s; %s.\n", s.Machine, s.Commit, s.Date)
	fmt.Fprintf(&b, "%s.\n", capital(s.Layout.String()))
	fmt.Fprintf(&b, "%d rounds of %g s in rotated order, %d bytes of data in each request.\n", s.Rounds, s.Seconds, s.Size)
	fmt.Fprintf(&b, "Ratios are to %s of the same round, their median; in brackets the quartiles of the null test, %s run twice.\n",
		s.Base, s.Base)
	fmt.Fprintf(&b, "p99 is of an open loop at half the least capacity in the shape: %s.\n", openRates(s))
	fmt.Fprintf(&b, "No throughput is told of a proxy whose core was busy for less than %g of the time.\n", s.BusyEnough)
	fmt.Fprintf(&b, "Others kept %s from its core for %.3f of the time, %.3f in the worst run.\n",
		s.Base, s.Kept.Median, s.Kept.Most)
	for _, p := range s.Programs {
		if p.Version != "" && p.Name != s.Null {
			fmt.Fprintf(&b, "%s: %s.\n", p.Name, p.Version)
		}
	}
	for _, line := range s.Missing {
		fmt.Fprintf(&b, "%s.\n", line)
	}
	b.WriteString("\n")
	b.WriteString(align(cells(s)))
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func openRates(s summary) string {
	var rates []string
	for _, shape := range s.Shapes {
		rates = append(rates, fmt.Sprintf("%s requests/s at %s", thousands(float64(shape.OpenRate)), shape.shape))
	}
	return strings.Join(rates, ", ")
}

// cells are the table's rows, the heading first.
func cells(s summary) [][]string {
	heading := []string{"shape", "program", "CPU ns/request", "ratio [null]", "busy", "requests/s", "ratio [null]", "p99 µs", "ratio [null]"}
	if s.counted() {
		heading = append(heading, "instructions/request", "ratio [null]")
	}
	rows := [][]string{heading}
	for i := range s.Shapes {
		shape := &s.Shapes[i]
		for j := range shape.Rows {
			r := &shape.Rows[j]
			busy := noFigure
			if r.Busy != nil {
				busy = fmt.Sprintf("%.2f", r.Busy.Median)
			}
			line := []string{shape.String(), r.Program}
			line = append(line, shape.pair(r, metricCPU, s.Null)...)
			line = append(line, busy)
			line = append(line, shape.pair(r, metricRate, s.Null)...)
			line = append(line, shape.pair(r, metricP99, s.Null)...)
			if s.counted() {
				line = append(line, shape.pair(r, metricInstructions, s.Null)...)
			}
			rows = append(rows, line)
		}
	}
	return rows
}

// pair is a figure's two cells: its median, and its ratio with the null test's
// spread beside it.
func (s *shapeSummary) pair(r *row, m metric, null string) []string {
	f := m.pick(r)
	if f == nil {
		return []string{noFigure, noFigure}
	}
	pair := []string{thousands(f.Value.Median), noFigure}
	if f.Ratio != nil {
		pair[1] = fmt.Sprintf("%.2f", f.Ratio.Median)
		if n := s.nullOf(m, null); n != nil {
			pair[1] += fmt.Sprintf(" [%.2f to %.2f]", n.Lower, n.Upper)
		}
	}
	return pair
}

// thousands writes a number as 12,345.
func thousands(v float64) string {
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// align writes rows as a Markdown table whose columns stand under each other:
// words to the left, figures to the right.
func align(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	const words = 2 // the columns of shape and program
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < words {
				b.WriteString("| " + cell + pad + " ")
			} else {
				b.WriteString("| " + pad + cell + " ")
			}
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for i, width := range widths {
			if i < words {
				b.WriteString("|" + strings.Repeat("-", width+2))
			} else {
				b.WriteString("|" + strings.Repeat("-", width+1) + ":")
			}
		}
		b.WriteString("|\n")
	}
	return b.String()
}
