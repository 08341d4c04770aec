package config

import (
	"cmp"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"
)

// Vigilance is when the watch looks harder by itself, and for how long.
type Vigilance struct {
	// Severity is how bad an attack has to be at the least, "" for the default,
	// Never for no attack.
	Severity string
	// For is how long, 0 for the default.
	For time.Duration
}

// Never is the word for no severity at all.
const Never = "never"

// What holds where nothing is said.
const (
	DefaultVigilanceSeverity = "high"
	DefaultVigilance         = 4 * time.Hour
)

// Raised is for how long an attack of a severity raises vigilance, 0 where it
// does not.
func (v Vigilance) Raised(severity string) time.Duration {
	least := slices.Index(severityWords, cmp.Or(v.Severity, DefaultVigilanceSeverity))
	if least < 0 || slices.Index(severityWords, severity) < least {
		return 0
	}
	return cmp.Or(v.For, DefaultVigilance)
}

func (r *reader) vigilance(n *yaml.Node) (v Vigilance) {
	r.mapping(n, "vigilance", []field{
		{"severity", func(n *yaml.Node) { v.Severity = r.oneOf(n, "severity", append(slices.Clone(severityWords), Never)) }},
		r.span("for", &v.For, time.Minute, 7*24*time.Hour),
	})
	return v
}
