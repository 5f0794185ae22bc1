package cli

// This file owns how help looks. It reads what the flags hold and prints
// nothing itself.

import "strings"

const helpIndent = "        "

// help is the page that -h prints: what the command is, its flags under their
// headings in the order of their declaration, and examples.
func (f *Flags) help() string {
	var b strings.Builder
	b.WriteString(f.command + ": " + f.summary + "\n\nUsage: " + f.command + " [flags]\n")
	for _, g := range f.groups {
		b.WriteString("\n" + g.heading + ":\n")
		if g.heading == "Help" {
			b.WriteString("  -h, -help\n" + wrap("Print this help and end."))
		}
		for _, e := range g.entries {
			b.WriteString(e.help())
		}
	}
	if len(f.examples) > 0 {
		b.WriteString("\nExamples:\n")
		for _, x := range f.examples {
			b.WriteString("  " + x.line + "\n" + wrap(x.says))
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
		usage += " (default " + e.fallback + ")"
	}
	return line + "\n" + wrap(usage)
}

// wrap indents a paragraph and breaks it between words.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(helpIndent)
			column = len(helpIndent)
		case column+1+len(word) > helpWidth:
			b.WriteString("\n" + helpIndent)
			column = len(helpIndent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}
