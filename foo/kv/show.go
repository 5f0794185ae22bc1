// show.go owns how entries look as JSON. It must not know where they come from.

package kv

import (
	"bytes"
	"encoding/json"
)

// show collects as many entries as fit into one answer.
func show(e entries, op *Op) Result {
	from := op.Key
	if bytes.Compare(op.After, from) > 0 {
		from = op.After
	}
	text, count, looked, more := []byte{'{'}, 0, 0, false
	var last, member []byte
	err := e.ascend(from, func(key, value []byte) bool {
		if !bytes.HasPrefix(key, op.Key) {
			return false
		}
		if len(op.After) > 0 && bytes.Compare(key, op.After) <= 0 {
			return true
		}
		member = appendMember(member[:0], key, value)
		looked += len(key) + len(value)
		full := count == showEntriesMax || count > 0 && looked > showLookBytesMax
		if full || len(text)+len(", ")+len(member)+len("}") > showTextBytesMax {
			more = true
			return false
		}
		if count++; count > 1 {
			text = append(text, ", "...)
		}
		text = append(text, member...)
		last = append(last[:0], key...)
		return true
	})
	if err != nil {
		return Result{Err: err}
	}
	if !more {
		last = nil
	}
	return Result{Value: append(text, '}'), Next: last}
}

// appendMember appends a key and its value. A value that fits into no answer, even
// alone, is null: it has to be asked for by its key.
func appendMember(dst, key, value []byte) []byte {
	begin := len(dst)
	dst = appendString(dst, key)
	dst = append(dst, ": "...)
	room := showTextBytesMax - len("{, }") - (len(dst) - begin)
	if stringBytes(value, room) > room {
		return append(dst, "null"...)
	}
	return appendString(dst, value)
}

// stringBytes is how long text is as a JSON string, counted no further than beyond
// most: what is too long is not spelled out to learn that.
func stringBytes(text []byte, most int) int {
	n := len(text) + len(`""`)
	for i, b := range text {
		if n > most {
			break
		}
		switch {
		case b == '"', b == '\\', b == '\b', b == '\f', b == '\n', b == '\r', b == '\t':
			n++
		case b < ' ':
			n += len(`\u0000`) - 1
		case b == 0xE2 && (bytes.HasPrefix(text[i:], lineSeparator) || bytes.HasPrefix(text[i:], paragraphSeparator)):
			n += len(`\u2028`) - len(lineSeparator)
		}
	}
	return n
}

// The two characters outside ASCII that the library spells out.
var lineSeparator, paragraphSeparator = []byte("\u2028"), []byte("\u2029")

// appendString appends text as a JSON string. Unlike what browsers need, <, > and &
// stay as they are. Most text is plain, and costs a tenth of what the library takes:
// a store in memory answers on the loop's thread.
func appendString(dst, text []byte) []byte {
	if isPlain(text) {
		dst = append(append(dst, '"'), text...)
		return append(dst, '"')
	}
	b := bytes.NewBuffer(dst)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(string(text)); err != nil {
		panic("kv: a string is no JSON: " + err.Error()) // it always is
	}
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}

// isPlain reports whether text is the same in JSON.
func isPlain(text []byte) bool {
	for _, b := range text {
		if b < ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}
