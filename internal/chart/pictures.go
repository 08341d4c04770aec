package chart

import (
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"mailvigil/internal/message"
)

// picture is the frame of an SVG with its title and description.
type picture struct {
	b             strings.Builder
	id            string
	width, height int
}

// frame begins a picture. The id is made of what the picture shows, so that two
// on a page do not share one.
func frame(kind, title, description string, width, height int, o Options) *picture {
	sum := fnv.New32a()
	fmt.Fprint(sum, kind, title, description, width, height)
	p := &picture{id: "mv" + kind + strconv.FormatUint(uint64(sum.Sum32()), 36), width: width, height: height}
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" class="mv" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="%s-t %s-d">`, width, height, width, height, p.id, p.id)
	fmt.Fprintf(&p.b, "\n<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n", p.id, text(title), p.id, text(description))
	ground(&p.b, o, width, height)
	return p
}

func (p *picture) add(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

func (p *picture) text(class string, x, y float64, anchor, s string) {
	if class != "" {
		class = ` class="` + class + `"`
	}
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	p.add(`<text%s x="%s" y="%s"%s>%s</text>`+"\n", class, px(x), px(y), anchor, text(s))
}

func (p *picture) rect(class string, x, y, w, h float64) {
	p.add(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, px(x), px(y), px(max(0, w)), px(h))
}

func (p *picture) end() string {
	p.b.WriteString("</svg>\n")
	return p.b.String()
}

// BarsSVG draws bars to one scale, each below its name: what was counted, with a
// tick where the expectation lies, so that the excess is what stands beyond it.
// It gives the empty string where there is none.
func BarsSVG(title string, bars []Bar, o Options) string {
	if len(bars) == 0 {
		return ""
	}
	const left, above, row = 4, 40.0, 46.0
	right := 0.0 // room for what is written behind a bar
	for _, b := range bars {
		right = max(right, 20+6.8*float64(len(barText(b))))
	}
	width := 800
	if o.Width > 0 {
		width = max(o.Width, 360)
	}
	height := int(above+row*float64(len(bars))) + 30
	most := 0.0
	for _, b := range bars {
		for _, v := range []float64{b.Observed, b.Expected} {
			if known(v) {
				most = max(most, v)
			}
		}
	}
	room := float64(width-left) - right
	at := func(v float64) float64 {
		if !known(v) || most == 0 {
			return 0
		}
		return room * v / most
	}
	var said strings.Builder
	for _, b := range bars {
		fmt.Fprintf(&said, "%s: %s counted, %s expected. ", message.Safe(b.Name), Count(b.Observed), Count(b.Expected))
	}
	p := frame("b", message.Safe(title), strings.TrimSpace(said.String()), width, height, o)
	p.text("title", left, 22, "", message.Safe(title))
	columns := int((float64(width) - left) / 7)
	more, missing := false, false
	for i, b := range bars {
		y := above + row*float64(i)
		p.text("ink", left, y+13, "", shorten(message.Safe(b.Name), columns))
		got, want := at(b.Observed), at(b.Expected)
		p.rect("band", left, y+19, want, 15)
		p.rect("usual", left, y+21, min(got, want), 11)
		if got > want {
			p.rect("excess", left+want, y+21, got-want, 11)
			more = true
		} else if got < want {
			missing = true
		}
		p.add(`<path class="onset" d="M%s %sV%s"/>`, px(left+want), px(y+17), px(y+36))
		p.text("", left+max(got, want)+8, y+31, "", barText(b))
	}
	x, y := float64(left), float64(height-10)
	entry := func(class, name string, columns float64) {
		p.rect(class, x, y-10, 11, 11)
		p.text("", x+16, y, "", name)
		x += columns
	}
	entry("usual", "as expected", 108)
	if more {
		entry("excess", "more than expected", 152)
	}
	if missing {
		entry("band", "missing", 86)
	}
	p.add(`<path class="onset" d="M%s %sv12"/>`, px(x+2), px(y-10))
	p.text("", x+10, y, "", "expected")
	return p.end()
}

func barText(b Bar) string {
	return Count(b.Observed) + " counted, " + Count(b.Expected) + " expected"
}

// Count writes a count for people: 0, 0.4, 12, 2,640.
func Count(v float64) string {
	switch {
	case !known(v) && v != 0:
		return "not known"
	case v > 0 && v < 9.95 && math.Abs(v-math.Round(v)) >= 0.05:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Day is a local day of a series by the hour.
type Day struct {
	Date time.Time // its first hour in the series
	// Hours by the clock. An hour that the clock shows twice is the sum of both.
	Hours [24]Hour
}

// Hour is what was counted in an hour of the clock.
type Hour struct {
	In                               bool // the series has it
	Observed, Expected, Lower, Upper float64
	slack                            float64 // what is too little to be marked
}

// Above says whether the count is above the band, by more than is worth a mark.
func (h Hour) Above() bool { return h.In && known(h.Observed) && h.Observed > h.Upper+h.slack }

// Below says whether it is below the band, by more than is worth a mark.
func (h Hour) Below() bool { return h.In && known(h.Observed) && h.Observed < h.Lower-h.slack }

// Days lays a series by the hour out by local day and hour. It is nil for
// another step.
func (s *Series) Days(loc *time.Location) []Day {
	if s.Step != time.Hour {
		return nil
	}
	if loc == nil {
		loc = time.UTC
	}
	at := func(list []float64, i int) float64 {
		if i < len(list) {
			return list[i]
		}
		return -1
	}
	var days []Day
	for i := range s.Observed {
		t := s.Start.Add(time.Duration(i) * time.Hour).In(loc)
		if n := len(days); n == 0 || days[n-1].Date.YearDay() != t.YearDay() || days[n-1].Date.Year() != t.Year() {
			days = append(days, Day{Date: t})
		}
		h := &days[len(days)-1].Hours[t.Hour()]
		add := Hour{true, at(s.Observed, i), at(s.Expected, i), at(s.Lower, i), at(s.Upper, i), 0}
		if h.In && known(h.Observed) && known(add.Observed) {
			add.Observed += h.Observed
			add.Expected += h.Expected
			add.Lower += h.Lower
			add.Upper += h.Upper
		}
		*h = add
	}
	// As in a plot: marks at every breath of the counts would hide those that
	// matter.
	most := 0.0
	for _, d := range days {
		for _, h := range d.Hours {
			if known(h.Observed) {
				most = max(most, h.Observed)
			}
		}
	}
	for i := range days {
		for h := range days[i].Hours {
			days[i].Hours[h].slack = most / 24
		}
	}
	return days
}

// hourLevels is how many shades tell counts apart; more the eye cannot name.
const hourLevels = 5

// HoursSVG draws a series by the hour as a table of days and hours: darker where
// more was counted, a mark in hours that leave the expected band, hatched where
// there are no logs. It gives the empty string for a series of another step.
func HoursSVG(s Series, o Options) string {
	loc := o.location()
	days := s.Days(loc)
	if len(days) == 0 {
		return ""
	}
	const left, above, row = 92.0, 64.0, 22.0
	const width = 800
	cell := (width - left - 8) / 24.0
	height := int(above+row*float64(len(days))) + 64
	most, above2, below2, busiest := 0.0, 0, 0, ""
	for _, d := range days {
		for h, c := range d.Hours {
			if c.In && c.Observed > most {
				most = c.Observed
				busiest = d.Date.Format("Mon 2 Jan") + fmt.Sprintf(" %02d:00", h)
			}
			if c.Above() {
				above2++
			}
			if c.Below() {
				below2++
			}
		}
	}
	title := "By day and hour: " + message.Safe(s.Title)
	said := fmt.Sprintf("Counts by local day and hour, %s. Most in one hour: %s, %s. %d hours above the expected band, %d below it.", message.Zone(loc, s.Start), Count(most), busiest, above2, below2)
	p := frame("h", title, said, width, height, o)
	p.text("title", 4, 22, "", title)
	for h := 0; h < 24; h += 3 {
		p.text("", left+float64(h)*cell, above-8, "", fmt.Sprintf("%02d:00", h))
	}
	p.add(`<pattern id="%s-p" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="unseen" d="M3 0V6"/></pattern>`+"\n", p.id)
	level := func(v float64) int {
		if most == 0 || v <= 0 {
			return 0
		}
		return min(hourLevels, 1+int(v/most*hourLevels*0.9999))
	}
	shade := func(x, y, w, h float64, l int) {
		if l == 0 {
			p.add(`<rect class="grid" fill="none" x="%s" y="%s" width="%s" height="%s"/>`, px(x+.5), px(y+.5), px(w-1), px(h-1))
			return
		}
		p.add(`<rect class="usual" opacity="%s" x="%s" y="%s" width="%s" height="%s"/>`, px(float64(l)/hourLevels), px(x), px(y), px(w), px(h))
	}
	mark := func(x, y float64, up bool) {
		if up {
			p.add(`<path class="excess" stroke="none" d="M%s %sl6 10h-12z"/>`, px(x), px(y-5))
		} else {
			p.add(`<path class="lack" stroke="none" d="M%s %sl6 -10h-12z"/>`, px(x), px(y+5))
		}
	}
	for i, d := range days {
		y := above + row*float64(i)
		p.text("ink", left-8, y+15, "end", d.Date.Format("Mon 2 Jan"))
		for h, c := range d.Hours {
			x := left + float64(h)*cell
			switch {
			case !c.In:
				continue
			case !known(c.Observed):
				p.add(`<rect fill="url(#%s-p)" x="%s" y="%s" width="%s" height="%s"/>`, p.id, px(x), px(y), px(cell-2), px(row-2))
			default:
				shade(x, y, cell-2, row-2, level(c.Observed))
			}
			// On a plate of the page's colour, a mark is seen on any shade.
			if c.Above() || c.Below() {
				p.add(`<circle class="mark" cx="%s" cy="%s" r="8.5"/>`, px(x+(cell-2)/2), px(y+(row-2)/2))
				mark(x+(cell-2)/2, y+(row-2)/2, c.Above())
			}
		}
		p.b.WriteByte('\n')
	}
	x, y := left, float64(height-44)
	p.text("", left-8, y+11, "end", "count")
	for l := range hourLevels + 1 {
		shade(x, y, 18, 14, l)
		upTo := "0"
		if l > 0 {
			upTo = "to " + Count(math.Floor(most*float64(l)/hourLevels))
		}
		p.text("", x+24, y+11, "", upTo)
		x += 92
	}
	x, y = left, float64(height-12)
	if above2 > 0 {
		mark(x+6, y-4, true)
		p.text("", x+18, y, "", "above the expected band")
		x += 176
	}
	if below2 > 0 {
		mark(x+6, y-4, false)
		p.text("", x+18, y, "", "below the expected band")
	}
	p.text("", width-8, y, "end", "times: "+message.Zone(loc, s.Start))
	return p.end()
}

// Tie is how a row and a column of a Matrix belong together.
type Tie int

// The ties, weakest first.
const (
	Apart Tie = iota
	Suspected
	Used
)

// Matrix says which of two kinds of things belong together. Ties has a row for
// each of Rows, with a value for each of Columns.
type Matrix struct {
	Title         string
	Rows, Columns []string
	Ties          [][]Tie
	// Suspects and Uses name the two ties in the legend.
	Suspects, Uses string
}

// MatrixSVG draws a Matrix: a full disc for Used, a ring for Suspected. It gives
// the empty string for one without rows or columns.
func MatrixSVG(m Matrix, o Options) string {
	if len(m.Rows) == 0 || len(m.Columns) == 0 {
		return ""
	}
	const most, row = 34, 24.0
	names := func(list []string) (out []string, wide float64) {
		for _, n := range list {
			n = shorten(message.Safe(n), most)
			out = append(out, n)
			wide = max(wide, float64(uniseg.StringWidth(n)))
		}
		return out, wide * 6.7
	}
	rows, wide := names(m.Rows)
	columns, tall := names(m.Columns)
	left := wide + 16
	cell := min(40, max(22, (800-left-tall*0.72-8)/float64(len(columns))))
	// Names of columns lean by 45°.
	above := 44 + tall*0.72
	width := int(max(420, left+cell*float64(len(columns))+tall*0.72+8))
	height := int(above+row*float64(len(rows))) + 40
	uses, suspects := 0, 0
	for _, r := range m.Ties {
		for _, t := range r {
			switch t {
			case Used:
				uses++
			case Suspected:
				suspects++
			}
		}
	}
	said := fmt.Sprintf("%d rows and %d columns. %s: %d times. %s: %d times.", len(rows), len(columns), m.Uses, uses, m.Suspects, suspects)
	p := frame("m", message.Safe(m.Title), said, width, height, o)
	p.text("title", 4, 22, "", message.Safe(m.Title))
	for j, n := range columns {
		x := left + cell*(float64(j)+.5)
		p.add(`<text class="ink" transform="translate(%s %s) rotate(-45)">%s</text>`+"\n", px(x), px(above-8), text(n))
		p.add(`<path class="grid" d="M%s %sV%s"/>`, px(x), px(above), px(above+row*float64(len(rows))))
	}
	dot := func(x, y float64, t Tie) {
		switch t {
		case Used:
			p.add(`<circle class="excess" cx="%s" cy="%s" r="7"/>`, px(x), px(y))
		case Suspected:
			p.add(`<circle class="open" cx="%s" cy="%s" r="6"/>`, px(x), px(y))
		}
	}
	for i, n := range rows {
		y := above + row*(float64(i)+.5)
		p.text("ink", left-8, y+4, "end", n)
		p.add(`<path class="grid" d="M%s %sH%s"/>`, px(left), px(y), px(left+cell*float64(len(columns))))
		for j := range columns {
			if i < len(m.Ties) && j < len(m.Ties[i]) {
				dot(left+cell*(float64(j)+.5), y, m.Ties[i][j])
			}
		}
		p.b.WriteByte('\n')
	}
	x, y := 12.0, float64(height-14)
	if uses > 0 {
		dot(x, y-4, Used)
		p.text("", x+14, y, "", message.Safe(m.Uses))
		x += 40 + 6.7*float64(uniseg.StringWidth(m.Uses))
	}
	if suspects > 0 {
		dot(x, y-4, Suspected)
		p.text("", x+14, y, "", message.Safe(m.Suspects))
	}
	return p.end()
}
