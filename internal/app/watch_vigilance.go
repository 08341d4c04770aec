package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"mailvigil/internal/archive"
	"mailvigil/internal/archive/duck"
	"mailvigil/internal/incident"
	"mailvigil/internal/state"
	"mailvigil/verdict"
)

// itself is who the watch is where it does by itself what people do.
const itself = "mailvigil"

// isAttack reports whether an incident is an attack that goes on.
func isAttack(in *incident.Incident) bool {
	return in.Status == incident.Open && (in.Kind == verdict.Attack || in.Kind == verdict.Mixed)
}

// alert raises vigilance for attacks that are severe enough: once for each, and
// again when it returns. Who lowers it by hand is not overruled by what is known
// already. It reports whether something was raised. The caller holds mu.
func (w *watching) alert(ctx context.Context, changes []incident.Change) (raised bool, err error) {
	for i := range changes {
		c := &changes[i]
		in := c.Incident
		length := w.reloader.Current().Vigilance.Raised(string(in.Severity))
		if !isAttack(in) || !in.Ongoing || length == 0 {
			continue
		}
		now := w.now()
		before, err := w.state.VigilanceSince(ctx, in.Opened)
		if err != nil {
			return raised, err
		}
		if c.Kind != incident.ChangeReopened && slices.ContainsFunc(before, func(v state.Vigilance) bool { return v.Incident == in.ID }) {
			continue
		}
		v := state.Vigilance{
			Level: "high", From: now, Until: now.Add(length), By: itself, Incident: in.ID,
			Why: fmt.Sprintf("incident #%d is an attack of %s severity", in.Number, in.Severity),
		}
		if _, err := w.state.RaiseVigilance(ctx, v); err != nil {
			return raised, err
		}
		raised = true
		w.log.Info("vigilance is raised", "incident", in.Number, "until", v.Until)
	}
	return raised, nil
}

// search is the search of the archive while vigilance is raised.
type search struct {
	running sync.WaitGroup
	busy    bool
	last    time.Time
	told    map[string]string // whom the last note names, by incident
}

// The archive is searched so often, so far back, for so many addresses of an
// incident, and so much is written down of it.
const (
	searchEvery     = 15 * time.Minute
	searchBack      = 7 * 24 * time.Hour
	searchAddresses = 200
	searchNames     = 10
)

// searchArchive looks from time to time for what the addresses of open attacks
// did besides, while vigilance is raised. The caller holds mu, and is not kept:
// it is done beside.
func (w *watching) searchArchive(now time.Time) {
	s := &w.search
	if s.busy || !w.vigilance(now).Raised || now.Sub(s.last).Abs() < searchEvery {
		return
	}
	var attacks []*incident.Incident
	for _, in := range w.book.All() {
		if isAttack(in) && len(in.Sources) > 0 {
			attacks = append(attacks, in)
		}
	}
	if len(attacks) == 0 {
		return
	}
	s.busy, s.last = true, now
	segments := *w.listed.Load()
	s.running.Go(func() {
		for _, in := range attacks {
			text, names, err := w.besides(w.base, in, segments, now)
			w.mu.Lock()
			switch {
			case w.base.Err() != nil:
			case err != nil:
				w.log.Warn("the archive could not be searched for an incident; it is tried again", "incident", in.Number, "error", err)
			case text != "" && s.told[in.ID] != names:
				book := w.book.Clone()
				if changes, err := book.Note(w.now(), itself, in.ID, text); err == nil && w.keep(w.base, book, changes) == nil {
					if s.told == nil {
						s.told = make(map[string]string)
					}
					s.told[in.ID] = names
				}
			}
			w.mu.Unlock()
		}
		w.mu.Lock()
		s.busy = false
		w.mu.Unlock()
	})
}

// besidesBy is what addresses did, by account; %s are the addresses.
const besidesBy = `SELECT coalesce(person, account) AS who, string_agg(DISTINCT service, ', ' ORDER BY service) AS services,
  count(*) FILTER (action = 'login' AND outcome = 'success') AS logins,
  min(time) FILTER (action = 'login' AND outcome = 'success') AS first,
  max(time) FILTER (action = 'login' AND outcome = 'success') AS last
FROM events WHERE client_ip IN (%s) AND coalesce(person, account) <> ''
GROUP BY who ORDER BY logins DESC, who`

// besides says what the addresses of an incident did in the last days at other
// accounts and services than those that it names, "" where they did nothing.
// Names are whom it names, which change less often than times and counts do.
func (w *watching) besides(ctx context.Context, in *incident.Incident, segments []archive.Segment, now time.Time) (text, names string, err error) {
	files, _ := archive.Readable(w.store.Folder(), segments, now.Add(-searchBack), now)
	if len(files) == 0 {
		return "", "", nil
	}
	sources := in.Sources[:min(len(in.Sources), searchAddresses)]
	places, args := make([]string, len(sources)), make([]any, len(sources))
	for i, a := range sources {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), a
	}
	known := make(map[string]bool)
	for _, a := range in.Accounts {
		known[strings.ToLower(a)] = true
	}
	var others []string
	services := make(map[string]bool)
	entered, tried := 0, 0
	row := func(v []any) error {
		who, _ := v[0].(string)
		at, _ := v[1].(string)
		logins, _ := v[2].(int64)
		for _, s := range strings.Split(at, ", ") {
			if s != "" && !slices.Contains(in.Services, s) {
				services[s] = true
			}
		}
		switch {
		case known[strings.ToLower(who)]:
		case logins == 0:
			tried++
		default:
			entered++
			names += who + "\n"
			if first, ok := v[3].(time.Time); ok && len(others) < searchNames {
				last, _ := v[4].(time.Time)
				others = append(others, fmt.Sprintf("%s (%s at %s, %s to %s)", who, amountOf(int(logins), "sign-in"), at, w.stamp(first), w.stamp(last)))
			}
		}
		return nil
	}
	o := duck.Options{Memory: 64 << 20, Threads: 1, Timeout: time.Minute, From: now.Add(-searchBack), To: now}
	if err := duck.Query(ctx, files, fmt.Sprintf(besidesBy, strings.Join(places, ", ")), o, func([]duck.Column) error { return nil }, row, args...); err != nil {
		return "", "", err
	}
	if entered == 0 && len(services) == 0 {
		return "", "", nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The archive of the last 7 days was searched for the addresses of this incident (%d", len(sources))
	if len(sources) < len(in.Sources) {
		fmt.Fprintf(&b, " of %d", len(in.Sources))
	}
	b.WriteString(").")
	if entered > 0 {
		fmt.Fprintf(&b, " They also signed in to %s that the incident does not name: %s", amountOf(entered, "account"), strings.Join(others, "; "))
		if more := entered - len(others); more > 0 {
			fmt.Fprintf(&b, "; and %d more", more)
		}
		b.WriteString(". See whether these are their owners.")
	} else {
		b.WriteString(" They signed in to no other account.")
	}
	if tried > 0 {
		fmt.Fprintf(&b, " At %s they had no success.", amountOf(tried, "other account"))
	}
	if len(services) > 0 {
		list := strings.Join(slices.Sorted(maps.Keys(services)), ", ")
		fmt.Fprintf(&b, " They also came to: %s.", list)
		names += list
	}
	return b.String(), names, nil
}

// stamp is a time on the organisation's clock, for texts that are kept.
func (w *watching) stamp(t time.Time) string { return t.In(w.zone).Format("2 Jan 15:04") }
