package main

// This file owns the arithmetic: medians, quartiles, and ratios to the base round
// by round. It is pure; it knows neither programs nor what the figures are.

import (
	"math"
	"slices"
)

// spread is how values lie. The quartiles of the null test are the noise that a
// row is held against: over 15 rounds a median moves by about half of what lies
// between a quartile and it, so one that is outside is seldom there by chance.
type spread struct {
	Least  float64 `json:"min"`
	Lower  float64 `json:"q1"`
	Median float64 `json:"median"`
	Upper  float64 `json:"q3"`
	Most   float64 `json:"max"`
}

// spreadOf takes values in any order, at least one.
func spreadOf(values []float64) spread {
	sorted := slices.Sorted(slices.Values(values))
	return spread{
		Least: sorted[0], Lower: quantile(sorted, 0.25), Median: quantile(sorted, 0.5),
		Upper: quantile(sorted, 0.75), Most: sorted[len(sorted)-1],
	}
}

// quantile lies between the two values that are nearest, in proportion.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// series is a program's figures by round; 0 where a round has none.
type series []float64

// has says whether there is a figure at all.
func (s series) has() bool { return slices.ContainsFunc(s, func(v float64) bool { return v > 0 }) }

// present are the figures there are.
func (s series) present() []float64 {
	return slices.DeleteFunc(slices.Clone(s), func(v float64) bool { return v <= 0 })
}

// ratiosTo divides round by round. What disturbs the machine in one round mostly
// disturbs both, so that their ratio is steadier than either.
func (s series) ratiosTo(base series) []float64 {
	var ratios []float64
	for i := range min(len(s), len(base)) {
		if s[i] > 0 && base[i] > 0 {
			ratios = append(ratios, s[i]/base[i])
		}
	}
	return ratios
}

// figure is one cell of the table: a value and its ratio to the base. Ratio is nil
// for the base itself, and where the base has no such figure.
type figure struct {
	Value spread  `json:"value"`
	Ratio *spread `json:"ratio,omitempty"`
}

// figureOf is nil where there is no figure.
func figureOf(s, base series) *figure {
	if !s.has() {
		return nil
	}
	f := &figure{Value: spreadOf(s.present())}
	if ratios := s.ratiosTo(base); len(ratios) > 0 {
		ratio := spreadOf(ratios)
		f.Ratio = &ratio
	}
	return f
}
