// This file owns the words that the server understands, as TAB offers them: that it is
// asked for them, once on each connection and not before anybody wants to know, and
// what of its answer is believed. It must not know how a word is completed.
//
//	editor's goroutine                    the prompt's
//	TAB ─► words.ask ──── channel ───►  tellWords ─► HELP ─► server
//	        (waits helpWait at most)         ◄── its reply, which is not shown
//	       ◄──────────── channel ──────────
package prompt

import (
	"bytes"
	"context"
	"strings"
	"time"

	"fooproxy/foo"
)

// helpRequest asks a server for its words, helpReply begins the answer of one that
// has some.
const (
	helpRequest = "HELP"
	helpReply   = "words:"
)

// usualWords are offered where the server does not tell its own: they are those of
// foo_server.
var usualWords = []string{"WHO", "WHERE", "WHY", "QUIT", "HELP", "set", "get", "delete", "show", "data", "cas", "incr"}

// asker is how the editor's goroutine asks for the server's words. The channel that
// is sent gets one answer, and has room for it.
type asker chan chan<- []string

// ask returns what the server understands, as far as that is known soon.
func (a asker) ask() []string {
	if a == nil {
		return nil
	}
	timer := time.NewTimer(helpWait)
	defer timer.Stop()
	answer := make(chan []string, 1)
	select {
	case a <- answer:
	case <-timer.C:
		return usualWords
	}
	select {
	case words := <-answer:
		return words
	case <-timer.C:
		return usualWords
	}
}

// tellWords answers who asks, now or when the server's reply comes.
func (p *prompt) tellWords(ctx context.Context, answer chan<- []string) {
	c := p.connection
	switch {
	case c == nil || len(c.outstanding) >= outstandingMax:
		answer <- usualWords
		return
	case c.words != nil:
		answer <- c.words
		return
	case c.wordsAsked:
		c.wantsWords = answer // who asked before has given up, or will soon
		return
	}
	line, seq, err := c.requests.MakeData([]byte(helpRequest))
	if err != nil {
		answer <- usualWords
		return
	}
	c.wordsAsked, c.wantsWords = true, answer
	err = c.send(ctx, line, seq, p.options.Wait)
	c.outstanding[len(c.outstanding)-1].forWords = true
	if err != nil && ctx.Err() == nil {
		p.lose(err)
	}
}

// takeWords takes the reply to the question for words, and reports whether it is one.
func (c *connection) takeWords(reply foo.Message) bool {
	if !c.wordsAsked || c.words != nil || !c.asksForWords(reply.Seq) {
		return false
	}
	c.settle(reply.Seq)
	c.words = readWords(reply)
	c.wantsWords <- c.words
	return true
}

// asksForWords reports whether the oldest request of this Seq is that question.
func (c *connection) asksForWords(seq uint64) bool {
	for _, request := range c.outstanding {
		if request.seq == seq {
			return request.forWords
		}
	}
	return false
}

// readWords reads the answer of a server. One that merely echoes has none to tell, and
// what no word can look like is left out: it would be sent with the next ENTER.
func readWords(reply foo.Message) (words []string) {
	text, ok := bytes.CutPrefix(reply.Data, []byte(helpReply))
	if reply.Type != foo.ACK || !ok {
		return usualWords
	}
	for _, field := range strings.Fields(string(text)) {
		if len(words) == serverWordsMax {
			break
		}
		if isWord(field) {
			words = append(words, field)
		}
	}
	if len(words) == 0 {
		return usualWords
	}
	return words
}

func isWord(text string) bool {
	for _, b := range []byte(text) {
		if (b|0x20 < 'a' || b|0x20 > 'z') && (b < '0' || b > '9') && b != '-' && b != '_' {
			return false
		}
	}
	return len(text) <= serverWordBytesMax
}
