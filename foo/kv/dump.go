// dump.go owns the way of entries out of a file, as JSON lines: of a good file all of
// them, of a damaged one what can be read. It must not write to the file.

package kv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Dump writes the entries of a file that no server uses, one JSON object a line, in
// the order of their keys:
//
//	{"key": "chelsea", "value": "rules"}
//
// n is how many they are. Where the file is damaged the error says so after what
// could be read has been written: each of these entries was in the store, but some
// may be missing, or not the latest.
func Dump(path string, to io.Writer) (n int, err error) {
	// The opening of a FIFO would wait for somebody who writes.
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err = lock(file, unix.LOCK_SH); err != nil {
		return 0, err
	}
	settleErr := settle(file)
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriter(to)
	n, damage, err := dump(file, info.Size(), out)
	if err == nil { // a writer that has failed says the same again
		err = out.Flush()
	}
	if err != nil {
		return n, err
	}
	if isForeign(damage) {
		return n, refusal(path, damage)
	}
	if settleErr != nil { // what is wrong besides may come from that
		damage = settleErr
	}
	if damage != nil {
		return n, fmt.Errorf("%s is damaged (%w): %d entries could be read", path, damage, n)
	}
	return n, nil
}

// dump returns beside its own error the first thing that is wrong with the file.
func dump(file io.ReaderAt, size int64, to io.Writer) (n int, damage, err error) {
	tell := func(err error) error {
		if damage == nil || errors.Is(err, errNewer) {
			damage = err
		}
		if isForeign(damage) { // what follows would be read wrongly
			return damage
		}
		return nil
	}
	im, err := openImage(file, size, tell)
	if err != nil { // neither head is good
		return 0, err, nil
	}
	if err := im.begin(); err != nil {
		tell(err) //nolint:errcheck // the way ends here in any case
		return 0, damage, nil
	}
	var found totals
	var line []byte
	l, err := im.contents(func(key, value []byte, sum uint64) error {
		found.add(sum)
		n++
		line = appendLine(line[:0], key, value)
		_, err := to.Write(line)
		return err
	})
	if isForeign(err) {
		return n, damage, nil
	}
	if missing := im.missing(l, found); missing != nil {
		tell(missing) //nolint:errcheck // all has been read
	}
	return n, damage, err
}

func appendLine(dst, key, value []byte) []byte {
	dst = appendString(append(dst, `{"key": `...), key)
	dst = appendString(append(dst, `, "value": `...), value)
	return append(dst, "}\n"...)
}
