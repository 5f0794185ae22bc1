package stats

// This file owns what a snapshot tells of one server, and its form as JSON. It
// must not know what the names mean.

import "encoding/json"

// Named is a count with its name.
type Named struct {
	Name  string
	Count int64
}

// Upstream is one server of a proxy at one moment.
type Upstream struct {
	Address, State        string
	Sessions, Outstanding int64
	Requests              int64
	Failures              []Named // by reason, in a fixed order
}

func (u *Upstream) appendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	dst = appendText(dst, "address", u.Address)
	dst = appendText(dst, "state", u.State)
	dst = appendInt(dst, "sessions", u.Sessions)
	dst = appendInt(dst, "outstanding", u.Outstanding)
	dst = appendInt(dst, "requests", u.Requests)
	dst = appendNamed(dst, "failures", u.Failures)
	return append(dst, '}')
}

func appendUpstreams(dst []byte, list []Upstream) []byte {
	dst = append(appendKey(dst, "upstreams"), '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = list[i].appendJSON(dst)
	}
	return append(dst, ']')
}

func appendNamed(dst []byte, key string, list []Named) []byte {
	dst = append(appendKey(dst, key), '{')
	for _, n := range list {
		dst = appendInt(dst, n.Name, n.Count)
	}
	return append(dst, '}')
}

// appendText writes a text that may hold anything: addresses come from command
// lines and name services.
func appendText(dst []byte, key, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic("stats: a string has no JSON: " + err.Error())
	}
	return append(appendKey(dst, key), quoted...)
}
