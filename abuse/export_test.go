package abuse

// Sizes are the lengths of the maps that a flood fills.
func (p *Profiles) Sizes() (accounts, sources, stales int) {
	return len(p.accounts), len(p.sources), len(p.stales)
}

// The bounds of the maps.
const (
	MaxSources = maxSources
	MaxStale   = maxStale
)
