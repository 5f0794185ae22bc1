// fault_oddreplies_test.go owns row U8b: a server that says what nobody has asked
// for, with a link of its own for each client. It does not know -mux.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// oddConversation is a list of steps, of which the server plays one side and the
// client the other: what begins with '>' is sent by the client, with '<' by the
// server, and each waits for the other's before it goes on. What begins with '?'
// comes from the proxy, and the server waits until the client has it.
type oddConversation struct {
	name    string
	args    []string // of the proxy; with them what the client gets is not the same as directly
	steps   []string
	counted map[string]float64
	heard   []string // what the client gets in place of the server's steps; nil: the same
}

var oddConversations = []oddConversation{
	{name: "a Seq that was never asked",
		steps: []string{"> REQ 1 a\n", "< ACK 7 stray\n", "< ACK 1 a\n"}, counted: map[string]float64{"strays": 1}},
	{name: "two extra replies",
		steps: []string{"> REQ 1 a\n", "< ACK 1 a\n", "< ACK 1 a\n", "< NAK 1 again\n"}, counted: map[string]float64{"strays": 2}},
	{name: "the next one's Seq",
		steps: []string{"> REQ 1 a\nREQ 2 b\n", "< ACK 2 a\n", "< ACK 2 b\n", "< ACK 1 a\n"}, counted: map[string]float64{"strays": 1, "out_of_order": 1}},
	{name: "replies in the wrong order",
		steps: []string{"> REQ 1 a\nREQ 2 b\nREQ 3 c\n", "< ACK 3 c\nACK 2 b\nACK 1 a\n"}, counted: map[string]float64{"out_of_order": 2}},
	{name: "garbage",
		steps: []string{"> REQ 1 a\n", "< \x00\xff\x1b[2J\n", "< HTTP/1.1 400 Bad Request\r\n\r\n", "< ACK 1 a\n"}, counted: map[string]float64{"lines_invalid": 3}},
	{name: "a request of its own",
		steps: []string{"> REQ 1 a\n", "< REQ 1 a\n", "< ACK 1 a\n"}, counted: map[string]float64{"lines_invalid": 1}},
	{name: "NAK 0",
		steps: []string{"> REQ 1 a\n", "< NAK 0 what?\n", "< ACK 1 a\n"}, counted: map[string]float64{"nak_zero": 1}},
	{name: "a reply before its request",
		steps: []string{"< ACK 1 early\n", "> REQ 1 a\n", "< ACK 1 a\n"}, counted: map[string]float64{"strays": 1}},
	{name: "a greeting",
		steps: []string{"< 220 ready\n", "> REQ 1 a\n", "< ACK 1 a\n"}, counted: map[string]float64{"lines_invalid": 1}},
	{name: "a reply to what was answered here", args: []string{"-request-timeout", "50ms"},
		steps:   []string{"> REQ 1 a\n", "? NAK 1 timeout\n", "< ACK 1 late\n", "> REQ 2 b\n", "< ACK 2 b\n"},
		counted: map[string]float64{"late": 1, "strays": 0, "naks_local": 1}, heard: []string{"", "ACK 2 b\n"}},
}

// oddCounters are all that odd replies may move.
var oddCounters = []string{"strays", "out_of_order", "lines_invalid", "nak_zero", "late", "naks_local", "abandoned", "duplicates", "data_invalid"}

// TestAnOddReplyIsForwardedAndCounted is row U8b. Each conversation ends with a
// request that is answered as it should be, so the link has stayed.
func TestAnOddReplyIsForwardedAndCounted(t *testing.T) {
	alike, counted := 0, 0
	for _, talk := range oddConversations {
		talk.finish()
		seen := make(chan struct{})
		server := startOddServer(t, talk.steps, seen)
		p := watchProxy(t, server.addr, talk.args...)
		before := p.numbers()
		proxied, arrived := talk.play(t, p.Addr, seen), server.arrived(t)
		if talk.args == nil {
			if direct, sent := talk.play(t, server.addr, seen), server.arrived(t); direct != proxied || sent != arrived {
				t.Errorf("%s: the client got %q and the server %q, directly %q and %q", talk.name, proxied, arrived, direct, sent)
				continue
			}
		}
		alike++
		want := map[string]float64{"connections": 0, "outstanding": 0}
		for _, name := range oddCounters {
			want[name] = talk.counted[name]
		}
		p.expectMoved(before, want)
		if failed := p.toldServers()[0].failed(); failed != int64(talk.counted["late"]) {
			t.Errorf("%s: the server has failed %d times", talk.name, failed)
		}
		if !t.Failed() {
			counted++
		}
	}
	proctest.Figure(t, "U8b", fmt.Sprintf("%d conversations with wrong, unknown, extra, early and late replies, and garbage", len(oddConversations)),
		fmt.Sprintf("%d transcripts as they should be, each line counted once under its own name in %d; the link stays in all", alike, counted), "equal to direct; a counter for each kind")
}

// finish has the conversation end with a request that gets its reply.
func (k *oddConversation) finish() {
	last := 1
	for _, step := range k.steps {
		if step[0] == '>' {
			last += strings.Count(step, "\n")
		}
	}
	k.steps = append(k.steps, fmt.Sprintf("> REQ %d end\n", last), fmt.Sprintf("< ACK %d end\n", last))
	if k.heard != nil {
		k.heard = append(k.heard, k.steps[len(k.steps)-1][2:])
	}
}

// startOddServer plays the server's side of a conversation on each connection.
func startOddServer(t *testing.T, steps []string, seen <-chan struct{}) *keeper {
	return startKeeper(t, 2, func(in *bufio.Reader, out *bufio.Writer) {
		for i, step := range steps {
			switch text := step[2:]; step[0] {
			case '<':
				if out.WriteString(text); out.Flush() != nil {
					return
				}
			case '>':
				got := make([]byte, len(text))
				if _, err := io.ReadFull(in, got); err != nil || string(got) != text {
					t.Errorf("step %d: the server got %q (%v)", i, got, err)
					return
				}
			case '?':
				<-seen
			}
		}
		io.Copy(io.Discard, in) // only clients end a connection
	})
}

// play plays the client's side, and gives all that it hears.
func (k *oddConversation) play(t *testing.T, addr string, seen chan<- struct{}) heard {
	t.Helper()
	c := proctest.Dial(t, addr)
	defer c.Close()
	var all strings.Builder
	expect := func(text string) {
		got := make([]byte, len(text))
		if n, err := io.ReadFull(c, got); err != nil || string(got) != text {
			t.Fatalf("%s: the client got %q (%v), want %q", k.name, got[:n], err, text)
		}
		all.Write(got)
	}
	replies := 0
	for _, step := range k.steps {
		text := step[2:]
		switch step[0] {
		case '>':
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			continue
		case '<':
			if k.heard != nil {
				text = k.heard[replies]
			}
			replies++
		}
		expect(text)
		if step[0] == '?' {
			close(seen)
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	rest := listen(c)
	return heard{all.String() + rest.bytes, rest.end}
}
