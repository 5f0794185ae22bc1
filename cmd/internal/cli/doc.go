// Package cli holds what the three commands share: addresses, flags and their
// errors, help, version, log set-up, signals and the pid file. It knows nothing
// of what a proxy or a server does; a command hands it functions to call.
//
// A command uses it in this order:
//
//	cli.IgnoreBrokenPipe()
//	flags := cli.NewFlags("foo_server", "answers Foo requests.", os.Stdout, os.Stderr)
//	flags.Group("Addresses")
//	flags.Listen(&listen, "p,listen", "Listen on this address.")
//	flags.Group("Running")
//	flags.LogLevel(&level)
//	flags.PidFile(&pidFile)
//	flags.Example("foo_server -p 9001", "Listens on port 9001 of all interfaces.")
//	if code, done := flags.Parse(os.Args[1:]); done {
//		os.Exit(code)
//	}
//	log := cli.OpenLog(os.Stderr, level)
//	signals := cli.WatchSignals(cli.SignalHandlers{Drain: postDrain, Stats: printStats})
//	pid, err := cli.WritePidFile(pidFile)
//	... the command's work ...
//	err = pid.Remove()
//	signals.Stop()
//	log.Close(time.Second)
package cli
