package simulate

import (
	"math/rand/v2"
	"strings"
)

// rhythm is how busy a person is with mail in each local hour, in thousandths
// of the busiest.
type rhythm [24]int64

var (
	officeHours = rhythm{2, 1, 1, 1, 2, 10, 60, 250, 650, 900, 1000, 950, 600, 750, 950, 900, 800, 550, 280, 180, 190, 170, 90, 25}
	lateHours   = rhythm{60, 20, 6, 2, 2, 5, 30, 120, 420, 750, 900, 900, 650, 750, 900, 900, 900, 850, 700, 520, 480, 450, 330, 170}
	nightOwls   = rhythm{420, 300, 170, 70, 15, 5, 10, 40, 120, 300, 500, 600, 550, 600, 650, 650, 650, 600, 450, 400, 480, 560, 600, 550}
	freeDays    = rhythm{14, 6, 3, 2, 2, 3, 10, 25, 70, 120, 150, 140, 100, 90, 110, 120, 130, 120, 110, 120, 150, 140, 90, 40}
)

// person has an account, habits and devices.
type person struct {
	name    string // the account, as the directory spells it
	index   int
	userID  int64 // Roundcube's
	rhythm  *rhythm
	shift   int   // hours later than the others
	busy    int64 // thousandths of the average person
	days    uint8 // of the week on which the person works, bit 0 is Sunday
	remote  int64 // thousandths of working days spent at home
	webmail int64 // thousandths of sessions held in the browser
	browser int   // in browsers
	home    *network
	stays   int64 // days until the home's address changes
	six     bool  // the home has IPv6
	carrier *network
	devices []*device
	stale   *device // a forgotten one, with an old password
	late    int64   // days after its publication that the browser's release is taken
	hidden  int64   // thousandths of days on which the home's computer hides behind a VPN
	lodges  *person // at whose home the person lives; nil: at one's own
	helper  *person // who looks after the mailbox too; nil: nobody
}

func newPeople(w *World) []*person {
	names := newNames(w.rng("names", 0, 0), w.opt.Accounts)
	out := make([]*person, len(names))
	for i, n := range names {
		r := w.rng("person", i, 0)
		p := &person{
			name: n + "@" + w.opt.Domain, index: i, userID: 1000 + int64(i)*3 + r.Int64N(3),
			rhythm: &officeHours, shift: r.IntN(3) - 1, busy: between(r, 350, 1650),
			days: 0b0111110, remote: between(r, 50, 450), webmail: pick(r, []int64{0, 100, 400, 800, 1000}),
			browser: r.IntN(len(browsers)), home: &homes[0], stays: pick(r, []int64{1, 4, 9, 30, 90}), carrier: pick(r, pointers(carriers)),
		}
		switch {
		case chance(r, 45):
			p.rhythm = &nightOwls
		case chance(r, 320):
			p.rhythm = &lateHours
		case chance(r, 200):
			p.days &^= 1 << (1 + r.IntN(5)) // works four days
		}
		switch h := r.IntN(10); {
		case h >= 9:
			p.home = &homes[2]
		case h >= 5:
			p.home = &homes[1]
		}
		p.six = p.home.v6 != "" && chance(r, 550)
		p.devices = newDevices(r, p.name)
		out[i] = p
	}
	settle(w, out)
	// One device in two hundred people's was forgotten in a drawer or a
	// spare office when the password changed.
	r := w.rng("forgotten", 0, 0)
	const never = 100_000 // days until it takes an update
	for range max(1, len(out)/200) {
		p := pick(r, out)
		p.stale = newDevice(r, pick(r, []deviceKind{iPhone, desktop}), p.name)
		p.stale.lag = never
	}
	return out
}

// settle gives people what makes their lives less regular, each of it to few:
// a home that is shared, a VPN that hides it, a secretary, a new phone.
func settle(w *World, people []*person) {
	for i, p := range people {
		r := w.rng("life", i, 0)
		p.late = wait(r, 6*second) / second
		switch {
		case chance(r, 12):
			p.hidden = 950
		case chance(r, 25):
			p.hidden = 80
		}
		if i > 0 && chance(r, 40) && people[i-1].lodges == nil {
			p.lodges = people[i-1]
		}
		if chance(r, 25) {
			if q := pick(r, people); q != p {
				p.helper = q
			}
		}
		// A phone serves some three years.
		if at := r.Int64N(1000); at < int64(w.opt.Days) {
			p.renew(r, w.midnight(int(at)).UnixNano()+between(r, 9, 21)*hour)
		}
	}
}

// renew replaces the first phone by another, which is set up at an instant.
func (p *person) renew(r *rand.Rand, at int64) {
	for _, old := range p.devices {
		if !old.kind.activeSync() {
			continue
		}
		young := newDevice(r, pick(r, []deviceKind{iPhone, iPhone, samsung, outlook}), p.name)
		young.lag, young.since = old.lag, at
		old.until = at + between(r, 1, 30)*hour // it lies about for a while
		p.devices = append(p.devices, young)
		return
	}
}

func newDevices(r *rand.Rand, name string) []*device {
	short, _, _ := strings.Cut(name, "@")
	login := func() string {
		switch r.IntN(12) {
		case 0:
			return short
		case 1:
			return strings.ToUpper(name[:1]) + name[1:]
		}
		return name
	}
	kinds := []deviceKind{iPhone, iPhone, iPhone, iPhone, iPhone, samsung, samsung, android, outlook, outlook, iPhoneIMAP, k9}
	var out []*device
	if chance(r, 880) {
		out = append(out, newDevice(r, pick(r, kinds), login()))
	}
	if chance(r, 120) {
		out = append(out, newDevice(r, pick(r, kinds), login()))
	}
	if chance(r, 450) {
		out = append(out, newDevice(r, desktop, name))
	}
	return out
}

func pointers[T any](of []T) []*T {
	out := make([]*T, len(of))
	for i := range of {
		out[i] = &of[i]
	}
	return out
}

// presence is where a person is during a day, by the place in day.hours.
type presence struct {
	absent bool // a day off
	place  [26]place
	home   address
	away   *network // of the carrier or, on a journey, of a place abroad
}

type place uint8

const (
	atHome place = iota
	atOffice
	underway
)

// presence draws a person's day. It is drawn anew by every habit that asks,
// and is the same each time.
func (d *day) presence(p *person) presence {
	r := d.w.rng("presence", p.index, d.index)
	out := presence{away: p.carrier}
	out.home = d.w.homeAddress(p, d.index)
	week := d.w.rng("week", p.index, d.index/5)
	if journey := week; chance(journey, 20) {
		out.away = pick(journey, pointers(abroad))
		out.home = out.away.address(journey)
		return out
	}
	works := !d.free && p.days>>d.weekday&1 == 1
	if out.absent = works && chance(r, 70); out.absent || !works {
		for i, h := range d.hours {
			if h >= 9 && h < 22 && chance(r, 220) {
				out.place[i] = underway
			}
		}
		return out
	}
	arrives, leaves := 8+p.shift+r.IntN(2), 17+p.shift+r.IntN(3)
	if p.rhythm == &lateHours {
		leaves += 2
	}
	if chance(r, p.remote) {
		return out
	}
	for i, h := range d.hours {
		switch {
		case h >= arrives && h < leaves:
			out.place[i] = atOffice
		case h == arrives-1, h == leaves, h > leaves && chance(r, 80):
			out.place[i] = underway
		}
	}
	return out
}

// homeAddress is what the provider has lent to a person's home that day.
func (w *World) homeAddress(p *person, day int) address {
	if p.lodges != nil {
		p = p.lodges
	}
	lease := int((int64(day) + int64(p.index)%p.stays) / p.stays)
	r := w.rng("home", p.index, lease)
	if p.six {
		return p.home.six(r, mix(uint64(p.index)^w.opt.Seed)+uint64(lease))
	}
	return p.home.address(r)
}

// computer and phone are the addresses a person is seen under at an instant.
func (d *day) computer(p *person, at *presence, t int64) address {
	if at.place[d.slot(t)] == atOffice {
		return d.w.office[p.index%len(d.w.office)]
	}
	if r := d.w.rng("hidden", p.index, d.index); chance(r, p.hidden) {
		return exits.address(r)
	}
	return at.home
}

func (d *day) phone(p *person, at *presence, t int64) address {
	slot := d.slot(t)
	where := at.place[slot]
	if where == atOffice && p.index%3 > 0 {
		return d.w.office[p.index%len(d.w.office)] // on the office's wireless network
	}
	if where == atHome {
		return at.home
	}
	return at.away.address(d.w.rng("mobile", p.index, d.index*32+slot/2))
}

// activity is how busy a person is at an instant, in thousandths.
func (d *day) activity(p *person, at *presence, t int64) int64 {
	of := p.rhythm
	if d.free || at.absent || p.days>>d.weekday&1 == 0 {
		of = &freeDays
	}
	h := d.hourOf(t) - p.shift
	return of[(h+24)%24] * p.busy / 1000 * d.busy / 1000
}

// times draws the instants of something that a person does so many times, in
// thousandths, in an hour of full activity.
func (d *day) times(r *rand.Rand, p *person, at *presence, perHour int64, do func(t int64)) {
	// A thinned Poisson process: drawn at the highest rate, kept in
	// proportion to the activity.
	const most = 1900
	for t := d.start + wait(r, hour*1000/perHour*1000/most); t < d.end; t += wait(r, hour*1000/perHour*1000/most) {
		if r.Int64N(most) < d.activity(p, at, t) {
			do(t)
		}
	}
}
