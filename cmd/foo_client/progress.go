// This file owns the line that shows how far a load run is: one line of a
// terminal, written anew a few times a second and gone at the end. It must not
// know what the line says.
package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/load"
)

// eraseLine goes to the first column and clears what is behind it.
const eraseLine = "\r\x1b[K"

// showProgress shows how far r is, where out is a terminal. The function that it
// returns removes the line and waits until that is done.
func showProgress(r *load.Run, out io.Writer) (hide func()) {
	file, ok := out.(*os.File)
	if !ok || !cli.IsTerminal(out) {
		return func() {}
	}
	done := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		var speed speedometer
		for {
			select {
			case <-done:
				_, _ = io.WriteString(out, eraseLine) // a terminal that is gone needs no clearing
				return
			case now := <-ticker.C:
				p := r.Progress()
				elapsed, rate := speed.read(now, p)
				// The last column stays free: some terminals begin a new line there.
				_, _ = fmt.Fprintf(out, "%s%s", eraseLine, p.Line(elapsed, rate, terminalWidth(file)-1))
			}
		}
	})
	return func() {
		close(done)
		work.Wait()
	}
}

// speedometer remembers the last second of a run, to tell its rate.
type speedometer struct {
	start    time.Time
	readings []reading // the oldest first
}

type reading struct {
	at       time.Time
	answered uint64
}

// read gives the time at work, and the rate since the oldest reading.
func (s *speedometer) read(now time.Time, p load.Progress) (elapsed time.Duration, rate float64) {
	if !p.Working {
		return 0, 0
	}
	if s.readings == nil {
		s.start = now
	}
	s.readings = append(s.readings, reading{now, p.Answered})
	if len(s.readings) > progressReadings {
		s.readings = s.readings[1:]
	}
	if span := now.Sub(s.readings[0].at); span > 0 {
		rate = float64(p.Answered-s.readings[0].answered) / span.Seconds()
	}
	return now.Sub(s.start), rate
}

// terminalWidth is in columns. It does without File.Fd, which would switch the
// descriptor to blocking for every process that shares it.
func terminalWidth(file *os.File) (width int) {
	raw, err := file.SyscallConn()
	if err != nil {
		return terminalColumns
	}
	sizeErr := error(nil)
	err = raw.Control(func(fd uintptr) { width, _, sizeErr = term.GetSize(int(fd)) })
	if err != nil || sizeErr != nil || width == 0 {
		return terminalColumns
	}
	return width
}
