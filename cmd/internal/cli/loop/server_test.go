package loop

// This file owns the tests of servers: what is known of them without a name
// service, and how names are asked for.

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
)

func servers(t *testing.T, texts ...string) (all []cli.Server) {
	t.Helper()
	for _, text := range texts {
		a, err := cli.ParseConnect(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cli.Server{Address: a, Weight: 1})
	}
	return all
}

func addrOf(t *testing.T, text string) poller.Addr {
	t.Helper()
	fixed, ok := Fixed(servers(t, text)[0].Address)
	if !ok {
		t.Fatalf("%s is a name", text)
	}
	return fixed[0]
}

func TestTargetsWithoutAName(t *testing.T) {
	all := servers(t, "8000", "[::1]:1", "10.0.0.1:2", "unix:/run/foo")
	got := findTargets(t.Context(), all, func(context.Context, cli.Address) ([]poller.Addr, error) {
		t.Error("a name service is asked")
		return nil, nil
	})
	for i, want := range []string{
		"localhost:8000 [127.0.0.1:8000 [::1]:8000]", "[::1]:1 [[::1]:1]", "10.0.0.1:2 [10.0.0.1:2]", "unix:/run/foo [unix:/run/foo]",
	} {
		if text := fmt.Sprint(got[i].Name, " ", got[i].Addrs); text != want || got[i].Spread || got[i].Resolve != nil {
			t.Errorf("target %d is %+v, want %s", i, got[i], want)
		}
	}
}

// TestNamesAreAskedForAtTheSameTime: each look-up waits for all the others, and
// what comes of it stands in its place.
func TestNamesAreAskedForAtTheSameTime(t *testing.T) {
	all := servers(t, "a:1", "8000", "b:2", "c:3")
	here, there, gone := addrOf(t, "10.0.0.1:1"), addrOf(t, "10.0.0.2:1"), errors.New("no such host")
	answers := map[string][]poller.Addr{"a": {here, there}, "c": {there}}
	arrived, everybody := make(chan bool), make(chan struct{})
	go func() {
		for range 3 {
			<-arrived
		}
		close(everybody)
	}()
	meet := true
	got := findTargets(t.Context(), all, func(_ context.Context, a cli.Address) ([]poller.Addr, error) {
		if meet {
			arrived <- true
			<-everybody
		}
		if found := answers[a.Host]; found != nil {
			return found, nil
		}
		return nil, gone
	})
	meet = false
	for i, want := range []string{"a:1 [10.0.0.1:1 10.0.0.2:1]", "localhost:8000 [127.0.0.1:8000 [::1]:8000]", "b:2 []", "c:3 [10.0.0.2:1]"} {
		if text := fmt.Sprint(got[i].Name, " ", got[i].Addrs); text != want {
			t.Errorf("target %d is %s, want %s", i, text, want)
		}
		if name := i != 1; got[i].Spread != name || (got[i].Resolve != nil) != name {
			t.Errorf("target %d is %+v", i, got[i])
		}
	}
	// Later the service may have another answer.
	answers["b"] = []poller.Addr{here}
	if addrs, err := got[2].Resolve(t.Context()); err != nil || len(addrs) != 1 || addrs[0] != here {
		t.Errorf("asked again: %v, %v", addrs, err)
	}
	delete(answers, "a")
	if _, err := got[0].Resolve(t.Context()); !errors.Is(err, gone) {
		t.Errorf("asked again: %v", err)
	}
}

// TestASlowNameServiceIsNotWaitedForLonger than the context lives; the other servers
// are there nevertheless.
func TestASlowNameServiceIsNotWaitedForLonger(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	got := findTargets(ctx, servers(t, "slow:1", "8000"), func(ctx context.Context, _ cli.Address) ([]poller.Addr, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if len(got) != 2 || len(got[0].Addrs) != 0 || len(got[1].Addrs) != 2 {
		t.Errorf("got %+v", got)
	}
	// The real name service keeps to it as well.
	if got := FindTargets(ctx, servers(t, "foo.invalid:1")); len(got) != 1 || got[0].Name != "foo.invalid:1" || len(got[0].Addrs) != 0 {
		t.Errorf("got %+v", got)
	}
}
