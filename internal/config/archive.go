package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Archive is how much of the lines is kept.
type Archive struct {
	// Days are how long, 0 for the default.
	Days int
	// Bytes are how much at most, 0 for as much as there is in Days.
	Bytes int64
}

// DefaultDays are how long lines are kept where nothing is said.
const DefaultDays = 90

// Kept is how long lines are kept, in days.
func (a Archive) Kept() int {
	if a.Days == 0 {
		return DefaultDays
	}
	return a.Days
}

func (r *reader) archive(n *yaml.Node) (a Archive) {
	r.mapping(n, "archive", []field{
		{"days", func(n *yaml.Node) {
			text, ok := r.text(n, "archive.days")
			if !ok {
				return
			}
			days, err := strconv.Atoi(text)
			// Ten years: above it somebody meant hours, or a year.
			if err != nil || days < 1 || days > 3660 {
				r.fail(n, "archive.days must be a number of days from 1 to 3660, as in 90, not %q; what incidents hold is kept longer by itself", text)
				return
			}
			a.Days = days
		}},
		{"bytes", func(n *yaml.Node) {
			if text, ok := r.text(n, "archive.bytes"); ok {
				a.Bytes = r.size(n, "archive.bytes", text)
			}
		}},
	})
	return a
}

var sizeForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([kKMGT]?i?B)?$`)

// size reads an amount of bytes of at least a megabyte.
func (r *reader) size(n *yaml.Node, what, text string) int64 {
	parts := sizeForm.FindStringSubmatch(text)
	if parts == nil || parts[2] == "" && strings.Contains(text, ".") {
		r.fail(n, "%s must be an amount of bytes, as in 50 GB or 500 MB, not %q", what, text)
		return 0
	}
	value, err := strconv.ParseFloat(parts[1], 64)
	unit := strings.TrimSuffix(parts[2], "B")
	base := 1000.0
	if strings.HasSuffix(unit, "i") {
		base, unit = 1024, unit[:1]
	}
	if unit != "" {
		value *= math.Pow(base, float64(1+strings.Index("KMGT", strings.ToUpper(unit))))
	}
	if err != nil || value < 1e6 || value > 1e18 {
		r.fail(n, "%s cannot be %s; it is at least 1 MB, and what comes in a day should find room in it", what, text)
		return 0
	}
	return int64(value)
}
