// This file owns the history's file. It must not know the editor.
//
// Each line is appended when it was typed, so that neither a crash nor a
// second prompt on the same file loses any.
package prompt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"
)

// history is an open file, or none. It is for one goroutine.
type history struct {
	file *os.File // nil where nothing is kept
	last string
	torn bool // the file's last line has no LF
}

// openHistory returns the lines that the file holds, which is made where it is
// not there. Without a path there is no file. An error means that nothing will
// be kept; there may be lines nonetheless.
func openHistory(path string) (*history, []string, error) {
	h := &history{}
	if path == "" || path == os.DevNull {
		return h, nil, nil
	}
	// Whether the directory is there shows when the file is opened.
	mkdirErr := os.MkdirAll(filepath.Dir(path), 0o700)
	// A FIFO would be waited for without O_NONBLOCK.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		lines := readOnly(path)
		if mkdirErr != nil {
			err = mkdirErr
		}
		return h, lines, fmt.Errorf("history: %w", err)
	}
	lines, err := h.load(file)
	if err != nil {
		_ = file.Close() // The first error tells; nothing was written.
		return h, lines, fmt.Errorf("history: %s: %w", path, err)
	}
	h.file = file
	return h, lines, nil
}

// readOnly returns the lines of a file that cannot be written, if it can be
// read at least.
func readOnly(path string) []string {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil // The caller has an error to report already.
	}
	defer file.Close()
	lines, _, _ := readLines(file) // What can be read is good enough.
	return lines
}

// load reads the file, and cuts it down where it has grown too long. It does
// so in place: that keeps links to it and its mode, and the moment in which a
// crash would lose it is short.
func (h *history) load(file *os.File) ([]string, error) {
	lines, long, err := readLines(file)
	if err != nil {
		return nil, err
	}
	if long {
		if err := file.Truncate(0); err != nil {
			return lines, err
		}
		if _, err := file.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
			return lines, err
		}
	} else if h.torn, err = endsTorn(file); err != nil {
		return lines, err
	}
	if len(lines) > 0 {
		h.last = lines[len(lines)-1]
	}
	return lines, nil
}

// readLines returns the last lines that can be shown. Others are passed over:
// the file may be anybody's, and ESC in it must not steer the terminal. It says
// whether the file is longer than it should be.
func readLines(file *os.File) (lines []string, long bool, err error) {
	info, err := file.Stat()
	if err != nil {
		return nil, false, err
	}
	if !info.Mode().IsRegular() {
		return nil, false, errors.New("not a regular file")
	}
	start := max(info.Size()-historyBytesMax, 0)
	text, err := io.ReadAll(io.NewSectionReader(file, start, historyBytesMax))
	if err != nil {
		return nil, false, err
	}
	if start > 0 { // The first line has lost its beginning.
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); isMemorable(line) {
			lines = append(lines, line)
		}
	}
	long = start > 0 || bytes.Count(text, []byte("\n")) > historyFileLinesMax
	return lines[max(len(lines)-historyLinesMax, 0):], long, nil
}

func endsTorn(file *os.File) (bool, error) {
	info, err := file.Stat()
	if err != nil || info.Size() == 0 {
		return false, err
	}
	var last [1]byte
	if _, err := file.ReadAt(last[:], info.Size()-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// isMemorable says whether a line belongs into the history.
func isMemorable(line string) bool {
	if line == "" || len(line) > historyLineBytesMax || !utf8.ValidString(line) {
		return false
	}
	return strings.IndexFunc(line, func(r rune) bool { return !strconv.IsPrint(r) }) < 0
}

// add appends a line, unless it is the one before once more. After an error
// nothing more is kept.
func (h *history) add(line string) error {
	if h.file == nil || line == h.last {
		return nil
	}
	text := line + "\n"
	if h.torn {
		text = "\n" + text
	}
	if _, err := h.file.WriteString(text); err != nil {
		h.close()
		return fmt.Errorf("history: %w", err)
	}
	h.last, h.torn = line, false
	return nil
}

func (h *history) close() {
	if h.file != nil {
		_ = h.file.Close() // Each line has been written already.
		h.file = nil
	}
}
