package soak

// This file owns the faults of clients. Each comes beside the load, which must not
// notice; each client that stays has its own replies looked at.

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// dial opens a client that waits no longer than is right.
func (r *run) dial() (*net.TCPConn, error) {
	c, err := net.DialTimeout("tcp", r.proxy.Addr, proctest.Patience)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), c.SetDeadline(time.Now().Add(r.time + proctest.Patience))
}

// request is a line that no other client says.
func (r *run) request(client, seq int) string {
	line := fmt.Sprintf("REQ %d s%d.%d.%d.", seq, r.step, client, seq)
	return line + strings.Repeat("x", max(lineBytes-1-len(line), 0)) + "\n"
}

// pipeline sends requests in one go and looks at all replies. NAKs are for servers
// that were lost.
func (r *run) pipeline(requests int, halfClose bool) error {
	c, err := r.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		out := bufio.NewWriterSize(c, 64<<10)
		for seq := 1; seq <= requests; seq++ {
			if _, err := out.WriteString(r.request(0, seq)); err != nil {
				break // Flush gives it again
			}
		}
		err := out.Flush()
		if err == nil && halfClose {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	in := bufio.NewReader(c)
	for seq := 1; seq <= requests; seq++ {
		line, err := in.ReadString('\n')
		if err != nil {
			c.Close()
			return errors.Join(fmt.Errorf("request %d of %d: %w", seq, requests, err), <-sent)
		}
		if line != "ACK"+r.request(0, seq)[len("REQ"):] && !strings.HasPrefix(line, fmt.Sprintf("NAK %d ", seq)) {
			c.Close()
			return errors.Join(fmt.Errorf("request %d was answered %q", seq, line), <-sent)
		}
	}
	if err := <-sent; err != nil || !halfClose {
		return err
	}
	if rest, err := io.ReadAll(in); len(rest) > 0 || err != nil {
		return fmt.Errorf("behind all replies came %q, %v", rest, err)
	}
	return nil
}

func (r *run) halfClose(time.Duration) error { return r.pipeline(halfCloseRequests, true) }

func (r *run) manyInOneGo(time.Duration) error {
	n := int(float64(pipelineRequests) * r.time.Minutes() / 10)
	return r.pipeline(min(max(n, pipelineLeast), pipelineRequests), false)
}

// leave has clients go with replies outstanding, every other one by a reset.
func (r *run) leave(time.Duration) error {
	for i := range leavers {
		c, err := r.dial()
		if err != nil {
			return err
		}
		for seq := 1; seq <= 16 && err == nil; seq++ {
			_, err = io.WriteString(c, r.request(i, seq))
		}
		if i%2 == 0 {
			err = errors.Join(err, c.SetLinger(0))
		}
		if err = errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return nil
}

// each has clients do something at the same time, until the fault is over.
func (r *run) each(clients int, d time.Duration, act func(c *net.TCPConn, client int, until time.Time)) error {
	until := time.Now().Add(d)
	var work sync.WaitGroup
	for i := range clients {
		c, err := r.dial()
		if err != nil {
			return err
		}
		work.Go(func() {
			defer c.Close()
			act(c, i, until)
		})
	}
	work.Wait()
	return nil
}

// neverRead has clients send without end and take nothing.
func (r *run) neverRead(d time.Duration) error {
	return r.each(deafClients, d, func(c *net.TCPConn, client int, until time.Time) {
		_ = c.SetLinger(0) // what is unread goes with them
		if c.SetWriteDeadline(until) != nil {
			return
		}
		out := bufio.NewWriterSize(c, 16<<10)
		for seq := 1; ; seq++ {
			if _, err := out.WriteString(r.request(client, seq)); err != nil {
				return // its time is over, or it was closed
			}
		}
	})
}

// sendSlowly has clients send a line in single bytes.
func (r *run) sendSlowly(d time.Duration) error {
	return r.each(slowClients, d, func(c *net.TCPConn, client int, until time.Time) {
		line := r.request(client, 1)
		for i := 0; i < len(line)-1 && time.Now().Before(until); i++ {
			if _, err := io.WriteString(c, line[i:i+1]); err != nil {
				return
			}
			time.Sleep(d / lineBytes) // the fault itself
		}
	})
}

// flood has one connection ask as much as it can.
func (r *run) flood(d time.Duration) error {
	l := proctest.StartLoad(r.t, proctest.LoadConfig{Addr: r.proxy.Addr, Conns: 1, Depth: floodDepth, Bytes: lineBytes, Name: fmt.Sprintf("flood%d", r.step)})
	time.Sleep(d) // the fault itself
	if result := l.Stop(); !result.Faultless() {
		return fmt.Errorf("the flood: %v", result)
	}
	return nil
}
