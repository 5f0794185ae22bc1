// This file owns the command line of "foo_client check" and what it prints. It
// must not know what is checked, or how.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/check"
)

// checkCommand is the first argument that asks for checks instead of a
// conversation.
const checkCommand = "check"

const checkSummary = "asks a Foo server all that the protocol has an answer for, in pieces, in masses and in bad lines, " +
	"and says where it does otherwise. Exit code 0 means that all checks have passed."

// checkOptions is a command line of check that makes sense.
type checkOptions struct {
	server, via cli.Address
	timeout     time.Duration
	checks      []check.Check
	json, list  bool
}

// parseCheckOptions is parseOptions for check.
func parseCheckOptions(args []string, s streams) (o checkOptions, code int, done bool) {
	o = checkOptions{timeout: check.TimeoutDefault, checks: check.All()}
	names := ""
	flags := cli.NewFlags("foo_client check", checkSummary, s.out, s.err)
	flags.ConnectArgument(&o.server, "ADDR")
	flags.Group("What is checked")
	flags.Connect(&o.via, "via", "Compare with the same conversations through a proxy at this `ADDRESS` in front of the "+
		"server: the bytes and how the connection ends must be the same.")
	flags.String(&names, "run", "Make only the checks that the `NAMES` say, with commas between them.")
	flags.Duration(&o.timeout, "timeout", "A check may take this `DURATION`; as long again through a proxy, and "+
		"once more where it finds something.", check.TimeoutMin, check.TimeoutMax)
	flags.Group("What is printed")
	flags.Bool(&o.json, "json", "Print one JSON object, at the end.")
	flags.Bool(&o.list, "list", "Print the names of the checks and what each is about, and end.")
	flags.Example("foo_client check 8000", "Checks the server on port 8000 of this machine.")
	flags.Example("foo_client check 8000 -via 8001", "Checks that a client cannot tell the proxy on 8001 from that server.")
	flags.Example("foo_client check 8000 -run cut,order", "Two checks only.")
	if code, done = flags.Parse(args); done {
		return o, code, true
	}
	if o.server == (cli.Address{}) && !o.list {
		return o, flags.RefuseArgument("the server is missing; give its port, or host:port"), true
	}
	if flags.Given("run") {
		var err error
		if o.checks, err = check.Select(strings.Split(names, ",")); err != nil {
			return o, flags.Refuse("run", err.Error()+"; -list shows all"), true
		}
	}
	return o, cli.ExitOK, false
}

// runCheck is the whole command. The exit code is 0 where all checks have
// passed.
func runCheck(ctx context.Context, args []string, s streams) int {
	o, code, done := parseCheckOptions(args, s)
	if done {
		return code
	}
	if o.list {
		return printed(s, check.List(o.checks), cli.ExitOK)
	}
	config := check.Config{Timeout: o.timeout}
	var err error
	if config.Server, err = reach(ctx, o.server); err != nil {
		complain(s, err)
		return cli.ExitFailure
	}
	if o.via != (cli.Address{}) {
		if config.Via, err = reach(ctx, o.via); err != nil {
			complain(s, err)
			return cli.ExitFailure
		}
	}
	r := checkReport{Server: o.server.String(), Via: o.via.String(), Checks: []check.Result{}}
	passed, err := check.Run(ctx, config, o.checks, func(result check.Result) {
		r.add(result)
		if !o.json && r.lost == nil {
			_, r.lost = io.WriteString(s.out, result.Line())
		}
	})
	if err != nil {
		complain(s, context.Cause(ctx))
		return cli.ExitFailure
	}
	return r.finish(s, o.json, passed)
}

// checkReport is what -json prints.
type checkReport struct {
	Server string         `json:"server"`
	Via    string         `json:"via,omitempty"`
	Passed int            `json:"passed"`
	Failed int            `json:"failed"`
	Checks []check.Result `json:"checks"`

	lost error // why stdout cannot be written
}

func (r *checkReport) add(result check.Result) {
	r.Checks = append(r.Checks, result)
	if result.Pass {
		r.Passed++
	} else {
		r.Failed++
	}
}

// finish prints what stands behind the single results.
func (r *checkReport) finish(s streams, asJSON, passed bool) int {
	code := cli.ExitOK
	if !passed {
		code = cli.ExitFailure
	}
	text := fmt.Sprintf("%d of %d passed\n", r.Passed, len(r.Checks))
	if asJSON {
		line, err := json.Marshal(r)
		if err != nil {
			panic("foo_client: a report has no JSON form: " + err.Error())
		}
		text = string(line) + "\n"
	}
	if r.lost != nil {
		complain(s, fmt.Errorf("stdout: %w", r.lost))
		return cli.ExitFailure
	}
	return printed(s, text, code)
}

// printed prints and returns the code, or says that it cannot.
func printed(s streams, text string, code int) int {
	if _, err := io.WriteString(s.out, text); err != nil {
		complain(s, fmt.Errorf("stdout: %w", err))
		return cli.ExitFailure
	}
	return code
}

// reach finds the addresses of a server once, and sees that somebody is there:
// a table of failures would say that badly.
func reach(ctx context.Context, address cli.Address) (check.Dial, error) {
	servers, errs := findServers(ctx, []cli.Address{address})
	if len(servers) == 0 {
		return nil, errs[0]
	}
	dial := func(ctx context.Context) (net.Conn, error) {
		var first error
		for _, a := range slices.Concat(servers...) {
			network, place := "tcp", a.String()
			if a.IsUnix() {
				network, place = "unix", a.Path()
			}
			nc, err := dialPatiently(ctx, network, place)
			if err == nil {
				return nc, nil
			}
			if first == nil {
				first = err
			}
		}
		return nil, first
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	nc, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	return dial, nc.Close()
}

// dialPatiently tries again while the queue of a unix socket is full: for TCP the
// kernel does so, and a short queue breaks no rule of the protocol.
func dialPatiently(ctx context.Context, network, place string) (net.Conn, error) {
	var dialer net.Dialer
	for {
		nc, err := dialer.DialContext(ctx, network, place)
		if !errors.Is(err, syscall.EAGAIN) {
			return nc, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(busyRetry):
		}
	}
}
