// chaos_test.go: runs on a kernel that interrupts, cuts and delays whatever it
// may. The server makes no fault, so none may be found.

package load

import (
	"math/rand/v2"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func TestAMoodyKernelIsNoFaultOfTheServer(t *testing.T) {
	const seeds = 40
	var happened [fake.MisfortuneCount]int
	for seed := uint64(1); seed <= seeds; seed++ {
		random := rand.New(rand.NewPCG(seed, 1))
		s := newStage(t, func(c *Config) {
			c.Requests, c.Connections, c.Depth = 1+random.IntN(200), 1+random.IntN(6), 1+random.IntN(20)
			c.Size = []int{0, 5, 40, 3000}[random.IntN(4)]
			c.Rate = []int{0, 0, 500, 20_000}[random.IntN(4)]
		})
		chaos := &fake.Chaos{Choices: fake.NewChoices(seed)}
		for _, m := range []fake.Misfortune{fake.Interrupted, fake.ShortRead, fake.ShortWrite, fake.FullWrite, fake.SmallBatch,
			fake.Reordered, fake.LateWait, fake.Stall, fake.Spurious, fake.ConnectSlow} {
			chaos.Rates[m] = random.IntN(200)
		}
		chaos.Rates[fake.Stall] /= 20
		s.kernel.Unleash(chaos)
		s.dialMore()
		for rounds := 0; !s.loop.Stopped() && rounds < 100_000; rounds++ {
			s.loop.Turn(s.kernel.Now() + int64(time.Millisecond))
			for s.server.Waiting() > 0 {
				s.peers = append(s.peers, &peer{Peer: s.server.Accept()})
			}
			s.serve(ackAll)
			if err := s.loop.CheckInvariants(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if !s.loop.Stopped() || s.failed != nil {
			t.Fatalf("seed %d: stopped %v, phase %d, failed %v", seed, s.loop.Stopped(), s.phase, s.failed)
		}
		r := s.wanted()
		if err := r.Verdict(true); err != nil || r.sent != uint64(s.config.Requests) || r.answered() != r.sent || len(r.Losses()) > 0 {
			t.Errorf("seed %d: %v, %v; %s", seed, err, r.Losses(), r.JSON())
		}
		for m, n := range chaos.Happened {
			happened[m] += n
		}
	}
	for _, m := range []fake.Misfortune{fake.Interrupted, fake.ShortWrite, fake.FullWrite, fake.Reordered, fake.LateWait, fake.Stall, fake.ConnectSlow} {
		if happened[m] == 0 {
			t.Errorf("%v never happened", m)
		}
	}
}
