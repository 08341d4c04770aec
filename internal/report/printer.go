package report

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"mailvigil/internal/message"
	"mailvigil/verdict"
)

// style of text, as the parameter of an ANSI SGR sequence.
type style string

const (
	none   style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "1;31"
	green  style = "32"
	yellow style = "33"
)

// printer writes lines no wider than the terminal. Whatever it is given it
// escapes: a caller cannot forget to.
type printer struct {
	w io.Writer
	o Options
}

// raw writes a line that is safe already.
func (p *printer) raw(line string) { fmt.Fprintln(p.w, strings.TrimRight(line, " ")) } //nolint:errcheck // bufio keeps the first error for Flush

func (p *printer) blank() { p.raw("") }

func (p *printer) styled(st style, text string) string {
	if !p.o.Color || st == none || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

func (p *printer) heading(title string) {
	p.blank()
	p.paragraph("", "", bold, title)
}

// paragraph wraps text, the first line after first and the others after rest.
func (p *printer) paragraph(first, rest string, st style, text string) {
	text = clip(text, maxText)
	for i, line := range wrap(text, p.o.Width-width(first), p.o.Width-width(rest)) {
		if i == 0 {
			p.raw(first + p.styled(st, line))
		} else {
			p.raw(rest + p.styled(st, line))
		}
	}
}

// marked wraps text that stands after a mark in its own style.
func (p *printer) marked(indent, mark string, st style, text string) {
	mark = message.Safe(mark)
	hang := width(indent) + width(mark)
	for i, line := range wrap(clip(text, maxText), p.o.Width-hang, p.o.Width-hang) {
		if i == 0 {
			p.raw(indent + p.styled(st, mark) + line)
		} else {
			p.raw(strings.Repeat(" ", hang) + line)
		}
	}
}

// verbatim writes a line that must stay whole, however wide it is.
func (p *printer) verbatim(indent, text string) { p.raw(indent + message.Safe(text)) }

// field is a named line of an incident.
func (p *printer) field(name, text string) { p.marked("   ", pad(name, 10), faint, text) }

// clipped writes one line and cuts what does not fit.
func (p *printer) clipped(indent string, st style, text string) {
	p.raw(indent + p.styled(st, p.clip(message.Safe(text), p.o.Width-width(indent))))
}

func (p *printer) clip(text string, columns int) string {
	dots := p.dots()
	if width(text) <= columns {
		return text
	}
	head, _ := split(text, columns-width(dots))
	return head + dots
}

// place writes where a line stands. What does not fit is cut from the front
// of the path: the name of the file and the number of the line must stay.
func (p *printer) place(indent string, e verdict.Evidence) {
	text, room := message.Safe(e.File)+":"+strconv.FormatInt(e.Line, 10), p.o.Width-width(indent)
	dots := p.dots()
	if over := width(text) - room; over > 0 {
		_, text = split(text, over+width(dots))
		for width(text) > room-width(dots) { // a wide character stood at the cut
			_, text = split(text, 1)
		}
		text = dots + text
	}
	p.raw(indent + p.styled(faint, text))
}

func (p *printer) dots() string {
	if p.o.Unicode {
		return "…"
	}
	return "..."
}

func (p *printer) bullet() string {
	if p.o.Unicode {
		return "• "
	}
	return "* "
}

func width(s string) int { return uniseg.StringWidth(s) }

// split cuts s after as many whole characters as fit into n columns, and at
// least one.
func split(s string, n int) (head, rest string) {
	if s == "" {
		return "", ""
	}
	used, end := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > n && end > 0 {
			break
		}
		_, end = g.Positions()
	}
	return s[:end], s[end:]
}

// wrap breaks text into lines at blanks: the first of at most first columns,
// the others of at most rest. A word that is too long is cut.
func wrap(text string, first, rest int) []string {
	var lines []string
	room, line := max(first, 1), ""
	flush := func() {
		lines, line, room = append(lines, line), "", max(rest, 1)
	}
	for _, word := range strings.Fields(text) {
		if line != "" && width(line)+1+width(word) > room {
			flush()
		}
		if line != "" {
			line += " "
		}
		for width(line)+width(word) > room {
			line, word = split(word, room)
			flush()
		}
		line += word
	}
	if line != "" || lines == nil {
		flush()
	}
	return lines
}

// pad fills s with blanks to n columns.
func pad(s string, n int) string { return s + strings.Repeat(" ", max(0, n-width(s))) }

// clip keeps a name from filling a page: an attacker chooses its length.
func clip(s string, n int) string {
	s = message.Safe(s)
	if width(s) <= n {
		return s
	}
	head, _ := split(s, n-3)
	return head + "..."
}

// amount writes a count, with commas between thousands.
func amount(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "an unknown number"
	}
	if math.Abs(v) < 10 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return group(strconv.FormatFloat(v, 'f', 0, 64))
}

func group(digits string) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func plural[N int | int64](n N, what string) string {
	return group(strconv.FormatInt(int64(n), 10)) + " " + what + ending(int(n), what)
}

func ending(n int, what string) string {
	switch {
	case n == 1:
		return ""
	case strings.HasSuffix(what, "s"):
		return "es"
	}
	return "s"
}

func size(bytes int64) string {
	v, units := float64(bytes), []string{"bytes", "kB", "MB", "GB", "TB"}
	i := 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 || v >= 10 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

// upperFirst begins a sentence, and leaves iPhones and iOS as they are.
func upperFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if second, _ := utf8.DecodeRuneInString(s[n:]); r == utf8.RuneError || unicode.IsUpper(second) {
		return s
	}
	return string(unicode.ToUpper(r)) + s[n:]
}

func sentenceEnd(s string) string {
	if s = strings.TrimSpace(s); s == "" || strings.ContainsAny(s[len(s)-1:], ".?!") {
		return s
	}
	return s + "."
}
