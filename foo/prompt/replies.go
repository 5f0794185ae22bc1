// This file owns what is made of that which comes from the server. It must not
// know when it may be shown.
package prompt

import (
	"errors"
	"fmt"
	"io"
	"time"

	"fooproxy/foo"
)

// take shows what has come.
func (p *prompt) take(a arrival) {
	if a.err == nil {
		p.show(a)
		return
	}
	if len(a.line) > 0 {
		p.screen.show(a.line, "unexpected: the line has no end")
	}
	if a.err == io.EOF {
		a.err = errors.New("the server has closed it")
	}
	p.lose(a.err)
}

// show shows a line with its latency where it is a reply to a request, and
// with a reason why it is none where it is not.
func (p *prompt) show(a arrival) {
	reply, err := foo.Parse(a.line)
	if err == nil && p.connection.takeWords(reply) {
		return
	}
	if reply.Type == foo.NAK {
		p.naks++
	}
	switch {
	case err == foo.ErrNakZero:
		// Whatever the server could not read, it will not answer any more.
		p.released = true
		p.screen.show(a.line, "unexpected: it names no request")
		return
	case err != nil:
		p.screen.show(a.line, "unexpected: "+err.Error())
		return
	case reply.Type == foo.REQ:
		p.screen.show(a.line, "unexpected: a request from the server")
		return
	}
	request, ok := p.connection.settle(reply.Seq)
	if !ok {
		p.screen.show(a.line, "unexpected: no request waits for it")
		return
	}
	remark := showLatency(a.at.Sub(request.sentAt))
	if request.late {
		remark += ", late"
	}
	p.screen.show(a.line, remark)
}

// showLatency has the unit in which people think of a reply.
func showLatency(latency time.Duration) string {
	if latency >= time.Second {
		return fmt.Sprintf("%.2f s", latency.Seconds())
	}
	return fmt.Sprintf("%.2f ms", float64(latency)/float64(time.Millisecond))
}

// lose says that the connection is gone, and why.
func (p *prompt) lose(err error) {
	missing := ""
	if seqs := p.connection.missing(); len(seqs) > 0 {
		missing = "; no reply to " + ShowSeqs(seqs)
	}
	p.connection.close()
	p.connection = nil
	p.screen.say("connection lost: %s%s; the next line connects anew", nameless(err), missing)
}
