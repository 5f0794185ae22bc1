package stats

// This file owns how messages are counted over the last 1 s and 10 s. It must
// not know what a message is, nor read a clock.

// Window counts events over the last 1 s and the last 10 s. It is a ring of
// buckets with one running sum for each of the two lengths:
//
//	bucket     n-999 … n-100 | n-99 … n-1   n (current, unfinished)
//	longSum    ├────────────────────────────┤
//	shortSum                 ├──────────────┤
//
// An average that decays was rejected: it never returns to 0 and shows a burst
// long after it has left the window.
//
// A Window holds 8 KB, has one owner and no lock. `now` is in nanoseconds on
// the clock of NewWindow's start and never goes backwards; an earlier time is
// taken as the latest one seen.
type Window struct {
	start    int64 // where bucket 0 begins, ns
	current  int64 // number of the newest bucket since start
	shortSum int64
	longSum  int64
	buckets  [longBuckets]int64 // bucket n lies at n mod longBuckets
}

// NewWindow returns an empty window that begins at start, in nanoseconds.
func NewWindow(start int64) *Window {
	return &Window{start: start}
}

// Add counts n events that happened at now.
func (w *Window) Add(now, n int64) {
	w.Advance(now)
	w.buckets[w.current%longBuckets] += n
	w.shortSum += n
	w.longSum += n
}

// Advance drops what is too old at now. It costs at most one step for each
// bucket of the ring, however long nobody called.
func (w *Window) Advance(now int64) {
	target := (now - w.start) / bucketLength
	if target-w.current >= longBuckets {
		w.current = target
		w.shortSum, w.longSum = 0, 0
		clear(w.buckets[:])
		return
	}
	for w.current < target {
		w.current++
		oldest := &w.buckets[w.current%longBuckets]
		w.longSum -= *oldest
		*oldest = 0
		// The ring's length is added so that the index is not negative before
		// the short window has filled; the bucket found then is still empty.
		w.shortSum -= w.buckets[(w.current-shortBuckets+longBuckets)%longBuckets]
	}
}

// Rates returns the events per second over the last 1 s and the last 10 s
// before the time of the last Add or Advance.
func (w *Window) Rates() (short, long float64) {
	return float64(w.shortSum) / shortSeconds, float64(w.longSum) / longSeconds
}
