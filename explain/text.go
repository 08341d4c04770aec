package explain

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Text says in plain English what a result of the table says. Causes that
// differ in one value are told together, as a range where the values are those
// of one end, and with what they have in common where Options.Implies knows of
// it. Names and values stand in it as they are in the table: where others wrote
// that, they are to be escaped before they are shown.
func Text(t *Table, r Result, o Options) string {
	switch {
	case r.Observed == 0 && r.Expected == 0:
		return "Nothing was observed and nothing expected."
	case r.Observed == 0:
		return "Nothing was observed at all where " + number(r.Expected) + " were expected."
	}
	var b strings.Builder
	if !r.Localised {
		switch {
		case r.Uneven:
			b.WriteString("No combination of values sets the difference apart")
		case math.Abs(r.Drift-1) < 0.02:
			b.WriteString("Nothing stands out: all is about as expected")
		default:
			b.WriteString("Nothing sets the difference apart: everything is " + change(r.Drift))
		}
	} else {
		groups := siblings(r.Causes)
		for i, g := range groups {
			if i > 0 {
				b.WriteString("; ")
			}
			where := phrase(t, g, o)
			if i == 0 {
				where = capital(where)
			}
			var observed, expected, share float64
			for _, c := range g.causes {
				observed += c.Observed
				expected += c.Expected
				share += c.Share
			}
			b.WriteString(where + " " + departure(observed, expected))
			if share >= 0.995 && r.UnexplainedShare < 0.005 {
				b.WriteString(", which is all of the difference")
			} else {
				b.WriteString(", " + percent(share) + " of the difference")
			}
		}
		if up, down := bothWays(r.Causes); up > 0 && down > 0 && math.Abs(up-down) < 0.2*(up+down) {
			b.WriteString(". What rose and what fell nearly cancel each other")
		}
		if math.Abs(r.Drift-1) >= 0.02 {
			b.WriteString(". Everything else is " + change(r.Drift))
		}
	}
	if r.Uneven {
		fmt.Fprintf(&b, ". %s single rows depart by themselves; what they have in common is not among the attributes", number(float64(r.ScatteredRows)))
	} else if r.Localised && r.UnexplainedShare >= 0.1 {
		b.WriteString(". " + percent(r.UnexplainedShare) + " of it is not explained")
	}
	return b.String() + "."
}

// family are causes of the same attributes that differ in the values of one.
type family struct {
	causes []Cause
	vary   string // the attribute; empty for one cause
}

// siblings puts causes that differ in one value and depart the same way
// together, in the order of the first of each.
func siblings(causes []Cause) []family {
	var out []family
causes:
	for _, c := range causes {
		for i := range out {
			g := &out[i]
			first := g.causes[0]
			if a, ok := differ(first.Where, c.Where); ok && (g.vary == "" || g.vary == a) && (first.Excess > 0) == (c.Excess > 0) {
				g.vary = a
				g.causes = append(g.causes, c)
				continue causes
			}
		}
		out = append(out, family{causes: []Cause{c}})
	}
	return out
}

// differ names the one attribute in which two sets of items of the same
// attributes differ.
func differ(x, y []Item) (string, bool) {
	if len(x) != len(y) {
		return "", false
	}
	name := ""
	for i := range x {
		if x[i].Attribute != y[i].Attribute {
			return "", false
		}
		if x[i].Value != y[i].Value {
			if name != "" {
				return "", false
			}
			name = x[i].Attribute
		}
	}
	return name, name != ""
}

// phrase names what a family picks out.
func phrase(t *Table, g family, o Options) string {
	first := g.causes[0].Where
	var parts []string
	for _, it := range first {
		a := slices.Index(t.Attributes, it.Attribute)
		values := []string{it.Value}
		if it.Attribute == g.vary {
			values = values[:0]
			for _, c := range g.causes {
				for _, other := range c.Where {
					if other.Attribute == g.vary {
						values = append(values, other.Value)
					}
				}
			}
		}
		if a < 0 {
			parts = append(parts, it.Attribute+" "+list(values))
			continue
		}
		parts = append(parts, valuesOf(t, a, values, first, o))
	}
	return list(parts)
}

// valuesOf names values of attribute a, of rows that also have the items.
func valuesOf(t *Table, a int, values []string, items []Item, o Options) string {
	name := t.Attributes[a]
	var ids []uint32
	for _, v := range values {
		if id, ok := t.ids[a][v]; ok {
			ids = append(ids, id)
		}
	}
	// The version of something is told with the name of that.
	base := -1
	if whole, ok := strings.CutSuffix(name, "_version"); ok {
		base = slices.Index(t.Attributes, whole)
	}
	var baseID uint32
	if base >= 0 {
		if id, ok := t.shared(a, ids, base); ok {
			baseID = id
			name = t.values[base][id]
		} else {
			base = -1
		}
	}
	if len(values) == 1 {
		return name + " " + values[0]
	}
	if from, to, last, first, ok := t.span(a, ids, items, base, baseID); ok {
		switch {
		case last:
			return name + " " + from + " and later"
		case first:
			return name + " " + to + " and earlier"
		}
		return name + " " + from + " to " + to
	}
	if len(values) <= 3 && base < 0 {
		if common := t.common(a, ids, o); common != "" {
			return name + " " + list(values) + " (" + common + ")"
		}
	}
	if len(values) <= 3 {
		return name + " " + list(values)
	}
	text := countWord(len(values)) + " values of " + name
	if common := t.common(a, ids, o); common != "" {
		text += ", all with " + common
	}
	return text + " (" + strings.Join(values[:2], ", ") + ", …)"
}

// common names what an attribute's value fixes, where it is the same for all.
func (t *Table) common(a int, ids []uint32, o Options) string {
	for _, name := range o.Implies[t.Attributes[a]] {
		if b := slices.Index(t.Attributes, name); b >= 0 {
			if id, ok := t.shared(a, ids, b); ok {
				return name + " " + t.values[b][id]
			}
		}
	}
	return ""
}

// shared returns the value of attribute b that all rows have whose value of
// attribute a is one of those given.
func (t *Table) shared(a int, ids []uint32, b int) (id uint32, ok bool) {
	for i, v := range t.columns[a] {
		if !slices.Contains(ids, v) {
			continue
		}
		w := t.columns[b][i]
		if w == 0 || ok && w != id {
			return 0, false
		}
		id, ok = w, true
	}
	return id, ok
}

// span reports whether the values are neighbours in the order of versions, all
// being such, among those that rows with the other items have, and whether they
// go to the last of them or begin with the first.
func (t *Table) span(a int, ids []uint32, items []Item, base int, baseID uint32) (from, to string, last, first, ok bool) {
	var others []Item
	for _, it := range items {
		if it.Attribute != t.Attributes[a] {
			others = append(others, it)
		}
	}
	seen := make(map[uint32]bool)
rows:
	for i, id := range t.columns[a] {
		if id == 0 || seen[id] || base >= 0 && t.columns[base][i] != baseID {
			continue
		}
		for _, it := range others {
			b := slices.Index(t.Attributes, it.Attribute)
			if b < 0 || t.values[b][t.columns[b][i]] != it.Value {
				continue rows
			}
		}
		seen[id] = true
	}
	all := make([]string, 0, len(seen))
	for id := range seen {
		v := t.values[a][id]
		if !isVersion(v) {
			return "", "", false, false, false
		}
		all = append(all, v)
	}
	slices.SortFunc(all, compareVersions)
	values := make([]string, 0, len(ids))
	for _, id := range ids {
		values = append(values, t.values[a][id])
	}
	slices.SortFunc(values, compareVersions)
	at := slices.Index(all, values[0])
	if at < 0 || at+len(values) > len(all) || !slices.Equal(all[at:at+len(values)], values) || len(values) == len(all) {
		return "", "", false, false, false
	}
	return values[0], values[len(values)-1], at+len(values) == len(all), at == 0, true
}

// isVersion tells of numbers with dots between them; addresses have three dots,
// and their order means nothing.
func isVersion(s string) bool {
	parts := strings.Split(s, ".")
	if len(parts) > 3 {
		return false
	}
	for _, p := range parts {
		if _, err := strconv.ParseUint(p, 10, 32); err != nil {
			return false
		}
	}
	return true
}

func compareVersions(x, y string) int {
	number := func(s string) []uint64 {
		var out []uint64
		for p := range strings.SplitSeq(s, ".") {
			n, _ := strconv.ParseUint(p, 10, 32)
			out = append(out, n)
		}
		return out
	}
	return cmp.Or(slices.Compare(number(x), number(y)), strings.Compare(x, y))
}

// bothWays sums rises and drops.
func bothWays(causes []Cause) (up, down float64) {
	for _, c := range causes {
		if c.Excess > 0 {
			up += c.Excess
		} else {
			down -= c.Excess
		}
	}
	return up, down
}

func departure(observed, expected float64) string {
	instead := number(observed) + " instead of " + number(expected)
	switch {
	case expected == 0 || observed >= 100*expected:
		return "appeared: " + instead
	case observed == 0:
		return "stopped: none instead of " + number(expected)
	case observed >= 2*expected:
		return fmt.Sprintf("rose to %.1f times what was expected, %s", observed/expected, instead)
	case observed >= expected:
		return fmt.Sprintf("rose by %.0f %%, %s", 100*(observed/expected-1), instead)
	}
	return fmt.Sprintf("fell by %.0f %%, %s", 100*(1-observed/expected), instead)
}

func change(factor float64) string {
	switch {
	case math.Abs(factor-1) < 0.005:
		return "as expected"
	case factor >= 2:
		return fmt.Sprintf("up to %.1f times what was expected", factor)
	case factor > 1:
		return fmt.Sprintf("up by %.0f %%", 100*(factor-1))
	}
	return fmt.Sprintf("down by %.0f %%", 100*(1-factor))
}

func percent(share float64) string {
	if share < 0.01 {
		return "less than 1 %"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}

// number writes a count with separators, amounts below ten with their decimals.
func number(x float64) string {
	if x < 10 && x != math.Trunc(x) {
		return strconv.FormatFloat(x, 'g', 2, 64)
	}
	s := strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

func countWord(n int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	if n < len(words) {
		return words[n]
	}
	return strconv.Itoa(n)
}

func list(parts []string) string {
	if len(parts) < 2 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

// capital begins a sentence with a capital letter, unless it begins with a name
// that has its own way ("iOS").
func capital(s string) string {
	for _, w := range []string{"two ", "three ", "four ", "five ", "six ", "seven ", "eight ", "nine ", "ten "} {
		if strings.HasPrefix(s, w) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}
