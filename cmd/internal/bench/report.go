package main

// This file owns where the results go: the table to standard output and to a file,
// and beside it all figures as JSON and the plot.

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func report(s summary, folder string, stdout io.Writer) error {
	text := table(s)
	if _, err := io.WriteString(stdout, text); err != nil {
		return err
	}
	figures, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"bench.md": []byte(text), "bench.json": append(figures, '\n'), "bench.svg": plot(s),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(stdout, "\nThe table, all figures and the plot are in %s: bench.md, bench.json, bench.svg.\n", folder)
	return err
}
