package main

// This file owns the command line of the comparison.

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"fooproxy/cmd/internal/cli"
)

type options struct {
	rounds    int
	duration  time.Duration
	size      int
	shapes    []shape
	proxyArgs []string
	bin, out  string
}

// shape is what the load looks like: how many connections, and how many requests
// are outstanding on each.
type shape struct {
	Connections int `json:"connections"`
	Depth       int `json:"depth"`
}

func (s shape) String() string { return fmt.Sprintf("%d x %d", s.Connections, s.Depth) }

func parseOptions(args []string, stdout, stderr io.Writer) (o options, code int, done bool) {
	o = options{rounds: roundsDefault, duration: durationDefault, size: sizeDefault, bin: "bin", out: "tmp/bench"}
	shapes, proxyArgs := "50x1,500x1,50x16", ""
	flags := cli.NewFlags("bench", "compares foo_proxy with a direct connection, HAProxy, nginx and a proxy of "+
		"io.Copy, those of them that are installed, in interleaved runs.", stdout, stderr)
	flags.Group("Load")
	flags.Int(&o.rounds, "rounds", "Runs of each program in each shape.", 1, roundsMax)
	flags.Duration(&o.duration, "duration", "How long one run lasts.", durationMin, durationMax)
	flags.Int(&o.size, "size", "Bytes of data in each request.", 1, sizeMax)
	flags.String(&shapes, "shapes", "Connections and requests outstanding on each, as a `LIST`.")
	flags.Group("Programs")
	flags.String(&proxyArgs, "proxy-args", "More `ARGUMENTS` for foo_proxy, separated by spaces.")
	flags.String(&o.bin, "bin", "The `FOLDER` that holds foo_proxy, foo_server and foo_client.")
	flags.Group("Results")
	flags.String(&o.out, "out", "The `FOLDER` for bench.md, bench.json and bench.svg; it is made if need be.")
	flags.Example("./run.sh bench", "The whole comparison.")
	flags.Example("./run.sh bench -rounds 1 -shapes 50x1", "A look whether everything runs; one round says nothing about speed.")
	flags.Example("./run.sh bench -proxy-args '-strict -max-line 4KiB'", "The same with these flags of the proxy.")
	if code, done = flags.Parse(args); done {
		return o, code, true
	}
	var err error
	if o.shapes, err = parseShapes(shapes); err != nil {
		return o, flags.Refuse("shapes", err.Error()), true
	}
	for name, value := range map[string]string{"bin": o.bin, "out": o.out} {
		if value == "" {
			return o, flags.Refuse(name, "the value is missing"), true
		}
	}
	o.proxyArgs = strings.Fields(proxyArgs)
	return o, cli.ExitOK, false
}

func parseShapes(text string) ([]shape, error) {
	words := strings.Split(text, ",")
	if len(words) > shapesMax {
		return nil, fmt.Errorf("more than %d shapes", shapesMax)
	}
	var shapes []shape
	for _, word := range words {
		left, right, found := strings.Cut(word, "x")
		connections, err := strconv.Atoi(strings.TrimSpace(left))
		depth, err2 := strconv.Atoi(strings.TrimSpace(right))
		if !found || err != nil || err2 != nil {
			return nil, fmt.Errorf("%.40q is not a shape such as 50x16", word)
		}
		if connections < 1 || connections > connectionsMax || depth < 1 || depth > depthMax {
			return nil, fmt.Errorf("%.40q is not within 1x1 and %dx%d", word, connectionsMax, depthMax)
		}
		s := shape{connections, depth}
		for _, other := range shapes {
			if s == other {
				return nil, fmt.Errorf("%s is given twice", s)
			}
		}
		shapes = append(shapes, s)
	}
	return shapes, nil
}
