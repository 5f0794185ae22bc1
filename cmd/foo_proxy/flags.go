// flags.go owns foo_proxy's command line: which flags there are, and what of the
// proxy's configuration each one sets.

package main

import (
	"io"
	"time"

	"go.uber.org/zap/zapcore"

	"fooproxy/cmd/internal/cli"
	"fooproxy/proxy"
)

// options is what the command line says.
type options struct {
	listen, forward cli.Address
	level           zapcore.Level
	pidFile         string
	maxLine         int64
	maxOutput       int64
	maxMemory       int64
	turnBytes       int64
	idle, line      time.Duration
	write           time.Duration
	linger          time.Duration
	config          proxy.Config
}

// parseOptions reads the arguments. Where done is true the command ends with
// code: something was asked for that has been printed, or something was wrong.
func parseOptions(args []string, stdout, stderr io.Writer) (o *options, code int, done bool) {
	o = &options{config: proxy.DefaultConfig()}
	o.listen = cli.Address{Host: "", Port: portDefault}
	o.forward = cli.Address{Host: "localhost", Port: serverPortDefault}
	o.maxLine = int64(o.config.Client.MaxLine)
	o.maxOutput = int64(o.config.Client.HighMark)
	o.maxMemory = int64(o.config.MaxMemory)
	o.turnBytes = int64(o.config.Client.TurnBytes)
	o.linger = o.config.Client.LingerTimeout
	f := cli.NewFlags("foo_proxy", "stands between Foo clients and a Foo server, and watches every request until its reply.", stdout, stderr)
	o.declare(f)
	if code, done = f.Parse(args); done {
		return nil, code, true
	}
	if !f.Given("max-output") {
		o.maxOutput = max(o.maxOutput, o.maxLine)
	}
	if o.maxOutput < o.maxLine {
		return nil, f.Refuse("max-output", "must be at least -max-line, so that a line fits"), true
	}
	o.apply()
	return o, 0, false
}

func (o *options) declare(f *cli.Flags) {
	c := &o.config
	f.Group("Addresses")
	f.Listen(&o.listen, "p,listen", "`ADDRESS` to listen on: a port, host:port or [v6]:port")
	f.Connect(&o.forward, "f,forward", "`ADDRESS` of the server")
	f.Group("What is forwarded")
	f.Bool(&c.Strict, "strict", "answer lines that are not requests with NAK here, and do not forward them")
	f.Size(&o.maxLine, "max-line", "longest line, LF included; a longer one closes its connection", lineBytesLow, lineBytesHigh)
	f.Group("Limits")
	f.Int(&c.MaxConns, "max-conns", "clients served at once, others wait; 0 derives it from the descriptor limit", 0, connsHigh)
	f.Int(&c.MaxOutstanding, "max-outstanding", "requests of one client without a reply; above it the client is not read", 1, outstandingHigh)
	f.Size(&o.maxOutput, "max-output", "output that may wait on a connection; above it the other side is not read", lineBytesLow, outputHigh)
	f.Size(&o.maxMemory, "max-memory", "buffers and records of all connections; above it the clients that hold most are not read", memoryLow, memoryHigh)
	f.Size(&o.turnBytes, "turn-bytes", "bytes that one connection may read in a turn of the loop", turnBytesLow, turnBytesHigh)
	f.Int(&c.Client.TurnLines, "turn-lines", "lines that one connection may read in a turn of the loop", 1, turnLinesHigh)
	f.Int(&c.Socket.Backlog, "backlog", "connections that wait to be accepted", 1, backlogHigh)
	f.Group("Timeouts (0 is off)")
	f.Duration(&o.idle, "idle-timeout", "close a client on whose connection no byte moved", 0, timeHigh)
	f.Duration(&o.line, "line-timeout", "close a client whose line is unfinished, counted from its first byte", 0, timeHigh)
	f.Duration(&o.write, "write-timeout", "close a client that takes no byte of its waiting replies", 0, timeHigh)
	f.Duration(&c.Server.ConnectTimeout, "connect-timeout", "how long the server may take to accept", timeLow, timeHigh)
	f.Duration(&o.linger, "linger", "how long a closing connection may go on sending", timeLow, timeHigh)
	f.Duration(&c.Socket.KeepIdle, "keepalive", "silence before a peer is probed", 0, timeHigh)
	f.Duration(&c.Socket.UserTimeout, "user-timeout", "how long a peer may leave output unacknowledged or unread", 0, timeHigh)
	f.Duration(&c.Drain, "drain", "how long outstanding requests have at the end", timeLow, timeHigh)
	f.Group("Process")
	f.LogLevel(&o.level)
	f.PidFile(&o.pidFile)
	f.Example("foo_proxy -p 8001 -f 8000", "listens on port 8001 of all interfaces, forwards to port 8000 of this host")
	f.Example("foo_proxy -listen 127.0.0.1:8001 -forward foo.example.org:5151", "the same with whole addresses")
	f.Example("kill -USR1 $(pidof foo_proxy)", "has it print its statistics, one JSON object on one line of stdout")
}

// apply spreads the values that both sides of the proxy share.
func (o *options) apply() {
	client, server := &o.config.Client, &o.config.Server
	client.MaxLine, server.MaxLine = int(o.maxLine), int(o.maxLine)
	client.HighMark, server.HighMark = int(o.maxOutput), int(o.maxOutput)
	client.LowMark, server.LowMark = int(o.maxOutput)/2, int(o.maxOutput)/2
	client.TurnBytes, server.TurnBytes = int(o.turnBytes), int(o.turnBytes)
	client.LingerTimeout, server.LingerTimeout = o.linger, o.linger
	server.TurnLines = client.TurnLines
	client.IdleTimeout, client.LineTimeout, client.WriteTimeout = o.idle, o.line, o.write
	o.config.MaxMemory = int(o.maxMemory)
}
