// This file owns the wiring of the prompt: when there is one, and where its
// history is kept. It must not know how it works.
package main

import (
	"context"
	"os"
	"path/filepath"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/client"
	"fooproxy/foo/prompt"
)

// atTerminal says whether a person types and reads. The prompt can use the
// process's own streams only.
func atTerminal(s streams) bool {
	return s.in == os.Stdin && s.out == os.Stdout && cli.IsTerminal(os.Stdin) && cli.IsTerminal(os.Stdout)
}

func runPrompt(ctx context.Context, o options) error {
	history := o.history
	if !o.historyGiven {
		history = defaultHistory(os.Getenv)
	}
	// Names are looked up each time: a prompt lives long.
	route := newRoute(o.servers)
	naks, err := prompt.Run(ctx, prompt.Options{
		Wait: o.wait, History: history,
		Dial: func(ctx context.Context) (*client.Conn, string, error) {
			conn, name, err := route.round(ctx)
			if len(o.servers) == 1 {
				name = o.servers[0].String() // as the user calls it
			}
			return conn, name, err
		},
	})
	if err == nil && o.failOnNak && naks > 0 {
		return errRefused
	}
	return err
}

// defaultHistory is the file where users look for it, or none for a user
// without a home.
func defaultHistory(getenv func(string) string) string {
	if state := getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "foo_client", "history")
	}
	if home := getenv("HOME"); home != "" {
		return filepath.Join(home, ".foo_client_history")
	}
	return ""
}
