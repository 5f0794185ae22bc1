// This file owns foo_proxy's command line: which flags there are, and what of the
// proxy's configuration each one sets. It must not act on them.

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/proxy"
)

// options is what the command line says.
type options struct {
	listen      cli.Address
	level       zapcore.Level
	pidFile     string
	logRequests string
	slow        time.Duration
	maxLine     int64
	maxOutput   int64
	maxMemory   int64
	turnBytes   int64
	idle, line  time.Duration
	write       time.Duration
	linger      time.Duration
	servers     serverFlags
	sendProxy   string
	config      proxy.Config
}

// sendProxyVersions are the words for the versions of the PROXY header, from 1 on.
var sendProxyVersions = []string{"v1", "v2"}

// parseOptions reads the arguments. Where done is true the command ends with
// code: something was asked for that has been printed, or something was wrong.
func parseOptions(args []string, stdout, stderr io.Writer) (o *options, code int, done bool) {
	o = &options{config: proxy.DefaultConfig()}
	o.listen = cli.Address{Host: "::", Port: portDefault}
	o.servers.forward = []cli.Server{{Address: cli.Address{Host: "localhost", Port: serverPortDefault}, Weight: 1}}
	o.servers.balance, o.servers.endWords = o.config.Balance.String(), strings.Join(o.config.EndWords, ",")
	o.maxLine = int64(o.config.Client.MaxLine)
	o.maxOutput = int64(o.config.Client.HighMark)
	o.maxMemory = int64(o.config.MaxMemory)
	o.turnBytes = int64(o.config.Client.TurnBytes)
	o.linger = o.config.Client.LingerTimeout
	f := cli.NewFlags("foo_proxy", "stands between Foo clients and Foo servers, and watches every request until its reply.", stdout, stderr)
	o.declare(f)
	if code, done = f.Parse(args); done {
		return nil, code, true
	}
	if !f.Given("max-output") {
		o.maxOutput = max(o.maxOutput, o.maxLine)
	}
	if o.logRequests == "" && f.Given("log-requests") {
		return nil, f.Refuse("log-requests", "needs a file, or - for standard output"), true
	}
	if o.maxOutput < o.maxLine {
		return nil, f.Refuse("max-output", "must be at least -max-line, so that a line fits"), true
	}
	if o.slow > 0 && o.logRequests == "" {
		return nil, f.Refuse("slow", "needs -log-requests, which says where to"), true
	}
	if slices.ContainsFunc(o.servers.words(), func(w string) bool { return len(w) > proxy.EndWordBytesMax }) {
		return nil, f.Refuse("end-words", fmt.Sprintf("a word has more than %d bytes", proxy.EndWordBytesMax)), true
	}
	if name, why := o.cannotShare(); why != "" {
		return nil, f.Refuse(name, why), true
	}
	o.apply()
	o.applyServers(f)
	return o, 0, false
}

func (o *options) declare(f *cli.Flags) {
	c := &o.config
	f.Group("Where it stands")
	f.Listen(&o.listen, "p,listen", "Listen on this `ADDRESS`: a port of all interfaces, host:port, [v6]:port or unix:/path; port 0 lets the kernel pick one, which the log tells.")
	f.Servers(&o.servers.forward, "f,forward", "Forward to the server at this `ADDRESS`: a port of this machine, host:port, [v6]:port or unix:/path. For several servers give it several times, or several addresses with commas between. Behind an address may stand weight=1 to weight=256, max=N for at most N sessions, and backup: -f 8000,weight=3,8002,backup.")
	f.Int(&c.Socket.Backlog, "backlog", "Let `N` clients wait in the kernel to be accepted.", 1, backlogHigh)
	f.Group("What it forwards")
	loop.AcceptProxy(f, &c.AcceptProxy)
	f.Choice(&o.sendProxy, "send-proxy", "Tell the server of each client by a PROXY header of this version.", sendProxyVersions...)
	f.Bool(&c.Strict, "strict", "Answer lines that are not requests with a NAK here, and do not forward them.")
	f.Size(&o.maxLine, "max-line", "Close a connection whose line is longer than this `SIZE`, LF counted; a client gets a NAK first.", lineBytesLow, lineBytesHigh)
	o.declareServers(f)
	f.Group("Limits")
	f.Int(&c.MaxConns, "max-conns", "Serve `N` clients at once and let the others wait; 0 is half of the descriptor limit less 32, and with -mux nearly all of it.", 0, connsHigh)
	f.ZeroIs("default: from the descriptor limit")
	f.Int(&c.MaxConnsPerIP, "max-conns-per-ip", "Serve `N` clients of one address at once and close one more at once; clients of unix sockets are not counted.", 0, connsHigh)
	f.ZeroIs("default off")
	f.Int(&c.MaxOutstanding, "max-outstanding", "Do not read a client while `N` of its requests wait for their replies.", 1, outstandingHigh)
	f.Size(&o.maxOutput, "max-output", "Do not read one side while this `SIZE` of output waits on the other.", lineBytesLow, outputHigh)
	f.Size(&o.maxMemory, "max-memory", "Do not read the clients that hold the most while buffers and records of all are above this `SIZE`.", memoryLow, memoryHigh)
	f.Size(&o.turnBytes, "turn-bytes", "Read at most this `SIZE` from one connection before the others get their turn.", turnBytesLow, turnBytesHigh)
	f.Int(&c.Client.TurnLines, "turn-lines", "Take at most `N` lines from one connection before the others get their turn.", 1, turnLinesHigh)
	o.declareTimes(f)
	f.Group("Speed")
	f.Duration(&c.BusyPoll, "busy-poll", "After traffic, poll for this `DURATION` before waiting: replies are met awake, and a core is kept busy for as long.", 0, busyPollHigh)
	f.ZeroIs("default off")
	f.Group("Running")
	f.LogLevel(&o.level)
	f.String(&o.logRequests, "log-requests", "Append a line of JSON for each request, connect and close to this `FILE`, or to stdout where it is -; SIGHUP opens the file anew.")
	f.Duration(&o.slow, "slow", "Log only requests that take this `DURATION` or longer, and no connects and closes.", 0, timeHigh)
	f.ZeroIs("default off")
	f.PidFile(&o.pidFile)
	f.Example("foo_proxy -p 8001 -f 8000", "Listens on port 8001 of all interfaces, forwards to port 8000 of this machine.")
	f.Example("foo_proxy -listen 127.0.0.1:8001 -forward foo.example.org:5151", "The same with whole addresses.")
	f.Example("foo_proxy -f foo1:5151,weight=2,foo2:5151 -f foo3:5151,backup", "Three servers: the first gets twice as much as the second, the third waits for the two to fail.")
	f.Example("foo_proxy -p unix:/run/foo/proxy -f unix:/run/foo/server", "The same with unix sockets.")
	f.Example("kill -USR1 $(pidof foo_proxy)", "Has it print its statistics to stdout, one line of JSON.")
}

func (o *options) declareTimes(f *cli.Flags) {
	c := &o.config
	f.Group("Timeouts (0 is off)")
	f.Duration(&o.idle, "idle-timeout", "Close a client that neither sends nor takes a byte for this `DURATION`.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Duration(&o.line, "line-timeout", "Close a client that does not end a line for this `DURATION`, counted from the line's first byte.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Duration(&o.write, "write-timeout", "Close a client that takes no byte of its waiting replies for this `DURATION`, and give up a server that takes no requests.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Duration(&c.Socket.KeepIdle, "keepalive", "Have the kernel probe a peer that is silent for this `DURATION`.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Duration(&c.Socket.UserTimeout, "user-timeout", "Have the kernel give up a peer that leaves output unacknowledged or unread for this `DURATION`.", 0, timeHigh)
	f.ZeroIs("default off")
	f.Group("Other times")
	f.Duration(&c.Server.ConnectTimeout, "connect-timeout", "Give a server this `DURATION` to accept a connection.", timeLow, timeHigh)
	f.Duration(&o.linger, "linger", "Discard the late input of a closing connection for this `DURATION` at most, so that its last replies arrive.", timeLow, timeHigh)
	f.Duration(&c.Drain, "drain", "After SIGTERM, SIGINT or SIGQUIT, give outstanding requests this `DURATION` to get their replies.", timeLow, timeHigh)
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
	client.IdleTimeout, client.LineTimeout, client.WriteTimeout, server.WriteTimeout = o.idle, o.line, o.write, o.write
	o.config.MaxMemory = int(o.maxMemory)
	o.config.SendProxy = slices.Index(sendProxyVersions, o.sendProxy) + 1
}
