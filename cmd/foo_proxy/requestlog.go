// This file owns the wiring of the request log: a proxy that has one, from the
// first line to the last. It must not know what is logged.

package main

import (
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/poller"
	"fooproxy/proxy"
	"fooproxy/proxy/reqlog"
)

// loggingProxy is a proxy with a request log, which ends behind it.
type loggingProxy struct {
	*proxy.Proxy
	log    *reqlog.Log
	stdout io.Writer
}

// newProxy makes the service that the options ask for.
func (o *options) newProxy(sys poller.Sys, log *zap.Logger) (loop.Service, error) {
	o.config.Log = log
	servers := []proxy.Server{findServer(o.forward)}
	if o.logRequests == "" {
		return proxy.New(sys, servers, o.config)
	}
	requestLog, err := reqlog.Open(reqlog.Config{
		Path: o.logRequests, Slow: o.slow, Epoch: time.Now().UnixNano() - sys.Now(), UnixServer: o.forward.Path, Log: log,
	})
	if err != nil {
		return nil, err
	}
	o.config.RequestLog = requestLog
	p, err := proxy.New(sys, servers, o.config)
	if err != nil {
		requestLog.Stop()
		return nil, err
	}
	s := &loggingProxy{Proxy: p, log: requestLog, stdout: os.Stdout}
	if o.logRequests == reqlog.Stdout {
		s.stdout = requestLog
	}
	return s, nil
}

// Stop implements loop.Logging.
func (p *loggingProxy) Stop() { p.log.Stop() }

// Reopen implements loop.Logging.
func (p *loggingProxy) Reopen() { p.log.Reopen() }

// Stdout implements loop.Logging.
func (p *loggingProxy) Stdout() io.Writer { return p.stdout }
