package explain

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// onlyCount is the column that ends the header of a set of events.
var onlyCount = columns{names: [][]string{{"count"}}, wanted: "the last column must be count", example: "count"}

// bothCounts are those that end the header of a table.
var bothCounts = columns{
	names:   [][]string{{"real", "predict"}, {"count", "baseline"}, {"observed", "expected"}},
	wanted:  "the last two columns must be real,predict or count,baseline (observed, then expected)",
	example: "real,predict",
}

// columns are the counts that follow the attributes of a header, under any of
// some names.
type columns struct {
	names           [][]string
	wanted, example string
}

// ReadCSV reads a table: a header with the attributes followed by
// real,predict (or count,baseline, or observed,expected), then a row a leaf.
// Rows with the same values add up. Errors name the line.
func ReadCSV(r io.Reader) (*Table, error) { return readRows(r, bothCounts) }

// ReadContrast reads two sets for Contrast: each a header with the same
// attributes in the same order, followed by count, then a row a combination.
func ReadContrast(a, b io.Reader) (*Table, error) {
	first, err := readRows(a, onlyCount)
	if err != nil {
		return nil, fmt.Errorf("first set: %w", err)
	}
	second, err := readRows(b, onlyCount)
	if err != nil {
		return nil, fmt.Errorf("second set: %w", err)
	}
	if !slices.Equal(first.Attributes, second.Attributes) {
		return nil, fmt.Errorf("the sets have different attributes: %q and %q", strings.Join(first.Attributes, ","), strings.Join(second.Attributes, ","))
	}
	values := make([]string, len(first.Attributes))
	for i, n := range second.observed {
		for k, col := range second.columns {
			values[k] = second.values[k][col[i]]
		}
		first.Add(values, 0, n)
	}
	return first, nil
}

// readRows reads a header and rows of attributes and counts: what was observed
// and, where there are two, what was expected.
func readRows(r io.Reader, counts columns) (*Table, error) {
	cr := csv.NewReader(r)
	cr.ReuseRecord = true
	header, err := cr.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: a header line is needed, the attributes and then %s", counts.example)
	}
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	names := make([]string, len(header))
	for i, h := range header {
		names[i] = strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))
	}
	n := len(names) - len(counts.names[0])
	if n < 0 || !slices.ContainsFunc(counts.names, func(c []string) bool { return slices.EqualFunc(names[n:], c, strings.EqualFold) }) {
		return nil, fmt.Errorf("header %q: %s", strings.Join(names, ","), counts.wanted)
	}
	if err := checkAttributes(names[:n]); err != nil {
		return nil, err
	}
	t := NewTable(names[:n]...)
	for {
		row, err := cr.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // names the line itself
		}
		var x [2]float64
		for i := n; i < len(row); i++ {
			if x[i-n], err = parseCount(names[i], row[i]); err != nil {
				line, _ := cr.FieldPos(0)
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
		}
		t.addRow(row[:n], x[0], x[1])
	}
	if t.Len() == 0 {
		return nil, errors.New("no row follows the header")
	}
	return t, nil
}

// checkAttributes says what is wrong with the names of attributes.
func checkAttributes(names []string) error {
	if len(names) == 0 {
		return errors.New("header: no attribute column stands before the counts")
	}
	seen := map[string]bool{}
	for i, a := range names {
		if a == "" {
			return fmt.Errorf("header: column %d has no name", i+1)
		}
		if seen[a] {
			return fmt.Errorf("header: attribute %q stands twice", a)
		}
		seen[a] = true
	}
	return nil
}

// addRow is Add for values of a reader that reuses its memory: the dictionary
// keeps its values for as long as the table lives, and they must not pin the
// whole line.
func (t *Table) addRow(row []string, observed, expected float64) {
	for i := range row {
		if _, ok := t.ids[i][row[i]]; !ok {
			row[i] = strings.Clone(row[i])
		}
	}
	t.Add(row, observed, expected)
}

func parseCount(column, s string) (float64, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, fmt.Errorf("%s is missing", column)
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0, fmt.Errorf("%s is not a number: %q", column, s)
	}
	if x < 0 {
		return 0, fmt.Errorf("%s is negative: %s", column, s)
	}
	if x > mostCount {
		return 0, fmt.Errorf("%s is too large: %s", column, s)
	}
	return x, nil
}
