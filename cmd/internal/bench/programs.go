package main

// This file owns the programs that are compared: where each is found, what it is
// told, and how it is started. It measures nothing.
//
// Each runs with one thread and as its makers ship it. What is set is what makes
// the comparison possible at all: where it listens, where the server is, room for
// the connections, one process in the foreground, and nothing that it would log.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// program is one row of the comparison.
type program struct {
	Name    string `json:"name"`
	Version string `json:"version"`

	// command gives what to start. It is nil for direct.
	command func(place) (argv []string, err error)
}

// place is what a proxy is started with: where it listens and forwards to, how
// many clients come, and a folder of its own.
type place struct {
	listen, server string
	clients        int
	folder         string
}

// The names that the comparison itself knows.
const (
	nameDirect  = "direct"
	nameProxy   = "foo_proxy"
	nameHAProxy = "haproxy"
	nameIOCopy  = "io.Copy"
	againSuffix = " again"
)

// findPrograms gives the programs in the order of the first round, the base to
// which ratios are taken, and a line for each that is missing. The base is HAProxy,
// or the io.Copy proxy where that is missing; it runs twice, as the null test. Its
// second run does not stand beside the first: what drifts shows in it as it does
// in the others.
func findPrograms(ctx context.Context, o options) (programs []program, base string, missing []string, err error) {
	proxy, err := fooProxy(ctx, o)
	if err != nil {
		return nil, "", nil, err
	}
	base = nameIOCopy
	programs = []program{{Name: nameDirect}, proxy}
	for _, find := range []struct {
		name string
		find func(context.Context) (program, error)
	}{{nameHAProxy, haproxy}, {"nginx", nginx}} {
		p, err := find.find(ctx)
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", find.name, err))
			continue
		}
		programs = append(programs, p)
		if p.Name == nameHAProxy {
			base = p.Name
		}
	}
	programs = append(programs, program{Name: nameIOCopy, Version: runtime.Version(), command: ioCopyCommand})
	for _, p := range programs {
		if p.Name == base {
			p.Name += againSuffix
			return append(programs, p), base, missing, nil
		}
	}
	panic("bench: the base is not among the programs")
}

// fooProxy keeps everything on that is on by default: statistics, latencies, and
// the record of each request.
func fooProxy(ctx context.Context, o options) (program, error) {
	path := filepath.Join(o.bin, nameProxy)
	version, err := ask(ctx, path, "-version")
	if err != nil {
		return program{}, fmt.Errorf("%s: %w", nameProxy, err)
	}
	version = strings.TrimPrefix(version, nameProxy+" ")
	if len(o.proxyArgs) > 0 {
		version += " with " + strings.Join(o.proxyArgs, " ")
	}
	return program{nameProxy, version, func(at place) ([]string, error) {
		return append([]string{path, "-listen", at.listen, "-forward", at.server, "-log-level", "warn"}, o.proxyArgs...), nil
	}}, nil
}

func ioCopyCommand(at place) ([]string, error) {
	return []string{selfPath, playIOCopy, at.listen, at.server}, nil
}

var errNotInstalled = errors.New("not installed")

// findSystem also looks where a user's PATH often does not lead.
func findSystem(name string) (path string, err error) {
	for _, try := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if path, err := exec.LookPath(try); err == nil {
			return path, nil
		}
	}
	return "", errNotInstalled
}

// ask gives the first line that a program prints.
func ask(ctx context.Context, path string, args ...string) (string, error) {
	said, err := askAll(ctx, path, args...)
	line, _, _ := strings.Cut(strings.TrimSpace(said), "\n")
	return line, err
}

func askAll(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	said, err := exec.CommandContext(ctx, path, args...).CombinedOutput()
	return string(said), err
}

// room is a limit of connections that is too far away to change what a program
// does: a run's connections may still be closing when the next one's come.
func room(clients int) int { return 2*clients + 100 }

const haproxyConfig = `global
  nbthread 1
  maxconn %d
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen foo
  bind %s
  server one %s
`

func haproxy(ctx context.Context) (program, error) {
	path, err := findSystem(nameHAProxy)
	if err != nil {
		return program{}, err
	}
	line, err := ask(ctx, path, "-v")
	if err != nil {
		return program{}, err
	}
	return program{nameHAProxy, firstVersion(line), func(at place) ([]string, error) {
		config, err := writeConfig(at.folder, "haproxy.cfg", fmt.Sprintf(haproxyConfig, room(at.clients), at.listen, at.server))
		return []string{path, "-db", "-q", "-f", config}, err
	}}, nil
}

// With master_process off nginx is one process, which is easy to measure and to
// end; its worker's loop is the same. Without listen's own backlog and reuseport,
// as with the others.
const nginxConfig = `%sdaemon off;
master_process off;
worker_processes 1;
pid %[2]s/nginx.pid;
error_log stderr error;
events {
  worker_connections %[3]d;
}
stream {
  server {
    listen %[4]s;
    proxy_pass %[5]s;
  }
}
`

func nginx(ctx context.Context) (program, error) {
	path, err := findSystem("nginx")
	if err != nil {
		return program{}, err
	}
	said, err := askAll(ctx, path, "-V")
	if err != nil {
		return program{}, err
	}
	load, err := nginxStream(said)
	if err != nil {
		return program{}, err
	}
	return program{"nginx", firstVersion(said), func(at place) ([]string, error) {
		// A client takes two of the connections that nginx counts.
		config, err := writeConfig(at.folder, "nginx.conf",
			fmt.Sprintf(nginxConfig, load, at.folder, 2*room(at.clients), at.listen, at.server))
		return []string{path, "-p", at.folder, "-e", "stderr", "-c", config}, err
	}}, nil
}

var nginxModules = regexp.MustCompile(`--modules-path=(\S+)`)

// nginxStream finds out whether nginx can forward streams, and with which line of
// its configuration.
func nginxStream(buildOptions string) (load string, err error) {
	words := strings.Fields(buildOptions)
	for _, word := range words {
		if word == "--with-stream" {
			return "", nil
		}
	}
	if found := nginxModules.FindStringSubmatch(buildOptions); found != nil {
		module := filepath.Join(found[1], "ngx_stream_module.so")
		if _, err := os.Stat(module); err == nil {
			return "load_module " + module + ";\n", nil
		}
	}
	return "", errors.New("installed without its stream module (libnginx-mod-stream)")
}

var versionPattern = regexp.MustCompile(`\d+\.\d+\.\d+[\w.+~-]*`)

// firstVersion is the first word that looks like a version.
func firstVersion(text string) string { return versionPattern.FindString(text) }
