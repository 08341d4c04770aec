package chart

import (
	"encoding/xml"
	"fmt"
	"hash/fnv"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"mailvigil/internal/message"
)

// shade is a rule of a style sheet in its two colours.
type shade struct{ selector, property, light, dark string }

// styleSheet writes rules for light pages and, after them, those for dark
// ones. It uses no CSS variables, which not every renderer knows.
func styleSheet(scope, common string, shades []shade) string {
	var light, dark strings.Builder
	for _, s := range shades {
		fmt.Fprintf(&light, "%s %s{%s:%s}", scope, s.selector, s.property, s.light)
		fmt.Fprintf(&dark, "%s %s{%s:%s}", scope, s.selector, s.property, s.dark)
	}
	return common + light.String() + "\n@media screen and (prefers-color-scheme:dark){" + dark.String() + "}"
}

// Style is the style sheet of a page that shows plots inline. It uses dark
// colours where the reader asks for them, never on paper.
func Style() string { return plotStyle() }

// plotStyle is the same in every plot, so that a page which shows several
// within itself may repeat it.
func plotStyle() string {
	return styleSheet(".mv", `.mv text{font:12px system-ui,sans-serif}.mv .title{font-size:14px;font-weight:600}.mv .mid{fill:none;stroke-width:1.5;stroke-dasharray:4 3}.mv .onset{stroke-width:1.5}.mv .edge{fill:none;stroke-width:2}.mv .open{fill:none;stroke-width:1.5}.mv .within{opacity:.14}.mv .unseen{stroke-width:1.5;opacity:.6}`,
		[]shade{
			{".page", "fill", "#ffffff", "#12171e"},
			{"text", "fill", "#5b6675", "#9aa6b4"},
			{".title", "fill", "#1b2330", "#e6eaf0"},
			{".ink", "fill", "#1b2330", "#e6eaf0"},
			{".grid", "stroke", "#e3e7ec", "#27303b"},
			{".axis", "stroke", "#5b6675", "#9aa6b4"},
			{".band", "fill", "#cfdcea", "#2c3d50"},
			{".mid", "stroke", "#3f5873", "#a9c0d8"},
			{".usual", "fill", "#5b8fc4", "#4d86bd"},
			{".excess", "fill", "#c62828", "#ff6b5e"},
			{".lack", "fill", "#b26a00", "#f0a73c"},
			{".unseen", "stroke", "#5b6675", "#9aa6b4"},
			{".mark", "fill", "#ffffff", "#12171e"},
			{".edge", "stroke", "#c62828", "#ff6b5e"},
			{".open", "stroke", "#5b6675", "#9aa6b4"},
			{".onset", "stroke", "#1b2330", "#e6eaf0"},
			{".within", "fill", "#1b2330", "#e6eaf0"},
		})
}

// SVG draws s as a picture of o.Width × o.Height pixels that follows the
// reader's light or dark scheme, with no script and no outside font. It gives
// the empty string for a series without steps.
//
// Put within a page of its own, the style it carries needs a policy that
// allows styles in the page; as a file of its own, nothing.
func SVG(s Series, o Options) string {
	if len(s.Observed) == 0 || s.Step <= 0 {
		return ""
	}
	width, height := o.Width, o.Height
	if width <= 0 {
		width = 800
	}
	if height <= 0 {
		height = 300
	}
	width, height = max(width, 240), max(height, 140)
	const left, right, above, below = 52, 14, 48, 66
	w, h := float64(width-left-right), float64(height-above-below)
	loc := o.location()

	k := max(1, int(math.Ceil(float64(len(s.Observed))/(w/2)))) // bars of two pixels or more
	cols := s.columns(k)
	yTop, yTicks := scale(top(cols), []int{3, 4, 5})
	withSlack(cols, yTop)
	step := w * float64(k) / float64(len(s.Observed))
	x := func(i int) float64 { return left + math.Min(float64(i)*step, w) }
	y := func(v float64) float64 { return above + h - h*math.Min(v/yTop, 1) }

	title := message.Safe(s.Title)
	if title == "" {
		title = "Observed and expected"
	}
	sum := fnv.New32a()
	fmt.Fprint(sum, s.Title, s.Start.UnixNano(), len(s.Observed), s.Observed)
	id := "mv" + strconv.FormatUint(uint64(sum.Sum32()), 36)

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="mv" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="%s-t %s-d">`, width, height, width, height, id, id)
	fmt.Fprintf(&b, "\n<title id=\"%s-t\">%s</title>\n<desc id=\"%s-d\">%s</desc>\n", id, text(title), id, text(s.describe(o)))
	ground(&b, o, width, height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="22">%s</text>`+"\n", left, text(title))

	for i := range yTicks + 1 {
		v := yTop * float64(i) / float64(yTicks)
		fmt.Fprintf(&b, `<path class="%s" d="M%d %sH%s"/><text x="%d" y="%s" text-anchor="end">%s</text>`+"\n",
			[]string{"axis", "grid"}[min(i, 1)], left, px(y(v)), px(left+w), left-8, px(y(v)+4), label(v))
	}

	bars := map[string]*strings.Builder{}
	box := func(class string, i int, from, to float64) {
		if from <= to {
			return
		}
		if bars[class] == nil {
			bars[class] = &strings.Builder{}
		}
		gap := 0.0
		if step >= 5 {
			gap = 0.5
		}
		fmt.Fprintf(bars[class], "M%s %sV%sH%sV%sz", px(x(i)+gap), px(from), px(to), px(x(i+1)-gap), px(from))
	}
	// What is above the band is marked at the upper edge, what is below it at
	// the lower one, so that nothing rests on colour.
	for i, c := range cols {
		switch {
		case math.IsNaN(c.observed):
			box("unseen", i, y(0), y(yTop))
		case c.above():
			box("usual", i, y(0), y(c.upper))
			box("excess", i, y(c.upper), y(c.observed))
			box("excess", i, above-2, above-5)
		case c.below():
			box("lack", i, y(0), y(c.observed))
			box("lack", i, y(0)+5, y(0)+2)
		default:
			box("usual", i, y(0), y(c.observed))
		}
	}
	path := func(class, d string) {
		if d != "" {
			fmt.Fprintf(&b, `<path class="%s" d="%s"/>`+"\n", class, d)
		}
	}
	path("band", bandPath(cols, x, y))
	if bars["unseen"] != nil {
		fmt.Fprintf(&b, `<pattern id="%s-p" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="unseen" d="M3 0V6"/></pattern><path fill="url(#%s-p)" d="%s"/>`+"\n", id, id, bars["unseen"])
	}
	for _, class := range []string{"usual", "lack", "excess"} {
		if bars[class] != nil {
			path(class, bars[class].String())
		}
	}
	path("mid", midPath(cols, x, y))

	s.svgTimes(&b, o, left, w, above, h)
	if onset, ok := s.onset(); ok {
		at := func(i int) float64 { return left + w*math.Min(1, math.Max(0, s.fraction(onset[i]))) }
		if onset[2].After(onset[0]) {
			fmt.Fprintf(&b, `<rect class="within" x="%s" y="%d" width="%s" height="%s"/>`+"\n", px(at(0)), above, px(math.Max(1, at(2)-at(0))), px(h))
		}
		fmt.Fprintf(&b, `<path class="onset" d="M%s %dV%s"/>`, px(at(1)), above-17, px(above+h))
		anchor, gap := "start", 5.0
		if at(1) > left+w/2 {
			anchor, gap = "end", -5
		}
		fmt.Fprintf(&b, `<text class="ink" x="%s" y="%d" text-anchor="%s">onset %s</text>`+"\n", px(at(1)+gap), above-8, anchor, text(onset[1].In(loc).Format("Mon 2 Jan 15:04")))
	}
	svgLegend(&b, id, bars, cols, left, height-12, left+w, message.Zone(loc, s.Start))
	b.WriteString("</svg>\n")
	return b.String()
}

// ground is what stands behind a picture that is a file of its own.
func ground(b *strings.Builder, o Options, width, height int) {
	if o.Inline {
		return
	}
	fmt.Fprintf(b, "<style>%s</style>\n", plotStyle())
	fmt.Fprintf(b, `<rect class="page" width="%d" height="%d"/>`+"\n", width, height)
}

// svgTimes draws the time axis below the plot.
func (s *Series) svgTimes(b *strings.Builder, o Options, left, w, above, h float64) {
	loc := o.location()
	ticks := s.ticks(max(1, int(w/64)), loc)
	daily := len(ticks) > 1
	for _, t := range ticks {
		daily = daily && t.day
	}
	free, freeDay := math.Inf(-1), math.Inf(-1)
	var month time.Month
	for i, t := range ticks {
		x := left + w*s.fraction(t.at)
		fmt.Fprintf(b, `<path class="axis" d="M%s %sv5"/>`, px(x), px(above+h))
		hour, day := t.at.Format("15:04"), t.at.Format("Mon 2 Jan")
		if daily {
			hour, day = t.at.Format("Mon 2"), t.at.Format("January 2006")
		}
		if x-20 >= free && x+20 <= left+w+14 {
			fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="middle">%s</text>`, px(x), px(above+h+18), hour)
			free = x + 24
		}
		if (i == 0 || t.day && !daily || t.at.Month() != month) && x-30 >= freeDay && x+32 <= left+w+14 {
			fmt.Fprintf(b, `<text class="ink" x="%s" y="%s" text-anchor="middle">%s</text>`, px(x), px(above+h+34), day)
			freeDay = x + 40
		}
		month = t.at.Month()
		b.WriteByte('\n')
	}
}

// svgLegend names the colours that occur.
func svgLegend(b *strings.Builder, id string, bars map[string]*strings.Builder, cols []column, x, y int, right float64, zone string) {
	entry := func(class, name string, columns int) {
		paint := `class="` + class + `"`
		if class == "unseen" {
			paint = `fill="url(#` + id + `-p)"`
		}
		fmt.Fprintf(b, `<rect %s x="%d" y="%d" width="11" height="11"/><text x="%d" y="%d">%s</text>`+"\n", paint, x, y-10, x+16, y, name)
		x += columns
	}
	entry("usual", "observed", 90)
	for _, c := range cols {
		if !math.IsNaN(c.upper) {
			entry("band", "expected", 90)
			break
		}
	}
	if bars["excess"] != nil {
		entry("excess", "more than expected", 152)
	}
	if bars["lack"] != nil {
		entry("lack", "less than expected", 148)
	}
	if bars["unseen"] != nil {
		entry("unseen", "no logs", 82)
	}
	if float64(x)+150 < right {
		fmt.Fprintf(b, `<text x="%s" y="%d" text-anchor="end">times: %s</text>`+"\n", px(right), y, text(zone))
	}
}

// bandPath is the area between the bounds, in pieces where they are not known.
func bandPath(cols []column, x func(int) float64, y func(float64) float64) string {
	var d strings.Builder
	for i := 0; i < len(cols); {
		if math.IsNaN(cols[i].upper) || math.IsNaN(cols[i].lower) {
			i++
			continue
		}
		first := i
		fmt.Fprintf(&d, "M%s %s", px(x(i)), px(y(cols[i].upper)))
		for ; i < len(cols) && !math.IsNaN(cols[i].upper) && !math.IsNaN(cols[i].lower); i++ {
			fmt.Fprintf(&d, "V%sH%s", px(y(cols[i].upper)), px(x(i+1)))
		}
		for j := i - 1; j >= first; j-- {
			fmt.Fprintf(&d, "V%sH%s", px(y(cols[j].lower)), px(x(j)))
		}
		d.WriteByte('z')
	}
	return d.String()
}

// midPath is the expected count as a line through the middles of the columns.
func midPath(cols []column, x func(int) float64, y func(float64) float64) string {
	var d strings.Builder
	move := "M"
	for i, c := range cols {
		if math.IsNaN(c.expected) {
			move = "M"
			continue
		}
		d.WriteString(move + px((x(i)+x(i+1))/2) + " " + px(y(c.expected)))
		move = "L"
	}
	return d.String()
}

// describe says in words what the picture shows, for those who cannot see it.
func (s *Series) describe(o Options) string {
	loc := o.location()
	var above, below, unseen int
	peak, when := math.Inf(-1), 0
	for i, c := range s.columns(1) {
		switch {
		case math.IsNaN(c.observed):
			unseen++
			continue
		case c.above():
			above++
		case c.below():
			below++
		}
		if c.observed > peak {
			peak, when = c.observed, i
		}
	}
	const layout = "Mon 2 Jan 2006 15:04"
	text := fmt.Sprintf("From %s to %s, %s, in steps of %s.", s.Start.In(loc).Format(layout), s.end().In(loc).Format(layout), message.Zone(loc, s.Start), Length(s.Step))
	if !math.IsInf(peak, 0) {
		at := s.Start.Add(s.Step * time.Duration(when)).In(loc)
		text += fmt.Sprintf(" Highest: %s at %s.", label(peak), at.Format(layout))
	}
	text += fmt.Sprintf(" Of %d steps, %d were above the expected band, %d below it, and %d are not covered by the logs.", len(s.Observed), above, below, unseen)
	if _, ok := s.onset(); ok {
		text += " " + strings.ToUpper(s.onsetText(loc)[:1]) + s.onsetText(loc)[1:] + "."
	}
	return text
}

// px writes a coordinate with a tenth of a pixel.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// text escapes for XML, and leaves out what XML cannot hold.
func text(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s))); err != nil {
		return "" // strings.Builder gives no errors
	}
	return b.String()
}

// Length is that of a step, in words.
func Length(d time.Duration) string {
	count := func(n time.Duration, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return count(d/time.Hour, "hour")
	case d >= time.Minute && d%time.Minute == 0:
		return count(d/time.Minute, "minute")
	}
	return d.String()
}
