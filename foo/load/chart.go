// chart.go owns how a result is drawn for people. It must not know terminals: all
// it makes is lines of ASCII, below 80 columns.

package load

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// Chart draws the latencies as a histogram, a line for each range from the
// fastest reply to the slowest; it is empty where there was no reply. A range
// that has any reply has a mark.
func (s *Result) Chart() []byte {
	bars := s.latencies.bars()
	if bars == nil {
		return nil
	}
	most := int64(0)
	for _, bar := range bars {
		most = max(most, bar.count)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%10s %12s %7s\n", "latency to", "replies", "share")
	for _, bar := range bars {
		marks := 0
		if bar.count > 0 {
			marks = max(1, int(float64(bar.count)/float64(most)*chartWidth+0.5))
		}
		row := fmt.Sprintf("%10s %12d %6.2f%% %s", shortDuration(bar.bound), bar.count,
			100*float64(bar.count)/float64(s.answered()), strings.Repeat("#", marks))
		b.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	return b.Bytes()
}

// shortDuration writes a bound as people do, in ASCII: 200us, 5ms, 1s.
func shortDuration(d time.Duration) string {
	switch {
	case d < time.Microsecond:
		return fmt.Sprintf("%dns", d.Nanoseconds())
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%ds", int64(d.Seconds()))
}
