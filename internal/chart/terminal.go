package chart

import (
	"math"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"mailvigil/internal/message"
)

// style of a cell, as the parameter of an ANSI SGR sequence. The sixteen
// colours of the terminal's own scheme are readable on dark and light alike.
type style string

const (
	normal  style = ""
	faint   style = "2"
	bold    style = "1"
	asUsual style = "34"   // observed within the band
	band    style = "36"   // expected
	excess  style = "1;31" // observed above the band
	lack    style = "33"   // observed below the band
)

// glyphs are the characters of a plot. What a colour says, a glyph says too.
type glyphs struct {
	partial                    []string // of the top of a bar: eighths, or nothing
	usual, excess, band, blank string
	axis, tick, line, lineTick string
	above, below, unseen       string
	left, at, right, between   string
}

var unicodeGlyphs = glyphs{
	partial: []string{"", "▁", "▂", "▃", "▄", "▅", "▆", "▇"},
	usual:   "▒", excess: "█", band: "░", blank: " ",
	axis: "│", tick: "┤", line: "─", lineTick: "┬",
	above: "▲", below: "▼", unseen: "?",
	left: "├", at: "◆", right: "┤", between: "─",
}

var asciiGlyphs = glyphs{
	usual: "|", excess: "#", band: ":", blank: " ",
	axis: "|", tick: "+", line: "-", lineTick: "+",
	above: "^", below: "v", unseen: "?",
	left: "[", at: "X", right: "]", between: "-",
}

// cell is one column of one row.
type cell struct {
	text  string
	style style
}

// canvas is a line under construction, one cell a column.
type canvas []cell

func newCanvas(width int) canvas {
	c := make(canvas, width)
	for i := range c {
		c[i].text = " "
	}
	return c
}

// put writes text that is one column per rune, as far as there is room.
func (c canvas) put(x int, text string, st style) {
	for _, r := range text {
		if x >= 0 && x < len(c) {
			c[x] = cell{string(r), st}
		}
		x++
	}
}

// free says whether nothing stands in [x, x+n).
func (c canvas) free(x, n int) bool {
	if x < 0 || x+n > len(c) {
		return false
	}
	for _, cell := range c[x : x+n] {
		if cell.text != " " {
			return false
		}
	}
	return true
}

// write ends the line, with trailing blanks cut and colours switched off.
func (c canvas) write(b *strings.Builder, color bool) {
	end := len(c)
	for end > 0 && c[end-1].text == " " {
		end--
	}
	current := normal
	for _, cell := range c[:end] {
		if color && cell.style != current && cell.text != " " {
			if current != normal {
				b.WriteString("\x1b[0m")
			}
			if cell.style != normal {
				b.WriteString("\x1b[" + string(cell.style) + "m")
			}
			current = cell.style
		}
		b.WriteString(cell.text)
	}
	if current != normal {
		b.WriteString("\x1b[0m")
	}
	b.WriteByte('\n')
}

// Terminal draws s as lines of text, each ended by a newline. It draws nothing
// for a series without steps.
//
// Bars are what was observed; the shaded band behind them is what was
// expected. Bars above the band end in another glyph, and a row below the axis
// marks the columns above it and below it, so that nothing rests on colour.
func Terminal(s Series, o Options) string {
	if len(s.Observed) == 0 || s.Step <= 0 {
		return ""
	}
	width, height := o.Width, o.Height
	if width <= 0 {
		width = 80
	}
	if height <= 0 {
		height = 18
	}
	width = max(width, 24)
	rows := max(4, height-6) / 4 * 4 // what four divides has steps for the axis
	g := asciiGlyphs
	if o.Unicode {
		g = unicodeGlyphs
		if o.Color {
			// Solid bars are calmer, and the row of marks says without
			// colour what stands out.
			g.usual = "█"
		}
	}
	loc := o.location()

	const margin = 8 // columns of the y axis
	room := width - margin
	k := (len(s.Observed) + room - 1) / room
	cols := s.columns(k)
	wide := max(1, room/len(cols)) // screen columns of one column
	span := wide * len(cols)

	var divisors []int
	for n := 2; n <= rows/2; n++ {
		if rows%n == 0 {
			divisors = append(divisors, n)
		}
	}
	yTop, yTicks := scale(top(cols), divisors)
	withSlack(cols, yTop)

	var b strings.Builder
	if s.Title != "" {
		title := newCanvas(0)
		for _, part := range cut(message.Safe(s.Title), width) {
			title = append(title, cell{part, bold})
		}
		title.write(&b, o.Color)
	}
	for row := rows - 1; row >= 0; row-- {
		line := newCanvas(margin + span)
		if (row+1)%(rows/yTicks) == 0 {
			y := label(yTop * float64(row+1) / float64(rows))
			line.put(margin-2-len(y), y, normal)
			line.put(margin-1, g.tick, faint)
		} else {
			line.put(margin-1, g.axis, faint)
		}
		for i, c := range cols {
			glyph, st := g.pick(c, float64(row), yTop/float64(rows))
			for x := range wide {
				line[margin+i*wide+x] = cell{glyph, st}
			}
		}
		line.write(&b, o.Color)
	}
	marks := g.marks(cols, wide, margin)
	s.axis(&b, o, g, margin, span, (len(s.Observed)+k-1)/k*k, marks)
	s.legend(&b, o, g, cols, width, message.Zone(loc, s.Start))
	return b.String()
}

// pick is what stands in the cell of a row, where a row is unit counts high.
func (g *glyphs) pick(c column, row, unit float64) (string, style) {
	bottom, observed := row*unit, c.observed
	if math.IsNaN(observed) {
		observed = 0
	}
	st, glyph := asUsual, g.usual
	switch {
	case c.above() && bottom+unit/2 >= c.upper:
		st, glyph = excess, g.excess
	case c.below():
		st = lack
	}
	fill := (observed - bottom) / unit
	if fill >= 15.0/16 {
		return glyph, st
	}
	if len(g.partial) > 0 {
		if eighths := int(math.Round(fill * 8)); eighths > 0 {
			return g.partial[min(eighths, 7)], st
		}
		// Little is not nothing: one request among thousands still shows.
		if row == 0 && observed > 0 {
			return g.partial[1], st
		}
	} else if fill >= 0.5 || row == 0 && observed > 0 {
		return glyph, st
	}
	middle := bottom + unit/2
	if middle >= c.lower && middle <= c.upper {
		return g.band, band
	}
	// A band thinner than a row would vanish: the expected count stands for it.
	if c.upper-c.lower < unit && c.expected >= bottom && c.expected < bottom+unit && c.expected > 0 {
		return g.band, band
	}
	return g.blank, normal
}

// marks is the row that says which columns are above the band, below it, or
// not covered by logs.
func (g *glyphs) marks(cols []column, wide, margin int) canvas {
	line := newCanvas(margin + wide*len(cols))
	for i, c := range cols {
		mark, st := " ", normal
		switch {
		case math.IsNaN(c.observed):
			mark, st = g.unseen, faint
		case c.above():
			mark, st = g.above, excess
		case c.below():
			mark, st = g.below, lack
		}
		line.put(margin+i*wide, repeat(mark, wide), st)
	}
	return line
}

// axis draws the time axis: the line with its ticks and the onset, the marks,
// the hours, and the days. steps is how many steps span stands for, the last column's
// missing ones included.
func (s *Series) axis(b *strings.Builder, o Options, g glyphs, margin, span, steps int, marks canvas) {
	loc := o.location()
	at := func(f float64) int {
		return margin + int(math.Floor(f*float64(span)*float64(len(s.Observed))/float64(steps)+1e-9))
	}
	line, hours, days := newCanvas(margin+span), newCanvas(margin+span), newCanvas(margin+span)
	line.put(margin-3, "0", normal)
	line.put(margin-1, g.tick, faint)
	line.put(margin, repeat(g.line, span), faint)
	ticks := s.ticks(max(1, span/8), loc)
	daily := true
	for _, t := range ticks {
		daily = daily && t.day
	}
	daily = daily && len(ticks) > 1
	var month time.Month
	for i, t := range ticks {
		x := at(s.fraction(t.at))
		line.put(x, g.lineTick, faint)
		if daily {
			text := t.at.Format("Mon 2")
			if hours.free(x-1, len(text)+1) || hours.free(x, len(text)) && x == margin {
				hours.put(x, text, normal)
			}
		} else if text := t.at.Format("15:04"); hours.free(x-1, len(text)+1) {
			hours.put(x, text, normal)
		}
		text := t.at.Format("Mon 2 Jan")
		if daily {
			text = t.at.Format("January 2006")
		}
		if (i == 0 || t.day && !daily || t.at.Month() != month) && days.free(x-1, len(text)+1) {
			days.put(x, text, normal)
		}
		month = t.at.Month()
	}
	if onset, ok := s.onset(); ok {
		x := at(s.fraction(onset[1]))
		if lo, hi := at(s.fraction(onset[0])), at(s.fraction(onset[2])); lo < x || hi > x {
			for i := max(lo, margin); i <= min(hi, margin+span-1); i++ {
				line.put(i, g.between, bold)
			}
			if lo >= margin && lo < x {
				line.put(lo, g.left, bold)
			}
			if hi > x {
				line.put(hi, g.right, bold)
			}
		}
		line.put(x, g.at, bold)
	}
	line.write(b, o.Color)
	if !marks.free(0, len(marks)) {
		marks.write(b, o.Color)
	}
	hours.write(b, o.Color)
	days.write(b, o.Color)
}

// legend explains the glyphs that occur, and only those.
func (s *Series) legend(b *strings.Builder, o Options, g glyphs, cols []column, width int, zone string) {
	type entry struct {
		glyph string
		st    style
		text  string
	}
	entries := []entry{{g.usual, asUsual, "observed"}}
	var banded, above, below, unseen bool
	for _, c := range cols {
		banded = banded || !math.IsNaN(c.upper)
		above = above || c.above()
		below = below || c.below()
		unseen = unseen || math.IsNaN(c.observed)
	}
	if banded {
		entries = append(entries, entry{g.band, band, "expected"})
	}
	if above {
		entries = append(entries, entry{g.excess + g.above, excess, "more than expected"})
	}
	if below {
		entries = append(entries, entry{g.below, lack, "less than expected"})
	}
	if unseen {
		entries = append(entries, entry{g.unseen, faint, "no logs"})
	}
	if _, ok := s.onset(); ok {
		entries = append(entries, entry{g.at, bold, s.onsetText(o.location())})
	}
	entries = append(entries, entry{"", faint, "times: " + message.Safe(zone)})
	line, x := newCanvas(width), 0
	for _, e := range entries {
		n := uniseg.StringWidth(e.glyph) + 1 + uniseg.StringWidth(e.text)
		if e.glyph == "" {
			n--
		}
		if x > 0 && x+n > width {
			line.write(b, o.Color)
			line, x = newCanvas(width), 0
		}
		line.put(x, e.glyph, e.st)
		if e.glyph != "" {
			line.put(x+uniseg.StringWidth(e.glyph)+1, e.text, normal)
		} else {
			line.put(x, e.text, e.st)
		}
		x += n + 3
	}
	line.write(b, o.Color)
}

// cut splits text into what a terminal draws as one character each, up to
// width columns.
func cut(text string, width int) []string {
	var out []string
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if width -= g.Width(); width < 0 {
			break
		}
		out = append(out, g.Str())
	}
	return out
}
