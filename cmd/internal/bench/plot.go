package main

// This file owns the plot: a row of panels for each figure, a panel for each shape,
// a bar for each program. A bar begins at 1, the base, and the scale is a
// logarithm, so that half and double are equally far away. Behind the bars stands
// the null test: what does not leave its band is not told apart from the base.

import (
	"fmt"
	"math"
	"slices"
)

// Lengths of the plot, in pixels.
const (
	plotMargin   = 24.0
	plotLabels   = 100.0 // the programs' names
	plotPanel    = 190.0 // the scale of a panel
	plotFigures  = 132.0 // the ratio and the absolute figure beside it
	plotRatio    = 40.0  // of it, the ratio
	plotRow      = 22.0
	plotBar      = 12.0
	plotHeading  = 58.0 // of the whole
	plotTop      = 46.0 // of a row of panels: its title and its shapes
	plotTicks    = 30.0 // below a panel
	plotFooting  = 72.0
	plotTickStep = 34.0 // the least between two numbers of the scale
)

const (
	colourProxy = "#2563eb"
	colourOther = "#94a3b8"
	colourNull  = "#fef3c7"
	colourGrid  = "#e2e8f0"
	colourBase  = "#475569"
	colourRange = "#0f172a"
)

// scaleLeast is the least that a scale reaches on either side of 1: without it
// noise would fill a panel in which all are equal.
const scaleLeast = 1.25

func plot(s summary) []byte {
	metrics := []metric{metricCPU, metricP99, metricRate}
	if s.counted() {
		metrics = slices.Insert(metrics, 1, metricInstructions)
	}
	var c canvas
	width := 2*plotMargin + plotLabels + float64(len(s.Shapes))*(plotPanel+plotFigures)
	c.text(plotMargin, 34, "start", styleTitle, "foo_proxy beside other ways to a server")
	c.text(plotMargin, 54, "start", styleText, fmt.Sprintf("Ratios to %s, medians of %d rounds; line: quartiles; yellow: %s against itself (null test).",
		s.Base, s.Rounds, s.Base))
	y := plotHeading
	for _, m := range metrics {
		y = plotMetric(&c, &s, m, y)
	}
	for i, line := range []string{
		fmt.Sprintf("%s. Commit %s, %s.", s.Machine, s.Commit, s.Date),
		fmt.Sprintf("%s; %d bytes of data in each request.", capital(s.Layout.String()), s.Size),
		fmt.Sprintf("No throughput is told of a proxy whose core was busy for less than %g of the time.", s.BusyEnough),
	} {
		c.text(plotMargin, y+20+16*float64(i), "start", styleSmall, line)
	}
	return c.document(width, y+plotFooting, "foo_proxy beside other ways to a server")
}

// plotMetric draws one row of panels and gives where the next begins.
func plotMetric(c *canvas, s *summary, m metric, y float64) float64 {
	better := "less is better"
	if m.title == metricRate.title {
		better = "more is better"
	}
	c.heading(plotMargin, y+22, m.title, better)
	top := y + plotTop
	rows := 0
	reach := scaleReach(s, m)
	for i := range s.Shapes {
		shape := &s.Shapes[i]
		x := plotMargin + plotLabels + float64(i)*(plotPanel+plotFigures)
		sc := scale{left: x, reach: reach}
		c.text(sc.at(1), y+plotTop-4, "middle", styleText, shape.String())
		plotPanelOf(c, s, shape, m, sc, top)
		rows = len(shape.Rows)
	}
	for i, r := range s.Shapes[0].Rows {
		c.text(plotMargin+plotLabels-10, rowMiddle(top, i)+4, "end", nameStyle(r.Program), r.Program)
	}
	return top + float64(rows)*plotRow + plotTicks
}

func rowMiddle(top float64, i int) float64 { return top + (float64(i)+0.5)*plotRow }

func nameStyle(program string) string {
	if program == nameProxy {
		return styleBold
	}
	return styleText
}

func plotPanelOf(c *canvas, s *summary, shape *shapeSummary, m metric, sc scale, top float64) {
	height := float64(len(shape.Rows)) * plotRow
	if n := shape.nullOf(m, s.Null); n != nil {
		c.box(sc.at(n.Lower), sc.at(n.Upper), top, height, colourNull)
	}
	for _, tick := range sc.ticks() {
		c.line(sc.at(tick), top, sc.at(tick), top+height, colourGrid, 1)
		c.text(sc.at(tick), top+height+13, "middle", styleSmall, fmt.Sprintf("%g", tick))
	}
	c.line(sc.at(1), top, sc.at(1), top+height, colourBase, 1)
	for i := range shape.Rows {
		plotBarOf(c, &shape.Rows[i], m, sc, rowMiddle(top, i))
		if shape.Rows[i].Program == s.Base {
			c.text(sc.left+plotPanel+plotRatio, rowMiddle(top, i)+4, "end", styleSmall, "base")
		}
	}
}

// plotBarOf draws a program's bar, its quartiles and its numbers. Where there is
// no figure it says why.
func plotBarOf(c *canvas, r *row, m metric, sc scale, y float64) {
	f := m.pick(r)
	if f == nil {
		why := noFigure
		if m.title == metricRate.title && r.Busy != nil {
			why = fmt.Sprintf("busy %.2f", r.Busy.Median)
		}
		c.text(sc.left+plotPanel+plotFigures-20, y+4, "end", styleSmall, why)
		return
	}
	value := thousands(f.Value.Median)
	if m.unit != "" {
		value += " " + m.unit
	}
	if f.Ratio == nil {
		c.text(sc.left+plotPanel+plotFigures-20, y+4, "end", styleSmall, value)
		return
	}
	colour := colourOther
	if r.Program == nameProxy {
		colour = colourProxy
	}
	c.box(sc.at(1), sc.at(f.Ratio.Median), y-plotBar/2, plotBar, colour)
	c.line(sc.at(f.Ratio.Lower), y, sc.at(f.Ratio.Upper), y, colourRange, 1.2)
	c.text(sc.left+plotPanel+plotRatio, y+4, "end", nameStyle(r.Program), fmt.Sprintf("%.2f", f.Ratio.Median))
	c.text(sc.left+plotPanel+plotFigures-20, y+4, "end", styleSmall, value)
}

// scale maps ratios to a panel: 1 to its middle, reach and its inverse to the ends.
type scale struct{ left, reach float64 }

// at keeps what is beyond the ends at them.
func (sc scale) at(ratio float64) float64 {
	part := math.Log(ratio) / math.Log(sc.reach)
	return sc.left + plotPanel/2*(1+max(-1, min(1, part)))
}

// ticks are the numbers of the scale, as many as there is room for: 1 first, then
// those that say most.
func (sc scale) ticks() []float64 {
	var ticks []float64
	for _, tick := range []float64{1, 2, 0.5, 4, 0.25, 10, 0.1, 1.5, 0.67, 1.25, 0.8, 3, 0.33, 1.1, 0.9} {
		x := sc.at(tick)
		near := func(other float64) bool { return math.Abs(sc.at(other)-x) < plotTickStep }
		if math.Abs(math.Log(tick)) <= math.Log(sc.reach)+1e-9 && !slices.ContainsFunc(ticks, near) {
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// scaleReach is far enough for the quartiles of all programs in all shapes, so that
// the panels of a figure can be compared.
func scaleReach(s *summary, m metric) float64 {
	reach := scaleLeast
	for i := range s.Shapes {
		for j := range s.Shapes[i].Rows {
			if f := m.pick(&s.Shapes[i].Rows[j]); f != nil && f.Ratio != nil {
				reach = max(reach, f.Ratio.Upper, 1/f.Ratio.Lower)
			}
		}
	}
	return reach * 1.02
}
