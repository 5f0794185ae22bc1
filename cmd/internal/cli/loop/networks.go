package loop

// This file owns the flag that says whose connections begin with a PROXY header,
// which all commands spell alike.

import (
	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/proxyheader"
)

// AcceptProxy declares -accept-proxy.
func AcceptProxy(f *cli.Flags, p *proxyheader.Trusted) {
	read := func(list string) error {
		trusted, err := proxyheader.ParseTrusted(list)
		if err == nil {
			*p = trusted
		}
		return err
	}
	f.Value("accept-proxy", "NETWORKS", "Expect a PROXY header, version 1 or 2, from clients of these `NETWORKS`, and close those that bring none: "+
		"10.0.0.0/8, 127.0.0.1, or unix for all of unix sockets, with commas between them.", read, p.String)
}
