package cli

// This file owns the one value of a command line that may stand without a
// flag. What it means is its declarer's business.

// argument is that value, as it was declared and found.
type argument struct {
	name  string
	read  func(string) error
	given bool
}

// ConnectArgument declares an address to connect to that stands on the command
// line without a flag, before, between or behind flags. It may be missing, which
// leaves the variable as it is; name is how help and errors call it.
func (f *Flags) ConnectArgument(p *Address, name string) {
	f.argument = &argument{name: name, read: store(p, ParseConnect)}
}

// parseAll reads flags up to the argument, and then those behind it. Where
// there is no such value, or one too many, rest begins with what is surplus.
func (f *Flags) parseAll(args []string) (rest []string, err error) {
	for {
		if err := f.set.Parse(args); err != nil {
			return nil, err
		}
		rest = f.set.Args()
		if len(rest) == 0 || f.argument == nil || f.argument.given {
			return rest, nil
		}
		f.argument.given = true
		if err := f.argument.read(rest[0]); err != nil {
			f.wrong, f.why = f.argument.name, err
			return nil, err
		}
		args = rest[1:]
	}
}

// surplus says why there is an argument too many.
func (f *Flags) surplus() string {
	if f.argument == nil {
		return "every value belongs to a flag"
	}
	return "only one " + f.argument.name + " is taken"
}

// usage is the first line of help.
func (f *Flags) usage() string {
	if f.argument == nil {
		return f.command + " [flags]"
	}
	return f.command + " " + f.argument.name + " [flags]"
}

// RefuseArgument is Refuse for that value: the line says why it cannot be
// used, or that it is missing.
func (f *Flags) RefuseArgument(why string) int { return f.complain(f.argument.name, why) }
