// This file owns the checks of lines that are no requests. It must not know
// how good ones are answered.
package check

import "strings"

// The lines that a server must refuse, without their LF, by what is wrong.
var (
	badTypes = []string{
		"", "\r", "\r\r", "   ", "\t", "GET / HTTP/1.1\r", "req 1 a", "Req 1 a", "RE", "REQS 1 a", "REQ1 a", "RST 1 a",
		" REQ 1 a", "\tREQ 1 a", "REQ\v1 a", "REQ\x001 a", "REQ\u00a01 a", "\ufeffREQ 1 a", "\xff\xfe", "\x00",
	}
	badSeqs = []string{
		"REQ", "REQ ", "REQ \t \r", "REQ hey", "REQ -1 a", "REQ +1 a", "REQ - 1", "REQ -0", "REQ 0 a", "REQ 0", "REQ 01 a", "REQ 00",
		"REQ 0x10 a", "REQ 1f a", "REQ 1.0 a", "REQ 1e3 a", "REQ 1_000 a", "REQ 1:", "REQ 1\x00 a", "REQ \u0661 a",
		"REQ 9223372036854775808 a", "REQ 18446744073709551616 a", "REQ 18446744073709551617 a",
		"REQ 1" + strings.Repeat("0", 40) + " a", "REQ " + strings.Repeat("0", 40) + "1 a",
	}
	notRequests = []string{"ACK 1 a", "NAK 1 a", "ACK 1", "NAK 0 a", "NAK 0", "ACK 9223372036854775807\r"}
)

func badLineChecks() []Check {
	return []Check{
		{Name: "bad-type", Says: "a line without a known Type gets NAK 0", script: refused(badTypes)},
		{Name: "bad-seq", Says: "a REQ whose Seq is missing or wrong gets NAK 0", script: refused(badSeqs)},
		{Name: "not-request", Says: "an ACK or NAK from a client gets NAK 0", script: refused(notRequests)},
		{Name: "goes-on", Says: "a connection goes on after a bad line", script: goesOnScript},
	}
}

// refused makes a conversation of each line.
func refused(lines []string) func() []conversation {
	return func() []conversation {
		var script []conversation
		for _, line := range lines {
			script = append(script, talk(eachOnce(1), 1, line+"\n"))
		}
		return script
	}
}

// goesOnScript does not ask whether the bad line is answered.
func goesOnScript() []conversation {
	var script []conversation
	for _, line := range []string{"", "\r", "GET / HTTP/1.1", "REQ", "REQ 0 a", "REQ -1 a", "REQ 9223372036854775808 a", "ACK 1 a", "NAK 0 a", "\xff\x00"} {
		script = append(script, conversation{
			steps: append(inPieces(line+"\n", "REQ 7 a\n"), awaitReplyTo(7), finish()),
			judge: atLeast(7),
		})
	}
	return script
}
