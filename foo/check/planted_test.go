// This file owns the faults of servers that the checks must find, each of them
// by its name and no other.
package check

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/foo"
)

// testTimeout is far above what the checks of these servers need on a busy
// machine, and nobody waits for it: a check that a mute server fails has
// muteTimeout instead.
const (
	testTimeout = time.Minute
	muteTimeout = 2 * time.Second
)

// plantedFault is a server that does one thing wrong.
type plantedFault struct {
	name  string
	named []string // the checks that must fail
	mute  bool     // they fail because nothing comes
	manners
}

var plantedFaults = []plantedFault{
	{name: "none"},
	{name: "without data there is no reply", named: []string{"no-data"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return "NAK 1 no data\n", line == "REQ 1 \t "
	}}},
	{name: "a CR counts as Data", named: []string{"cr-lf"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		// Of two CRs, the grammar leaves one in the Data.
		message, err := foo.Parse([]byte(line + "\r"))
		return fmt.Sprintf("ACK %d %d bytes\n", message.Seq, len(message.Data)), err == nil && message.Type == foo.REQ && foo.CheckData(message.Data) == nil
	}}},
	{name: "one blank alone separates", named: []string{"whitespace"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		fields := strings.SplitN(strings.ReplaceAll(line, "\t", " "), " ", 3)
		return "NAK 0 no Seq\n", len(fields) == 3 && fields[0] == "REQ" && fields[1] == "" && strings.HasSuffix(line, "hey")
	}}},
	{name: "ESC ends the conversation", named: []string{"utf-8"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return hangUp, strings.Contains(line, "\x1b[1m")
	}}},
	{name: "NUL ends the conversation", named: []string{"odd-data"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return hangUp, line == "REQ 1 a\x00b"
	}}},
	{name: "a bad line is quoted as it came", named: []string{"valid-replies"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return "NAK 0 " + line + "\n", line == "\xff\xfe"
	}}},
	{name: "a reply that is too long", named: []string{"valid-replies"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return strings.Replace(line, "REQ 1", "ACK 1 you said: ", 1) + "\n", len(line) == foo.LineBytesMax-1
	}}},
	{name: "Seq has 32 bits", named: []string{"seq"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		message, err := foo.Parse([]byte(line))
		return fmt.Sprintf("ACK %d\n", uint32(message.Seq)), err == nil && message.Type == foo.REQ && message.Seq > math.MaxUint32
	}}},
	{name: "the second of the same Seq ends the conversation", named: []string{"seq-twice"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		seq, _, _ := strings.Cut(strings.TrimPrefix(line, "REQ "), " ")
		again := p.seen[seq]
		p.seen[seq] = true
		return hangUp, again && strings.HasPrefix(line, "REQ ")
	}}},
	{name: "a limit that does not count the LF", named: []string{"long-line"}, manners: manners{lineMax: foo.LineBytesMax - 1}},
	{name: "each read is decoded by itself", named: []string{"cut"}, manners: manners{hear: func(p *peer, came []byte) []byte {
		if r := came; len(r) > 0 && r[0]&0xC0 == 0x80 { // in the middle of a character
			return bytes.ToValidUTF8(r, []byte("?"))
		}
		return came
	}}},
	{name: "half a line behind whole ones is lost", named: []string{"cut-between"}, manners: manners{lines: func(p *peer, lines []string, tail []byte) []byte {
		p.takeAll(lines)
		if len(lines) > 0 && len(tail) < len("REQ ") {
			return nil
		}
		return tail
	}}},
	{name: "lines of one read are answered twice", named: []string{"pipeline"}, manners: manners{lines: func(p *peer, lines []string, tail []byte) []byte {
		if len(lines) > 1 {
			lines = append(lines, lines...)
		}
		p.takeAll(lines)
		return tail
	}}},
	{name: "replies of one read are swapped", named: []string{"order"}, manners: manners{lines: func(p *peer, lines []string, tail []byte) []byte {
		slices.Reverse(lines)
		p.takeAll(lines)
		return tail
	}}},
	{name: "outstanding replies are forgotten at half-close", named: []string{"half-close"}, manners: manners{delay: 20 * time.Millisecond}},
	{name: "lower case is a Type", named: []string{"bad-type"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return rightReply(strings.Replace(line, "req", "REQ", 1)), true
	}}},
	{name: "leading zeros are numbers", named: []string{"bad-seq"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "REQ" || fields[1][0] != '0' {
			return "", false
		}
		seq, err := strconv.ParseUint(fields[1], 10, 63)
		return fmt.Sprintf("ACK %d\n", seq), err == nil && seq > 0
	}}},
	{name: "replies of clients are acknowledged", named: []string{"not-request"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		return "ACK 1\n", strings.HasPrefix(line, "ACK") || strings.HasPrefix(line, "NAK")
	}}},
	{name: "a bad line ends the connection", named: []string{"goes-on"}, manners: manners{answer: func(p *peer, line string) (string, bool) {
		_, err := foo.Parse([]byte(line))
		return rightReply(line) + hangUp, err != nil
	}}},
	{name: "who asked nothing is reset", named: []string{"no-request"}, manners: manners{leave: func(p *peer, err error) {
		if p.told == 0 {
			p.nc.SetLinger(0)
		}
	}}},
	{name: "the end of the stream ends a line", named: []string{"fragment"}, manners: manners{fragment: rightReply}},
	{name: "who says nothing at first is closed", named: []string{"idle"}, manners: manners{idle: idleRest * 3 / 4}},
	{name: "50 clients and no more", named: []string{"connections"}, manners: manners{clients: connectionsAtOnce / 2}},
	{name: "one line at a time", named: []string{"slow-sender"}, mute: true, manners: manners{
		hear: func(p *peer, came []byte) []byte {
			if len(came) > 0 && !p.holds {
				p.turn.Lock()
				p.holds = true
			}
			return came
		},
		lines: func(p *peer, lines []string, tail []byte) []byte {
			p.takeAll(lines)
			if p.holds && len(tail) == 0 {
				p.holds = false
				p.turn.Unlock()
			}
			return tail
		},
		leave: func(p *peer, err error) {
			if p.holds {
				p.turn.Unlock()
			}
		},
	}},
	{name: "a reset takes all down", named: []string{"reset"}, manners: manners{leave: func(p *peer, err error) {
		if wasReset(err) {
			p.closeAll()
		}
	}}},
	{name: "a long line makes it hang", named: []string{"oversize"}, mute: true, manners: manners{hangOnLong: true}},
	{name: "a long line makes it crash", named: []string{"oversize"}, manners: manners{dieOnLong: true}},
}

// failing makes checks and returns the names of those that fail.
func failing(t *testing.T, config Config, checks []Check) (failed []string) {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = testTimeout
	}
	passed, err := Run(t.Context(), config, checks, func(r Result) {
		if !r.Pass {
			failed = append(failed, r.Name)
			t.Log(strings.TrimSpace(r.Line()))
		}
		if strings.Count(r.Line(), "\n") != 1 || strings.ContainsFunc(r.Line(), func(c rune) bool { return c < ' ' && c != '\n' }) {
			t.Errorf("not a line for a terminal: %q", r.Line())
		}
	})
	if err != nil || passed != (failed == nil) {
		t.Errorf("Run: %v, %v", passed, err)
	}
	return failed
}

func TestEachPlantedFaultIsNamedAndNoOther(t *testing.T) {
	// Most of the time passes in pauses, so there are more at a time than the
	// machine has processors.
	var work sync.WaitGroup
	defer work.Wait()
	places := make(chan struct{}, 6)
	for _, fault := range plantedFaults {
		places <- struct{}{}
		work.Go(func() {
			defer func() { <-places }()
			t.Run(fault.name, func(t *testing.T) { testFault(t, fault) })
		})
	}
}

func testFault(t *testing.T, fault plantedFault) {
	s := start(t, fault.manners)
	checks := All()
	var failed []string
	if fault.mute {
		checks = slices.DeleteFunc(checks, func(c Check) bool { return slices.Contains(fault.named, c.Name) })
		muted, err := Select(fault.named)
		if err != nil {
			t.Fatal(err)
		}
		failed = failing(t, Config{Server: s.dial, Timeout: muteTimeout}, muted)
	}
	failed = append(failed, failing(t, Config{Server: s.dial}, checks)...)
	if !slices.Equal(failed, fault.named) {
		t.Errorf("failed %q, want %q", failed, fault.named)
	}
}

func TestEachCheckHasAFaultThatItNames(t *testing.T) {
	for _, c := range All() {
		named := slices.ContainsFunc(plantedFaults, func(fault plantedFault) bool { return slices.Contains(fault.named, c.Name) })
		if !named && c.Name != "reply" { // Who fails here fails everywhere.
			t.Errorf("no planted fault makes %s fail", c.Name)
		}
	}
}
