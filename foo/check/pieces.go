// This file owns the checks of how lines travel: cut into pieces, many at
// once, and with the end close behind them. It must not know what lines say.
package check

import "strings"

func pieceChecks() []Check {
	return []Check{
		{Name: "cut", Says: "a line cut at any place, or sent byte by byte, gets the same reply", script: cutScript},
		{Name: "cut-between", Says: "lines that share a segment with half of another get their replies", script: cutBetweenScript},
		{Name: "pipeline", Says: "many requests sent at once get one reply each",
			script: func() []conversation {
				lines, seqs := requests(pipelinedRequests)
				few := talk(eachOnce(0, 1, 2, 3), 3, "REQ 1 a\nREQ 2 b\r\nREQ 3\n")
				many := talk(eachOnce(0, seqs...), len(seqs), lines)
				return []conversation{few, many}
			}},
		// The grammar matches replies by their Seq, and a proxy forwards them as
		// they come. Yet clients exist that count instead.
		{Name: "order", Says: "replies come in the order of their requests, as clients that count them need",
			script: func() []conversation {
				lines, seqs := requests(hurriedRequests)
				back := []string{"REQ 9 a\n", "REQ 3 b\n", "REQ 7 c\n", "REQ 1 d\n"}
				return []conversation{
					talk(inOrder(seqs...), len(seqs), lines),
					talk(inOrder(9, 3, 7, 1), len(back), strings.Join(back, "")),
				}
			}},
		{Name: "half-close", Says: "requests with the client's end right behind them get their replies, then the end",
			script: func() []conversation {
				lines, seqs := requests(hurriedRequests)
				hurry := func(lines string, seqs ...uint64) conversation {
					return conversation{steps: []step{say(lines), finishToTheEnd()}, judge: endsWith(atLeast(seqs...), endFIN)}
				}
				calm := conversation{steps: []step{say("REQ 1 a\n"), await(1), finishToTheEnd()}, judge: endsWith(atLeast(1), endFIN)}
				return []conversation{hurry("REQ 1 a\n", 1), hurry("REQ 1 a\nREQ 2 b\n", 1, 2), hurry(lines, seqs...), calm}
			}},
	}
}

// cutScript sends one message on each connection. The messages have blanks,
// a CR LF and characters of several bytes to be cut in.
func cutScript() []conversation {
	var script []conversation
	for _, message := range []string{"REQ 1 hey  ho\n", "REQ\t1 \r\n", "REQ 1 žluť 語🐎\r\n"} {
		model := len(script) + 1
		for i, pieces := range cuts(message) {
			c := talk(eachOnce(0, 1), 1, pieces...)
			if i > 0 {
				c.like = model
			}
			script = append(script, c)
		}
	}
	return script
}

// cutBetweenScript sends three messages on each connection. That no reply
// comes twice is the business of the pipeline.
func cutBetweenScript() []conversation {
	var script []conversation
	for _, pieces := range cuts("REQ 1 a\nREQ 2 b\r\nREQ 3\n") {
		script = append(script, talk(atLeast(1, 2, 3), 3, pieces...))
	}
	return script
}

// cuts is the words as they are, then in single bytes, then cut in two
// at every place.
func cuts(words string) [][]string {
	single := make([]string, len(words))
	for i := range single {
		single[i] = words[i : i+1]
	}
	all := [][]string{{words}, single}
	for at := 1; at < len(words); at++ {
		all = append(all, []string{words[:at], words[at:]})
	}
	return all
}
