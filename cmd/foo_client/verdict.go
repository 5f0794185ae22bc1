// This file owns what the end of a conversation means. It must not know how it
// came about.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// verdict says what the end of the conversation means, which is given by the
// end of ctx or, before that, by an error of the connection or of stdout.
func (t *talk) verdict(ctx context.Context, err error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	switch {
	case err == errAllAnswered, err == io.EOF && t.sendEnded && t.waiting == 0:
		return t.withFaults(t.sendErr)
	case err == errQuiet:
		return t.withFaults(fmt.Errorf("no reply for %v", t.wait))
	case err == io.EOF:
		return t.withFaults(explainEnd(err))
	case ctx.Err() != nil && err == context.Cause(ctx) && t.missing() == 0:
		return t.withFaults(nil) // A signal, and nothing is lost by it.
	}
	return t.withFaults(err)
}

// missing is how many requests have no reply. It is for who holds the mutex.
func (t *talk) missing() int { return t.waiting + t.lost }

// refused says whether a NAK came and is a failure.
func (t *talk) refused() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.refusals && t.naks > 0
}

// withFaults adds to err, which may be nil, what is wrong with the replies.
func (t *talk) withFaults(err error) error {
	var faults []string
	if err != nil {
		faults = append(faults, err.Error())
	}
	if missing := t.missing(); missing > 0 {
		faults = append(faults, fmt.Sprintf("replies missing: %d", missing))
	}
	if t.wrong > 0 {
		faults = append(faults, fmt.Sprintf("wrong replies: %d", t.wrong))
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
