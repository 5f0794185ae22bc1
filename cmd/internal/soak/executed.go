package soak

// This file owns what the servers have executed, as their logs tell: each request
// at most once, whoever executed it. It knows a request by its Data, which names the
// load, the connection and the request.

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"
)

// executed may be told by several goroutines.
type executed struct {
	lock    sync.Mutex
	seen    map[string][]uint64 // a bit for each request of a connection
	total   int
	doubled []string // the first few
	twice   int
}

// twiceTold bounds how many requests are named that were executed twice.
const twiceTold = 10

var (
	replyMark = []byte(`"msg":"reply"`)
	ackMark   = []byte(`ACK `)
)

// note takes a line of a server's log. Data is "load.connection.number", and what
// comes behind another point fills the line up.
func (e *executed) note(line []byte) {
	if !bytes.Contains(line, replyMark) {
		return
	}
	at := bytes.Index(line, ackMark)
	if at < 0 {
		return
	}
	_, data, _ := bytes.Cut(line[at+len(ackMark):], []byte(" ")) // behind the link's own Seq
	parts := bytes.SplitN(data, []byte("."), 4)
	if len(parts) < 3 {
		return // a check of the proxy
	}
	digits := parts[2]
	for i, c := range digits {
		if c < '0' || c > '9' {
			digits = digits[:i]
			break
		}
	}
	number, err := strconv.Atoi(string(digits))
	if err != nil {
		return
	}
	e.add(string(parts[0])+"."+string(parts[1]), number)
}

func (e *executed) add(connection string, number int) {
	e.lock.Lock()
	defer e.lock.Unlock()
	bits := e.seen[connection]
	for number/64 >= len(bits) {
		bits = append(bits, 0)
	}
	mask := uint64(1) << (number % 64)
	if bits[number/64]&mask != 0 {
		if e.twice++; len(e.doubled) < twiceTold {
			e.doubled = append(e.doubled, fmt.Sprintf("%s.%d", connection, number))
		}
	}
	bits[number/64] |= mask
	e.seen[connection] = bits
	e.total++
}

// result is how many requests the logs tell of, and those that were executed twice.
func (e *executed) result() (total, twice int, which []string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	return e.total, e.twice, e.doubled
}
