package main

// This file owns the proxy one writes in Go in ten minutes: two goroutines of
// io.Copy for each client. It is what the event loop has to beat, so nothing is
// tuned here. It has no limits, no log and no counters, and knows no messages.

import (
	"errors"
	"io"
	"net"
)

// serveIOCopy takes where to listen and where the server is. A signal ends it.
func serveIOCopy(args []string) error {
	if len(args) != 2 {
		return errors.New("iocopy takes where to listen and the server's address")
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go relayIOCopy(client.(*net.TCPConn), args[1])
	}
}

// relayIOCopy ends when both directions have. An error on either is an end like
// any other: there is nobody to tell.
func relayIOCopy(client *net.TCPConn, server string) {
	defer client.Close()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	link := conn.(*net.TCPConn)
	defer link.Close()
	done := make(chan struct{})
	go func() {
		copyHalf(link, client)
		close(done)
	}()
	copyHalf(client, link)
	<-done
}

func copyHalf(to, from *net.TCPConn) {
	_, _ = io.Copy(to, from) // the end of the half, whatever ended it
	_ = to.CloseWrite()      // fails where the other half has failed, which closes both
}
