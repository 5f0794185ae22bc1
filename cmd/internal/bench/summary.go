package main

// This file owns what is told of the runs: which figures each program has in each
// shape, and which of them count. It does not know how they look.

// summary is the whole result, as the JSON file holds it.
type summary struct {
	Machine    machine        `json:"machine"`
	Commit     string         `json:"commit"`
	Date       string         `json:"date"`
	Layout     layout         `json:"layout"`
	Rounds     int            `json:"rounds"`
	Seconds    float64        `json:"seconds"` // of a run
	Size       int            `json:"size"`    // bytes of Data
	BusyEnough float64        `json:"busy_enough"`
	Programs   []program      `json:"programs"`
	Missing    []string       `json:"missing,omitempty"`
	Base       string         `json:"base"` // ratios are to it
	Null       string         `json:"null"` // the base's second run
	Kept       spread         `json:"kept"` // of the base: see keptOf
	Shapes     []shapeSummary `json:"shapes"`
}

type shapeSummary struct {
	shape
	OpenRate int      `json:"open_rate"`
	Rows     []row    `json:"rows"`
	Runs     measured `json:"runs"`
}

// row is a program in a shape. A figure that is nil does not exist: direct has no
// proxy, and a throughput is not the proxy's where it was not busy.
type row struct {
	Program      string  `json:"program"`
	CPU          *figure `json:"cpu_ns,omitempty"`
	Instructions *figure `json:"instructions,omitempty"`
	Busy         *spread `json:"busy,omitempty"`
	Rate         *figure `json:"rate,omitempty"`
	P99          *figure `json:"p99_us,omitempty"`
}

func (b *bench) describe(results []measured) summary {
	s := summary{
		Machine: b.machine, Commit: describeCommit(), Date: today(), Layout: b.layout,
		Rounds: b.options.rounds, Seconds: b.duration.Seconds(), Size: b.size, BusyEnough: busyEnough,
		Programs: b.programs, Missing: b.missing, Base: b.base, Null: b.base + againSuffix,
	}
	s.Kept = keptOf(results, b.base)
	for _, m := range results {
		s.Shapes = append(s.Shapes, summarize(m, b.programs, b.base))
	}
	return s
}

// keptOf is how long the base waited for its core, as a share of the time. All
// other programs of the comparison are idle while it runs, so this tells of
// everything else on the machine. Of the others it would tell less: threads of one
// program wait for each other.
func keptOf(results []measured, base string) spread {
	var shares []float64
	for _, m := range results {
		shares = append(shares, seriesOf(m.Closed, base, func(r run) float64 { return r.Kept })...)
	}
	return spreadOf(shares)
}

// seriesOf are the figures of one program, by round.
func seriesOf(runs []run, name string, pick func(run) float64) series {
	var s series
	for _, r := range runs {
		if r.Program == name {
			s = append(s, pick(r))
		}
	}
	return s
}

func summarize(m measured, programs []program, base string) shapeSummary {
	s := shapeSummary{shape: m.shape, OpenRate: m.OpenRate, Runs: m}
	cpu := func(r run) float64 { return r.CPU }
	rate := func(r run) float64 { return r.Rate }
	p99 := func(r run) float64 { return r.P99 }
	instructions := func(r run) float64 { return r.Instructions }
	figures := func(runs []run, name string, pick func(run) float64) *figure {
		f := figureOf(seriesOf(runs, name, pick), seriesOf(runs, base, pick))
		if f != nil && name == base {
			f.Ratio = nil
		}
		return f
	}
	baseBusy := busyOf(m.Closed, base)
	for _, p := range programs {
		r := row{
			Program:      p.Name,
			CPU:          figures(m.Closed, p.Name, cpu),
			Instructions: figures(m.Counted, p.Name, instructions),
			Busy:         busyOf(m.Closed, p.Name),
			P99:          figures(m.Open, p.Name, p99),
		}
		if r.Busy == nil || r.Busy.Median >= busyEnough {
			r.Rate = figures(m.Closed, p.Name, rate)
			if baseBusy == nil || baseBusy.Median < busyEnough {
				r.Rate.Ratio = nil
			}
		}
		s.Rows = append(s.Rows, r)
	}
	return s
}

// busyOf is nil for direct.
func busyOf(runs []run, name string) *spread {
	busy := seriesOf(runs, name, func(r run) float64 { return r.Busy })
	if !busy.has() {
		return nil
	}
	s := spreadOf(busy.present())
	return &s
}

// find gives the row of a program, nil where there is none.
func (s *shapeSummary) find(name string) *row {
	for i := range s.Rows {
		if s.Rows[i].Program == name {
			return &s.Rows[i]
		}
	}
	return nil
}

// metric is a figure by its name, for those who show all of them alike.
type metric struct {
	title, unit string
	pick        func(*row) *figure
}

var (
	metricCPU          = metric{"CPU time per request", "ns", func(r *row) *figure { return r.CPU }}
	metricInstructions = metric{"Instructions per request", "", func(r *row) *figure { return r.Instructions }}
	metricRate         = metric{"Requests per second", "", func(r *row) *figure { return r.Rate }}
	metricP99          = metric{"p99 at half the capacity", "µs", func(r *row) *figure { return r.P99 }}
)

// nullOf is the spread of the null test's ratios, nil where it has none.
func (s *shapeSummary) nullOf(m metric, null string) *spread {
	r := s.find(null)
	if r == nil {
		return nil
	}
	if f := m.pick(r); f != nil {
		return f.Ratio
	}
	return nil
}

// counted says whether there are instructions at all.
func (s *summary) counted() bool {
	for _, shape := range s.Shapes {
		if len(shape.Runs.Counted) > 0 {
			return true
		}
	}
	return false
}
