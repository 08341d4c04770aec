package chart

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"mailvigil/internal/message"
)

// Sizes of a picture of a terminal, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 18.0
	screenPad  = 16.0
	screenTop  = 36.0 // the frame's upper edge
)

func screenStyle() string {
	shades := []shade{
		{".page", "fill", "#fbfbf9", "#12171e"},
		{".page", "stroke", "#d5d5ce", "#303945"},
		{".bar", "fill", "#ebebe6", "#1d242d"},
		{".dot", "fill", "#cfcfc8", "#3a4552"},
		{"text,.mt .g", "fill", "#24292f", "#dfe5ec"},
	}
	for i, c := range [8][2]string{
		{"#24292f", "#7d8794"},
		{"#c62828", "#ff6b5e"},
		{"#2e7d32", "#6fcf7c"},
		{"#9a6700", "#f0b03c"},
		{"#4a7fb5", "#5c9ad6"},
		{"#8250df", "#c297ff"},
		{"#6f9cc4", "#5f8fb8"},
		{"#6e7781", "#aab4c0"},
	} {
		shades = append(shades, shade{fmt.Sprintf(".c%d", i), "fill", c[0], c[1]})
	}
	return styleSheet(".mt", `.mt text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;white-space:pre}.mt .b{font-weight:700}.mt .f{opacity:.65}`, shades)
}

// pen is what the SGR sequences so far have set.
type pen struct {
	color       int // 0 to 7, -1 for the terminal's own
	bold, faint bool
}

func (p pen) class(base string) string {
	parts := []string{}
	if base != "" {
		parts = append(parts, base)
	}
	if p.color >= 0 {
		parts = append(parts, fmt.Sprintf("c%d", p.color))
	}
	if p.bold {
		parts = append(parts, "b")
	}
	if p.faint {
		parts = append(parts, "f")
	}
	if len(parts) == 0 {
		return ""
	}
	return ` class="` + strings.Join(parts, " ") + `"`
}

// TerminalSVG turns text with ANSI colours (the sixteen, bold and faint) into
// a picture of a terminal of cols columns, for light and dark pages. Longer
// lines are cut; other escape sequences are left out.
//
// Each word is placed on the grid of columns by itself, with its length
// stated, and blocks and lines are drawn as shapes instead of letters: so all
// lines up in any renderer and with any font.
func TerminalSVG(ansi string, cols int) string {
	if cols <= 0 {
		cols = 80
	}
	lines := strings.Split(strings.TrimRight(ansi, "\n"), "\n")
	width := 2*screenPad + float64(cols)*cellWidth
	height := screenTop + 2*screenPad + float64(len(lines))*cellHeight - 8

	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" class="mt" viewBox="0 0 %s %s" width="%s" height="%s" role="img">`+"\n", px(width), px(height), px(width), px(height))
	fmt.Fprintf(&b, "<title>Picture of a terminal</title>\n<desc>%s</desc>\n<style>%s</style>\n", text(words(ansi)), screenStyle())
	fmt.Fprintf(&b, `<rect class="page" x=".5" y=".5" width="%s" height="%s" rx="8"/><path class="bar" d="M1 28V8.5a7.5 7.5 0 0 1 7.5-7.5H%sa7.5 7.5 0 0 1 7.5 7.5V28z"/>`, px(width-1), px(height-1), px(width-8.5))
	for i := range 3 {
		fmt.Fprintf(&b, `<circle class="dot" cx="%d" cy="14" r="5"/>`, 18+18*i)
	}
	b.WriteByte('\n')
	p := pen{color: -1}
	for i, line := range lines {
		s := screenLine{b: &b, y: screenTop + screenPad/2 + float64(i)*cellHeight, pen: p}
		s.draw(line, cols)
		p = s.pen
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// screenLine draws one line of the terminal.
type screenLine struct {
	b    *strings.Builder
	y    float64
	pen  pen
	word strings.Builder // text not drawn yet, which starts at column from
	from int
	n    int // its columns
	// shape is a run of equal shapes not drawn yet.
	shape         string
	shapeFrom, at int
}

func (s *screenLine) draw(line string, cols int) {
	for line != "" {
		if rest, sgr, ok := escapeSequence(line); ok {
			s.flush()
			s.pen.set(sgr)
			line = rest
			continue
		}
		g, rest, w, _ := uniseg.FirstGraphemeClusterInString(line, -1)
		line = rest
		if w == 0 || s.at+w > cols {
			continue
		}
		switch {
		case g == " ":
			s.flush()
		case isShape(g):
			if s.shape != g {
				s.flush()
				s.shape, s.shapeFrom = g, s.at
			}
		default:
			if s.shape != "" {
				s.flush()
			}
			if s.n == 0 {
				s.from = s.at
			}
			s.word.WriteString(g)
			s.n += w
		}
		s.at += w
	}
	s.flush()
}

func columnX(n int) float64 { return screenPad + float64(n)*cellWidth }

func (s *screenLine) flush() {
	if s.n > 0 {
		fmt.Fprintf(s.b, `<text%s x="%s" y="%s" textLength="%s" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n",
			s.pen.class(""), px(columnX(s.from)), px(s.y+cellHeight-5), px(float64(s.n)*cellWidth), text(s.word.String()))
		s.word.Reset()
		s.n = 0
	}
	if s.shape != "" {
		x, w := columnX(s.shapeFrom), float64(s.at-s.shapeFrom)*cellWidth
		drawShape(s.b, s.pen, s.shape, x, s.y, w, s.at-s.shapeFrom)
		s.shape = ""
	}
}

const eighths = "▁▂▃▄▅▆▇█"

func isShape(g string) bool {
	return strings.Contains(eighths+"░▒▓─│┤├┬┼", g)
}

// drawShape draws n equal block or line characters from x on.
func drawShape(b *strings.Builder, p pen, shape string, x, y, w float64, n int) {
	rect := func(top, height, opacity float64) {
		o := ""
		if opacity < 1 {
			o = fmt.Sprintf(` fill-opacity="%.2f"`, opacity)
		}
		fmt.Fprintf(b, `<rect%s x="%s" y="%s" width="%s" height="%s"%s shape-rendering="crispEdges"/>`+"\n", p.class("g"), px(x), px(top), px(w), px(height), o)
	}
	if i := strings.Index(eighths, shape); i >= 0 {
		h := math.Round(float64(i/len("▁")+1)*cellHeight/8*10) / 10
		rect(y+cellHeight-h, h, 1)
		return
	}
	switch shape {
	case "░":
		rect(y, cellHeight, 0.35)
		return
	case "▒":
		rect(y, cellHeight, 0.6)
		return
	case "▓":
		rect(y, cellHeight, 0.8)
		return
	}
	middle := y + cellHeight/2
	if strings.Contains("─┬┼┤├", shape) {
		from, to := x, x+w
		switch shape {
		case "├":
			from = x + cellWidth/2
		case "┤":
			to = x + w - cellWidth/2
		}
		fmt.Fprintf(b, `<rect%s x="%s" y="%s" width="%s" height="1"/>`+"\n", p.class("g"), px(from), px(middle-0.5), px(to-from))
	}
	if shape == "─" {
		return
	}
	top, bottom := y, y+cellHeight
	if shape == "┬" {
		top = middle
	}
	for i := range n {
		fmt.Fprintf(b, `<rect%s x="%s" y="%s" width="1" height="%s"/>`+"\n", p.class("g"), px(x+(float64(i)+0.5)*cellWidth-0.5), px(top), px(bottom-top))
	}
}

// escapeSequence cuts a control sequence off the start of s. sgr holds its
// parameters where it sets colours.
func escapeSequence(s string) (rest, sgr string, ok bool) {
	if !strings.HasPrefix(s, "\x1b[") {
		return s, "", false
	}
	for i := 2; i < len(s); i++ {
		if c := s[i]; c >= 0x40 && c <= 0x7e {
			if c == 'm' {
				return s[i+1:], s[2:i], true
			}
			return s[i+1:], "1000", true // a parameter that sets nothing
		}
	}
	return "", "1000", true
}

func (p *pen) set(sgr string) {
	for _, parameter := range strings.Split(sgr, ";") {
		n := 0
		if _, err := fmt.Sscanf(parameter, "%d", &n); err != nil && parameter != "" {
			continue
		}
		switch {
		case n == 0:
			*p = pen{color: -1}
		case n == 1:
			p.bold = true
		case n == 2:
			p.faint = true
		case n == 22:
			p.bold, p.faint = false, false
		case n >= 30 && n <= 37:
			p.color = n - 30
		case n >= 90 && n <= 97:
			p.color = n - 90
		case n == 39:
			p.color = -1
		}
	}
}

// words is what a terminal's text says to those who cannot see it: without
// colours and without what is drawn.
func words(ansi string) string {
	var b strings.Builder
	for ansi != "" {
		if rest, _, ok := escapeSequence(ansi); ok {
			ansi = rest
			continue
		}
		r, n := utf8.DecodeRuneInString(ansi)
		if !isShape(string(r)) {
			b.WriteString(ansi[:n])
		}
		ansi = ansi[n:]
	}
	return message.Safe(strings.Join(strings.Fields(b.String()), " "))
}
