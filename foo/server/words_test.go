package server

import (
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fooproxy/foo"
	"fooproxy/foo/kv"
	"fooproxy/poller"
	"fooproxy/stats"
)

var (
	keyLongest   = strings.Repeat("k", kv.KeyBytesMax)
	valueLongest = strings.Repeat("v", kv.ValueBytesMax)
)

// wordTables are conversations of one client with a new server. ID stands for the
// store's name, ME for the client's.
var wordTables = []struct{ name, lines, replies string }{
	{"who", "REQ 1 WHO\n", "ACK 1 ME (1 here, 1 in all)\n"},
	{"who in any case", "REQ 1 who\nREQ 2 wHo\nREQ 3 \tWho \n", strings.Repeat("ACK # ME (1 here, 1 in all)\n", 3)},
	{"who with more", "REQ 1 WHO am I\n", "NAK 1 WHO takes no arguments\n"},
	{"who as a part", "REQ 1 whoever\nREQ 2 WHO?\nREQ 3 the WHO\n", "ACK 1 whoever\nACK 2 WHO?\nACK 3 the WHO\n"},
	{"where", "REQ 1 WHERE\nREQ 2 where am i\n", "ACK 1 ID\nNAK 2 WHERE takes no arguments\n"},
	{"why", "REQ 1 WHY\nREQ 2 why not\n", "ACK 1 42\nNAK 2 WHY takes no arguments\n"},
	{"quit", "REQ 1 a\nREQ 2 QUIT\nREQ 3 b\n", "ACK 1 a\nACK 2\n"},
	{"quit with more", "REQ 1 QUIT now\nREQ 2 b\n", "NAK 1 QUIT takes no arguments\nACK 2 b\n"},
	{"help", "REQ 1 HELP\n", "ACK 1 words: WHO WHERE WHY QUIT HELP set get delete show data cas incr\n"},
	{"help for a word", "REQ 1 help SET\nREQ 2 help why\n", "ACK 1 set KEY VALUE: gives a key its value, which is the rest of the line\nACK 2 WHY: the reason\n"},
	{"help for no word", "REQ 1 help me\nREQ 2 help set get\n", "NAK 1 no such word; HELP lists them\nNAK 2 usage: HELP [WORD]\n"},
	{"set and get", "REQ 1 set chelsea rules\nREQ 2 get chelsea\nREQ 3 GET Chelsea\n", "ACK 1 ok\nACK 2 rules\nNAK 3 no such key\n"},
	{"a value is the rest", "REQ 1 set k  a  b \tc \nREQ 2 get k\n", "ACK 1 ok\nACK 2 a  b \tc \n"},
	{"set again", "REQ 1 set k a\nREQ 2 set k b\nREQ 3 get k\n", "ACK 1 ok\nACK 2 ok\nACK 3 b\n"},
	{"set without value", "REQ 1 set k\nREQ 2 set\nREQ 3 set k \n", strings.Repeat("NAK # usage: set KEY VALUE\n", 3)},
	{"get without key", "REQ 1 get\nREQ 2 get a b\n", strings.Repeat("NAK # usage: get KEY\n", 2)},
	{"delete", "REQ 1 set k a\nREQ 2 delete k\nREQ 3 get k\nREQ 4 delete k\nREQ 5 delete\n", "ACK 1 ok\nACK 2 ok\nNAK 3 no such key\nNAK 4 no such key\nNAK 5 usage: delete KEY\n"},
	{"show", "REQ 1 show\nREQ 2 set chelsea rules\nREQ 3 show\nREQ 4 set arsenal too\nREQ 5 data\n",
		`ACK 1 {}` + "\n" + `ACK 2 ok` + "\n" + `ACK 3 {"chelsea": "rules"}` + "\n" + `ACK 4 ok` + "\n" + `ACK 5 {"arsenal": "too", "chelsea": "rules"}` + "\n"},
	{"show a prefix", "REQ 1 set ab 1\nREQ 2 set ac 2\nREQ 3 set b 3\nREQ 4 show a\nREQ 5 show a after ab\nREQ 6 data after ac\nREQ 7 show after\nREQ 8 show after after after\n",
		"ACK 1 ok\nACK 2 ok\nACK 3 ok\n" + `ACK 4 {"ab": "1", "ac": "2"}` + "\n" + `ACK 5 {"ac": "2"}` + "\n" + `ACK 6 {"b": "3"}` + "\n" + "ACK 7 {}\nACK 8 {}\n"},
	{"show too much", "REQ 1 show a b\nREQ 2 show a after\nREQ 3 data a b c d\nREQ 4 show a behind b\n",
		"NAK 1 usage: show [PREFIX] [after KEY]\nNAK 2 usage: show [PREFIX] [after KEY]\nNAK 3 usage: data [PREFIX] [after KEY]\nNAK 4 usage: show [PREFIX] [after KEY]\n"},
	{"show escapes", "REQ 1 set q a\"b\\c\x01<ü>\nREQ 2 show\n", "ACK 1 ok\n" + `ACK 2 {"q": "a\"b\\c\u0001<ü>"}` + "\n"},
	{"cas", "REQ 1 cas k a b\nREQ 2 set k a\nREQ 3 cas k x b\nREQ 4 cas k a b c\nREQ 5 get k\nREQ 6 cas k a\n",
		"NAK 1 no such key\nACK 2 ok\nNAK 3 value differs\nACK 4 ok\nACK 5 b c\nNAK 6 usage: cas KEY OLD NEW\n"},
	{"incr", "REQ 1 incr n\nREQ 2 incr n\nREQ 3 set n -1\nREQ 4 incr n\nREQ 5 set n x\nREQ 6 incr n\nREQ 7 set n 9223372036854775807\nREQ 8 incr n\nREQ 9 incr\n",
		"ACK 1 1\nACK 2 2\nACK 3 ok\nACK 4 0\nACK 5 ok\nNAK 6 value is not an integer\nACK 7 ok\nNAK 8 integer is at its limit\nNAK 9 usage: incr KEY\n"},
	{"longest key and value", "REQ 1 set " + keyLongest + " " + valueLongest + "\nREQ 2 get " + keyLongest + "\n", "ACK 1 ok\nACK 2 " + valueLongest + "\n"},
	{"key too long", "REQ 1 set " + keyLongest + "k v\nREQ 2 get k" + keyLongest + "\n", strings.Repeat("NAK # key over 1024 bytes\n", 2)},
	{"value too long", "REQ 1 set k " + valueLongest + "v\n", "NAK 1 value over 32768 bytes\n"},
	{"key with other blanks", "REQ 1 set a\u00a0b v\nREQ 2 get a\x01\n", strings.Repeat("NAK # key has whitespace, control characters or is not UTF-8\n", 2)},
	{"bad data", "REQ 1 set k \xff\nREQ 2 set k a\x00\nREQ 3 get k\n", "NAK 1 data is not UTF-8\nNAK 2 data holds NUL\nNAK 3 no such key\n"},

	{"plain who", "WHO\r\n", "IP:PORT of clients connected to this server: {'ME'}\nclients connected to this server: 1\nclients connected to all servers: 1\n"},
	{"plain where and why", "where\nwhy\n", "ID\n42\n"},
	{"plain quit", "why\nquit\nwhy\n", "42\nbye\n"},
	{"plain store", "set chelsea rules\nget chelsea\nshow\nincr n\ncas n 1 5\nget n\ndelete n\nget n\n",
		"ok\nrules\n{\"chelsea\": \"rules\"}\n1\nok\n5\nok\nerror: no such key\n"},
	{"plain complaints", "set k\nwho are you\nhelp me\nset k \xff\n",
		"error: usage: set KEY VALUE\nerror: WHO takes no arguments\nerror: no such word; HELP lists them\nerror: data is not UTF-8\n"},
	{"plain help for a word", "help get\n", "get KEY: the value of a key\n"},
	{"no plain word", "WHOEVER\n who\nGET / HTTP/1.1\r\nDELETE /x HTTP/2\nREQ WHO\nget\x00\n",
		"NAK 0 unknown type\nNAK 0 unknown type\nNAK 0 unknown type\nNAK 0 unknown type\nNAK 0 Seq is not decimal\nNAK 0 unknown type\n"},
	{"plain among requests", "REQ 1 a\nwhy\nREQ 2 b\n", "ACK 1 a\n42\nACK 2 b\n"},
}

// counted gives each # its number.
func counted(text string) string {
	for n := 1; strings.Contains(text, "#"); n++ {
		text = strings.Replace(text, "#", fmt.Sprint(n), 1)
	}
	return text
}

func TestEachWordDoesWhatItSays(t *testing.T) {
	for _, x := range wordTables {
		t.Run(x.name, func(t *testing.T) {
			r := start(t, nil)
			p := dial(t, r.addr)
			p.send(x.lines)
			p.finish()
			p.expectEnd(strings.NewReplacer("ID", r.store.ID().String(), "ME", p.LocalAddr().String()).Replace(counted(x.replies)))
		})
		t.Run(x.name+", byte by byte", func(t *testing.T) {
			if len(x.lines) > 1000 {
				t.Skip("it says enough at once")
			}
			s := step(t, nil)
			c := s.call()
			for i := range len(x.lines) {
				if c.Ended() {
					break
				}
				c.say(x.lines[i : i+1])
			}
			c.hear(strings.NewReplacer("ID", s.store.ID().String(), "ME", s.clients.all[0].peer.String()).Replace(counted(x.replies)))
		})
	}
}

func TestPlainHelpHasALineForEachWord(t *testing.T) {
	s := step(t, nil)
	c := s.call()
	c.say("help\n")
	lines := strings.Split(strings.TrimSuffix(string(c.Receive()), "\n"), "\n")
	if len(lines) != len(words) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, words[i].form()+" ") || !strings.HasSuffix(line, words[i].help) || len(line) > 120 {
			t.Errorf("%s has %q", words[i].name, line)
		}
	}
}

func TestWithoutEchoOnlyWordsAreAnswered(t *testing.T) {
	s := step(t, func(c *Config) { c.Echo = false })
	c := s.call()
	c.say("REQ 1 why\nREQ 2 hey you\nREQ 3\nREQ 4 \x1b[2Jx\nwhy\n")
	c.hear("ACK 1 42\nNAK 2 unknown word \"hey\"; HELP lists the words\nNAK 3 no word; HELP lists the words\n" +
		"NAK 4 unknown word \"\\x1b[2Jx\"; HELP lists the words\n42\n")
	c.say("REQ 5 " + strings.Repeat("\u2028", 20000) + "\n")
	if reply := c.Receive(); len(reply) > 2048 {
		t.Errorf("the refusal has %d bytes", len(reply))
	}
}

func TestWithoutPlainWordsTheyAreNoFoo(t *testing.T) {
	s := step(t, func(c *Config) { c.Plain = false })
	c := s.call()
	c.say("WHO\nquit\nset a b\nREQ 1 get a\n")
	c.hear("NAK 0 unknown type\nNAK 0 unknown type\nNAK 0 unknown type\nNAK 1 no such key\n")
}

func TestTheShareOfNaksIsThatOfWordsToo(t *testing.T) {
	s := step(t, func(c *Config) { c.NakRate, c.Random = 1, rand.New(rand.NewPCG(1, 1)) })
	c := s.call()
	c.say("REQ 1 set a b\nREQ 2 why\nget a\nREQ 3 quit\n")
	c.hearEnd("NAK 1 nak-rate\nNAK 2 nak-rate\nerror: no such key\nACK 3\n")
}

func TestWordsAreCounted(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	p.send("REQ 1 why\nwhy\nREQ 2 set a b\nREQ 3 get x\nREQ 4 whoever\nREQ 5 who am i\n")
	p.expect("ACK 1 42\n42\nACK 2 ok\nNAK 3 no such key\nACK 4 whoever\nNAK 5 WHO takes no arguments\n")
	snapshot, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const wanted = `"words":{"WHO":1,"WHERE":0,"WHY":2,"QUIT":0,"HELP":0,"set":1,"get":1,"delete":0,"show":0,"data":0,"cas":0,"incr":0}`
	if text := string(snapshot.AppendJSON(nil)); !strings.Contains(text, wanted) {
		t.Errorf("the statistics are %s", text)
	}
	if n := r.numbers(); n["msg_req"] != 5 || n["answered"] != 5 || n["msg_ack"] != 3 || n["msg_nak"] != 2 || n["lines_invalid"] != 0 {
		t.Errorf("the numbers are %v", n)
	}
}

// TestShowGoesOnBehindItsCursor collects what does not fit into one answer.
func TestShowGoesOnBehindItsCursor(t *testing.T) {
	s := step(t, nil)
	c := s.call()
	const keys = 100
	for i := range keys {
		c.say(fmt.Sprintf("REQ 1 set %s%02d %s\n", strings.Repeat("k", 900), i, strings.Repeat("v", 500)))
	}
	c.hear(strings.Repeat("ACK 1 ok\n", keys))
	request, answers, found := "REQ 9223372036854775807 show kk\n", 0, 0
	for request != "" {
		c.say(request)
		reply := string(c.Receive())
		if len(reply) > kv.ShowBytesMax {
			t.Fatalf("an answer has %d bytes", len(reply))
		}
		answers++
		found += strings.Count(reply, `": "`)
		text, more, ok := strings.Cut(strings.TrimSuffix(reply, "\n"), " (more: ")
		if request = ""; ok {
			request = "REQ 9223372036854775807 show kk " + strings.TrimSuffix(more, ")") + "\n"
			text += "\n"
		}
		if !strings.HasSuffix(strings.TrimSuffix(text, "\n"), `"}`) {
			t.Fatalf("an answer ends with %q", text[len(text)-40:])
		}
	}
	if found != keys || answers < 4 {
		t.Errorf("%d answers had %d keys of %d", answers, found, keys)
	}
}

func TestWhoNamesAHundredInTheOrderOfTheirComing(t *testing.T) {
	s := step(t, nil)
	var all []*caller
	for range whoTold + 20 {
		all = append(all, s.call())
	}
	for i := len(all) - 10; i > 0; i -= 3 { // others close the gaps
		all[i].Close()
		s.settle()
		all = slices.Delete(all, i, i+1)
	}
	for len(all) < whoTold+5 {
		all = append(all, s.call())
	}
	all[0].say("REQ 7 who\n")
	var names []string // the simulated kernel gives ports in their order
	for _, c := range s.clients.all {
		names = append(names, c.peer.String())
	}
	slices.Sort(names)
	if len(names) != len(all) {
		t.Fatalf("%d clients, %d expected", len(names), len(all))
	}
	all[0].hear(fmt.Sprintf("ACK 7 %s (%d here, %d in all)\n", strings.Join(names[:whoTold], " "), len(all), len(all)))
}

// TestWhoIsExactAfterManyCameAndWent is what connection counters are for.
func TestWhoIsExactAfterManyCameAndWent(t *testing.T) {
	const stay, come = 50, 10_000
	r := start(t, nil)
	var here []*peer
	for range stay {
		p := dial(t, r.addr)
		p.send("REQ 1 a\n")
		p.expect("ACK 1 a\n")
		here = append(here, p)
	}
	for i := range come {
		conn, err := net.Dial("tcp", r.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		p := conn.(*net.TCPConn)
		if i%3 == 0 {
			if err := p.SetLinger(0); err != nil { // a reset
				t.Fatal(err)
			}
		}
		p.Close()
	}
	r.within("they came and went", func() bool {
		return r.recorder.Count(stats.Accepts) == stay+come && r.recorder.Count(stats.Closes) == come
	})
	here[stay-1].send("REQ 2 WHO\nWHO\n")
	var names []string
	for _, p := range here {
		names = append(names, p.LocalAddr().String())
	}
	here[stay-1].expect(fmt.Sprintf("ACK 2 %s (%d here, %d in all)\n", strings.Join(names, " "), stay, stay) +
		fmt.Sprintf("IP:PORT of clients connected to this server: {'%s'}\nclients connected to this server: %d\nclients connected to all servers: %d\n",
			strings.Join(names, "', '"), stay, stay))
}

func TestWhoTellsTheClientOfAHeader(t *testing.T) {
	s := step(t, trusting(t, "127.0.0.1"))
	c := s.call()
	c.say("PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nREQ 1 WHO\n")
	c.hear("ACK 1 192.0.2.7:4711 (1 here, 1 in all)\n")
	d := s.call()
	d.say("PROXY TCP6 ::ffff:192.0.2.8 ::1 4712 80\r\nWHO\n")
	d.hear("IP:PORT of clients connected to this server: {'192.0.2.7:4711', '192.0.2.8:4712'}\n" +
		"clients connected to this server: 2\nclients connected to all servers: 2\n")
}

func TestWhoTellsUnixSocketsAsTheLogDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	start(t, nil, func(s *Server) {
		if _, err := s.Listen(poller.UnixAddr(path)); err != nil {
			t.Fatal(err)
		}
	})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("REQ 1 WHO\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	if n, err := conn.Read(answer); err != nil || string(answer[:n]) != "ACK 1 unix (1 here, 1 in all)\n" {
		t.Errorf("got %q (%v)", answer[:n], err)
	}
}

// TestALookUpAllocatesNothing holds for what is found and what is not.
func TestALookUpAllocatesNothing(t *testing.T) {
	for _, said := range []string{"", "x", "wh", "who", "WHERE ", "set a b", "settle", "deletes", "incr", strings.Repeat("s", 1000), "größer"} {
		said := []byte(said)
		if n := testing.AllocsPerRun(100, func() { findWord(said) }); n != 0 {
			t.Errorf("%q costs %v allocations", said, n)
		}
	}
}

// FuzzFindWord compares with the plain way.
func FuzzFindWord(f *testing.F) {
	for _, seed := range []string{"who", "WHO x", "sett", "set\tk v", "", " who", "quit\r", "\xffget"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		field, rest, _ := strings.Cut(strings.ReplaceAll(string(said), "\t", " "), " ")
		var wanted *word
		for i := range words {
			if strings.EqualFold(words[i].name, field) && len(words[i].name) == len(field) {
				wanted = &words[i]
			}
		}
		w, arguments := findWord(said)
		if w != wanted {
			t.Fatalf("%q is %v, not %v", said, w, wanted)
		}
		if w != nil && strings.ReplaceAll(string(arguments), "\t", " ") != strings.TrimLeft(rest, " ") {
			t.Fatalf("%q has the arguments %q", said, arguments)
		}
	})
}

// FuzzWords says anything to a server: each line gets one answer, and the server
// stands.
func FuzzWords(f *testing.F) {
	for _, x := range wordTables {
		if len(x.lines) < 200 {
			f.Add([]byte(x.lines))
		}
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		s := step(t, nil)
		c := s.call()
		for line := range strings.Lines(string(lines)) {
			c.SendString(strings.TrimSuffix(line, "\n") + "\n")
			s.settle()
			said := string(c.Receive())
			if c.Ended() {
				return
			}
			message, err := foo.Parse([]byte(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")))
			if err == nil && message.Type == foo.REQ && strings.Count(said, "\n") != 1 || said == "" {
				t.Fatalf("%q is answered with %q", line, said)
			}
		}
		if class, err := s.checkInvariants(false); err != nil {
			t.Fatalf("%s: %v", class, err)
		}
	})
}

func BenchmarkFindWord(b *testing.B) {
	for _, said := range []string{"some data of a usual length", "xxxxxxxxxxxxxxxx", "show", "incr k"} {
		b.Run(said, func(b *testing.B) {
			said := []byte(said)
			for b.Loop() {
				findWord(said)
			}
		})
	}
}
