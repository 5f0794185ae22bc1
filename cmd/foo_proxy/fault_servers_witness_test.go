// fault_servers_witness_test.go owns the servers that tests of several servers
// kill: processes that note each request before they answer it, so that what they
// did outlives them. They know no row. They share no grammar with the proxy.

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// playWitness asks the test binary for a witness; its value is where to listen,
// the file of notes, and how many bytes it reads at once, with blanks between.
const playWitness = "FOO_TEST_PLAYS_THE_WITNESS"

// A note is a word: its kind in the first byte, and behind it which request or
// which connection it is about.
const (
	noteExecuted    = iota + 1 // a request that is about to be answered ACK
	noteRefused                // one whose Seq is not the next of its connection
	noteHalfRequest            // a connection has brought the beginning of a line
	noteWholeRequest
	noteHalfReply // a connection has been given the beginning of a line
	noteWholeReply
)

// witness is the server. It insists on the numbers 1, 2, 3... on each connection.
// A request of "QUIT" ends its connection, as with the servers of the field.
type witness struct {
	notes     *os.File
	readBytes int // at once; 0: as much as there is
	links     atomic.Uint64
}

// orWitness is main, or a witness.
func orWitness(main func()) func() {
	return func() {
		asked := strings.Fields(os.Getenv(playWitness))
		if len(asked) == 0 {
			main()
			return
		}
		w := &witness{}
		if _, err := fmt.Sscan(asked[2], &w.readBytes); err != nil {
			panic(err)
		}
		notes, err := os.OpenFile(asked[1], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err)
		}
		w.notes = notes
		listener, err := net.Listen("tcp", asked[0])
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(os.Stderr, "{\"msg\":\"listening\",\"address\":%q}\n", listener.Addr())
		for {
			c, err := listener.Accept()
			if err != nil {
				panic(err)
			}
			go w.serve(c.(*net.TCPConn))
		}
	}
}

// witnessReceiveBytes is the receive buffer of a witness's connections: small, so
// that long lines stand half in it. On a link that many clients share those would
// have everybody wait for the kernel's window timers; there the buffer is as usual,
// and a witness reads pieces of witnessPieceBytes.
const (
	witnessReceiveBytes = 8 << 10
	witnessPieceBytes   = 4 << 10
)

// testimony is what one connection of a witness is in the middle of.
type testimony struct {
	conn  *net.TCPConn
	link  uint64
	seq   uint64 // of the last request
	half  bool   // a line has begun
	last  bool   // it has asked for the end
	out   []byte
	notes []byte
}

func (w *witness) serve(conn *net.TCPConn) {
	defer conn.Close()
	y := &testimony{conn: conn, link: w.links.Add(1)}
	if w.readBytes == 0 {
		if err := conn.SetReadBuffer(witnessReceiveBytes); err != nil {
			panic(err)
		}
	}
	in, filled := make([]byte, 64<<10), 0
	for !y.last {
		piece := in[filled:]
		if w.readBytes > 0 {
			piece = piece[:min(len(piece), w.readBytes)]
		}
		n, err := conn.Read(piece)
		if err != nil {
			return
		}
		filled += n
		rest := in[:filled]
		for end := bytes.IndexByte(rest, '\n'); end >= 0 && !y.last; end = bytes.IndexByte(rest, '\n') {
			y.take(rest[:end])
			rest = rest[end+1:]
		}
		filled = copy(in, rest)
		if half := filled > 0; half != y.half {
			y.half = half
			y.note(map[bool]byte{true: noteHalfRequest, false: noteWholeRequest}[half], y.link)
		}
		w.keep(y)
		if !w.reply(y) {
			return
		}
		if w.readBytes > 0 && y.half && rand.IntN(8) == 0 {
			time.Sleep(time.Millisecond) // the rest of the line is not read for a moment
		}
	}
}

func (y *testimony) note(kind byte, what uint64) {
	y.notes = binary.LittleEndian.AppendUint64(y.notes, uint64(kind)<<56|what)
}

// keep writes the notes down. They outlive the process, not the machine.
func (w *witness) keep(y *testimony) {
	if len(y.notes) == 0 {
		return
	}
	if _, err := w.notes.Write(y.notes); err != nil {
		panic(err)
	}
	y.notes = y.notes[:0]
}

// take answers one line, which comes without its LF.
func (y *testimony) take(line []byte) {
	rest, isRequest := bytes.CutPrefix(line, []byte("REQ "))
	number, data, _ := bytes.Cut(rest, []byte(" "))
	seq, err := strconv.ParseUint(string(number), 10, 63)
	y.seq++
	if !isRequest || err != nil || seq != y.seq {
		y.note(noteRefused, y.link)
		y.out = fmt.Appendf(y.out, "NAK %d not the next one\n", seq)
		return
	}
	if id, ok := requestID(data); ok {
		y.note(noteExecuted, id)
	}
	y.last = string(data) == "QUIT"
	y.out = append(append(y.out, "ACK "...), rest...)
	y.out = append(y.out, '\n')
}

// requestID reads whose request it is from a load's payload: the load, which is
// named by a digit, the connection and the number of the request.
func requestID(data []byte) (id uint64, ok bool) {
	load, rest, _ := bytes.Cut(data, []byte("."))
	conn, rest, _ := bytes.Cut(rest, []byte("."))
	number, _, _ := bytes.Cut(rest, []byte("."))
	for _, part := range []struct {
		text []byte
		bits int
	}{{load, 4}, {conn, 12}, {number, 40}} {
		n, err := strconv.ParseUint(string(part.text), 10, part.bits)
		if err != nil {
			return 0, false
		}
		id = id<<part.bits | n
	}
	return id, true
}

// reply sends what was answered: mostly in one piece, now and then in two, of
// which the first ends in mid-line and stands alone for a moment.
func (w *witness) reply(y *testimony) bool {
	out := y.out
	y.out = y.out[:0]
	if len(out) > 1 && rand.IntN(8) == 0 {
		cut := 1 + rand.IntN(len(out)-1)
		if out[cut-1] == '\n' {
			cut++ // it is no LF that is first
		}
		if _, err := y.conn.Write(out[:cut]); err != nil {
			return false
		}
		out = out[cut:]
		if len(out) > 0 {
			y.note(noteHalfReply, y.link)
			w.keep(y)
			time.Sleep(time.Millisecond) // the moment
			y.note(noteWholeReply, y.link)
		}
	}
	if len(out) == 0 {
		return true
	}
	_, err := y.conn.Write(out)
	return err == nil
}

// witnesses are several of them behind a proxy.
type witnesses struct {
	t     *testing.T
	all   []*proctest.Process
	addrs []string
	files []string // of notes, one for each life
	last  []string // the file of each one's last life
	piece int      // how many bytes they read at once
}

// startWitnesses starts some, each on a loopback address of its own: no
// connection of anybody else takes its port while it is dead.
func startWitnesses(t *testing.T, m mode, n int) *witnesses {
	t.Helper()
	w := &witnesses{t: t}
	if m.shares() {
		w.piece = witnessPieceBytes
	}
	for i := range n {
		w.all, w.last, w.addrs = append(w.all, nil), append(w.last, ""), append(w.addrs, fmt.Sprintf("127.0.0.%d:0", 11+i))
		w.start(i)
		w.addrs[i] = w.all[i].Addr
	}
	return w
}

// start begins a life, and returns when it listens.
func (w *witnesses) start(i int) {
	w.t.Helper()
	file := filepath.Join(w.t.TempDir(), "notes")
	w.files, w.last[i] = append(w.files, file), file
	cmd := proctest.Command()
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%s %s %d", playWitness, w.addrs[i], file, w.piece))
	w.all[i] = proctest.Launch(w.t, cmd)
}

// kill ends a life.
func (w *witnesses) kill(i int) {
	w.t.Helper()
	w.all[i].Send(syscall.SIGKILL)
	w.all[i].ExpectExit(-1)
}

// stop has a life stand still, and returns when none of its threads runs any more.
func (w *witnesses) stop(i int) {
	w.t.Helper()
	p := w.all[i]
	p.Send(syscall.SIGSTOP)
	until(w.t, "the server stands still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.Process.Pid))
		return err == nil && len(threads) > 0 && !slices.ContainsFunc(threads, isRunning)
	})
}

// isRunning reads the state behind a thread's name, which ends in a bracket.
func isRunning(statFile string) bool {
	stat, err := os.ReadFile(statFile)
	return err == nil && !strings.Contains(string(stat), ") T ")
}

// goOn ends that.
func (w *witnesses) goOn(i int) {
	w.t.Helper()
	w.all[i].Send(syscall.SIGCONT)
}

// forward is what the proxy is told.
func (w *witnesses) forward() string { return strings.Join(w.addrs, ",") }

// evidence is what all lives have noted.
type evidence struct {
	executed                  int // requests
	twice                     int // of them, those that had been executed before
	refused                   int // requests out of their order
	halfRequests, halfReplies int // connections that were in the middle of a line at a life's end
}

// halves reports whether there was both.
func (e evidence) halves() bool { return e.halfRequests > 0 && e.halfReplies > 0 }

func (w *witnesses) evidence() (e evidence) {
	w.t.Helper()
	var ids []uint64
	for _, file := range w.files {
		ids = e.add(ids, w.read(file), !slices.Contains(w.last, file))
	}
	slices.Sort(ids)
	e.executed = len(ids)
	e.twice = len(ids) - len(slices.Compact(ids))
	return e
}

func (w *witnesses) read(file string) []byte {
	w.t.Helper()
	notes, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	return notes
}

// add reads the notes of one life, which has ended or goes on, and appends the
// requests that it executed.
func (e *evidence) add(ids []uint64, notes []byte, ended bool) []uint64 {
	requests, replies := map[uint64]bool{}, map[uint64]bool{}
	for ; len(notes) >= 8; notes = notes[8:] {
		note := binary.LittleEndian.Uint64(notes)
		switch what := note << 8 >> 8; note >> 56 {
		case noteExecuted:
			ids = append(ids, what)
		case noteRefused:
			e.refused++
		case noteHalfRequest:
			requests[what] = true
		case noteWholeRequest:
			delete(requests, what)
		case noteHalfReply:
			replies[what] = true
		case noteWholeReply:
			delete(replies, what)
		}
	}
	if ended {
		e.halfRequests += len(requests)
		e.halfReplies += len(replies)
	}
	return ids
}

// connsOf is which connections of a load have had requests executed in the last
// life of a server.
func (w *witnesses) connsOf(server int) map[int]bool {
	w.t.Helper()
	var e evidence
	conns := map[int]bool{}
	for _, id := range e.add(nil, w.read(w.last[server]), false) {
		conns[int(id>>40&0xfff)] = true
	}
	return conns
}
