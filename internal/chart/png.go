package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"mailvigil/internal/message"
)

// PNG draws s as SVG does in its light colours, for programs that show no SVG,
// as mail programs: in twice as many pixels as o has, so that it is sharp on a
// phone. It gives nil for a series without steps.
//
// It has no gaps and no dashes; what its marks mean is the same.
func PNG(s Series, o Options) ([]byte, error) {
	if len(s.Observed) == 0 || s.Step <= 0 {
		return nil, nil
	}
	width, height := o.Width, o.Height
	if width <= 0 {
		width = 800
	}
	if height <= 0 {
		height = 300
	}
	width, height = min(max(width, 240), 2000), min(max(height, 140), 1000)
	const left, right, above, below = 52, 14, 48, 66
	p, err := newPainter(width, height)
	if err != nil {
		return nil, err
	}
	w, h := float64(width-left-right), float64(height-above-below)
	loc := o.location()
	k := max(1, int(math.Ceil(float64(len(s.Observed))/(w/2))))
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
	p.text(left, 22, 14, inkColor, title, 0)
	for i := range yTicks + 1 {
		v := yTop * float64(i) / float64(yTicks)
		c := gridColor
		if i == 0 {
			c = axisColor
		}
		p.box(c, left, y(v)-0.5, left+w, y(v)+0.5)
		p.text(left-8, y(v)+4, 12, axisColor, label(v), 1)
	}
	for i, c := range cols {
		if !math.IsNaN(c.upper) && !math.IsNaN(c.lower) {
			p.box(bandColor, x(i), y(c.upper), x(i+1), y(c.lower))
		}
	}
	var more, less, unseen bool
	for i, c := range cols {
		switch {
		case math.IsNaN(c.observed):
			unseen = true
			p.hatch(x(i), y(yTop), x(i+1), y(0))
		case c.above():
			more = true
			p.box(usualColor, x(i), y(c.upper), x(i+1), y(0))
			p.box(excessColor, x(i), y(c.observed), x(i+1), y(c.upper))
			p.box(excessColor, x(i), above-5, x(i+1), above-2)
		case c.below():
			less = true
			p.box(lackColor, x(i), y(c.observed), x(i+1), y(0))
			p.box(lackColor, x(i), y(0)+2, x(i+1), y(0)+5)
		default:
			p.box(usualColor, x(i), y(c.observed), x(i+1), y(0))
		}
	}
	for i := 1; i < len(cols); i++ {
		if a, b := cols[i-1].expected, cols[i].expected; !math.IsNaN(a) && !math.IsNaN(b) {
			p.line(middleColor, (x(i-1)+x(i))/2, y(a), (x(i)+x(i+1))/2, y(b))
		}
	}
	p.times(&s, loc, left, w, above+h)
	if onset, ok := s.onset(); ok {
		at := func(i int) float64 { return left + w*math.Min(1, math.Max(0, s.fraction(onset[i]))) }
		if onset[2].After(onset[0]) {
			p.box(withinColor, at(0), above, math.Max(at(2), at(0)+1), above+h)
		}
		p.box(inkColor, at(1)-0.75, above-17, at(1)+0.75, above+h)
		side, gap := 0.0, 5.0
		if at(1) > left+w/2 {
			side, gap = 1, -5
		}
		p.text(at(1)+gap, above-8, 12, inkColor, "onset "+onset[1].In(loc).Format("Mon 2 Jan 15:04"), side)
	}
	at := float64(left)
	entry := func(c color.RGBA, name string) {
		p.box(c, at, float64(height)-22, at+11, float64(height)-11)
		at += 16 + p.text(at+16, float64(height)-12, 12, axisColor, name, 0) + 18
	}
	entry(usualColor, "observed")
	for _, c := range cols {
		if !math.IsNaN(c.upper) {
			entry(bandColor, "expected")
			break
		}
	}
	if more {
		entry(excessColor, "more than expected")
	}
	if less {
		entry(lackColor, "less than expected")
	}
	if unseen {
		entry(goneColor, "no logs")
	}
	if at+150 < left+w {
		p.text(left+w, float64(height)-12, 12, axisColor, "times: "+message.Zone(loc, s.Start), 1)
	}
	var out bytes.Buffer
	err = png.Encode(&out, p.m)
	return out.Bytes(), err
}

// The light colours of plotStyle; within is seen through.
var (
	inkColor    = color.RGBA{0x1b, 0x23, 0x30, 0xff}
	axisColor   = color.RGBA{0x5b, 0x66, 0x75, 0xff}
	gridColor   = color.RGBA{0xe3, 0xe7, 0xec, 0xff}
	bandColor   = color.RGBA{0xcf, 0xdc, 0xea, 0xff}
	middleColor = color.RGBA{0x3f, 0x58, 0x73, 0xff}
	usualColor  = color.RGBA{0x5b, 0x8f, 0xc4, 0xff}
	excessColor = color.RGBA{0xc6, 0x28, 0x28, 0xff}
	lackColor   = color.RGBA{0xb2, 0x6a, 0x00, 0xff}
	goneColor   = color.RGBA{0xa9, 0xb0, 0xb9, 0xff}
	withinColor = color.RGBA{0x04, 0x05, 0x07, 0x24}
)

// sharp is how many pixels a unit of the plot has.
const sharp = 2

// painter draws in the units of SVG.
type painter struct {
	m     *image.RGBA
	font  *opentype.Font
	faces map[float64]font.Face
}

func newPainter(width, height int) (*painter, error) {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		return nil, err
	}
	p := &painter{m: image.NewRGBA(image.Rect(0, 0, width*sharp, height*sharp)), font: f, faces: map[float64]font.Face{}}
	draw.Draw(p.m, p.m.Bounds(), image.White, image.Point{}, draw.Src)
	return p, nil
}

func (p *painter) box(c color.RGBA, x1, y1, x2, y2 float64) {
	at := func(v float64) int { return int(math.Round(v * sharp)) }
	r := image.Rect(at(x1), at(y1), at(x2), at(y2))
	if x2 <= x1 || y2 <= y1 {
		return
	}
	draw.Draw(p.m, r, image.NewUniform(c), image.Point{}, draw.Over)
}

// hatch marks what the logs do not cover.
func (p *painter) hatch(x1, y1, x2, y2 float64) {
	for py := int(y1 * sharp); py < int(y2*sharp); py++ {
		for px := int(math.Round(x1 * sharp)); px < int(math.Round(x2*sharp)); px++ {
			if (px+py)%12 < 3 {
				p.m.SetRGBA(px, py, goneColor)
			}
		}
	}
}

// line is as wide as a pen of one unit and a half.
func (p *painter) line(c color.RGBA, x1, y1, x2, y2 float64) {
	n := int(math.Ceil(math.Max(math.Abs(x2-x1), math.Abs(y2-y1)) * sharp))
	for i := range n + 1 {
		f := float64(i) / float64(max(n, 1))
		x, y := x1+(x2-x1)*f, y1+(y2-y1)*f
		p.box(c, x-0.5, y-0.75, x+0.5, y+0.75)
	}
}

// text writes at a point, to its right (side 0), around it (0.5) or to its left
// (1), and gives its width.
func (p *painter) text(x, y, size float64, c color.RGBA, s string, side float64) float64 {
	face := p.faces[size]
	if face == nil {
		var err error
		if face, err = opentype.NewFace(p.font, &opentype.FaceOptions{Size: size * sharp, DPI: 72, Hinting: font.HintingFull}); err != nil {
			return 0 // the size is one of ours
		}
		p.faces[size] = face
	}
	d := font.Drawer{Dst: p.m, Src: image.NewUniform(c), Face: face}
	width := float64(d.MeasureString(s)) / 64 / sharp
	d.Dot = fixed.Point26_6{X: fixed.Int26_6((x - width*side) * sharp * 64), Y: fixed.Int26_6(y * sharp * 64)}
	d.DrawString(s)
	return width
}

// times draws the time axis, as svgTimes does.
func (p *painter) times(s *Series, loc *time.Location, left, w, bottom float64) {
	ticks := s.ticks(max(1, int(w/64)), loc)
	daily := len(ticks) > 1
	for _, t := range ticks {
		daily = daily && t.day
	}
	free, freeDay := math.Inf(-1), math.Inf(-1)
	var month time.Month
	for i, t := range ticks {
		x := left + w*s.fraction(t.at)
		p.box(axisColor, x-0.5, bottom, x+0.5, bottom+5)
		hour, day := t.at.Format("15:04"), t.at.Format("Mon 2 Jan")
		if daily {
			hour, day = t.at.Format("Mon 2"), t.at.Format("January 2006")
		}
		if x-20 >= free && x+20 <= left+w+14 {
			p.text(x, bottom+18, 12, axisColor, hour, 0.5)
			free = x + 24
		}
		if (i == 0 || t.day && !daily || t.at.Month() != month) && x-30 >= freeDay && x+32 <= left+w+14 {
			p.text(x, bottom+34, 12, inkColor, day, 0.5)
			freeDay = x + 40
		}
		month = t.at.Month()
	}
}

// Describe says in words what a plot shows, for those who cannot see it.
func Describe(s Series, o Options) string {
	if len(s.Observed) == 0 || s.Step <= 0 {
		return ""
	}
	return s.describe(o)
}
