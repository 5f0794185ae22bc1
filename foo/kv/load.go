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
	"unicode/utf8"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

var (
	errLine     = errors.New(`not of the form {"key": "...", "value": "..."}`)
	errLineText = errors.New("not UTF-8")
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
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, loadLineBytesMax)
	for more := true; more; {
		var took int
		err := d.db.Update(func(tx *bolt.Tx) (err error) {
			took, more, err = loadBatch(tx, lines)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("line %d: %w", n+took+1, err)
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
			return took, false, errors.Join(lines.Err(), t.seal())
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
	return took, true, t.seal()
}

// parseLine reads one line. The library would repair what is not right, and then
// the entry were another.
func parseLine(line []byte) (key, value []byte, err error) {
	if !utf8.Valid(line) {
		return nil, nil, errLineText
	}
	var entry struct{ Key, Value *string }
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&entry); err != nil || entry.Key == nil || entry.Value == nil {
		return nil, nil, errLine
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, nil, errLine
	}
	key, value = []byte(*entry.Key), []byte(*entry.Value)
	if replaced(line) != replaced(key)+replaced(value) {
		return nil, nil, errLineText
	}
	if err := CheckKey(key); err != nil {
		return nil, nil, err
	}
	return key, value, CheckValue(value)
}

// replaced counts the character that stands for half a character, also where it is
// spelled out.
func replaced(text []byte) int {
	return bytes.Count(text, []byte("\uFFFD")) + bytes.Count(bytes.ToLower(text), []byte(`\ufffd`))
}
