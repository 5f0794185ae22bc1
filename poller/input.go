// input.go owns what was read and could not go on at once: whole lines first,
// then a fragment. Most connections keep nothing most of the time, so they hold
// it by a pointer and only while there is something in it.

package poller

// input is what the way in needs now and then. All that asks takes nil for
// nothing.
type input struct {
	buffer
	lines uint32 // how many bytes at the front are whole lines
	last  int32  // how many bytes a stopping connection may still read
	since int64  // when the unfinished line began; 0: there is none
}

// kept is how many bytes there are.
func (in *input) kept() int {
	if in == nil {
		return 0
	}
	return in.size()
}

// whole is how many of them are whole lines.
func (in *input) whole() int {
	if in == nil {
		return 0
	}
	return int(in.lines)
}

// began is when the unfinished line did; 0 where there is none.
func (in *input) began() int64 {
	if in == nil {
		return 0
	}
	return in.since
}

// borrowInput gives the connection an input, where it has none.
func (c *Conn) borrowInput() *input {
	if c.in == nil {
		l := c.loop
		if last := len(l.spareInputs) - 1; last >= 0 {
			c.in = l.spareInputs[last]
			l.spareInputs = l.spareInputs[:last]
		} else {
			c.in = new(input)
		}
	}
	return c.in
}

// returnInput gives an input back that nothing is left of.
func (c *Conn) returnInput() {
	in := c.in
	if in == nil || in.size() > 0 || c.read == readStopping {
		return
	}
	c.in = nil
	*in = input{}
	if len(c.loop.spareInputs) < spareInputsMax {
		c.loop.spareInputs = append(c.loop.spareInputs, in)
	}
}

// store puts bytes behind those that are kept.
func (c *Conn) store(data []byte) *input {
	in := c.borrowInput()
	in.append(&c.loop.pool, data)
	return in
}

// forgetInput drops what is kept.
func (c *Conn) forgetInput() {
	if c.in == nil {
		return
	}
	c.in.drop(&c.loop.pool)
	c.in.lines, c.in.since = 0, 0
	c.returnInput()
}
