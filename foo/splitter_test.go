// This file owns the tests of finding lines in a stream. It must not know the
// grammar of a line, apart from the shared samples.
package foo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// split runs pieces through a Splitter, and returns its lines, what it holds
// at the end, and its error.
func split(lineBytesMax int, pieces []string) (lines []string, rest string, err error) {
	s := NewSplitter(lineBytesMax)
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(s.Room(), piece)
			s.Advance(n)
			piece = piece[n:]
			for {
				ready := s.Ready()
				line, ok, err := s.Next()
				if ready != (ok || err != nil) {
					panic(fmt.Sprintf("Ready said %v before %q, %v, %v", ready, line, ok, err))
				}
				if err != nil {
					return lines, "", err
				}
				if !ok {
					break
				}
				lines = append(lines, string(line))
			}
		}
	}
	return lines, string(s.Rest()), nil
}

// referenceSplit is what Splitter must come to.
func referenceSplit(lineBytesMax int, text string) (lines []string, rest string, err error) {
	parts := strings.Split(text, "\n")
	for _, line := range parts[:len(parts)-1] {
		if len(line)+1 > lineBytesMax {
			return lines, "", ErrLineTooLong
		}
		lines = append(lines, line)
	}
	rest = parts[len(parts)-1]
	if len(rest) >= lineBytesMax {
		return lines, "", ErrLineTooLong
	}
	return lines, rest, nil
}

func checkSplit(t *testing.T, lineBytesMax int, text string, pieces []string) {
	t.Helper()
	lines, rest, err := split(lineBytesMax, pieces)
	wantLines, wantRest, wantErr := referenceSplit(lineBytesMax, text)
	if !slices.Equal(lines, wantLines) || rest != wantRest || err != wantErr {
		t.Fatalf("limit %d, pieces %q:\ngot  %q, %q, %v\nwant %q, %q, %v",
			lineBytesMax, pieces, lines, rest, err, wantLines, wantRest, wantErr)
	}
}

func TestSplitterAtEverySplitPosition(t *testing.T) {
	for _, s := range allSamples() {
		text := "REQ 7 before\n" + s.line + "\nACK 8 behind\nfragment"
		for at := range len(text) + 1 {
			pieces := []string{text[:at], text[at:]}
			checkSplit(t, LineBytesMax, text, pieces)
			lines, _, _ := split(LineBytesMax, pieces)
			if got, err := Parse([]byte(lines[1])); err != s.err || !sameMessage(got, s.want) {
				t.Fatalf("%s, cut at %d: %+v, %v; want %+v, %v", s.name, at, got, err, s.want, s.err)
			}
		}
		checkSplit(t, LineBytesMax, text, strings.Split(text, "")) // byte by byte, or nearly
	}
}

func TestSplitterDecidesAtTheLimit(t *testing.T) {
	for _, limit := range []int{1, 2, 10, 4095, 4096, 4097, 5000, 8192, LineBytesMax} {
		for _, length := range []int{limit - 2, limit - 1, limit, limit + 1} {
			if length < 0 {
				continue
			}
			text := strings.Repeat("x", length)
			for _, text := range []string{text, text + "\n", "\n" + text + "\n", text + "\n\n", "\n\n" + text} {
				half := len(text) / 2
				checkSplit(t, limit, text, []string{text})
				checkSplit(t, limit, text, []string{text[:half], text[half:]})
			}
		}
	}
}

func TestSplitterErrorStays(t *testing.T) {
	s := NewSplitter(4)
	s.Advance(copy(s.Room(), "a\nlonger\nb\n"))
	if line, ok, err := s.Next(); string(line) != "a" || !ok || err != nil {
		t.Fatalf("the line before the long one: %q, %v, %v", line, ok, err)
	}
	for range 3 {
		if line, ok, err := s.Next(); line != nil || ok || err != ErrLineTooLong {
			t.Fatalf("the long line: %q, %v, %v", line, ok, err)
		}
	}
}

// A peer that sends single bytes must not make the search quadratic.
func TestSplitterSearchesEveryByteOnce(t *testing.T) {
	s := NewSplitter(LineBytesMax)
	for i := range LineBytesMax - 1 {
		if s.searched != s.end {
			t.Fatalf("at byte %d the search stands at %d", i, s.searched)
		}
		s.Room()[0] = 'x'
		s.Advance(1)
		if _, ok, err := s.Next(); ok || err != nil {
			t.Fatalf("a line at byte %d: %v, %v", i, ok, err)
		}
	}
}

func TestSplitterIsBounded(t *testing.T) {
	const limit = 10_000
	s := NewSplitter(limit)
	for range 1_000 {
		for i, room := 0, s.Room(); i < len(room); i++ {
			room[i] = "0123456\n"[i%8]
		}
		s.Advance(len(s.Room()))
		for {
			if _, ok, err := s.Next(); err != nil {
				t.Fatal(err)
			} else if !ok {
				break
			}
		}
		if cap(s.buffer) > limit {
			t.Fatalf("the buffer has grown to %d bytes, the limit is %d", cap(s.buffer), limit)
		}
	}
}

func TestSplitterMisuse(t *testing.T) {
	filled := func() *Splitter {
		s := NewSplitter(100)
		s.Advance(copy(s.Room(), "a\nb\n"))
		return s
	}
	tooLong := func() *Splitter {
		s := NewSplitter(2)
		s.Advance(copy(s.Room(), "abc"))
		s.Next()
		return s
	}
	for name, misuse := range map[string]func(){
		"no limit":             func() { NewSplitter(0) },
		"Room with lines left": func() { filled().Room() },
		"Room after an error":  func() { tooLong().Room() },
		"Advance too far":      func() { s := filled(); s.Advance(len(s.buffer)) },
		"Advance backwards":    func() { filled().Advance(-1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			misuse()
		}()
	}
}

func FuzzSplitter(f *testing.F) {
	for i, s := range allSamples() {
		f.Add("REQ 1 x\n"+s.line+"\n\nrest", uint64(i), uint16(1<<15))
		f.Add(s.line+"\n"+s.line, uint64(i), uint16(i+1))
	}
	f.Add(strings.Repeat("x", 9000)+"\n"+strings.Repeat("y", 9001), uint64(1), uint16(9001))
	f.Fuzz(func(t *testing.T, text string, seed uint64, limit uint16) {
		if limit == 0 {
			t.Skip("no limit")
		}
		random := rand.New(rand.NewPCG(seed, 0))
		var pieces []string
		for rest := text; rest != ""; {
			n := 1 + random.IntN(1+random.IntN(len(rest)))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		checkSplit(t, int(limit), text, pieces)
	})
}

func BenchmarkSplitter(b *testing.B) {
	text := strings.Repeat("REQ 123456789 "+strings.Repeat("x", 49)+"\n", 60)
	s := NewSplitter(LineBytesMax)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		s.Advance(copy(s.Room(), text))
		for {
			if _, ok, err := s.Next(); err != nil {
				b.Fatal(err)
			} else if !ok {
				break
			}
		}
	}
}

func ExampleSplitter() {
	s := NewSplitter(LineBytesMax)
	for _, piece := range []string{"REQ 1 he", "y\nREQ 2", " you\n"} {
		s.Advance(copy(s.Room(), piece))
		for {
			line, ok, err := s.Next()
			if err != nil || !ok {
				break
			}
			message, err := Parse(line)
			fmt.Println(message.Type, message.Seq, Quote(message.Data), err)
		}
	}
	// Output:
	// REQ 1 "hey" <nil>
	// REQ 2 "you" <nil>
}
