package main

// This file owns what is told of the machine and of the code that was measured. It
// tells what makes figures comparable and nothing that names the machine.

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

type machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	MemoryGiB int    `json:"memory_gib"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`

	// Load is how many threads wanted a core in the minute before the first run. What
	// else runs on the machine spoils the figures, and the reader should see it.
	Load float64 `json:"load_average"`
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores, %d GiB, Linux %s, %s, load average %.1f before the first run",
		m.Processor, m.Cores, m.MemoryGiB, m.Kernel, m.Go, m.Load)
}

// describeMachine leaves out what the machine does not tell.
func describeMachine() machine {
	m := machine{Processor: "unknown processor", Cores: runtime.NumCPU(), Go: runtime.Version()}
	if name := fileValue("/proc/cpuinfo", "model name"); name != "" {
		m.Processor = name
	}
	if kib, err := strconv.Atoi(strings.TrimSuffix(fileValue("/proc/meminfo", "MemTotal"), " kB")); err == nil {
		m.MemoryGiB = (kib + 1<<19) >> 20
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		average, _, _ := strings.Cut(string(text), " ")
		if load, err := strconv.ParseFloat(average, 64); err == nil {
			m.Load = load
		}
	}
	return m
}

// fileValue is what follows a key and a colon, the first time.
func fileValue(file, key string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(text) {
		name, value, found := strings.Cut(string(line), ":")
		if found && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// describeCommit is what the build has noted of its checkout.
func describeCommit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return commit + changed
}

func today() string { return time.Now().UTC().Format(time.DateOnly) }
