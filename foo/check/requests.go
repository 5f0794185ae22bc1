// This file owns the checks of single requests: what a good line looks like.
// It must not know how lines are cut into pieces, or what is wrong with others.
package check

import (
	"strings"

	"fooproxy/foo"
)

func requestChecks() []Check {
	return []Check{
		{Name: "reply", Says: "a REQ gets one ACK or NAK of its Seq", script: scriptOf(1, "REQ 1 hey\n")},
		{Name: "no-data", Says: "Data may be missing, and blanks in its place are none",
			script: likeFirst([]string{"REQ 1\n", "REQ 1 \n", "REQ 1\t\n", "REQ 1 \t \n"})},
		{Name: "cr-lf", Says: "a CR before the LF belongs to the end of the line", script: crlfScript},
		{Name: "whitespace", Says: "any run of blanks and TABs stands between the fields", script: whitespaceScript},
		{Name: "utf-8", Says: "Data of all alphabets, and of control characters, gets its reply",
			script: scriptOf(1, "REQ 1 größer žluťoučký 語 🐎\n", "REQ 1 \u00a0begins with a no-break space\n",
				"REQ 1 a\x1b[1m\x7f\tb\n", "REQ 1 REQ 2 like a request\n", "REQ 1 ends with blanks \t \n")},
		{Name: "odd-data", Says: "Data that is not UTF-8 or holds NUL gets one ACK or NAK too",
			script: scriptOf(1, "REQ 1 \xff\n", "REQ 1 cut off \xc3\n", "REQ 1 \xc0\x80\n", "REQ 1 \xed\xa0\x80\n",
				"REQ 1 a\x00b\n", "REQ 1 \x00\n")},
		{Name: "valid-replies", Says: "all that comes is valid Foo itself", script: validScript},
		{Name: "seq", Says: "Seq goes up to 2^63-1, and may jump and go back",
			script: func() []conversation {
				return []conversation{
					oneByOne(eachOnce(0, 9223372036854775807, 5, 100, 7, 1), "REQ 9223372036854775807 z\n", "REQ 5 y\n", "REQ 100 x\n", "REQ 7\n", "REQ 1\n"),
				}
			}},
		{Name: "seq-twice", Says: "the same Seq twice gets two replies",
			script: func() []conversation {
				return []conversation{oneByOne(eachOnce(0, 5, 5), "REQ 5 a\n", "REQ 5 b\n"), oneByOne(eachOnce(0, 1, 1, 1), "REQ 1 a\n", "REQ 1 a\n", "REQ 1 a\n")}
			}},
		{Name: "long-line", Says: "a line of 65,536 bytes, LF counted, gets its reply", script: longLineScript},
	}
}

// scriptOf makes a conversation of each line, which is a request of this Seq.
func scriptOf(seq uint64, lines ...string) func() []conversation {
	return func() []conversation {
		var script []conversation
		for _, line := range lines {
			script = append(script, talk(eachOnce(0, seq), 1, line))
		}
		return script
	}
}

// likeFirst makes conversations of groups of lines: in each group all lines
// are spellings of the first, which is a request of Seq 1.
func likeFirst(groups ...[]string) func() []conversation {
	return func() []conversation {
		var script []conversation
		for _, group := range groups {
			model := len(script) + 1
			for i, line := range group {
				c := talk(eachOnce(0, 1), 1, line)
				if i > 0 {
					c.like = model
				}
				script = append(script, c)
			}
		}
		return script
	}
}

// crlfScript has a CR in all places, the last lines so that a proxy which
// takes away or adds one is seen in the Data.
func crlfScript() []conversation {
	script := likeFirst(
		[]string{"REQ 1 hey\n", "REQ 1 hey\r\n"},
		[]string{"REQ 1\n", "REQ 1\r\n", "REQ 1 \r\n", "REQ 1\t\r\n"},
		[]string{"REQ 1 hey \n", "REQ 1 hey \r\n"},
	)()
	return append(script,
		talk(eachOnce(0, 1), 1, "REQ 1 hey\r", "\n"),
		talk(eachOnce(0, 1), 1, "REQ 1 hey\r\r\n"),
		talk(eachOnce(0, 1), 1, "REQ 1 \r\r\n"),
		talk(eachOnce(0, 1), 1, "REQ 1 a\rb\n"),
	)
}

func whitespaceScript() []conversation {
	return likeFirst(
		[]string{"REQ 1 hey\n", "REQ\t1\they\n", "REQ   1   hey\n", "REQ \t 1\t \they\n"},
		[]string{"REQ 1 a \t b\n", "REQ\t1  a \t b\n"},
		[]string{"REQ 1 hey  \n", "REQ 1\t\they  \n"},
		[]string{"REQ 1\n", "REQ\t \t1\n", "REQ    1   \n"},
	)()
}

// validScript is a little of everything on one connection. Whether bad lines
// are answered is not the question here, so only the last reply is waited for.
func validScript() []conversation {
	c := conversation{judge: wellFormed, label: "good and bad lines"}
	c.steps = append(inPieces(
		"REQ 1\n", "REQ 2 hey\r\n", "REQ 3 \xff\xfe\n", "REQ 4 a\x00b\n", "REQ 5 a\x1b]0;b\x07\n",
		"\n", "\xff\xfe\n", "GET / HTTP/1.1\r\n", "REQ \xff\n", "REQ 99999999999999999999 \xff\n", "REQ 6 größer\r\n",
	), awaitReplyTo(6), finish())
	long := talk(wellFormed, 1, lineOfBytes(foo.LineBytesMax))
	long.long, long.label = true, "a line of 65,536 bytes"
	return []conversation{c, long}
}

// lineOfBytes is a request of Seq 1 with so many bytes, LF counted.
func lineOfBytes(length int) string {
	return "REQ 1 " + strings.Repeat("x", length-len("REQ 1 \n")) + "\n"
}

func longLineScript() []conversation {
	line := lineOfBytes(foo.LineBytesMax)
	script := []conversation{
		talk(eachOnce(0, 1), 1, line),
		talk(eachOnce(0, 1), 1, line[:len(line)/2], line[len(line)/2:]),
	}
	for i := range script {
		script[i].long, script[i].label = true, "a line of 65,536 bytes"
	}
	script[1].label += ", cut in the middle"
	return script
}
