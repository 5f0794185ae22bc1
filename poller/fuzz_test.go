// fuzz_test.go: however a text is cut on its way, and however its reader
// dawdles, the lines that arrive are those of the text. For a long run give
// -fuzzminimizetime 10x: by default the fuzzer spends its time on making each
// input that it likes a little shorter.

package poller_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// tape is a record of choices. Behind its end every choice is 0, the boring one.
type tape []byte

func (t *tape) next(n int) int {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return int(b) % n
}

// naiveLines is the oracle: the lines that must arrive, what is left behind
// them, and whether that is a line that is too long.
func naiveLines(text string, maxLine int) (lines []string, rest string, long bool) {
	parts := strings.Split(text, "\n")
	for _, part := range parts[:len(parts)-1] {
		if len(part)+1 > maxLine {
			return lines, "", true
		}
		lines = append(lines, part+"\n")
	}
	rest = parts[len(parts)-1]
	return lines, rest, len(rest) >= maxLine
}

// carry sends a text to a connection as the tape says, and compares.
func carry(t *testing.T, text string, choices tape) {
	r := newRig(t, func(r *rig) {
		r.config.MaxLine = []int{64 << 10, 1 << 20, 40}[choices.next(3)]
		r.config.ReadToEAGAIN = choices.next(2) == 1
		r.config.TurnLines = []int{256, 1, 3}[choices.next(3)]
		r.config.TurnBytes = []int{64 << 10, 10, 1000}[choices.next(3)]
	})
	p, a := r.client()
	p.SetFarWindow([]int{64 << 10, 7, 1000}[choices.next(3)])
	patient, long, fragment := false, false, ""
	a.readRoom = func(*poller.Conn) int {
		if patient {
			return 64 << 10
		}
		return []int{64 << 10, 0, 1, 10, 1000}[choices.next(5)]
	}
	a.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
		if !patient {
			maxLines -= choices.next(maxLines + 1)
		}
		return a.take(run, maxLines)
	}
	a.onEnd = func(_ *poller.Conn, f []byte) { fragment = string(f) }
	a.onLong = func(*poller.Conn, []byte) { long = true }
	urgent := false
	for left := text; left != "" && !long; {
		n := []int{len(left), 1, 1 + choices.next(16), 1 + 8*choices.next(256)}[choices.next(4)]
		sent := p.SendString(left[:min(n, len(left))])
		left = left[sent:]
		switch choices.next(6) {
		case 1:
			urgent = urgent || p.SendUrgent('!')
		case 2:
			r.kernel.Inject(fake.CallRead, fake.Fault{Errno: poller.EINTR})
		case 3:
			if r.config.ReadToEAGAIN {
				r.kernel.Inject(fake.CallRead, fake.Fault{Bytes: 1 + choices.next(8)})
			}
		case 4:
			a.conn.Pause()
		case 5:
			a.conn.Resume()
		}
		for range 1 + choices.next(3) {
			r.turn()
		}
		if sent == 0 {
			a.conn.Resume()
		}
	}
	p.CloseWrite()
	patient = true
	a.conn.Resume()
	r.settle()
	lines, rest, tooLong := naiveLines(text, r.config.MaxLine)
	if got, want := a.text(), strings.Join(lines, ""); got != want {
		t.Fatalf("lines: %.200q, want %.200q", got, want)
	}
	if long != tooLong || !long && (fragment != rest || !a.conn.Ended()) {
		t.Fatalf("long line: %t, want %t; fragment %.100q, want %.100q", long, tooLong, fragment, rest)
	}
	a.conn.Abort()
	p.Close()
	r.settle()
}

func FuzzLinesArriveAsTheyWereSent(f *testing.F) {
	f.Add("REQ 1 a\nREQ 2 b\nfragment", []byte{})
	f.Add("REQ 1 a\nREQ 2 b\n", []byte("\x00\x01\x01\x01\x01\x02\x01\x03\x04\x05"))
	f.Add("\n\n\nx\n"+strings.Repeat("y", 50)+"\nz\n", []byte("\x02\x00\x02\x02\x01\x01\x01\x01\x01"))
	f.Fuzz(func(t *testing.T, text string, choices []byte) {
		carry(t, text[:min(len(text), 2000)], choices[:min(len(choices), 2000)]) // long ones are slow, and no richer
	})
}

func TestLinesArriveAsTheyWereSent(t *testing.T) {
	for seed := range uint64(500) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			choices := make(tape, random.IntN(400))
			for i := range choices {
				if random.IntN(3) > 0 {
					choices[i] = byte(random.Uint32())
				}
			}
			var text strings.Builder
			for range random.IntN(30) {
				fmt.Fprintf(&text, "%0*d\n", random.IntN(1<<random.IntN(9)), random.IntN(1000))
			}
			carry(t, text.String()+strings.Repeat("f", random.IntN(20)), choices)
		})
	}
}
