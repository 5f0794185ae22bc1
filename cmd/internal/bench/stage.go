package main

// This file owns the programs while they run: the server and all proxies of one
// shape, started together, so that the rounds find them as the last one left them.
// It does not know in which order they are measured.

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// stage is the programs of one shape, running. Those that have no work wait and
// take nothing.
type stage struct {
	*bench
	shape
	server  *process
	proxies map[string]*process // by program; direct has none
}

// start starts the server and all proxies.
func (st *stage) start(ctx context.Context) (err error) {
	server := func(at place) ([]string, error) {
		return []string{filepath.Join(st.bin, "foo_server"), "-listen", at.listen, "-log-level", "warn"}, nil
	}
	if st.server, err = st.launch(ctx, "foo_server", st.layout.Server, place{}, server); err != nil {
		return err
	}
	for _, p := range st.programs {
		if p.command == nil {
			continue
		}
		at := place{server: st.server.addr, clients: st.Connections}
		if st.proxies[p.Name], err = st.launch(ctx, p.Name, st.layout.Proxy, at, p.command); err != nil {
			delete(st.proxies, p.Name)
			return err
		}
	}
	return nil
}

func (st *stage) launch(ctx context.Context, name string, core int, at place, command func(place) ([]string, error)) (*process, error) {
	var err error
	if at.listen, err = freeAddress(); err != nil {
		return nil, err
	}
	// nginx reads its folder's name as part of its configuration.
	if at.folder, err = os.MkdirTemp(st.temp, strings.ReplaceAll(name, " ", "-")+"-"); err != nil {
		return nil, err
	}
	argv, err := command(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return launch(ctx, name, at.listen, at.folder, pinned(core, argv[0], argv[1:]...))
}

// end ends the proxies before the server, which they would miss.
func (st *stage) end() {
	for _, p := range st.proxies {
		p.end()
	}
	if st.server != nil {
		st.server.end()
	}
}

// target is where the load for a program goes.
func (st *stage) target(p program) *process {
	if proxy := st.proxies[p.Name]; proxy != nil {
		return proxy
	}
	return st.server
}
