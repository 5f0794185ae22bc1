package server

// Clients whose connection begins with a PROXY header, on the simulated kernel.

import (
	"testing"
	"time"

	"fooproxy/foo/proxyheader"
	"fooproxy/stats"
)

const namesClient = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"

// trusting expects headers from these networks.
func trusting(t testing.TB, list string) func(*Config) {
	t.Helper()
	trusted, err := proxyheader.ParseTrusted(list)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.AcceptProxy = trusted }
}

func TestAHeaderNamesTheClientHoweverItIsCut(t *testing.T) {
	const stream = namesClient + "REQ 1 a\nREQ 2 b\n"
	for cut := range len(stream) + 1 {
		s := step(t, trusting(t, "127.0.0.1"))
		c := s.call()
		c.say(stream[:cut])
		c.say(stream[cut:])
		c.hear("ACK 1 a\nACK 2 b\n")
		logs := s.logs.FilterMessage("connection from").All()
		if len(logs) != 1 || logs[0].ContextMap()["address"] != "192.0.2.1:56324" {
			t.Fatalf("cut at %d: %v", cut, logs)
		}
		s.expectCount(stats.Accepts, 1)
		s.expectCount(stats.LinesInvalid, 0)
	}
}

func TestWithoutItsHeaderAClientGetsNoReply(t *testing.T) {
	s := step(t, trusting(t, "127.0.0.1"))
	c, silent := s.call(), s.call()
	c.say("REQ 1 a\n")
	c.hearEnd("")
	s.expectCount(stats.RefusedHeader, 1)
	s.after(time.Minute)
	silent.hearEnd("")
	s.expectCount(stats.RefusedHeader, 2)
	s.expectCount(stats.Accepts, 0)
	s.expectCount(stats.MsgReq, 0)
	s.expectNobody()
}

func TestFromOthersAHeaderIsABadLine(t *testing.T) {
	s := step(t, trusting(t, "10.0.0.0/8"))
	c := s.call()
	c.say(namesClient + "REQ 1 a\n")
	c.hear("NAK 0 unknown type\nACK 1 a\n")
}

// TestWhoseHeaderHasNotComeHoldsAPlace, and gives it back.
func TestWhoseHeaderHasNotComeHoldsAPlace(t *testing.T) {
	s := step(t, func(c *Config) {
		trusting(t, "127.0.0.1")(c)
		c.MaxConns = 1
	})
	silent, next := s.call(), s.call()
	next.say(namesClient + "REQ 1 a\n")
	next.hear("")
	silent.Close()
	s.settle()
	next.hear("ACK 1 a\n")
	third := s.call()
	third.say(namesClient + "REQ 1 b\n")
	third.hear("")
	next.Close()
	s.settle()
	third.hear("ACK 1 b\n")
}

func TestADrainDoesNotWaitForAHeader(t *testing.T) {
	s := step(t, trusting(t, "127.0.0.1"))
	silent, asks := s.call(), s.call()
	if n := asks.SendString(namesClient + "REQ 1 a\n"); n == 0 {
		t.Fatal("nothing was sent")
	}
	s.Drain()
	s.settle()
	silent.hearEnd("")
	asks.hearEnd("ACK 1 a\n")
	s.expectCount(stats.RefusedHeader, 0)
	asks.Close()
	s.settle()
	if s.loop.Stopped() {
		t.Error("the drain ends before everybody has ended its side")
	}
	silent.Close()
	s.settle()
	if !s.loop.Stopped() {
		t.Error("the drain does not end")
	}
	s.expectNobody()
}
