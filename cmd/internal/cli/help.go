package cli

// This file owns how help looks. It reads what the flags hold and prints
// nothing itself.

import "strings"

const helpIndent = "        "

// help is the page that -h prints: what the command is, its flags under their
// headings in the order of their declaration, and examples.
func (f *Flags) help() string {
	var b strings.Builder
	b.WriteString(wrap("", f.command+": "+f.summary) + "\nUsage: " + f.usage() + "\n")
	for _, g := range f.groups {
		b.WriteString("\n" + g.heading + ":\n")
		if g.heading == "Help" {
			b.WriteString("  -h, -help\n" + wrap(helpIndent, "Print this help and end."))
		}
		for _, e := range g.entries {
			b.WriteString(e.help())
		}
	}
	if len(f.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, x := range f.examples {
			b.WriteString("  " + x.line + "\n" + wrap(helpIndent, x.says))
		}
	}
	return b.String()
}

func (e *entry) help() string {
	line := "  -" + strings.Join(e.names, ", -")
	if e.argument != "" && !e.boolean {
		line += " " + e.argument
	}
	usage := e.usage
	if e.fallback != "" {
		usage += " (" + e.fallback + ")"
	}
	return line + "\n" + wrap(helpIndent, usage)
}

// wrap indents a paragraph and breaks it between words.
func wrap(indent, text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(word) > helpWidth:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}
