package main

// This file owns the few shapes a plot is drawn with, as SVG. It does not know what
// is plotted.

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// canvas collects shapes in the order in which they cover each other.
type canvas struct{ body bytes.Buffer }

// The look of texts, as classes of the style sheet.
const (
	styleTitle = "title"
	styleHead  = "head"
	styleText  = "text"
	styleSmall = "small"
	styleBold  = "bold"
)

const canvasStyle = `text{font-family:system-ui,"Segoe UI","Helvetica Neue",Arial,"DejaVu Sans",sans-serif;fill:#334155;font-size:12px}` +
	`.title{font-size:18px;font-weight:600;fill:#0f172a}.head{font-size:13px;font-weight:600;fill:#0f172a}` +
	`.small{font-size:10.5px;font-weight:400;fill:#64748b}.bold{font-weight:600;fill:#1d4ed8}`

// document is the finished picture.
func (c *canvas) document(width, height float64, title string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" role="img">`+"\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escapeXML(title), canvasStyle)
	// A ground of its own, since it is seen on light pages and on dark ones.
	fmt.Fprintf(&b, `<rect width="%g" height="%g" rx="8" fill="#ffffff"/>`+"\n", width, height)
	b.Write(c.body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func escapeXML(s string) string {
	var b bytes.Buffer
	// A buffer takes everything.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// tenth rounds to what the eye can tell, so that the file is short.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }

// text writes with its anchor (start, middle, end) and its base line at a point.
func (c *canvas) text(x, y float64, anchor, style, s string) {
	fmt.Fprintf(&c.body, `<text x="%g" y="%g" text-anchor="%s" class="%s">%s</text>`+"\n",
		tenth(x), tenth(y), anchor, style, escapeXML(s))
}

// heading writes a title and, behind it, what it needs said in small.
func (c *canvas) heading(x, y float64, title, small string) {
	fmt.Fprintf(&c.body, `<text x="%g" y="%g" class="%s">%s <tspan class="%s">%s</tspan></text>`+"\n",
		tenth(x), tenth(y), styleHead, escapeXML(title), styleSmall, escapeXML(small))
}

// box fills from one x to the other, whichever is the lesser.
func (c *canvas) box(x1, x2, y, height float64, colour string) {
	fmt.Fprintf(&c.body, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n",
		tenth(min(x1, x2)), tenth(y), tenth(math.Abs(x2-x1)), tenth(height), colour)
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string, width float64) {
	fmt.Fprintf(&c.body, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="%g"/>`+"\n",
		tenth(x1), tenth(y1), tenth(x2), tenth(y2), colour, width)
}
