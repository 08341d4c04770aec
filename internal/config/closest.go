package config

import (
	_ "embed" // zones.txt
	"strings"
	_ "time/tzdata" // hosts may have no zones installed
)

// zones.txt lists the names of Go's own zone database, which is embedded as
// data and cannot be listed at run time. A test loads each of them.
//
//go:embed zones.txt
var zoneList string

// Zones returns the names of the time zones, sorted.
func Zones() []string { return strings.Fields(zoneList) }

// Closest returns the word that a mistyped one was most likely meant to be, or
// "" where none is near. The first of equally near words wins.
func Closest(word string, of []string) string {
	word = strings.ToLower(word)
	best, limit := "", max(1, len(word)/3)+1
	for _, candidate := range of {
		if d := distance(word, strings.ToLower(candidate), limit); d < limit {
			best, limit = candidate, d
		}
	}
	return best
}

// distance counts the letters to insert, drop, replace or swap with their
// neighbour to make b of a (optimal string alignment), and gives up at limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
