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
	servers := o.findServers()
	if o.logRequests == "" {
		return proxy.New(sys, servers, o.config)
	}
	requestLog, err := reqlog.Open(reqlog.Config{
		Path: o.logRequests, Slow: o.slow, Epoch: time.Now().UnixNano() - sys.Now(), UnixServers: unixPaths(servers), Log: log,
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

// unixPaths are the paths of the servers that are reached through unix sockets, in
// their order, and empty ones for the others.
func unixPaths(servers []proxy.Server) (paths []string) {
	for _, s := range servers {
		path := ""
		if len(s.Addrs) > 0 {
			path = s.Addrs[0].Path()
		}
		paths = append(paths, path)
	}
	return paths
}

// Stop implements loop.Logging.
func (p *loggingProxy) Stop() { p.log.Stop() }

// Reopen implements loop.Logging.
func (p *loggingProxy) Reopen() { p.log.Reopen() }

// Stdout implements loop.Logging.
func (p *loggingProxy) Stdout() io.Writer { return p.stdout }
