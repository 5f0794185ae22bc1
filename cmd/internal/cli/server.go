package cli

// This file owns how servers to connect to are written: addresses, and behind each
// what is said of it. What a weight does is not known here.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Server is one server, as it was written. It is a value, like its address.
type Server struct {
	Address Address
	Weight  int // 1 where none was given
	Max     int // sessions at once; 0 where no bound was given
	Backup  bool
}

// The words that may stand behind an address.
const (
	wordWeight = "weight"
	wordMax    = "max"
	wordBackup = "backup"
)

// Servers declares a flag for at least one server. It may be given several times,
// and each value may have several addresses, with commas between. weight=N, max=N
// and backup belong to the address before them in the same value:
//
//	-f foo:8000,weight=3,bar:8000 -f unix:/run/foo,backup
//
// The first one given replaces the default. No server may be there twice, and not
// all of them may be backups. A comma always ends an address, the path of a unix
// socket as well.
func (f *Flags) Servers(p *[]Server, names, usage string) {
	fresh := true
	read := func(s string) error {
		list := *p
		if fresh {
			list = nil
		}
		list, err := appendServers(list, s)
		if err == nil {
			fresh, *p = false, list
		}
		return err
	}
	e := f.add(names, "ADDRESS", usage, read, func() string { return showServers(*p) })
	f.checks = append(f.checks, func() (string, error) {
		if len(*p) > 0 && !slices.ContainsFunc(*p, func(s Server) bool { return !s.Backup }) {
			return e.names[0], errors.New("all servers are backups; at least one must not be")
		}
		return "", nil
	})
}

// appendServers adds the servers of one value to those of the values before it. The
// error is one sentence without the name of the flag.
func appendServers(list []Server, value string) ([]Server, error) {
	before := len(list)
	said := make(map[string]bool) // of the last server
	for item := range strings.SplitSeq(value, ",") {
		if !isSetting(item) {
			s, err := newServer(list, item)
			if err != nil {
				return nil, err
			}
			list = append(list, s)
			clear(said)
			continue
		}
		word, number, numbered := strings.Cut(item, "=")
		switch {
		case numbered != (word == wordWeight || word == wordMax):
			return nil, fmt.Errorf("%s is neither an address nor weight=N, max=N or backup", quote(item))
		case len(list) == before:
			return nil, fmt.Errorf("%s stands before any address; it belongs behind one", quote(item))
		}
		s := &list[len(list)-1]
		if said[word] {
			return nil, fmt.Errorf("%s has a second %s", s.Address, word)
		}
		said[word] = true
		if err := s.set(word, number); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", word, s.Address, err)
		}
	}
	return list, nil
}

// isSetting tells what belongs to an address from an address. No host has an equals
// sign in its name; the path of a unix socket may have.
func isSetting(item string) bool {
	switch item {
	case wordWeight, wordMax, wordBackup:
		return true
	}
	return strings.Contains(item, "=") && !strings.HasPrefix(item, unixScheme)
}

// newServer reads an address that may be added to list.
func newServer(list []Server, item string) (Server, error) {
	a, err := ParseConnect(item)
	if err != nil {
		return Server{}, err
	}
	for _, other := range list {
		switch {
		case a == other.Address:
			return Server{}, fmt.Errorf("%s is given twice", a)
		case a.meets(other.Address):
			return Server{}, fmt.Errorf("%s and %s are the same server", other.Address, a)
		}
	}
	if len(list) == serversMax {
		return Server{}, fmt.Errorf("more than %d servers are given", serversMax)
	}
	return Server{Address: a, Weight: 1}, nil
}

// set takes one setting; number is what stands behind its equals sign.
func (s *Server) set(word, number string) error {
	high := int64(sessionsMax)
	switch word {
	case wordBackup:
		s.Backup = true
		return nil
	case wordWeight:
		high = weightMax
	}
	n, err := parseInt(number, 1, high)
	if err != nil {
		return err
	}
	if word == wordWeight {
		s.Weight = int(n)
	} else {
		s.Max = int(n)
	}
	return nil
}

// meets says whether two addresses lead to the same place, as far as that is known
// without a name service.
func (a Address) meets(other Address) bool {
	mine, fixed := a.Fixed()
	theirs, otherFixed := other.Fixed()
	if !fixed || !otherFixed {
		return a.Path == other.Path && a.Port == other.Port && strings.EqualFold(a.Host, other.Host)
	}
	for _, addr := range mine {
		if slices.Contains(theirs, addr) {
			return true
		}
	}
	return false
}

// String gives the server in the form that the flag reads.
func (s Server) String() string {
	text := s.Address.String()
	if s.Weight != 1 {
		text += "," + wordWeight + "=" + strconv.Itoa(s.Weight)
	}
	if s.Max != 0 {
		text += "," + wordMax + "=" + strconv.Itoa(s.Max)
	}
	if s.Backup {
		text += "," + wordBackup
	}
	return text
}

// showServers gives all of them as one value of the flag.
func showServers(list []Server) string {
	shown := make([]string, len(list))
	for i, s := range list {
		shown[i] = s.String()
	}
	return strings.Join(shown, ",")
}
