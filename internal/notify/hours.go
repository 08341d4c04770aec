package notify

import "time"

// quiet reports whether it is a quiet hour on the receiver's own clock, and when
// that ends. What the clock shows at an instant decides, so the hours are right
// on the nights when it is changed: on one of them they are an hour shorter, on
// the other an hour longer.
func (h Hours) quiet(now time.Time) (until time.Time, is bool) {
	if h.From == h.Until || !h.holds(now) {
		return time.Time{}, false
	}
	until = now.Truncate(time.Minute)
	for range 48 * 60 {
		until = until.Add(time.Minute)
		if !h.holds(until) {
			break
		}
	}
	return until, true
}

func (h Hours) holds(at time.Time) bool {
	zone := h.Zone
	if zone == nil {
		zone = time.UTC
	}
	at = at.In(zone)
	m := Clock(at.Hour()*60 + at.Minute())
	if h.From < h.Until {
		return m >= h.From && m < h.Until
	}
	return m >= h.From || m < h.Until
}
