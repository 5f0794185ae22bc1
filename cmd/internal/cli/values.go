package cli

// This file owns how the values of flags are read and shown: each kind of value
// has a parser whose error is one sentence without the flag's name. It does not
// know which flags there are.

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseDuration reads a duration between low and high, both allowed.
func parseDuration(s string, low, high time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		if isDigits(s) {
			return 0, fmt.Errorf("%s has no unit; write %ss or %sms", quote(s), shorten(s), shorten(s))
		}
		return 0, fmt.Errorf("%s is not a duration; write 500ms, 10s or 1m30s", quote(s))
	}
	if d < low || d > high {
		return 0, fmt.Errorf("%s is not between %s and %s", showDuration(d), showDuration(low), showDuration(high))
	}
	return d, nil
}

// showDuration is time.Duration's String without the zeros at its end.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// sizeUnits are in the order in which showSize tries them. There is no "KB":
// some read it as 1,000 bytes and some as 1,024.
var sizeUnits = []struct {
	name, short string
	bytes       int64
}{
	{"GiB", "g", 1 << 30},
	{"MiB", "m", 1 << 20},
	{"KiB", "k", 1 << 10},
}

// parseSize reads a number of bytes between low and high, both allowed.
func parseSize(s string, low, high int64) (int64, error) {
	digits, unit := s, int64(1)
	for _, u := range sizeUnits {
		if rest, ok := cutSuffixFold(s, u.name); ok {
			digits, unit = rest, u.bytes
		} else if rest, ok := cutSuffixFold(s, u.short); ok {
			digits, unit = rest, u.bytes
		}
	}
	if !isDigits(digits) {
		return 0, fmt.Errorf("%s is not a size; write 65536, 64k, 64KiB or 1MiB", quote(s))
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > math.MaxInt64/unit || n*unit < low || n*unit > high {
		return 0, fmt.Errorf("%s is not between %s and %s", shorten(s), showSize(low), showSize(high))
	}
	return n * unit, nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	at := len(s) - len(suffix)
	if at < 0 || !strings.EqualFold(s[at:], suffix) {
		return s, false
	}
	return s[:at], true
}

// showSize gives the shortest exact form that parseSize reads back.
func showSize(n int64) string {
	for _, u := range sizeUnits {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// parseInt reads a decimal integer between low and high, both allowed.
func parseInt(s string, low, high int64) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is not a whole number", quote(s))
	}
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("%s is not between %d and %d", shorten(s), low, high)
	}
	return n, nil
}

// parseShare reads a share of a whole, 0 to 1.
func parseShare(s string) (float64, error) {
	share, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is not a number; write 0.25 for a quarter", quote(s))
	}
	// The comparison is written so that NaN fails it too.
	if !(share >= 0 && share <= 1) {
		return 0, fmt.Errorf("%s is not between 0 and 1", shorten(s))
	}
	return share, nil
}

// parseChoice accepts one of a few words.
func parseChoice(s string, choices []string) (string, error) {
	for _, choice := range choices {
		if s == choice {
			return s, nil
		}
	}
	return "", fmt.Errorf("%s is not one of %s", quote(s), strings.Join(choices, ", "))
}
