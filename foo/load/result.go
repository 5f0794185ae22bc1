// result.go owns what came of a run: its figures, and whether they are good. It
// must not know how they are shown.

package load

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// tally counts what the replies were.
type tally struct {
	acks, naks uint64
	wrongSeq   uint64 // replies to nothing that is outstanding
	wrongOrder uint64 // replies that came before an earlier one's
	wrongData  uint64 // ACKs whose Data is not what was sent
	notFoo     uint64 // lines that are no ACK or NAK with a Seq
}

func (t *tally) answered() uint64 { return t.acks + t.naks }

func (t *tally) mismatches() uint64 { return t.wrongSeq + t.wrongOrder + t.wrongData + t.notFoo }

// Result is what came of a run. It never changes.
type Result struct {
	tally
	connections, depth, size, rate int

	sent      uint64
	missing   uint64        // sent and not answered
	lost      uint64        // those of them whose connection was replaced
	replaced  uint64        // connections in the place of lost ones
	unsent    uint64        // planned and not sent
	withheld  uint64        // those of them that are somebody's fault
	elapsed   time.Duration // until the last reply
	latencies latencies
	losses    []error // one for each connection that was lost
	parted    int     // connections that were lost without being a lane's end
	partings  []error // for the first of them
}

func (r *Run) result() *Result {
	c := &r.config
	s := &Result{
		tally: r.tally, latencies: r.latencies,
		connections: c.Connections, depth: c.Depth, size: c.Size, rate: c.Rate,
		elapsed: time.Duration(r.lastAt - r.start), replaced: r.reconnects, parted: r.parted, partings: r.partings,
	}
	if c.Mix != nil {
		s.size = 0
	}
	for _, l := range r.lanes {
		sent, missing, unsent := l.before+l.window.sent, l.given+l.window.missing(), uint64(0)
		if !l.unbounded {
			unsent = l.planned - sent
		}
		withheld := uint64(0)
		if l.lostEarly || r.ended == endedByBehind {
			withheld = unsent
		}
		s.sent += sent
		s.missing += missing
		s.lost += l.given
		s.unsent += unsent
		s.withheld += withheld
		if l.lost != nil {
			s.losses = append(s.losses, l.explain(missing, withheld))
		}
	}
	return s
}

// explain names the connection, how it was lost, and what it lacks.
func (l *lane) explain(missing, unsent uint64) error {
	err := fmt.Errorf("connection %d of %d: %w", l.index+1, len(l.run.lanes), l.lost)
	if lack := lacking(missing, unsent); lack != "" {
		err = fmt.Errorf("%w; %s", err, lack)
	}
	return err
}

// Losses says of each connection that was lost why, and what it lacks.
func (s *Result) Losses() []error { return s.losses }

// Parted is how many connections were lost and replaced, or not needed any more.
func (s *Result) Parted() int { return s.parted }

// Partings says of the first few of these why, and how many requests were lost.
func (s *Result) Partings() []error { return s.partings }

// lacking puts into words what there is too little of; it is empty where that
// is nothing.
func lacking(missing, unsent uint64) string {
	switch {
	case missing == 0 && unsent == 0:
		return ""
	case missing == 0:
		return fmt.Sprintf("requests not sent: %d", unsent)
	case unsent == 0:
		return fmt.Sprintf("replies missing: %d", missing)
	}
	return fmt.Sprintf("replies missing: %d, not sent: %d", missing, unsent)
}

// Verdict is an error where a reply is missing or wrong, where requests were not
// sent although nobody ended the run, and where a connection was lost; with
// failOnNak where there was a NAK, too.
func (s *Result) Verdict(failOnNak bool) error {
	var faults []string
	lack := lacking(s.missing, s.withheld)
	if lack != "" {
		comma := ""
		if s.missing > 0 && s.withheld > 0 {
			comma = "," // "of" belongs to both
		}
		faults = append(faults, fmt.Sprintf("%s%s of %d", lack, comma, s.sent+s.withheld))
	}
	if s.mismatches() > 0 {
		faults = append(faults, fmt.Sprintf("wrong replies: %d", s.mismatches()))
	}
	if lack == "" && len(s.losses) > 0 {
		faults = append(faults, fmt.Sprintf("connections lost: %d", len(s.losses)))
	}
	if failOnNak && s.naks > 0 {
		faults = append(faults, fmt.Sprintf("NAKs: %d", s.naks))
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
