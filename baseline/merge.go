package baseline

// Merge takes in what another Model learnt of the same series at other times:
// from an archive, or from the host that a service ran on before. Events and
// exposure add up, so it does not matter which of the two takes the other in;
// what lies in the past at either's end is forgotten as if it were as recent.
// Models of different series must not be merged: their counts would add up,
// not their exposure, and the mean of the two is the mean of neither.
func (m *Model) Merge(o *Model) {
	m.fresh = false
	for i := range m.Week {
		a, b := m.Week[i].cell(), o.Week[i].cell()
		m.Week[i] = weekCell{halfOf(a.Events + b.Events), halfOf(a.Exposure + b.Exposure)}
	}
	add := func(a, b []cell) {
		for i := range a {
			a[i].Events += b[i].Events
			a[i].Exposure += b[i].Exposure
		}
	}
	add(m.Class[:], o.Class[:])
	add(m.Day[:], o.Day[:])
	add(m.Burst[:], o.Burst[:])
	for i := range m.Jobs {
		a, b := &m.Jobs[i], o.Jobs[i]
		if a.Days > 0 && b.Days > 0 && a.Last != b.Last {
			a.Days += b.Days
		}
		a.Days, a.Last = max(a.Days, b.Days), max(a.Last, b.Last)
	}
	m.All.Events += o.All.Events
	m.All.Exposure += o.All.Exposure
	m.Level.Events += o.Level.Events
	m.Level.Expected += o.Level.Expected
	for i := range m.Spread {
		m.Spread[i].Sum += o.Spread[i].Sum
		m.Spread[i].Bins += o.Spread[i].Bins
	}
	m.Pooled.Sum += o.Pooled.Sum
	m.Pooled.Bins += o.Pooled.Bins
	m.Noise.Sum += o.Noise.Sum
	m.Noise.Blocks += o.Noise.Blocks
	m.Learnt += o.Learnt
}
