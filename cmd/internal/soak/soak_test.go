package soak

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"
)

var (
	soakTime = flag.Duration("soak.time", 0, "how long the soak lasts; 0: there is none")
	soakSeed = flag.Uint64("soak.seed", 0, "what it draws; 0: another seed each time")
)

func TestSoak(t *testing.T) {
	if *soakTime == 0 {
		t.Skip("no time is given by -soak.time")
	}
	programs := t.TempDir()
	if said, err := exec.Command("go", "build", "-o", programs, "fooproxy/cmd/foo_proxy", "fooproxy/cmd/foo_server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	seed := *soakSeed
	for seed == 0 {
		seed = rand.Uint64N(1_000_000)
	}
	Run(t, programs, *soakTime, seed)
}

func TestARequestThatIsExecutedTwiceIsFound(t *testing.T) {
	e := &executed{seen: map[string][]uint64{}}
	say := func(text string) {
		e.note(fmt.Appendf(nil, `{"level":"debug","time":"%v","msg":"reply","address":"127.0.0.1:1","line":"%s"}`+"\n", time.Now(), text))
	}
	for seq := 1; seq <= 200; seq++ {
		say(fmt.Sprintf(`\"ACK %d load.3.%d.......\"`, seq%7+1, seq))
	}
	say(`\"ACK 9 load.4.17\"`)
	say(`\"NAK 9 load.4.17\"`)
	say(`\"ACK 1\"`)
	e.note([]byte(`{"msg":"connection from","address":"ACK 1 load.3.1."}`))
	if total, twice, _ := e.result(); total != 201 || twice != 0 {
		t.Errorf("%d requests, %d twice", total, twice)
	}
	say(`\"ACK 1 load.3.150.\"`)
	say(`\"ACK 1 load.4.17\"`)
	if _, twice, which := e.result(); twice != 2 || fmt.Sprint(which) != "[load.3.150 load.4.17]" {
		t.Errorf("%d twice: %v", twice, which)
	}
}
