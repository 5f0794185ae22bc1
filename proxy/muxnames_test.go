// muxnames_test.go: what shared links tell the request log, and servers behind a name.

package proxy

import (
	"path/filepath"
	"slices"
	"testing"

	"fooproxy/proxy/reqlog"
)

func TestTheLogTellsOfSharedLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	log, err := reqlog.Open(reqlog.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Stop)
	c, links := newMuxed(t, 2, func(config *Config) { config.RequestLog = log })
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 100 x\n")
	c.says(b, "REQ 1 yy\nREQ 2 bad\xff\nREQ 3 quit\n")
	c.says(links[0], "ACK 1\n")
	links[1].Close()
	c.settle()
	c.hears(b, "NAK 1 upstream lost\nNAK 2 data is not UTF-8\nACK 3\n")
	c.ended(b)
	b.Close()
	c.says(a, "REQ 101\n")
	a.Reset()
	c.settle()
	c.proxy.shut()
	log.Stop()
	want := []string{
		"1 connect", "2 connect",
		"1 request 100 ACK 10 8 0 answered",
		"2 request 1 NAK 9 20 0 refused upstream lost",
		"2 request 2 NAK 11 24 0 refused data is not UTF-8",
		"2 request 3 ACK 11 6 0 answered",
		"2 close client ended",
		"1 request 101 <nil> 8 0 0 abandoned client reset",
		"1 close client reset connection reset by peer",
	}
	got := shortLines(t, path)
	if !slices.Equal(got, want) {
		t.Errorf("the log is\n%q\nwant\n%q", got, want)
	}
}

// TestSharedLinksFollowAName: an address that is not meant any more gets nothing more,
// answers what it owes, and is forgotten; a new one is dialled.
func TestSharedLinksFollowAName(t *testing.T) {
	c := newNamed(t, 3, func(config *Config) { config.Mux = 1 })
	first, second := c.servers[0].Accept(), c.servers[1].Accept()
	third := c.servers[2].Accept()
	c.settle()
	a := c.dial()
	c.says(a, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
	c.hears(first, "REQ 1 a\n")
	c.proxy.setAddrs(0, c.addrs(1, 2))
	c.settle()
	c.says(a, "REQ 4 d\nREQ 5 e\nREQ 6 f\n")
	c.hears(first, "")
	c.says(first, "ACK 1 a\n")
	c.hears(a, "ACK 1 a\n")
	c.ended(first)
	first.Close()
	c.settle()
	if n := len(c.proxy.upstreams); n != 2 {
		t.Errorf("there are %d servers", n)
	}
	c.proxy.setAddrs(0, c.addrs(0, 1, 2))
	c.settle()
	if first = c.servers[0].Accept(); first == nil {
		t.Fatal("an address that is back is not dialled")
	}
	for _, link := range []string{c.takes(second), c.takes(third)} {
		if link == "" {
			t.Error("a server gets nothing")
		}
	}
}
