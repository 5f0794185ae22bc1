// record_test.go: the table of requests against slices, which are slow and
// plainly right.

package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"
)

func TestARecordIsAsLargeAsItIsCountedToBe(t *testing.T) {
	if size := unsafe.Sizeof(record{}); size != recordBytes {
		t.Errorf("it has %d bytes, %d are counted", size, recordBytes)
	}
}

// naive is a session's and a link's queue as slices.
type naive struct {
	client, link []recordID
	seqs         map[recordID]uint64
}

func (n *naive) drop(id recordID) (first bool) {
	first = len(n.link) > 0 && n.link[0] == id
	n.client = slices.DeleteFunc(n.client, func(x recordID) bool { return x == id })
	n.link = slices.DeleteFunc(n.link, func(x recordID) bool { return x == id })
	delete(n.seqs, id)
	return first
}

func (n *naive) find(seq uint64) recordID {
	for _, id := range n.link {
		if n.seqs[id] == seq {
			return id
		}
	}
	return 0
}

// TestRecordsAgainstSlices runs a few sessions on one table. A failure names its
// seed.
func TestRecordsAgainstSlices(t *testing.T) {
	for seed := range uint64(30) {
		if err := runRecords(rand.New(rand.NewPCG(seed, 0)), 3000); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func runRecords(random *rand.Rand, steps int) error {
	const sessions = 3
	var table records
	var clients, links [sessions]queue
	var want [sessions]naive
	for i := range want {
		want[i].seqs = map[recordID]uint64{}
	}
	growing := true
	for range steps {
		if random.IntN(200) == 0 {
			growing = !growing
		}
		i := random.IntN(sessions)
		w := &want[i]
		switch what := random.IntN(100); {
		case what == 0:
			table.trim()
		case what < 60 == growing: // a request, sometimes one that is answered here
			id := table.take()
			if _, taken := w.seqs[id]; id == 0 || taken {
				return fmt.Errorf("record %d is given out, and was not free", id)
			}
			seq := uint64(random.IntN(50) + 1)
			*table.at(id) = record{seq: seq, linkSeq: seq, session: uint32(i), state: recordSent}
			table.push(&clients[i], clientOrder, id)
			w.client, w.seqs[id] = append(w.client, id), seq
			if random.IntN(5) > 0 {
				table.push(&links[i], linkOrder, id)
				w.link = append(w.link, id)
			} else {
				table.at(id).state = recordAnswered
				table.at(id).nak = 1
			}
		case len(w.client) > 0: // a reply, mostly to the first
			id := w.client[0]
			if random.IntN(3) == 0 {
				id = w.client[random.IntN(len(w.client))]
			}
			sent, first := slices.Contains(w.link, id), w.drop(id)
			if sent && (table.remove(&links[i], linkOrder, id) == 0) != first {
				return fmt.Errorf("record %d is first: %v", id, !first)
			}
			table.remove(&clients[i], clientOrder, id)
			table.put(id)
		}
		seq := uint64(random.IntN(52))
		if got, _ := table.find(&links[i], seq); got != w.find(seq) {
			return fmt.Errorf("Seq %d is found at %d, not at %d", seq, got, w.find(seq))
		}
		if err := table.compare(&clients[i], clientOrder, w.client); err != nil {
			return err
		}
		if err := table.compare(&links[i], linkOrder, w.link); err != nil {
			return err
		}
	}
	return table.checkInvariants()
}

// compare walks a queue beside what it should hold.
func (t *records) compare(q *queue, o order, want []recordID) error {
	var got []recordID
	for id := q.head; id != 0 && len(got) <= len(want); id = *t.at(id).next(o) {
		got = append(got, id)
	}
	if !slices.Equal(got, want) || int(q.count) != len(want) {
		return fmt.Errorf("queue %d holds %d: %v, not %v", o, q.count, got, want)
	}
	return t.walk(q, o, func(*record) error { return nil })
}

func TestTrimmingGivesBackAllButAFewChunks(t *testing.T) {
	var table records
	var ids []recordID
	for range 20 * recordsPerChunk {
		id := table.take()
		table.at(id).state = recordSent
		ids = append(ids, id)
	}
	chunks := func() (n int) {
		for _, c := range table.chunks {
			if c != nil {
				n++
			}
		}
		return n
	}
	table.trim()
	if n := chunks(); n < 20 {
		t.Fatalf("only %d chunks are left in use", n)
	}
	keep := ids[7*recordsPerChunk]
	for _, id := range ids {
		if id != keep {
			table.put(id)
		}
	}
	table.trim()
	if n := chunks(); n != spareChunks+2 { // with the first one, and the one in use
		t.Errorf("%d chunks are left", n)
	}
	if table.at(keep).state != recordSent {
		t.Error("a record that is in use was given back")
	}
	if table.held() != recordBytes {
		t.Errorf("%d bytes are held", table.held())
	}
	for range 20 * recordsPerChunk { // the holes are filled again
		table.at(table.take()).state = recordSent
	}
	if err := table.checkInvariants(); err != nil {
		t.Error(err)
	}
	if n := len(table.chunks); n > 22 {
		t.Errorf("the table has grown to %d chunks", n)
	}
}

func TestARecordThatIsFreedTwicePanics(t *testing.T) {
	var table records
	id := table.take()
	table.at(id).state = recordSent
	table.put(id)
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	table.put(id)
}

func TestASessionCannotGoBack(t *testing.T) {
	for from := sessionRelaying; from <= sessionOver; from++ {
		for to := sessionRelaying; to <= sessionOver; to++ {
			s := session{state: from}
			panicked := func() (yes bool) {
				defer func() { yes = recover() != nil }()
				s.enter(to)
				return false
			}()
			if panicked != (to <= from) {
				t.Errorf("from %d to %d: panic %v", from, to, panicked)
			}
		}
	}
}
