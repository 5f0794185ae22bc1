package main

// This file owns the processes of the comparison: their start, the wait until they
// listen, and their end, by their own id and nobody else's. It does not know what
// they do.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a program that listens.
type process struct {
	name, addr string
	cmd        *exec.Cmd
	said       string     // the file with its output
	ended      chan error // closed
}

// launch starts a command and waits until it listens at addr. Its output goes to
// a file in folder, so that nobody needs to read it.
func launch(ctx context.Context, name, addr, folder string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, addr: addr, cmd: cmd, ended: make(chan error)}
	file, err := os.CreateTemp(folder, "said-*")
	if err != nil {
		return nil, err
	}
	p.said = file.Name()
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = childAttributes()
	err = cmd.Start()
	// The child has a copy of its own.
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	go func() {
		_ = cmd.Wait() // that it has ended says enough, and its output the rest
		close(p.ended)
	}()
	if err := p.waitListening(ctx); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

// childAttributes keep Ctrl-C from the children, since it is this process that
// ends them, in its own order, and let the kernel end them should it be killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func (p *process) waitListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", p.addr)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at once; it said: %s", p.name, lastWords(p.said))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen at %s: %w; it said: %s", p.name, p.addr, ctx.Err(), lastWords(p.said))
		case <-time.After(dialPause):
		}
	}
}

// end asks the process to end, and makes it where it does not.
func (p *process) end() {
	stop(p.cmd, p.ended)
}

// stop ends a command. Somebody else waits for its end and tells of it.
func stop(cmd *exec.Cmd, ended <-chan error) {
	// Signals fail only where the process has ended already.
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(endWait):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// lastWords is the last line of a file, quoted: it may hold anything.
func lastWords(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return lastLine(text)
}

func lastLine(text []byte) string {
	text = bytes.TrimSpace(text)
	text = text[bytes.LastIndexByte(text, '\n')+1:]
	if len(text) > quotedBytesMax {
		text = text[:quotedBytesMax]
	}
	return fmt.Sprintf("%q", text)
}

// freeAddress is one that nothing listens at. The kernel picks it; another
// process could take it before our program does, which the program would tell.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// writeConfig puts a program's configuration into folder.
func writeConfig(folder, name, text string) (path string, err error) {
	path = filepath.Join(folder, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
