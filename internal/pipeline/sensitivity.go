package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"mailvigil/abuse"
	"mailvigil/maillog"
	"mailvigil/simulate"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// Sensitivity is how hard to ask what an attack would have looked like: how
// many of each kind are tried, and at which strengths, 1 being the usual one.
// The zero value does not ask.
type Sensitivity struct {
	Injections int
	Strengths  []float64
}

// The levels that people choose from. What they take in time stands in
// docs/sensitivity.md; Full is about ten times Quick.
var (
	SensitivityQuick = Sensitivity{8, []float64{1}}
	SensitivityFull  = Sensitivity{24, []float64{1, 0.5, 0.25}}
)

// attackKind is one kind of attack that is injected.
type attackKind struct {
	scenario simulate.Scenario
	text     string // at the usual strength, in words
	services []maillog.Service
	guessing bool // it fills the counts of failures, so no other such may lie beside it
}

// attackKinds are those whose traces the counts and profiles tell. A stolen
// session and somebody who walks through the mailboxes show only beside what
// else happened at the time, which is not read again.
var attackKinds = []attackKind{
	{simulate.Spray, "a few usual passwords tried at every account in two nights, from many addresses", []maillog.Service{maillog.IMAP, maillog.Submission}, true},
	{simulate.ProxySpray, "every account tried, no address twice", []maillog.Service{maillog.IMAP}, true},
	{simulate.Stuffing, "stolen pairs of name and password tried for three nights", []maillog.Service{maillog.IMAP}, true},
	{simulate.SlowGuessing, "a few people guessed at for five nights, no address twice", []maillog.Service{maillog.IMAP}, true},
	{simulate.OneAccount, "one mailbox guessed at in one night, no address twice", []maillog.Service{maillog.IMAP}, true},
	{simulate.Takeover, "mailboxes emptied at night with passwords that were known", []maillog.Service{maillog.IMAP}, false},
	{simulate.FakePhone, "mailboxes emptied by a script that calls itself a phone", []maillog.Service{maillog.ActiveSync}, false},
	{simulate.Download, "whole mailboxes fetched on a working day", []maillog.Service{maillog.IMAP}, false},
	{simulate.SendingBurst, "some hundred messages sent out of one account", []maillog.Service{maillog.Submission}, false},
	{simulate.PhoneDoor, "passwords guessed at ActiveSync", []maillog.Service{maillog.ActiveSync}, true},
}

const (
	injectTogether = 4
	injectAfter    = 5 * 24 * 60 // minutes of logs before the first
	injectPeople   = 400         // of whom traces are made
)

// injection is one attack that did not happen.
type injection struct {
	kind     int // index of attackKinds
	strength float64
	night    traffic.Slot
	seed     uint64
	events   []maillog.Event
	sources  map[string]bool
	accounts map[string]bool // taken over
}

// sensitivity asks how many attacks of each kind would have been found, had
// they happened. It is the same for the same logs.
func (r *run) sensitivity(ctx context.Context, base *verdict.Case) ([]verdict.Sensitivity, error) {
	n, strengths := r.opt.Sensitivity.Injections, r.opt.Sensitivity.Strengths
	if n == 0 {
		return []verdict.Sensitivity{}, nil
	}
	nights := r.quietNights()
	accounts := r.profiles.AccountNames()
	slices.Sort(accounts)
	if len(nights) == 0 || len(accounts) < 5 {
		return []verdict.Sensitivity{}, nil
	}
	var all []*injection
	for _, strength := range strengths {
		for k, kind := range attackKinds {
			if !slices.ContainsFunc(kind.services, func(s maillog.Service) bool { return len(r.mix[s]) > 0 }) {
				continue
			}
			for i := range n {
				h := fnv.New64a()
				h.Write([]byte(kind.scenario))
				all = append(all, &injection{kind: k, strength: strength, night: nights[i%len(nights)], seed: h.Sum64() + uint64(i)*977 + uint64(strength*1000)})
			}
		}
	}
	batches := together(all)
	found := make([]int, len(batches)*injectTogether)
	tried := make([]bool, len(found))
	failed := make([]error, len(batches))
	r.each(len(batches), func(b int) {
		if ctx.Err() != nil {
			return
		}
		var events []maillog.Event
		for _, in := range batches[b] {
			if failed[b] = r.trace(in, accounts); failed[b] != nil {
				return
			}
			events = append(events, in.events...)
		}
		slices.SortStableFunc(events, func(x, y maillog.Event) int { return cmp.Compare(x.Time, y.Time) })
		if len(events) == 0 {
			return
		}
		v, err := r.whatIf(ctx, base, events)
		if err != nil {
			failed[b] = err
			return
		}
		for i, in := range batches[b] {
			if len(in.events) == 0 {
				continue
			}
			tried[b*injectTogether+i] = true
			if in.found(v) {
				found[b*injectTogether+i] = 1
			}
			in.events = nil
		}
	})
	if err := errors.Join(append(failed, ctx.Err())...); err != nil {
		return nil, err
	}
	out := []verdict.Sensitivity{}
	for _, strength := range strengths {
		for k := range attackKinds {
			hits, n := 0, 0
			for b := range batches {
				for i, in := range batches[b] {
					if at := b*injectTogether + i; in.kind == k && in.strength == strength && tried[at] {
						n++
						hits += found[at]
					}
				}
			}
			if n == 0 {
				continue
			}
			s := verdict.Sensitivity{Attack: attackKinds[k].text, Injections: n, Detected: float64(hits) / float64(n), Interval: jeffreys(hits, n)}
			switch strength {
			case 1:
			case 0.5:
				s.Attack += ", half as strong"
			case 0.25:
				s.Attack += ", a quarter as strong"
			default:
				s.Attack += fmt.Sprintf(", %.3g times as strong", strength)
			}
			out = append(out, s)
		}
	}
	return out, nil
}

// together puts injections of one night into batches, each of different kinds,
// of which one at the most guesses: they hardly get into each other's way.
func together(all []*injection) [][]*injection {
	var out [][]*injection
	left := slices.Clone(all)
	for len(left) > 0 {
		batch := []*injection{left[0]}
		var rest []*injection
		for _, in := range left[1:] {
			fits := len(batch) < injectTogether && in.night == batch[0].night && !slices.ContainsFunc(batch, func(o *injection) bool {
				return o.kind == in.kind || attackKinds[o.kind].guessing && attackKinds[in.kind].guessing
			})
			if fits {
				batch = append(batch, in)
			} else {
				rest = append(rest, in)
			}
		}
		out, left = append(out, batch), rest
	}
	return out
}

// quietNights are the local midnights on which nothing was found, late enough
// for the normal to be known, and early enough for two days to follow; where
// all are troubled, all of them.
func (r *run) quietNights() (nights []traffic.Slot) {
	end := r.cells.Start + traffic.Slot(r.cells.Slots)
	first := time.Unix((r.cells.Start + injectAfter).Unix(), 0).In(r.opt.Location)
	var troubled []traffic.Slot
	for day := 0; ; day++ {
		at := traffic.SlotOf(time.Date(first.Year(), first.Month(), first.Day()+day, 0, 0, 0, 0, r.opt.Location).UnixNano())
		if at+2*24*60 > end {
			break
		}
		if at < r.cells.Start+injectAfter {
			continue
		}
		span := interval{at, at + 24*60}
		if slices.ContainsFunc(r.excess, func(x *excess) bool {
			return x.size() > 100 && slices.ContainsFunc(x.intervals, span.overlaps)
		}) {
			troubled = append(troubled, at)
			continue
		}
		nights = append(nights, at)
	}
	if len(nights) == 0 {
		return troubled
	}
	return nights
}

// trace has the simulation make the events of one attack on this organisation:
// its accounts, its services, the night chosen.
func (r *run) trace(in *injection, accounts []string) error {
	night := time.Unix(in.night.Unix(), 0).In(r.opt.Location)
	const days = 14
	start := time.Date(night.Year(), night.Month(), night.Day()-days*4/7, 0, 0, 0, 0, r.opt.Location)
	w, err := simulate.New(simulate.Options{
		Seed: in.seed, Accounts: min(len(accounts), injectPeople), Start: start, Days: days, Location: r.opt.Location,
		Scenario: attackKinds[in.kind].scenario, Strength: in.strength,
	})
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(in.seed, 1))
	order := random.Perm(len(accounts))
	names := make(map[string]string)
	until := (r.cells.Start + traffic.Slot(r.cells.Slots)).Unix() * int64(time.Second)
	in.sources, in.accounts = make(map[string]bool), make(map[string]bool)
	w.Story(func(it *simulate.Item) bool {
		e := it.Event
		if e.Time >= until || len(r.mix[e.Service]) == 0 {
			return true
		}
		e.UserAgent, e.Device, e.Session = bytes.Clone(e.UserAgent), bytes.Clone(e.Device), bytes.Clone(e.Session)
		e.Mechanism, e.URL, e.Hostname, e.DeviceType = bytes.Clone(e.Mechanism), bytes.Clone(e.URL), bytes.Clone(e.Hostname), bytes.Clone(e.DeviceType)
		e.Account = bytes.Clone(e.Account)
		if it.Person != "" {
			name, ok := names[it.Person]
			if !ok {
				name = accounts[order[len(names)%len(order)]]
				names[it.Person] = name
			}
			if len(e.Account) > 0 {
				e.Account = []byte(name)
			}
		}
		if e.ClientIP.IsValid() && !e.ClientIP.IsPrivate() {
			in.sources[abuse.SourceKey(e.ClientIP).String()] = true
		}
		in.events = append(in.events, e)
		return true
	})
	for _, p := range w.Taken() {
		if name := names[p]; name != "" {
			in.accounts[name] = true
		}
	}
	return nil
}

// InjectedScenarios are the attacks of which traces are made.
func InjectedScenarios() (out []simulate.Scenario) {
	for _, k := range attackKinds {
		out = append(out, k.scenario)
	}
	return out
}

// InjectedText names an attack as a verdict's sensitivity does.
func InjectedText(s simulate.Scenario) string {
	for _, k := range attackKinds {
		if k.scenario == s {
			return k.text
		}
	}
	return ""
}

// Names reports whether a verdict found the attacks of a truth as an injection
// is found, for measuring.
func Names(v *verdict.Verdict, t *simulate.Truth) bool {
	in := injection{sources: make(map[string]bool), accounts: make(map[string]bool)}
	for _, x := range t.Incidents {
		if x.Kind != "attack" {
			continue
		}
		for _, s := range x.Sources {
			if a, err := netip.ParseAddr(s); err == nil {
				in.sources[abuse.SourceKey(a).String()] = true
			}
		}
		for _, a := range x.Compromised {
			in.accounts[a] = true
		}
	}
	return in.found(v)
}

// found reports whether a verdict names the attack: one of its incidents is an
// attack that names an account it took, or a good part of where it came from.
func (in *injection) found(v *verdict.Verdict) bool {
	for i := range v.Incidents {
		x := &v.Incidents[i]
		if x.Kind != verdict.Attack {
			continue
		}
		if slices.ContainsFunc(x.Compromised, func(a string) bool { return in.accounts[strings.ToLower(a)] || in.accounts[a] }) {
			return true
		}
		named := 0
		for _, s := range x.Sources {
			if a, err := netip.ParseAddr(s); err == nil && in.sources[abuse.SourceKey(a).String()] {
				named++
			}
		}
		if named*4 >= len(in.sources) && named > 0 {
			return true
		}
	}
	return false
}

// jeffreys is the central 90 % interval of a share of which so many of n were
// seen, under Jeffreys' prior; where all or none were seen it goes to the end
// (Brown, Cai and DasGupta, Statistical Science 16, 2001). In θ, the share being
// sin²θ, the prior is flat.
func jeffreys(seen, n int) [2]float64 {
	const steps = 4000
	var weight [steps]float64
	sum := 0.0
	share := func(i int) float64 {
		s := math.Sin((float64(i) + 0.5) / steps * math.Pi / 2)
		return s * s
	}
	for i := range weight {
		p := share(i)
		weight[i] = math.Exp(float64(seen)*math.Log(p) + float64(n-seen)*math.Log1p(-p) - float64(n)*math.Ln2*entropy(seen, n))
		sum += weight[i]
	}
	at := func(q float64) float64 {
		part := 0.0
		for i, w := range weight {
			if part += w; part >= q*sum {
				return share(i)
			}
		}
		return 1
	}
	out := [2]float64{at(0.05), at(0.95)}
	switch seen {
	case 0:
		out = [2]float64{0, at(0.9)}
	case n:
		out = [2]float64{at(0.1), 1}
	}
	return out
}

// entropy keeps the weights of jeffreys near 1, in bits and negative.
func entropy(seen, n int) float64 {
	h := 0.0
	for _, k := range [...]int{seen, n - seen} {
		if k > 0 {
			h += float64(k) / float64(n) * math.Log2(float64(k)/float64(n))
		}
	}
	return h
}
