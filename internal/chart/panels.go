package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"mailvigil/internal/message"
)

// Panel is one small plot of shares against something that doubles from step
// to step.
type Panel struct {
	Title  string
	Points []Point
}

// Point is a share, from 0 to 1, with the bounds in which it may lie. X is
// above 0.
type Point struct{ X, Y, Low, High float64 }

// Panels draws small plots side by side, all on the same axes: X from small to
// large, by doublings, and a line at one half. It gives the empty string where
// there is none.
func Panels(title string, panels []Panel) string {
	const width, across = 960, 4
	const cellWidth, cellHeight, w, h = width / across, 150, 176.0, 84.0
	const left, above = 48.0, 34.0
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range panels {
		for _, x := range p.Points {
			if x.X > 0 {
				low, high = min(low, x.X), max(high, x.X)
			}
		}
	}
	if !(low <= high) {
		return ""
	}
	rows := (len(panels) + across - 1) / across
	height := 40 + rows*cellHeight
	title = message.Safe(title)

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="mv" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="mvp-t mvp-d">`, width, height, width, height)
	fmt.Fprintf(&b, "\n<title id=\"mvp-t\">%s</title>\n<desc id=\"mvp-d\">%s</desc>\n<style>%s</style>\n", text(title), text(describePanels(panels)), plotStyle())
	fmt.Fprintf(&b, `<rect class="page" width="%d" height="%d"/><text class="title" x="%s" y="24">%s</text>`+"\n", width, height, px(left), text(title))

	steps := math.Log2(high / low)
	x := func(v float64) float64 {
		if steps == 0 {
			return left + w/2
		}
		return left + w*math.Log2(v/low)/steps
	}
	y := func(v float64) float64 { return above + h*(1-min(max(v, 0), 1)) }
	for i, p := range panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, i%across*cellWidth, 40+i/across*cellHeight)
		fmt.Fprintf(&b, `<text class="ink" x="%s" y="%s">%s</text>`, px(left), px(above-12), text(message.Safe(p.Title)))
		for _, v := range []float64{0, 0.5, 1} {
			class := "grid"
			if v == 0 {
				class = "axis"
			}
			fmt.Fprintf(&b, `<path class="%s" d="M%s %sH%s"/><text x="%s" y="%s" text-anchor="end">%s</text>`,
				class, px(left), px(y(v)), px(left+w), px(left-6), px(y(v)+4), strconv.FormatFloat(v, 'f', -1, 64))
		}
		// Every second step has room for its number.
		for k, v := 0, high; v >= low*0.999; k, v = k+1, v/2 {
			fmt.Fprintf(&b, `<path class="axis" d="M%s %sv4"/>`, px(x(v)), px(above+h))
			if k%2 == 0 {
				fmt.Fprintf(&b, `<text x="%s" y="%s" text-anchor="middle">%s</text>`, px(x(v)), px(above+h+18), strconv.FormatFloat(v, 'g', 2, 64))
			}
		}
		var line, dots strings.Builder
		for j, q := range p.Points {
			if q.X <= 0 {
				continue
			}
			verb := "L"
			if j == 0 {
				verb = "M"
			}
			fmt.Fprintf(&line, "%s%s %s", verb, px(x(q.X)), px(y(q.Y)))
			fmt.Fprintf(&dots, `<path class="mid" style="stroke-dasharray:none" d="M%s %sV%s"/><circle class="usual" cx="%s" cy="%s" r="3"/>`,
				px(x(q.X)), px(y(q.Low)), px(y(q.High)), px(x(q.X)), px(y(q.Y)))
		}
		fmt.Fprintf(&b, `<path class="mid" d="%s"/>%s</g>`+"\n", line.String(), dots.String())
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// describePanels says in words what the plots show.
func describePanels(panels []Panel) string {
	var b strings.Builder
	for _, p := range panels {
		b.WriteString(message.Safe(p.Title) + ":")
		for i, q := range p.Points {
			sep := ","
			if i == 0 {
				sep = ""
			}
			fmt.Fprintf(&b, "%s %.0f %% at %s", sep, 100*q.Y, strconv.FormatFloat(q.X, 'g', 2, 64))
		}
		b.WriteString(". ")
	}
	return strings.TrimSpace(b.String())
}
