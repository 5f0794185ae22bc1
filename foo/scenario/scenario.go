// Package scenario plays stories that are written down in plain lines: who
// connects, who says what, what arrives. Each is about one fault that was met and
// mended, and it is played on several stages: on the simulated kernel, on real
// sockets, directly at the server without the proxy, in front of a real process.
// Where the same lines hold with the proxy and without it, the proxy cannot be
// told from the server.
//
//	testdata/scenarios/*.txt ─► Load ─► Scenario ─► Play ─► Stage (Simulated, Sockets, …)
//
// A file begins with what was wrong, as a comment, then says where it is played:
//
//	# A client that is not read any more was ended by its line timeout.
//	on simulated, sockets          stages; others leave the file alone
//	server A                       a server; "server A = a1 a2" has two addresses
//	name N = a b                   a name that means several servers
//	with strict max-line=1024      settings, named like the flags of the command
//	small buffers                  the kernel holds little of what is sent
//
// Then one line says one thing:
//
//	1 connects                     client 1; 1-200 are two hundred clients
//	2 is refused                   nobody listens
//	1 sends "REQ 1 a\n"            it does not wait for room
//	1 sends an urgent byte         beside the stream
//	1 hears "ACK 1 a\n"            exactly that, and nothing before it
//	1 hears nothing                now, and it has not ended
//	1 hears FIN                    or RST, and nothing before it
//	1 stops reading                and reads again; "hears" reads in any case
//	1 ends                         half of it: it sends no more; closes; resets
//	A1 answers 3                   the next three requests, each by an ACK with its
//	                               data; answers 3 with "…": with that instead
//	A refuses                      nobody listens there; then: A listens
//	A is killed                    the same, and all its connections are reset
//	A has 2 connections            so many have come in all
//	time passes 100ms
//
// A1 is the first connection at server A, A2 the second, A1-2 are both; they do what
// clients do.
// Any other line is the stage's own, such as "the proxy drains". A text is quoted
// as in Go; several beside each other are one; 3*"x" repeats, 1..3*"REQ # x\n"
// repeats with # replaced by the number, and brackets hold a text together.
//
// It is imported by tests only, and knows neither proxy nor server.
package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Scenario is one file.
type Scenario struct {
	Name     string // of the file, without its ending
	On       []string
	Servers  []Server // in the order in which they stand there
	Settings []Setting
	Small    bool // buffers

	lines []line
}

// Server is one server behind a proxy, or a name that means several.
type Server struct {
	Name    string
	Addrs   []string // their names
	IsNamed bool     // it is a name, and each address a server of its own
}

// Setting is one setting of the program.
type Setting struct{ Name, Value string }

// line is one thing that happens.
type line struct {
	number int
	words  []string // the first of them says who
	text   string   // what is said or heard, where the line has one
	spoken bool     // it has one
}

func (l line) String() string { return strings.Join(l.words, " ") }

// Load reads all scenarios of a folder that are played on the given stage. A
// folder without any fails the test.
func Load(t testing.TB, folder, stage string) (all []*Scenario) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parse(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if slices.Contains(s.On, stage) {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		t.Fatalf("%s holds no scenario for the stage %q", folder, stage)
	}
	return all
}

// parse reads a file.
func parse(name, file string) (*Scenario, error) {
	s := &Scenario{Name: name}
	for i, raw := range strings.Split(file, "\n") {
		l, err := readLine(raw)
		l.number = i + 1
		if err == nil && len(l.words) > 0 {
			err = s.take(l)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.number, err)
		}
	}
	switch {
	case len(s.On) == 0:
		return nil, fmt.Errorf("it does not say where it is played")
	case len(s.lines) == 0:
		return nil, fmt.Errorf("nothing happens")
	}
	return s, nil
}

// readLine splits a line into its words and its text. A # begins a comment, but
// within a text.
func readLine(raw string) (l line, err error) {
	head, tail := raw, ""
	if at := strings.IndexAny(raw, "#\"("); at >= 0 {
		head, tail = raw[:at], raw[at:]
	}
	l.words = strings.Fields(head)
	if tail == "" || tail[0] == '#' {
		return l, nil
	}
	// A count in front of the text belongs to it.
	if last := len(l.words) - 1; last >= 0 && strings.HasSuffix(l.words[last], "*") {
		tail, l.words = l.words[last]+tail, l.words[:last]
	}
	l.text, err = readText(tail)
	l.spoken = true
	return l, err
}

// take sorts a line into what the scenario is made with and what happens.
func (s *Scenario) take(l line) error {
	rest := l.words[1:]
	switch l.words[0] {
	case "on":
		for _, stage := range rest {
			s.On = append(s.On, strings.TrimSuffix(stage, ","))
		}
	case "server", "name":
		return s.takeServer(rest, l.words[0] == "name")
	case "with":
		for _, word := range rest {
			name, value, _ := strings.Cut(word, "=")
			s.Settings = append(s.Settings, Setting{name, value})
		}
	case "small":
		s.Small = true
	default:
		s.lines = append(s.lines, l)
	}
	return nil
}

func (s *Scenario) takeServer(words []string, isNamed bool) error {
	server := Server{IsNamed: isNamed, Addrs: words}
	switch {
	case len(words) > 2 && words[1] == "=":
		server.Addrs = words[2:]
	case len(words) != 1 || isNamed:
		return fmt.Errorf("a server has a name, or a name and addresses behind =")
	}
	server.Name = words[0]
	s.Servers = append(s.Servers, server)
	return nil
}

// Addrs are the names of all addresses, in their order.
func (s *Scenario) Addrs() (all []string) {
	for _, server := range s.Servers {
		all = append(all, server.Addrs...)
	}
	return all
}

// Apply sets what the scenario asks for, by names that set knows.
func (s *Scenario) Apply(t testing.TB, set func(name, value string) error) {
	t.Helper()
	for _, setting := range s.Settings {
		if err := set(setting.Name, setting.Value); err != nil {
			t.Fatalf("%s=%s: %v", setting.Name, setting.Value, err)
		}
	}
}
