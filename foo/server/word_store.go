// word_store.go owns the words about keys and values: how their arguments become an
// operation of the store, and its result a text. It must not know when that comes.

package server

import (
	"fmt"

	"fooproxy/foo/kv"
)

// showArguments are those of show: what the keys begin with, and behind which of
// them to go on.
const showArguments = "[PREFIX] [after KEY]"

var (
	set    = operation(setOp)
	get    = operation(getOp(kv.Get))
	remove = operation(getOp(kv.Delete))
	show   = operation(showOp)
	cas    = operation(casOp)
	incr   = operation(getOp(kv.Incr))
)

// operation is a word that asks the store. parse says whether the arguments make
// sense; the operation's texts are parts of them.
func operation(parse func(arguments []byte) (op kv.Op, ok bool)) func(*Server, *client, *question) verdict {
	return func(s *Server, c *client, q *question) verdict {
		op, ok := parse(q.arguments)
		if !ok {
			return s.refuse(q, q.word.usage())
		}
		return s.ask(c, q, op)
	}
}

func setOp(arguments []byte) (op kv.Op, ok bool) {
	key, value := nextField(arguments)
	return kv.Op{Kind: kv.Set, Key: key, Value: value}, len(value) > 0
}

// getOp is for what takes a key alone.
func getOp(kind kv.Kind) func([]byte) (kv.Op, bool) {
	return func(arguments []byte) (op kv.Op, ok bool) {
		key, more := nextField(arguments)
		return kv.Op{Kind: kind, Key: key}, len(key) > 0 && len(more) == 0
	}
}

func casOp(arguments []byte) (op kv.Op, ok bool) {
	key, rest := nextField(arguments)
	old, value := nextField(rest)
	return kv.Op{Kind: kv.Swap, Key: key, Old: old, Value: value}, len(value) > 0
}

// showOp takes "after" for the prefix only where nothing stands behind it.
func showOp(arguments []byte) (op kv.Op, ok bool) {
	var fields [3][]byte
	n := 0
	for ; len(arguments) > 0; n++ {
		if n == len(fields) {
			return op, false
		}
		fields[n], arguments = nextField(arguments)
	}
	op.Kind = kv.Show
	switch {
	case n <= 1:
		op.Key = fields[0]
	case n == 2 && string(fields[0]) == "after":
		op.After = fields[1]
	case n == 3 && string(fields[1]) == "after":
		op.Key, op.After = fields[0], fields[2]
	default:
		return op, false
	}
	return op, true
}

// tellResult answers with what the store found.
func (s *Server) tellResult(q *question, kind kv.Kind, r kv.Result) {
	switch {
	case r.Err != nil:
		s.refuse(q, r.Err.Error())
	case kind == kv.Show && len(r.Next) > 0:
		s.tell(q, fmt.Appendf(nil, "%s (more: after %s)", r.Value, r.Next))
	case kind == kv.Show || kind == kv.Get || kind == kv.Incr:
		s.tell(q, r.Value)
	default:
		s.tell(q, []byte("ok"))
	}
}
