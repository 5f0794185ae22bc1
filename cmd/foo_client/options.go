// This file owns what can be asked of the command: its flags, their help, and
// what they may be together. It must not act on them.
package main

import (
	"fmt"
	"strings"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/load"
)

// options is a command line that makes sense.
type options struct {
	servers []cli.Address
	wait    time.Duration

	reconnect      time.Duration // what to do after a loss, where reconnectGiven
	reconnectGiven bool

	failOnNak    bool
	history      string // the prompt's file, where historyGiven
	historyGiven bool

	// Of a load run; there is one where requests or duration is not 0.
	requests    int
	duration    time.Duration
	connections int
	depth       int
	size        int    // bytes of Data
	rate        int    // requests a second; 0 means as fast as replies come
	mix         string // a file; none where it is empty
	echo        bool
	json        bool
	quiet       bool
}

// isLoad says that a load run is asked for, and not a conversation.
func (o *options) isLoad() bool { return o.requests > 0 || o.duration > 0 }

// patience is how long another server is looked for after a loss. With one server
// the default is not at all: its end is what a user wants to know.
func (o *options) patience(servers int) time.Duration {
	if servers > 1 && !o.reconnectGiven {
		return reconnectDefault
	}
	return o.reconnect
}

const summary = "sends the lines of stdin to a Foo server as requests, or makes a load run."

// parseOptions reads the command line. Where done is true the command ends
// with the code: help or version is printed, or what is wrong.
func parseOptions(args []string, s streams) (o options, code int, done bool) {
	o = options{connections: 1, depth: 1, size: 32, wait: 10 * time.Second}
	flags := cli.NewFlags("foo_client", summary, s.out, s.err)
	var connect []cli.Address
	hosts := ""
	size := int64(o.size)

	flags.Group("Where it connects")
	flags.ConnectList(&o.servers, "p,port", "Connect to this `PORT` of this machine, or to host:port, [v6]:port or unix:/path. "+
		"Several, with commas or given several times, are tried in turn.")
	flags.String(&hosts, "H,host", "Connect to this `HOST`, a name or an IP address, or to several with commas, where -p gives "+
		"ports alone.")
	flags.ConnectList(&connect, "connect", "Both in one: host:port, [v6]:port, a port of this machine, or unix:/path; also several.")
	flags.Duration(&o.reconnect, "reconnect", "After the loss of a connection look for this `DURATION` for a server that answers; "+
		"0 ends with the loss.", 0, reconnectMax)
	flags.ZeroIs("default 5s with several servers, 0 with one")
	flags.Duration(&o.wait, "wait", "Take replies as missing when none has come for this `DURATION`: in a load run, "+
		"and at the end of stdin. A prompt comes back after it.", waitMin, waitMax)
	flags.Bool(&o.failOnNak, "e", "End with exit code 1 if any reply was a NAK; all requests are sent nonetheless.")

	flags.Group("Requests typed at a terminal")
	flags.String(&o.history, "history", "Keep what is typed in this `FILE`; '' keeps nothing. The default is "+
		"$XDG_STATE_HOME/foo_client/history, or ~/.foo_client_history.")

	flags.Group("Load run")
	flags.Int(&o.requests, "n", "Send `N` requests in all, check and measure the replies.", 0, load.RequestsMax)
	flags.ZeroIs("default: read requests from stdin")
	flags.Duration(&o.duration, "duration", "Send requests for this `DURATION`, or until -n are sent.",
		durationMin, load.DurationMax)
	flags.ZeroIs("default: until -n are sent")
	flags.Int(&o.connections, "c", "Open `N` connections.", 1, load.ConnectionsMax)
	flags.Int(&o.depth, "d,P", "Have up to `N` requests outstanding on each.", 1, load.DepthMax)
	flags.Size(&size, "size", "Bytes of Data in each request.", 0, int64(load.DataBytesMax))
	flags.String(&o.mix, "mix", "Take the Data of the requests from the lines of this `FILE`, in turn.")
	flags.Bool(&o.echo, "echo", "With -mix, count an ACK as wrong that does not echo its request's Data.")
	flags.Int(&o.rate, "rate", "Have `N` requests a second be due in all, evenly spread; 0 is as fast as replies "+
		"come. Latency counts from the time a request was due.", 0, load.RateMax)
	flags.ZeroIs("default off")
	flags.Bool(&o.json, "json", "Print the report as one line of JSON.")
	flags.Bool(&o.quiet, "quiet", "Show no progress on a terminal.")

	flags.Example("echo hey | foo_client -p 8001", "One request, one reply.")
	flags.Example("echo 'REQ 7 hey' | foo_client -p 8001", "A line that already is a REQ is sent as it is.")
	flags.Example("foo_client -p 8001", "A prompt: type requests, read replies with their latency, end with quit or ^D.")
	flags.Example("foo_client -p 8001 -n 1000000 -c 50 -d 16", "A million requests, 16 outstanding on each of 50 connections.")
	flags.Example("foo_client -p 8001 -duration 10s -c 10 -d 100 -rate 1000", "1,000 requests a second for 10 seconds.")
	flags.Example("foo_client -p 8001,8002,8003 -n 1000000 -c 50", "The same to three proxies; connections go on with another when one dies.")
	flags.Example("foo_client check 8000", "Checks whether a server does what the protocol says; foo_client check -h says more.")

	if code, done = flags.Parse(args); done {
		return o, code, true
	}
	o.size = int(size)
	o.historyGiven, o.reconnectGiven = flags.Given("history"), flags.Given("reconnect")
	if name, why := o.chooseServers(flags, connect, hosts); why != "" {
		return o, flags.Refuse(name, why), true
	}
	if name, why := o.checkLoad(flags); why != "" {
		return o, flags.Refuse(name, why), true
	}
	return o, cli.ExitOK, false
}

// chooseServers makes one list of the three flags that give servers.
func (o *options) chooseServers(flags *cli.Flags, connect []cli.Address, hosts string) (name, why string) {
	if flags.Given("connect") {
		for _, other := range []string{"p", "H"} {
			if flags.Given(other) {
				return other, "the server is given by -connect already"
			}
		}
		o.servers = connect
		return "", ""
	}
	if o.servers == nil {
		return "p", "the server is missing; give its port, or host:port"
	}
	if !flags.Given("H") {
		return "", ""
	}
	var servers []cli.Address
	for host := range strings.SplitSeq(hosts, ",") {
		for _, s := range o.servers {
			if s.Path != "" {
				return "H", "a unix socket has no host"
			}
			if s.Host != "localhost" {
				return "H", "a host is given by -p already"
			}
			s, err := cli.ParseConnect(cli.JoinPort(host, int(s.Port)))
			if err != nil {
				return "H", err.Error()
			}
			servers = append(servers, s)
		}
	}
	o.servers = servers
	return "", ""
}

// checkLoad refuses what only makes sense in a load run, what does not make sense
// together, and windows that together are too many.
func (o *options) checkLoad(flags *cli.Flags) (name, why string) {
	if !o.isLoad() {
		for _, name := range []string{"c", "d", "size", "mix", "echo", "rate", "json", "quiet"} {
			if flags.Given(name) {
				return name, "only a load run has it; say how many requests with -n, or how long with -duration"
			}
		}
	} else if o.historyGiven {
		return "history", "a load run has it not; nothing is typed"
	}
	switch {
	case o.mix != "" && flags.Given("size"):
		return "size", "the Data come from -mix"
	case o.echo && o.mix == "":
		return "echo", "without -mix it is always so"
	case o.connections*o.depth > load.WindowsMax:
		return "d", fmt.Sprintf("%d connections with %d requests outstanding on each are more than %d",
			o.connections, o.depth, load.WindowsMax)
	}
	return "", ""
}
