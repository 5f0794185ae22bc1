package faultrelay

// This file owns what can be asked for: the plan of a connection. It knows no
// socket.

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Plan is what happens to one connection. The zero value forwards everything at
// once and unchanged.
type Plan struct {
	Requests Direction // from the client to the server
	Replies  Direction // from the server to the client
}

// Direction is what happens to the bytes of one direction.
type Direction struct {
	// Latency is added to each read, and up to Jitter more, chosen by the seed.
	// Bytes never overtake others.
	Latency, Jitter time.Duration
	// Rate is the most that is forwarded, in bytes per second; 0 is no bound.
	Rate int
	// SliceMax has the bytes forwarded in writes of 1 to so many bytes each,
	// chosen by the seed; 0 writes whatever was read.
	SliceMax int
	// Events are what else happens, in the order of their places.
	Events []Event
}

// Event is something that happens once, at a place in the stream.
type Event struct {
	Kind  Kind
	After int           // how many bytes of the direction are forwarded before it; 0 is before the first
	For   time.Duration // how long a ZeroWindow lasts; 0 is for ever
}

// Kind says what happens.
type Kind uint8

// The kinds of events.
const (
	// Reset ends the connection with RST on both sides.
	Reset Kind = iota + 1
	// HalfClose sends FIN to the receiver. What comes later is thrown away.
	HalfClose
	// Blackhole takes what comes and forwards nothing more, not even the end.
	Blackhole
	// Urgent sends one urgent byte, which the stream does not hold.
	Urgent
	// ZeroWindow reads nothing behind its place for a while, so that the sender's
	// window closes.
	ZeroWindow
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Reset:
		return "reset"
	case HalfClose:
		return "half-close"
	case Blackhole:
		return "blackhole"
	case Urgent:
		return "urgent byte"
	case ZeroWindow:
		return "zero window"
	}
	return "nothing"
}

// Loses reports whether bytes may be lost by it.
func (k Kind) Loses() bool { return k == Reset || k == HalfClose || k == Blackhole }

// String tells the event and its place.
func (e Event) String() string {
	if e.For > 0 {
		return fmt.Sprintf("%v after %d bytes for %v", e.Kind, e.After, e.For)
	}
	return fmt.Sprintf("%v after %d bytes", e.Kind, e.After)
}

// delays says how late the bytes of each read are. The n-th delay depends on the
// seed, the connection's number and the direction alone.
type delays struct {
	latency, jitter time.Duration
	random          *rand.Rand
}

func (d *delays) next() time.Duration {
	if d.jitter == 0 {
		return d.latency
	}
	return d.latency + time.Duration(d.random.Int64N(int64(d.jitter)))
}

// choices are the other decisions of one direction. They depend on the same and
// on the bytes' places, never on time. They belong to the goroutine that writes,
// delays to the one that reads.
type choices struct {
	direction Direction
	random    *rand.Rand
	place     int // bytes forwarded
	slice     int // bytes left of the slice under way
}

// decide gives the decisions of a direction. stream tells apart what has the
// same seed.
func decide(d Direction, seed, stream uint64) (*delays, *choices) {
	delays := &delays{latency: d.Latency, jitter: d.Jitter, random: rand.New(rand.NewPCG(seed, 2*stream))}
	return delays, &choices{direction: d, random: rand.New(rand.NewPCG(seed, 2*stream+1))}
}

// due takes the next event off the list, if this is its place.
func (c *choices) due() (e Event, ok bool) {
	if len(c.direction.Events) == 0 || c.direction.Events[0].After > c.place {
		return e, false
	}
	e, c.direction.Events = c.direction.Events[0], c.direction.Events[1:]
	return e, true
}

// windows gives the places of the zero windows that come about: those in front of
// what loses the rest. An event behind a later place happens there.
func (c *choices) windows() (places []int) {
	place := 0
	for _, e := range c.direction.Events {
		if e.Kind.Loses() {
			break
		}
		if place = max(place, e.After); e.Kind == ZeroWindow {
			places = append(places, place)
		}
	}
	return places
}

// next is how many of n bytes go out in the next write.
func (c *choices) next(n int) int {
	if c.direction.SliceMax > 0 {
		if c.slice == 0 {
			c.slice = 1 + c.random.IntN(c.direction.SliceMax)
		}
		n = min(n, c.slice)
	}
	if len(c.direction.Events) > 0 {
		n = min(n, c.direction.Events[0].After-c.place)
	}
	return n
}

// went counts bytes that were forwarded.
func (c *choices) went(n int) {
	c.place += n
	c.slice = max(c.slice-n, 0)
}
