// This file owns what can be asked of the command: its flags, their help, and
// what they may be together. It must not act on them.
package main

import (
	"io"
	"math/rand/v2"

	"go.uber.org/zap/zapcore"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/foo/server"
)

// options is a command line that makes sense.
type options struct {
	listen  cli.Address
	server  server.Config // Sys and Log are for command to add
	level   zapcore.Level
	pidFile string

	data       string // the store's file; empty: in memory
	dump, load string // a file to export or import, instead of serving
}

const summary = "does what words say, such as WHO, HELP or \"set KEY VALUE\", " +
	"answers any other Foo request \"REQ <seq> <data>\" with \"ACK <seq> <data>\", " +
	"and lines that are not Foo with \"NAK 0 <reason>\"."

// parseOptions reads the command line. Where done is true the command ends with
// the code: help or version is printed, or what is wrong.
func parseOptions(args []string, stdout, stderr io.Writer) (o options, code int, done bool) {
	o = options{server: server.DefaultConfig()}
	flags := cli.NewFlags("foo_server", summary, stdout, stderr)
	host, port := "0.0.0.0", portDefault
	maxLine := int64(o.server.Conn.MaxLine)

	flags.Group("Where it listens")
	flags.Int(&port, "p,port", "Listen on this `PORT`; 0 lets the kernel pick one, which the log tells.", 0, 65535)
	flags.String(&host, "H,host", "Listen on this `HOST`, a name or an IP address of this machine.")
	flags.Listen(&o.listen, "listen", "Both in one: host:port, [v6]:port, a port of all interfaces, or unix:/path.")
	flags.Int(&o.server.Socket.Backlog, "backlog", "Let `N` clients wait in the kernel to be accepted.", 1, backlogHigh)

	flags.Group("What it keeps")
	flags.String(&o.data, "data", "Keep keys in this `FILE`, where each write is before its ACK; without it they are in memory only.")
	flags.String(&o.dump, "dump", "Write the keys of this `FILE` of a store to stdout, as JSON lines, instead of serving.")
	flags.String(&o.load, "load", "Set the keys of JSON lines on stdin in this `FILE` of a store, instead of serving.")

	flags.Group("What it answers")
	flags.Bool(&o.server.Echo, "echo", "Answer a request that begins with no word with its data; -echo=false: with a NAK.")
	flags.Bool(&o.server.Plain, "plain", "Answer words without REQ and Seq in plain text; -plain=false: with NAK 0.")
	flags.Share(&o.server.NakRate, "nak-rate", "Answer this `SHARE` of the requests, 0 to 1, with a NAK.")
	flags.Duration(&o.server.Delay, "delay", "Delay each reply by this `DURATION`.", 0, timeHigh)
	flags.ZeroIs("default off")

	loop.AcceptProxy(flags, &o.server.AcceptProxy)

	o.declareLimits(flags, &maxLine)

	flags.Group("Running")
	flags.LogLevel(&o.level)
	flags.PidFile(&o.pidFile)

	flags.Example("foo_server -p 8000", "Listens on port 8000 of all IPv4 interfaces.")
	flags.Example("foo_server -listen [::1]:8000", "Listens on IPv6, for this machine only.")
	flags.Example("foo_server -p 8000 -nak-rate 0.1 -delay 20ms", "Refuses a tenth of the requests, and takes its time.")
	flags.Example("foo_server -p 8000 -data keys", "Keeps what clients set in the file keys.")
	flags.Example("foo_server -dump keys > lines", "Exports the keys of that file, while no server uses it.")
	flags.Example("kill -USR1 $(cat foo_server.pid)", "Has a server that was started with -pidfile foo_server.pid "+
		"print its statistics to stdout, one line of JSON.")

	if code, done = flags.Parse(args); done {
		return o, code, true
	}
	o.server.Conn.MaxLine = int(maxLine)
	if o.server.NakRate > 0 {
		o.server.Random = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if name, why := o.chooseFile(flags); why != "" {
		return o, flags.Refuse(name, why), true
	}
	if name, why := o.chooseAddress(flags, host, port); why != "" {
		return o, flags.Refuse(name, why), true
	}
	return o, cli.ExitOK, false
}

func (o *options) declareLimits(flags *cli.Flags, maxLine *int64) {
	flags.Group("Limits")
	flags.Size(maxLine, "max-line", "Close a client whose line is longer than this `SIZE`, LF counted, after a NAK.", lineBytesLow, lineBytesHigh)
	flags.Int(&o.server.MaxConns, "max-clients", "Serve `N` clients at once and let the others wait; "+
		"0 is the descriptor limit less 32.", 0, connsHigh)
	flags.ZeroIs("default: from the descriptor limit")

	c := &o.server.Conn
	flags.Group("Timeouts (0 is off)")
	flags.Duration(&c.IdleTimeout, "idle-timeout", "Close a client that neither sends nor takes a byte for this `DURATION`, and waits for no reply.", 0, timeHigh)
	flags.ZeroIs("default off")
	flags.Duration(&c.LineTimeout, "line-timeout", "Close a client that does not end a line for this `DURATION`, counted from the line's first byte.", 0, timeHigh)
	flags.ZeroIs("default off")
	flags.Duration(&c.WriteTimeout, "write-timeout", "Close a client that takes no byte of its waiting replies for this `DURATION`.", 0, timeHigh)
	flags.ZeroIs("default off")

	flags.Group("Other times")
	flags.Duration(&c.LingerTimeout, "linger", "Discard the late input of a closing connection for this `DURATION` at most, so that its last replies arrive.", timeLow, timeHigh)
	flags.Duration(&o.server.Drain, "drain", "After SIGTERM, SIGINT or SIGQUIT, give clients this `DURATION` to get their replies.", timeLow, timeHigh)
}

// chooseFile sees to it that there is one thing to do with one file.
func (o *options) chooseFile(flags *cli.Flags) (name, why string) {
	files := map[string]string{"data": o.data, "dump": o.dump, "load": o.load}
	first := ""
	for _, name := range []string{"data", "dump", "load"} {
		switch {
		case !flags.Given(name):
		case files[name] == "":
			return name, "a file is missing"
		case first != "":
			return name, "-" + first + " is given as well; it is one or the other"
		default:
			first = name
		}
	}
	return "", ""
}

// chooseAddress makes one address of the three flags that give it.
func (o *options) chooseAddress(flags *cli.Flags, host string, port int) (name, why string) {
	if flags.Given("listen") {
		for _, other := range []string{"p", "H"} {
			if flags.Given(other) {
				return other, "the address is given by -listen already"
			}
		}
		return "", ""
	}
	address, err := cli.ParseListen(cli.JoinPort(host, port))
	if err != nil {
		return "H", err.Error()
	}
	o.listen = address
	return "", ""
}
