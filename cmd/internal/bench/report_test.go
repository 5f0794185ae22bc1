package main

// Tests of how results look: the table, the JSON, the plot.

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func testSummary(results ...measured) summary {
	s := summary{
		Machine: machine{Processor: "A <processor> & more", Cores: 2, MemoryGiB: 24, Kernel: "6", Go: "go1.26"},
		Commit:  "abcdef", Date: "2026-01-02", Layout: layout{0, 1, 1, 2}, Rounds: 3, Seconds: 1, Size: 32,
		BusyEnough: busyEnough, Programs: testPrograms(), Base: nameHAProxy, Null: nameHAProxy + againSuffix,
		Missing: []string{"nginx: not installed"}, Kept: spread{Median: 0.01, Most: 0.25},
	}
	for _, m := range results {
		s.Shapes = append(s.Shapes, summarize(m, s.Programs, s.Base))
	}
	return s
}

// rowsOf reads a Markdown table back.
func rowsOf(text string) [][]string {
	var rows [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

// Each ratio has the null test beside it, and the rows have one form, whoever is
// ahead.
func TestTableRows(t *testing.T) {
	text := table(testSummary(testMeasured()))
	want := [][]string{
		{"shape", "program", "CPU ns/request", "ratio [null]", "busy", "requests/s", "ratio [null]", "p99 µs", "ratio [null]"},
		{"50 x 1", "direct", "–", "–", "–", "90,000", "1.80 [1.00 to 1.00]", "50", "0.25 [0.98 to 1.02]"},
		{"50 x 1", "foo_proxy", "20,000", "1.25 [0.98 to 1.02]", "0.99", "40,000", "0.80 [1.00 to 1.00]", "300", "1.50 [0.98 to 1.02]"},
		{"50 x 1", "haproxy", "16,000", "–", "0.98", "50,000", "–", "200", "–"},
		{"50 x 1", "io.Copy", "24,000", "1.50 [0.98 to 1.02]", "0.90", "–", "–", "400", "2.00 [0.98 to 1.02]"},
		{"50 x 1", "haproxy again", "16,000", "1.00 [0.98 to 1.02]", "0.97", "50,000", "1.00 [1.00 to 1.00]", "200", "1.00 [0.98 to 1.02]"},
	}
	got := rowsOf(text)
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d:\n%s", len(got), len(want), text)
	}
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Errorf("row %d:\n%q, want\n%q", i, got[i], want[i])
		}
	}
	width := 0
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(line); strings.HasPrefix(line, "|") && width != 0 && n != width {
			t.Errorf("a line is %d wide, others %d: %s", n, width, line)
		} else if strings.HasPrefix(line, "|") {
			width = n
		}
	}
}

func TestTableSaysUnderWhichConditions(t *testing.T) {
	text := table(testSummary(testMeasured()))
	for _, want := range []string{"commit abcdef", "2 cores", "Proxies on core 0, server and load generator share core 1.",
		"3 rounds of 1 s", "haproxy run twice",
		"Others kept haproxy from its core for 0.010 of the time, 0.250 in the worst run", "12,345 requests/s at 50 x 1", "haproxy: 2.6.12.", "nginx: not installed."} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	if strings.Contains(text, "instructions") {
		t.Error("instructions are told that were not counted")
	}
}

func TestTableTellsInstructionsWhereTheyWereCounted(t *testing.T) {
	m := testMeasured()
	for _, p := range testPrograms()[1:] {
		m.Counted = append(m.Counted, runsOf(p.Name, func(int) run { return run{Instructions: 54321} })...)
	}
	rows := rowsOf(table(testSummary(m)))
	if got := rows[2][9:]; !slices.Equal(got, []string{"54,321", "1.00 [1.00 to 1.00]"}) {
		t.Errorf("foo_proxy: %q", got)
	}
	if got := rows[1][9:]; !slices.Equal(got, []string{"–", "–"}) {
		t.Errorf("direct: %q", got)
	}
}

func TestThousands(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 7.4: "7", 999: "999", 999.6: "1,000", 12345: "12,345", 1234567: "1,234,567"} {
		if got := thousands(v); got != want {
			t.Errorf("%g: %s, want %s", v, got, want)
		}
	}
}

func TestReportLeavesThreeFiles(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "not", "there")
	var stdout bytes.Buffer
	s := testSummary(testMeasured())
	if err := report(s, folder, &stdout); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "bench.md"))
	if err != nil || !strings.HasPrefix(stdout.String(), string(text)) || len(text) == 0 {
		t.Errorf("bench.md (%v) is not what was printed", err)
	}
	figures, err := os.ReadFile(filepath.Join(folder, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var back summary
	if err := json.Unmarshal(figures, &back); err != nil {
		t.Fatal(err)
	}
	shape := back.Shapes[0]
	if shape.Connections != 50 || shape.find(nameProxy).CPU.Ratio.Median != 1.25 || len(shape.Runs.Closed) != 15 {
		t.Errorf("the JSON holds %+v", shape)
	}
	picture, err := os.ReadFile(filepath.Join(folder, "bench.svg"))
	if err != nil {
		t.Fatal(err)
	}
	checkXML(t, picture)
}

// checkXML reads a picture to its end and gives its texts.
func checkXML(t *testing.T, picture []byte) (texts []string) {
	t.Helper()
	if bytes.Contains(picture, []byte("NaN")) || bytes.Contains(picture, []byte("Inf")) {
		t.Errorf("a length is no number:\n%s", picture)
	}
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatalf("the picture is not XML: %v", err)
		}
		if data, ok := token.(xml.CharData); ok {
			texts = append(texts, string(data))
		}
	}
}

func TestPlotTellsEveryProgramAndRatio(t *testing.T) {
	second := testMeasured()
	second.shape = shape{500, 1}
	texts := checkXML(t, plot(testSummary(testMeasured(), second)))
	count := func(want string) int {
		n := 0
		for _, text := range texts {
			if text == want {
				n++
			}
		}
		return n
	}
	// In three rows of panels, with two shapes each.
	for text, want := range map[string]int{nameProxy: 3, nameDirect: 3, "50 x 1": 3, "500 x 1": 3,
		"1.50": 4, "2.00": 2, "busy 0.90": 2, "20,000 ns": 2, "base": 6} {
		if got := count(text); got != want {
			t.Errorf("%q stands there %d times, want %d", text, got, want)
		}
	}
	if !slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "A <processor> & more") }) {
		t.Error("the machine is not told")
	}
}

// What is beyond a scale stays in its panel, and a figure that nobody has leaves a
// panel without bars.
func TestPlotOfOddFigures(t *testing.T) {
	m := testMeasured()
	for i := range m.Closed {
		m.Closed[i].Busy = 0.1
	}
	for i := range m.Open {
		if m.Open[i].Program == nameProxy {
			m.Open[i].P99 *= 1000
		}
	}
	checkXML(t, plot(testSummary(m)))
	sc := scale{left: 10, reach: 2}
	for ratio, want := range map[float64]float64{1: 10 + plotPanel/2, 2: 10 + plotPanel, 0.5: 10, 1000: 10 + plotPanel, 0.001: 10} {
		if got := sc.at(ratio); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g is at %g, want %g", ratio, got, want)
		}
	}
}

func TestTicksHaveRoom(t *testing.T) {
	for _, reach := range []float64{1.25, 1.5, 2, 5, 17, 200} {
		sc := scale{reach: reach}
		ticks := sc.ticks()
		if len(ticks) < 3 || ticks[0] != 1 {
			t.Errorf("reach %g: %v", reach, ticks)
		}
		for i, a := range ticks {
			for _, b := range ticks[:i] {
				if math.Abs(sc.at(a)-sc.at(b)) < plotTickStep {
					t.Errorf("reach %g: %g and %g are too near", reach, a, b)
				}
			}
		}
	}
}
