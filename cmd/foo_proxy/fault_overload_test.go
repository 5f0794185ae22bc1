// fault_overload_test.go owns row R4: more requests are due than can be served,
// evenly spread over time whatever the servers do.

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo/load"
	"fooproxy/poller"
)

// openLoad is what foo_client's load run is asked for, and what it says.
type openLoad struct {
	t    *testing.T
	addr string
	long time.Duration
}

const (
	overloadConns = 200
	overloadDepth = 16
)

// loadReport is what the row needs of the report.
type loadReport struct {
	Rate                                float64
	Mismatches, Naks, Missing, Answered int
	ConnectionsLost                     int     `json:"connections_lost"`
	P99Micros                           float64 `json:"p99_us"`
}

// run has so many requests a second be due; 0: as many as replies make room for.
func (o openLoad) run(rate float64) (r loadReport) {
	o.t.Helper()
	kernel, err := poller.NewPreciseKernel()
	if err != nil {
		o.t.Fatal(err)
	}
	run, err := load.New(load.Config{
		Sys: kernel, Servers: [][]poller.Addr{{poller.TCPAddr(netip.MustParseAddrPort(o.addr))}}, Wait: proctest.Patience,
		Duration: o.long, Rate: int(rate), Connections: overloadConns, Depth: overloadDepth, Size: 32,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	result, err := run.Run(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	if err := json.Unmarshal(result.JSON(), &r); err != nil {
		o.t.Fatal(err)
	}
	if err := kernel.Shut(); err != nil {
		o.t.Error(err)
	}
	if r.Mismatches+r.Naks+r.Missing+r.ConnectionsLost > 0 {
		o.t.Errorf("at %.0f/s: %+v", rate, r)
	}
	return r
}

// overloads are how many times the capacity is due.
var overloads = [2]float64{2, 5}

// TestOverloadWaitsWithTheClients is row R4. The capacity is measured anew before
// each overload, since the machine's own moods change it.
func TestOverloadWaitsWithTheClients(t *testing.T) {
	_, forward := launchEchoes(t, 3)
	p := watchProxy(t, forward)
	o := openLoad{t: t, addr: p.Addr, long: inForm(300*time.Millisecond, 2*time.Second)}
	o.run(0) // what only the first clients cost
	before := p.resident()
	var shares, p99s [len(overloads)][]float64
	var growth [len(overloads)]int
	for range inForm(3, 15) {
		most := o.run(0).Rate
		for i, times := range overloads {
			peak := p.startMemoryPeak()
			r := o.run(times * most)
			growth[i] = max(growth[i], peak()-before)
			shares[i], p99s[i] = append(shares[i], r.Rate/most), append(p99s[i], r.P99Micros)
		}
	}
	for i, times := range overloads {
		slices.Sort(shares[i])
		slices.Sort(p99s[i])
		middle := len(shares[i]) / 2
		proctest.Figure(t, "R4", fmt.Sprintf("%.0fx capacity, open loop, %d clients of depth %d, three servers on the same cores", times, overloadConns, overloadDepth),
			fmt.Sprintf("goodput %.2f of the peak (median of %d, least %.2f); p99 from the time a request was due %.0f ms; 0 lost, wrong or NAK; memory +%d KiB per 100 clients",
				shares[i][middle], len(shares[i]), shares[i][0], p99s[i][middle]/1000, kibibytes(growth[i]*100/overloadConns)), "0.9; 1 MiB")
		if shares[i][middle] < 0.2 || growth[i] > 10*overloadConns/100<<20 {
			t.Errorf("goodput %.2f of the peak, memory +%d KiB", shares[i][middle], kibibytes(growth[i]))
		}
	}
	if told := p.toldServers(); !allUp(told) {
		t.Errorf("%+v", told)
	}
}
