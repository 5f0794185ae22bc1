package main

// Tests of the command line, and of how the programs are found and told what to do.

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestOptions(t *testing.T) {
	var stdout, stderr bytes.Buffer
	o, _, done := parseOptions(nil, &stdout, &stderr)
	if done || o.rounds != 15 || o.duration != 2*time.Second || o.size != 32 || len(o.proxyArgs) != 0 ||
		!slices.Equal(o.shapes, []shape{{50, 1}, {500, 1}, {50, 16}}) {
		t.Errorf("by default: %+v, %s", o, &stderr)
	}
	o, _, done = parseOptions([]string{"-rounds", "1", "-duration", "100ms", "-shapes", "7x2, 3x1", "-proxy-args",
		" -strict  -max-line 4KiB", "-bin", "b", "-out", "o"}, &stdout, &stderr)
	if done || o.rounds != 1 || o.duration != 100*time.Millisecond || !slices.Equal(o.shapes, []shape{{7, 2}, {3, 1}}) ||
		!slices.Equal(o.proxyArgs, []string{"-strict", "-max-line", "4KiB"}) || o.bin != "b" || o.out != "o" {
		t.Errorf("%+v, %s", o, &stderr)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, args := range [][]string{
		{"-rounds", "0"}, {"-rounds", "1001"}, {"-duration", "1ms"}, {"-size", "0"}, {"-shapes", ""}, {"-shapes", "50"},
		{"-shapes", "50x"}, {"-shapes", "x1"}, {"-shapes", "0x1"}, {"-shapes", "1x0"}, {"-shapes", "10001x1"},
		{"-shapes", "1x1025"}, {"-shapes", "1x1,1x1"}, {"-shapes", "1x1,"}, {"-shapes", strings.Repeat("1x1,", 17)},
		{"-bin", ""}, {"-out", ""}, {"surplus"}, {"-frob"},
	} {
		var stdout, stderr bytes.Buffer
		_, code, done := parseOptions(args, &stdout, &stderr)
		if !done || code != 2 || stdout.Len() != 0 || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: done %v, code %d, stdout %q, stderr %q", args, done, code, &stdout, &stderr)
		}
	}
}

func TestLoadArgs(t *testing.T) {
	closed := shape{50, 16}.loadArgs("127.0.0.1:1", 32, 1500*time.Millisecond, 0)
	if got, want := strings.Join(closed, " "), "-connect 127.0.0.1:1 -c 50 -d 16 -duration 1.5s -size 32 -json -quiet"; got != want {
		t.Errorf("closed loop: %s, want %s", got, want)
	}
	open := shape{50, 16}.loadArgs("127.0.0.1:1", 32, time.Second, 777)
	if got := strings.Join(open[len(open)-2:], " "); got != "-rate 777" {
		t.Errorf("open loop: %s", got)
	}
}

// plant puts a script into folder, where the system would look for a program.
func plant(t *testing.T, folder, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// The base runs twice, and its second run is the last of a round.
func TestFindPrograms(t *testing.T) {
	bin, system := t.TempDir(), t.TempDir()
	t.Setenv("PATH", system)
	plant(t, bin, "foo_proxy", "echo 'foo_proxy 1.2.3 (go)'\n")
	plant(t, system, "haproxy", "echo 'HAProxy version 2.8.1-5+x 2024/01/01 - https'\n")
	plant(t, system, "nginx", "echo 'nginx version: nginx/1.22.1' >&2; echo 'configure arguments: --with-stream --x' >&2\n")
	programs, base, missing, err := findPrograms(t.Context(), options{bin: bin, proxyArgs: []string{"-strict"}})
	if err != nil || base != "haproxy" || len(missing) != 0 {
		t.Fatalf("base %q, missing %q, %v", base, missing, err)
	}
	var told []string
	for _, p := range programs {
		told = append(told, p.Name+" "+p.Version)
	}
	want := []string{"direct ", "foo_proxy 1.2.3 (go) with -strict", "haproxy 2.8.1-5+x", "nginx 1.22.1"}
	if !slices.Equal(told[:4], want) || !strings.HasPrefix(told[4], "io.Copy go") || told[5] != "haproxy again 2.8.1-5+x" {
		t.Errorf("%q, want %q, io.Copy and haproxy again", told, want)
	}
	argv, err := programs[1].command(place{listen: "a:1", server: "b:2"})
	if err != nil || !slices.Equal(argv[1:], []string{"-listen", "a:1", "-forward", "b:2", "-log-level", "warn", "-strict"}) {
		t.Errorf("foo_proxy: %q, %v", argv, err)
	}
}

// A program that cannot take part is told; without HAProxy the base is io.Copy.
func TestFindProgramsWithoutTheOthers(t *testing.T) {
	bin, system := t.TempDir(), t.TempDir()
	t.Setenv("PATH", system)
	plant(t, bin, "foo_proxy", "echo 'foo_proxy 1.2.3 (go)'\n")
	plant(t, system, "haproxy", "exit 3\n")
	plant(t, system, "nginx", "echo 'nginx/1.22.1'\n")
	programs, base, missing, err := findPrograms(t.Context(), options{bin: bin})
	var names []string
	for _, p := range programs {
		names = append(names, p.Name)
	}
	if want := []string{"direct", "foo_proxy", "io.Copy", "io.Copy again"}; err != nil || base != "io.Copy" || !slices.Equal(names, want) {
		t.Errorf("%q to %s, want %q (%v)", names, base, want, err)
	}
	if len(missing) != 2 || missing[0] != "haproxy: exit status 3" || !strings.HasPrefix(missing[1], "nginx: installed without") {
		t.Errorf("missing: %q", missing)
	}
}

func TestFindProgramsWithoutFooProxy(t *testing.T) {
	if _, _, _, err := findPrograms(t.Context(), options{bin: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "foo_proxy") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationsHaveRoomForTheClients(t *testing.T) {
	folder, system := t.TempDir(), t.TempDir()
	t.Setenv("PATH", system)
	plant(t, system, "haproxy", "echo 'HAProxy version 2.8.1'\n")
	plant(t, system, "nginx", "echo 'nginx/1.22.1 --with-stream'\n")
	at := place{listen: "127.0.0.1:7", server: "127.0.0.1:8", clients: 500, folder: folder}
	h, err := haproxy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n, err := nginx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		program program
		file    string
		want    []string
	}{
		{h, "haproxy.cfg", []string{"nbthread 1\n", "maxconn 1100\n", "mode tcp\n", "bind 127.0.0.1:7\n", "server one 127.0.0.1:8\n"}},
		{n, "nginx.conf", []string{"daemon off;", "worker_connections 2200;", "listen 127.0.0.1:7;", "proxy_pass 127.0.0.1:8;",
			"pid " + folder + "/nginx.pid;"}},
	} {
		argv, err := test.program.command(at)
		if err != nil || argv[len(argv)-1] != filepath.Join(folder, test.file) {
			t.Errorf("%s: %q, %v", test.program.Name, argv, err)
		}
		text, err := os.ReadFile(filepath.Join(folder, test.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range test.want {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s lacks %q:\n%s", test.file, want, text)
			}
		}
	}
}

func TestNginxNeedsItsStreamModule(t *testing.T) {
	modules := t.TempDir()
	options := "nginx version: nginx/1.22.1\nconfigure arguments: --modules-path=" + modules + " --with-stream=dynamic"
	if load, err := nginxStream(options); err == nil {
		t.Errorf("without the module: %q", load)
	}
	module := filepath.Join(modules, "ngx_stream_module.so")
	if err := os.WriteFile(module, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if load, err := nginxStream(options); err != nil || load != "load_module "+module+";\n" {
		t.Errorf("with the module: %q, %v", load, err)
	}
	if load, err := nginxStream("configure arguments: --with-stream --with-x"); err != nil || load != "" {
		t.Errorf("with the module built in: %q, %v", load, err)
	}
}
