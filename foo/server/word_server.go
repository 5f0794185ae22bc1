// word_server.go owns the words about the server itself: who is here, where and why
// one is, and the end. It must not know of the store but its name.

package server

import (
	"fmt"
)

var (
	who   = noArguments(tellWho)
	where = noArguments(tellWhere)
	why   = noArguments(tellWhy)
	quit  = noArguments(tellQuit)
)

// tellWho names the clients in the order of their coming.
func tellWho(s *Server, _ *client, q *question) verdict {
	here, inAll := len(s.clients.all), s.clientsInAll()
	if q.plain {
		return s.tell(q, s.appendWhoPlain(nil, here, inAll))
	}
	text := s.clients.appendNames(nil, "", " ")
	return s.tell(q, fmt.Appendf(text, " (%d here, %d in all)", here, inAll))
}

func (s *Server) appendWhoPlain(dst []byte, here, inAll int) []byte {
	dst = append(dst, "IP:PORT of clients connected to this server: {"...)
	dst = s.clients.appendNames(dst, "'", ", ")
	dst = append(dst, '}', '\n')
	return fmt.Appendf(dst, "clients connected to this server: %d\nclients connected to all servers: %d", here, inAll)
}

// clientsInAll is how many clients all servers have that know of each other. This
// one knows of no other.
func (s *Server) clientsInAll() int { return len(s.clients.all) }

// appendNames names clients, whoTold at most.
func (cs *clients) appendNames(dst []byte, quote, between string) []byte {
	c := cs.oldest
	for i := 0; i < whoTold && c != nil; i, c = i+1, c.newer {
		if i > 0 {
			dst = append(dst, between...)
		}
		dst = append(dst, quote...)
		dst = append(dst, c.peer.String()...)
		dst = append(dst, quote...)
	}
	return dst
}

func tellWhere(s *Server, _ *client, q *question) verdict {
	return s.tell(q, []byte(s.store.ID().String()))
}

func tellWhy(s *Server, _ *client, q *question) verdict { return s.tell(q, []byte("42")) }

// tellQuit has the connection closed behind its answer.
func tellQuit(s *Server, _ *client, q *question) verdict {
	if q.plain {
		s.tell(q, []byte("bye"))
	} else {
		s.tell(q, nil)
	}
	return lineLast
}
