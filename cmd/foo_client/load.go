// This file owns the wiring of a load run: what it is made of, and where what is
// said about it goes. It must not know how it is run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/load"
	"fooproxy/poller"
)

// runLoad returns nil where every request was sent and got its right reply, or
// where ctx or its duration ended the run and that holds for what was sent.
func runLoad(ctx context.Context, o options, s streams) (err error) {
	mix, err := readMix(ctx, o.mix)
	if err != nil {
		return err
	}
	servers, errs := findServers(ctx, o.servers)
	if len(servers) == 0 {
		return errs[0]
	}
	for _, err := range errs {
		complain(s, err) // The others are loaded nonetheless.
	}
	addresses := make([][]poller.Addr, len(servers))
	for i, server := range servers {
		addresses[i] = server
	}
	kernel, err := poller.NewPreciseKernel()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Shut()) }()
	r, err := load.New(load.Config{
		Sys: kernel, Servers: addresses, Reconnect: o.patience(len(servers)), Wait: o.wait,
		Requests: o.requests, Duration: o.duration, Rate: o.rate,
		Connections: o.connections, Depth: o.depth, Size: o.size,
		Mix: mix, AnyData: mix != nil && !o.echo,
	})
	if err != nil {
		return err
	}
	hide := func() {}
	if !o.quiet {
		hide = showProgress(r, s.err)
	}
	result, err := r.Run(ctx)
	hide()
	if err != nil {
		return err
	}
	complainOfPartings(result, s)
	complainOfLosses(result.Losses(), s)
	if err := writeReport(result, o, s); err != nil {
		return err
	}
	return result.Verdict(o.failOnNak)
}

// readMix reads the file of a mix; without a name there is none. The file may be
// a pipe that nobody writes to, which ends neither by itself nor by ctx: it is
// left waiting then, since the process ends.
func readMix(ctx context.Context, name string) (*load.Mix, error) {
	if name == "" {
		return nil, nil
	}
	type outcome struct {
		mix *load.Mix
		err error
	}
	read := make(chan outcome, 1)
	go func() {
		mix, err := openMix(name)
		read <- outcome{mix, err}
	}()
	select {
	case o := <-read:
		return o.mix, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func openMix(name string) (*load.Mix, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("-mix: %w", err)
	}
	defer file.Close() // nothing was written to it
	mix, err := load.ReadMix(file)
	if err != nil {
		return nil, fmt.Errorf("-mix: %q: %w", name, err)
	}
	return mix, nil
}

// writeReport writes for programs, and draws a chart below it for a person.
func writeReport(result *load.Result, o options, s streams) error {
	text := result.Text()
	switch {
	case o.json:
		text = result.JSON()
	case cli.IsTerminal(s.out):
		if chart := result.Chart(); chart != nil {
			text = append(append(text, '\n'), chart...)
		}
	}
	if _, err := s.out.Write(text); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return nil
}

// complainOfLosses prints why connections were lost, for the first few of them.
func complainOfLosses(losses []error, s streams) {
	for i, loss := range losses {
		if i == complaintsMax {
			complain(s, fmt.Errorf("connections lost besides these: %d", len(losses)-i))
			return
		}
		complain(s, loss)
	}
}

// complainOfPartings prints why connections were lost that others have replaced,
// for the first few of them.
func complainOfPartings(result *load.Result, s streams) {
	for _, parting := range result.Partings() {
		complain(s, parting)
	}
	if more := result.Parted() - len(result.Partings()); more > 0 {
		complain(s, fmt.Errorf("connections lost and replaced besides these: %d", more))
	}
}
