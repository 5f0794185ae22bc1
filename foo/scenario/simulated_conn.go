package scenario

// This file owns one connection on the simulated kernel as a scenario sees it.

import (
	"strings"

	"fooproxy/poller/fake"
)

// simConn is an end on the simulated kernel. What finds no room is sent later.
type simConn struct {
	*fake.Peer
	stage  *Simulated
	window int
	held   bool
	unsent string
	taken  string // received, and not awaited yet
	ending bool   // a FIN follows what is unsent
	gone   bool   // closed or reset by the scenario
}

// pump sends what finds room, and reports whether anything moved.
func (c *simConn) pump() (moved bool) {
	for c.unsent != "" && !c.gone {
		n := c.SendString(c.unsent)
		if n == 0 {
			return moved
		}
		c.unsent, moved = c.unsent[n:], true
	}
	if c.ending && !c.gone {
		c.ending, moved = false, true
		c.CloseWrite()
	}
	return moved
}

// Send implements Conn.
func (c *simConn) Send(text string) {
	c.unsent += text
	c.stage.Settle()
}

// SendUrgent implements Conn.
func (c *simConn) SendUrgent() { c.Peer.SendUrgent('!') }

// Finish implements Conn.
func (c *simConn) Finish() { c.ending = true }

// Close implements Conn.
func (c *simConn) Close() { c.gone = true; c.Peer.Close() }

// Reset implements Conn.
func (c *simConn) Reset() { c.gone = true; c.Peer.Reset() }

// Hold implements Conn.
func (c *simConn) Hold(on bool) {
	c.held = on
	if on {
		c.SetWindow(0)
	} else {
		c.SetWindow(c.window)
	}
}

// Await implements Conn.
func (c *simConn) Await(n int) (got string, end End) {
	for c.take(n - len(c.taken)) {
	}
	if len(c.taken) >= n {
		got, c.taken = c.taken[:n], c.taken[n:]
		return got, Open
	}
	got, c.taken = c.taken, ""
	return got, c.end()
}

// take receives as long as something comes and more is wanted, and reports whether
// that is so still. Who does not read takes what he awaits, and nothing more.
func (c *simConn) take(wanted int) (more bool) {
	if wanted <= 0 {
		return false
	}
	if !c.held {
		c.stage.Settle()
		part := string(c.Receive())
		c.taken += part
		return part != ""
	}
	c.SetWindow(wanted)
	c.stage.Settle()
	part := string(c.ReceiveSome(wanted))
	c.SetWindow(0)
	c.taken += part
	return part != ""
}

// AwaitLines implements Conn.
func (c *simConn) AwaitLines(most int) (lines []string, end End) {
	for !strings.Contains(c.taken, "\n") && c.take(1) {
	}
	for len(lines) < most {
		line, rest, ok := strings.Cut(c.taken, "\n")
		if !ok {
			break
		}
		lines, c.taken = append(lines, line+"\n"), rest
	}
	if len(lines) == 0 {
		return nil, c.end()
	}
	return lines, Open
}

func (c *simConn) end() End {
	switch {
	case c.Err() != 0:
		return RST
	case c.Ended():
		return FIN
	}
	return Open
}

// Waiting implements Conn.
func (c *simConn) Waiting() (got string, end End) {
	if c.gone || c.held {
		return "", Open
	}
	c.taken += string(c.Receive())
	return c.taken, c.end()
}
