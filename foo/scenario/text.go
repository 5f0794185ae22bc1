package scenario

// This file owns how a text is written: quoted as in Go, repeated, numbered. It
// knows nothing of who says it.
//
//	text  = piece { piece }
//	piece = [ count "*" ] ( quoted | "(" text ")" )
//	count = number | number ".." number

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// textBytesMax bounds a text, in bytes: a slip in a count must not fill the memory.
const textBytesMax = 4 << 20

var errLong = errors.New("the text is too long")

func readText(source string) (string, error) {
	text, rest, err := readPieces(source)
	if err == nil && rest != "" && rest[0] != '#' {
		err = fmt.Errorf("this is no text: %s", rest)
	}
	return text, err
}

// readPieces reads until something that begins no piece.
func readPieces(source string) (text, rest string, err error) {
	var b strings.Builder
	for {
		source = strings.TrimLeft(source, " \t\r")
		if source == "" || !strings.ContainsRune(`"(0123456789`, rune(source[0])) {
			return b.String(), source, nil
		}
		var piece string
		if piece, source, err = readPiece(source); err != nil {
			return "", "", err
		}
		if b.WriteString(piece); b.Len() > textBytesMax {
			return "", "", errLong
		}
	}
}

func readPiece(source string) (piece, rest string, err error) {
	from, to, numbered := 1, 1, false
	if count, behind, ok := strings.Cut(source, "*"); ok && !strings.ContainsAny(count, `"(`) {
		if from, to, numbered, err = readCount(count); err != nil {
			return "", "", err
		}
		source = behind
	}
	switch {
	case strings.HasPrefix(source, "("):
		if piece, rest, err = readPieces(source[1:]); err == nil && !strings.HasPrefix(rest, ")") {
			err = errors.New("a bracket is not closed")
		} else if err == nil {
			rest = rest[1:]
		}
	default:
		var quoted string
		if quoted, err = strconv.QuotedPrefix(source); err == nil {
			rest = source[len(quoted):]
			piece, err = strconv.Unquote(quoted)
		}
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %s", err, source)
	}
	if (to-from+1)*(len(piece)+1) > textBytesMax {
		return "", "", errLong
	}
	if !numbered {
		return strings.Repeat(piece, to), rest, nil
	}
	var b strings.Builder
	for n := from; n <= to; n++ {
		b.WriteString(strings.ReplaceAll(piece, "#", strconv.Itoa(n)))
	}
	return b.String(), rest, nil
}

// readCount reads 3 as 1..3 without numbers.
func readCount(count string) (from, to int, numbered bool, err error) {
	low, high, numbered := strings.Cut(count, "..")
	from = 1
	if numbered {
		from, err = strconv.Atoi(low)
		low = high
	}
	if err == nil {
		to, err = strconv.Atoi(low)
	}
	return from, to, numbered, err
}
