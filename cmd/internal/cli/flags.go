package cli

// This file owns a command's flags: declaring them, parsing the arguments, and
// the one line that says what is wrong. How help looks is help.go's, what a
// value may be is values.go's.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"
)

// The exit codes of all commands.
const (
	ExitOK      = 0
	ExitFailure = 1 // the world refused: a port in use, a server not there
	ExitUsage   = 2 // the command line was wrong
)

// Flags is one command's set of flags on top of the flag package, so that
// -listen and --listen are the same. Declare groups and flags in the order in
// which help shall show them, then call Parse once. Names are given as "p,port":
// aliases, the short one first. A flag's default is what its variable holds
// when it is declared, and the last of two flags for one variable wins. A word
// in back quotes in the usage names the value in help. It is used by one
// goroutine, at start.
type Flags struct {
	command, summary string
	stdout, stderr   io.Writer
	set              *flag.FlagSet
	groups           []group
	examples         []example
	argument         *argument // nil where every value belongs to a flag
	given            map[string]bool
	checks           []func() (name string, err error) // of what only all flags together show
	wrong            string                            // the flag whose value was refused, with its dash
	why              error
	version          bool
}

type group struct {
	heading string
	entries []*entry
}

// entry is one flag with all its names.
type entry struct {
	names           []string
	argument, usage string
	fallback        string // what help says of the default
	boolean         bool
	read            func(string) error
	show            func() string
}

type example struct{ line, says string }

// NewFlags starts the flags of a command. Help and version go to stdout, the
// one line about a wrong flag to stderr.
func NewFlags(command, summary string, stdout, stderr io.Writer) *Flags {
	f := &Flags{
		command: command, summary: summary, stdout: stdout, stderr: stderr,
		set:   flag.NewFlagSet(command, flag.ContinueOnError),
		given: make(map[string]bool),
	}
	// The flag package would print its own error and its own help.
	f.set.SetOutput(io.Discard)
	f.set.Usage = func() {}
	return f
}

// Group starts a heading in help; the flags declared next belong to it.
func (f *Flags) Group(heading string) {
	f.groups = append(f.groups, group{heading: heading})
}

// Example adds a command line to help, with one sentence about what it does.
func (f *Flags) Example(line, says string) {
	f.examples = append(f.examples, example{line, says})
}

// named is one name of an entry, as the flag package wants it.
type named struct {
	flags *Flags
	name  string
	*entry
}

func (n named) String() string   { return "" }
func (n named) IsBoolFlag() bool { return n.boolean }

func (n named) Set(s string) error {
	if err := n.read(s); err != nil {
		n.flags.wrong, n.flags.why = "-"+n.name, err
		return err
	}
	for _, name := range n.names {
		n.flags.given[name] = true
	}
	return nil
}

func (f *Flags) add(names, argument, usage string, read func(string) error, show func() string) *entry {
	e := &entry{names: strings.Split(names, ","), argument: argument, usage: usage, read: read, show: show}
	if strings.Contains(usage, "`") {
		e.argument, e.usage = flag.UnquoteUsage(&flag.Flag{Usage: usage})
	}
	if show != nil {
		if value := show(); value != "" {
			e.fallback = "default " + value
		}
	}
	for _, name := range e.names {
		f.set.Var(named{f, name, e}, name, usage)
	}
	if len(f.groups) == 0 {
		f.Group("Flags")
	}
	last := &f.groups[len(f.groups)-1]
	last.entries = append(last.entries, e)
	return e
}

// ZeroIs has help say these words of the flag declared last where its default is
// 0, which stands for something else then: "default off".
func (f *Flags) ZeroIs(words string) {
	entries := f.groups[len(f.groups)-1].entries
	last := entries[len(entries)-1]
	if last.fallback == "default 0" || last.fallback == "default 0s" {
		last.fallback = words
	}
}

// store makes a reader that keeps the value only if it parsed.
func store[T any](p *T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		if err == nil {
			*p = v
		}
		return err
	}
}

// Listen declares an address to listen on.
func (f *Flags) Listen(p *Address, names, usage string) {
	f.add(names, "ADDRESS", usage, store(p, ParseListen), func() string { return p.String() })
}

// Connect declares an address to connect to.
func (f *Flags) Connect(p *Address, names, usage string) {
	f.add(names, "ADDRESS", usage, store(p, ParseConnect), func() string { return p.String() })
}

// ConnectList declares a flag for several addresses to connect to: with commas
// between them, or given several times. They keep their order, and the same one
// twice counts once. The first one replaces the default.
func (f *Flags) ConnectList(p *[]Address, names, usage string) {
	fresh := true
	read := func(s string) error {
		list, err := ParseConnectList(s)
		if err != nil {
			return err
		}
		if fresh {
			fresh, *p = false, nil
		}
		for _, a := range list {
			if slices.Contains(*p, a) {
				continue
			}
			if len(*p) == repeatsMax {
				return fmt.Errorf("more than %d addresses", repeatsMax)
			}
			*p = append(*p, a)
		}
		return nil
	}
	f.add(names, "ADDRESS", usage, read, func() string { return JoinAddresses(*p) })
}

// Duration declares a duration between low and high, both allowed.
func (f *Flags) Duration(p *time.Duration, names, usage string, low, high time.Duration) {
	parse := func(s string) (time.Duration, error) { return parseDuration(s, low, high) }
	f.add(names, "DURATION", usage, store(p, parse), func() string { return showDuration(*p) })
}

// Size declares a number of bytes between low and high, both allowed.
func (f *Flags) Size(p *int64, names, usage string, low, high int64) {
	parse := func(s string) (int64, error) { return parseSize(s, low, high) }
	f.add(names, "SIZE", usage, store(p, parse), func() string { return showSize(*p) })
}

// Int declares an integer between low and high, both allowed.
func (f *Flags) Int(p *int, names, usage string, low, high int) {
	parse := func(s string) (int, error) {
		n, err := parseInt(s, int64(low), int64(high))
		return int(n), err
	}
	f.add(names, "N", usage, store(p, parse), func() string { return strconv.Itoa(*p) })
}

// Share declares a share of a whole, 0 to 1.
func (f *Flags) Share(p *float64, names, usage string) {
	f.add(names, "SHARE", usage, store(p, parseShare), func() string { return strconv.FormatFloat(*p, 'g', -1, 64) })
}

// String declares a text; any value is good, the empty one included.
func (f *Flags) String(p *string, names, usage string) {
	parse := func(s string) (string, error) { return s, nil }
	f.add(names, "TEXT", usage, store(p, parse), func() string { return *p })
}

// Choice declares a flag whose value is one of a few words.
func (f *Flags) Choice(p *string, names, usage string, choices ...string) {
	parse := func(s string) (string, error) { return parseChoice(s, choices) }
	f.add(names, strings.Join(choices, "|"), usage, store(p, parse), func() string { return *p })
}

// Bool declares a switch: -name or -name=false.
func (f *Flags) Bool(p *bool, names, usage string) {
	parse := func(s string) (bool, error) {
		v, err := strconv.ParseBool(s)
		if err != nil {
			err = fmt.Errorf("%s is neither true nor false", quote(s))
		}
		return v, err
	}
	show := func() string {
		if *p {
			return "true"
		}
		return ""
	}
	f.add(names, "", usage, store(p, parse), show).boolean = true
}

// Value declares a flag whose kind only the command knows. read takes the value, or
// says what is wrong with it in one sentence without the name of the flag; show gives
// the default.
func (f *Flags) Value(names, argument, usage string, read func(string) error, show func() string) {
	f.add(names, argument, usage, read, show)
}

// LogLevel declares -log-level, which all commands spell alike.
func (f *Flags) LogLevel(p *zapcore.Level) {
	choices := []string{"debug", "info", "warn", "error"}
	parse := func(s string) (zapcore.Level, error) {
		if _, err := parseChoice(s, choices); err != nil {
			return 0, err
		}
		return zapcore.ParseLevel(s)
	}
	f.add("log-level", strings.Join(choices, "|"), "Log lines of this level and above to stderr.",
		store(p, parse), func() string { return p.String() })
}

// PidFile declares -pidfile, which all commands spell alike.
func (f *Flags) PidFile(p *string) {
	f.String(p, "pidfile", "Write the process id to this `FILE` and remove it at exit.")
}

// Given says whether the command line held the flag, under any of its names.
func (f *Flags) Given(name string) bool { return f.given[name] }

// Parse reads the arguments, the command's name not among them. Where done is
// true the command ends at once with the exit code: help or version has been
// printed, or the one line about what is wrong.
func (f *Flags) Parse(args []string) (code int, done bool) {
	f.Group("Help")
	f.Bool(&f.version, "version", "Print the version and end.")
	rest, err := f.parseAll(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return f.print(f.help()), true
	case err != nil:
		return f.refuseParse(err), true
	case f.version:
		return f.print(VersionLine(f.command) + "\n"), true
	case len(rest) > 0:
		return f.complain(quote(rest[0]), "unexpected argument; "+f.surplus()), true
	}
	for _, check := range f.checks {
		if name, err := check(); err != nil {
			return f.Refuse(name, err.Error()), true
		}
	}
	return ExitOK, false
}

func (f *Flags) print(text string) int {
	if _, err := io.WriteString(f.stdout, text); err != nil {
		return ExitFailure
	}
	return ExitOK
}

// Refuse prints the one line that says why a flag's value cannot be used and
// returns the exit code. It is for what only the command can judge, such as a
// flag that is missing. The name comes without its dash.
func (f *Flags) Refuse(name, why string) int { return f.complain("-"+name, why) }

// refuseParse puts the flag package's error into our form. A refused value has
// been noted by named.Set; the other errors have no types, only texts.
func (f *Flags) refuseParse(err error) int {
	if f.why != nil {
		return f.complain(f.wrong, f.why.Error())
	}
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: "); ok {
		return f.complain(name, "unknown flag; "+f.command+" -h lists all flags")
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return f.complain(name, "the value is missing")
	}
	if name, ok := strings.CutPrefix(text, "bad flag syntax: "); ok {
		return f.complain(name, "not a flag")
	}
	return f.complain("arguments", text)
}

func (f *Flags) complain(what, why string) int {
	// Nothing is left to do where stderr cannot be written: the exit code tells.
	_, _ = fmt.Fprintf(f.stderr, "%s: %s: %s\n", f.command, clean(shorten(what)), clean(why))
	return ExitUsage
}
