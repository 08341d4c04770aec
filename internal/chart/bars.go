package chart

import (
	"math"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"

	"mailvigil/internal/message"
)

// Bar is one line of a plot of bars: what was observed against what was
// expected of something that has a name.
type Bar struct {
	Name               string
	Observed, Expected float64
}

// Bars draws bars as lines of text, each ended by a newline, to one scale: a
// solid part for what was observed up to what was expected, another glyph for
// what is more, and a shaded part for what is missing, so that nothing rests on
// colour. Names take at most half of the width; longer ones are cut.
func Bars(bars []Bar, o Options) string {
	if len(bars) == 0 {
		return ""
	}
	width := o.Width
	if width <= 0 {
		width = 80
	}
	width = max(width, 24)
	g := asciiGlyphs
	if o.Unicode {
		g = unicodeGlyphs
	}
	names := make([]string, len(bars))
	most, wide := 0.0, 0
	for i, b := range bars {
		names[i] = shorten(message.Safe(b.Name), width/2-2)
		wide = max(wide, uniseg.StringWidth(names[i]))
		for _, x := range []float64{b.Observed, b.Expected} {
			if known(x) {
				most = max(most, x)
			}
		}
	}
	room := width - wide - 2
	var out strings.Builder
	for i, b := range bars {
		out.WriteString(names[i] + strings.Repeat(" ", wide-uniseg.StringWidth(names[i])+2))
		columns := func(x float64) int {
			if !known(x) || x == 0 || most == 0 {
				return 0
			}
			return max(1, int(math.Round(x/most*float64(room))))
		}
		c := newCanvas(room)
		observed, expected := columns(b.Observed), columns(b.Expected)
		c.put(0, strings.Repeat(g.usual, min(observed, expected)), asUsual)
		c.put(expected, strings.Repeat(g.excess, max(0, observed-expected)), excess)
		c.put(observed, strings.Repeat(g.band, max(0, expected-observed)), lack)
		c.write(&out, o.Color)
	}
	legend := g.usual + " as expected  " + g.excess + " more  " + g.band + " missing; the longest is " + strconv.FormatFloat(math.Round(most), 'f', -1, 64)
	out.WriteString(strings.Repeat(" ", wide+2) + shorten(legend, room) + "\n")
	return out.String()
}

// shorten cuts text to a number of columns, and shows that it did.
func shorten(text string, width int) string {
	if uniseg.StringWidth(text) <= width {
		return text
	}
	return strings.Join(cut(text, width-2), "") + ".."
}
