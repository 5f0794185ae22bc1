// load.go owns the way of entries into a file, from the JSON lines that Dump
// writes. It must not know how the file keeps them.

package kv

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

var (
	errLine     = errors.New(`not of the form {"key": "...", "value": "..."}`)
	errLineText = errors.New("not UTF-8")
	errLineLong = fmt.Errorf("over %d bytes", loadLineBytesMax)
)

// Load sets the entries of JSON lines in a file that no server uses, which is made
// where there is none. Other entries stay. n is how many lines are in the file for
// good when it returns, also where it returns an error: they are the first n.
func Load(path string, from io.Reader) (n int, err error) {
	d, err := open(path, zap.NewNop(), seams{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	d.worker.state.close() // nobody reads meanwhile
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, loadLineBytesMax)
	for more := true; more; {
		var took int
		var lineErr error
		err := guard(func() error {
			return d.db.Update(func(tx *bolt.Tx) error {
				took, more, lineErr = loadBatch(tx, lines)
				return lineErr
			})
		})
		_, d.worker.stuck = errors.AsType[*panicError](err)
		switch {
		case lineErr != nil:
			return n, fmt.Errorf("line %d: %w", n+took+1, lineErr)
		case err != nil:
			return n, fmt.Errorf("lines %d to %d: %w", n+1, n+took, err)
		}
		n += took
	}
	return n, nil
}

// loadBatch sets as many entries as one commit should take.
func loadBatch(tx *bolt.Tx, lines *bufio.Scanner) (took int, more bool, err error) {
	t, err := newTree(tx)
	if err != nil {
		return 0, false, err
	}
	for size := 0; took < batchOpsMax && size < batchBytesMax; took++ {
		if !lines.Scan() {
			if err := lines.Err(); err == bufio.ErrTooLong {
				return took, false, errLineLong
			} else if err != nil {
				return took, false, err
			}
			return took, false, t.putTotals()
		}
		key, value, err := parseLine(lines.Bytes())
		if err == nil {
			err = t.set(key, value)
		}
		if err != nil {
			return took, false, err
		}
		size += len(key) + len(value) + opBytes
	}
	return took, true, t.putTotals()
}

// parseLine reads one line. Into a structure the library would take names in other
// letters and the last of two values, and it repairs what is not UTF-8: then the
// entry were another.
func parseLine(line []byte) (key, value []byte, err error) {
	if !utf8.Valid(line) {
		return nil, nil, errLineText
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, nil, errLine
	}
	texts := map[string][]byte{"key": nil, "value": nil}
	for range len(texts) {
		name, text, err := parseMember(decoder)
		if err != nil {
			return nil, nil, err
		}
		if seen, known := texts[name]; !known || seen != nil {
			return nil, nil, errLine
		}
		texts[name] = text
	}
	if token, err := decoder.Token(); err != nil || token != json.Delim('}') {
		return nil, nil, errLine
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, nil, errLine
	}
	key, value = texts["key"], texts["value"]
	if err := CheckKey(key); err != nil {
		return nil, nil, err
	}
	return key, value, CheckValue(value)
}

// parseMember reads a name and its text, which is never nil.
func parseMember(decoder *json.Decoder) (name string, text []byte, err error) {
	token, err := decoder.Token()
	name, ok := token.(string)
	if err != nil || !ok {
		return "", nil, errLine
	}
	var raw json.RawMessage
	var decoded *string // a null leaves it
	if decoder.Decode(&raw) != nil || json.Unmarshal(raw, &decoded) != nil || decoded == nil {
		return "", nil, errLine
	}
	if strings.Count(*decoded, "\uFFFD") != replacements(raw) {
		return "", nil, errLineText
	}
	return name, append([]byte{}, *decoded...), nil
}

// replacements counts the character that the library puts where half a character is
// spelled out, as far as it was there before.
func replacements(raw []byte) (n int) {
	for i := 0; i < len(raw); i++ {
		switch {
		case bytes.HasPrefix(raw[i:], []byte("\uFFFD")):
			n++
		case raw[i] != '\\':
		case len(raw)-i >= 6 && strings.EqualFold(string(raw[i:i+6]), `\ufffd`):
			n++
			i += 5
		default: // the byte behind it is no beginning
			i++
		}
	}
	return n
}
