package simulate

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"mailvigil/maillog"
)

// Durations in nanoseconds, the unit of a step's time.
const (
	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
	minute      = int64(time.Minute)
	hour        = int64(time.Hour)
)

// habit is one thing that people, devices or others do every day.
type habit struct {
	name string
	// person adds what one person does, world what is nobody's own.
	// Either may be nil.
	person func(*day, *person)
	world  func(*day)
}

// everyday is everyday life. A habit's place in the list breaks ties between
// steps of the same instant: new ones go to the end.
func everyday() []habit {
	return []habit{
		activeSync, imapClients, webmail, submission, forgottenDevices,
		backgroundNoise, monitoring, restarts, newPasswords, helpers, wordLists,
	}
}

// story is one incident of a scenario.
type story interface {
	// label marks the steps of the incident.
	label() string
	// prepare is called once, when the people are made.
	prepare(*World)
	// tell adds the incident's steps to a day.
	tell(*day)
	// incident says what is true of it beyond what its steps tell.
	incident(*World, *Incident)
}

// altering is a story that changes what others do, after all is told: a server
// that is down answers nobody. alter sees the day's steps in no order, and
// labels with day.label those that it changes.
type altering interface{ alter(*day) }

// kind is the line that a step becomes.
type kind uint8

const (
	webRequest kind = iota
	imapLogin
	imapID
	imapLogout
	authFailed
	loginFailed
	loginNone
	loginBroken
	dovecotNotice
	smtpConnect
	smtpClient
	smtpMessageID
	smtpQueued
	smtpDelivered
	smtpRemoved
	smtpDisconnect
	smtpRefused
	smtpAborted
	smtpLost
	postfixNotice
	roundcubeLogin
	roundcubeFailed
)

// source is where the line of a kind is logged.
func (k kind) source() Source {
	switch k {
	case webRequest:
		return Nginx
	case imapLogin, imapID, imapLogout, authFailed, loginFailed, loginNone, loginBroken, dovecotNotice:
		return Dovecot
	case roundcubeLogin, roundcubeFailed:
		return Roundcube
	}
	return Postfix
}

// silent says that no line of a kind states an Event.
func (k kind) silent() bool {
	switch k {
	case authFailed, dovecotNotice, smtpConnect, smtpMessageID, smtpDelivered, smtpRemoved, smtpDisconnect, smtpAborted, postfixNotice:
		return true
	}
	return false
}

// step is a line before it is written: small, so that a day of them fits in
// memory. What the fields mean depends on the kind; each of the files
// nginx.go, dovecot.go, postfix.go and roundcube.go says it for its own.
type step struct {
	at     int64 // Unix nanoseconds
	actor  int32
	seq    int32
	kind   kind
	label  uint8 // the story's place in World.stories, from 1
	secure bool
	status uint16
	who    string
	person *person
	from   address
	text   string
	agent  string
	dev    *device
	id     uint64
	a, b   int64
}

// day is one local day in the making.
type day struct {
	w          *World
	index      int
	start, end int64 // of the local day; 23 to 25 hours
	year       int
	month      time.Month
	date       int
	weekday    time.Weekday
	free       bool  // nobody is expected in the office
	busy       int64 // thousandths of the average day: some weeks have more to write about
	hours      []int
	steps      []step
	order      []order // of the steps
	actor, seq int32
	label      uint8
}

// run makes the days one after the other and yields their lines; where bare,
// without their text. Steps that reach beyond midnight wait for the next day.
func (w *World) run(bare bool, habits []habit, stories []story, yield func(*day, *Item) bool) {
	p := printer{w: w, bare: bare}
	var d day
	for i := range w.opt.Days {
		late := d.steps
		d = day{w: w, index: i, steps: late[:0], hours: d.hours[:0], order: d.order[:0]}
		for _, s := range late {
			if s.at >= w.midnight(i).UnixNano() {
				d.steps = append(d.steps, s)
			}
		}
		d.fill(habits, stories)
		for _, o := range d.order {
			s := &d.steps[o.place]
			if s.at >= d.end {
				break
			}
			if !yield(&d, p.print(s)) {
				return
			}
		}
	}
}

func (d *day) fill(habits []habit, stories []story) {
	begin, end := d.w.midnight(d.index), d.w.midnight(d.index+1)
	d.start, d.end = begin.UnixNano(), end.UnixNano()
	d.year, d.month, d.date = begin.Date()
	d.weekday = begin.Weekday()
	d.free = d.weekday == time.Saturday || d.weekday == time.Sunday || isHoliday(d.year, d.month, d.date)
	d.busy = between(d.w.rng("day", 0, d.index), 870, 1130)
	if d.weekday == time.Friday {
		d.busy -= 90
	}
	for t := begin; t.Before(end); t = t.Add(time.Hour) {
		d.hours = append(d.hours, t.Hour())
	}
	d.actor = 0
	for _, h := range habits {
		if h.world != nil {
			d.as(0)
			h.world(d)
		}
		if h.person != nil {
			for _, p := range d.w.people {
				d.as(0)
				h.person(d, p)
			}
		}
	}
	// The stories' actors are numbered apart: what they add moves nothing
	// else.
	d.actor = 1 << 30
	for i, s := range stories {
		d.as(uint8(i + 1))
		s.tell(d)
	}
	for i, s := range stories {
		if a, ok := s.(altering); ok {
			d.label = uint8(i + 1)
			a.alter(d)
		}
	}
	d.label = 0
	for i := range d.steps {
		s := &d.steps[i]
		d.order = append(d.order, order{s.at, uint64(s.actor)<<32 | uint64(uint32(s.seq)), int32(i)})
	}
	slices.SortFunc(d.order, func(a, b order) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by))
	})
}

// order is a step's place in the time of its day: steps are too large to be
// sorted themselves.
type order struct {
	at    int64
	by    uint64 // actor and seq
	place int32
}

// move has steps come from another address, where to names one. What belongs to
// one session or one connection moves as a whole, or not at all: a session's
// name holds the address at which it began.
func (d *day) move(to func(*step) (address, bool)) {
	type whole struct {
		from  address
		moved bool
	}
	begun := make(map[uint64]whole)
	for i := range d.steps {
		st := &d.steps[i]
		if !st.from.ip.IsValid() {
			continue
		}
		var w whole
		var known bool
		if src := st.kind.source(); src == Dovecot || src == Postfix {
			if w, known = begun[st.id]; !known && (st.kind == imapID || st.kind == imapLogout) {
				continue // began the day before
			}
		}
		if !known {
			w.from, w.moved = to(st)
			if st.id != 0 {
				begun[st.id] = w
			}
		}
		if w.moved {
			st.from, st.label = w.from, d.label
		}
	}
}

// as begins another actor's steps.
func (d *day) as(label uint8) { d.actor, d.seq, d.label = d.actor+1, 0, label }

// add adds a step; not that of a device that is not in use then.
func (d *day) add(s step) {
	if s.dev != nil && !s.dev.used(s.at) {
		return
	}
	s.actor, s.seq, s.label = d.actor, d.seq, d.label
	d.seq++
	d.steps = append(d.steps, s)
}

// slot is the place in day.hours of an instant of the day.
func (d *day) slot(at int64) int { return min(max(int((at-d.start)/hour), 0), len(d.hours)-1) }

// hourOf is the local hour of an instant of the day.
func (d *day) hourOf(at int64) int { return d.hours[d.slot(at)] }

// clock is the first instant of the day at a local time; in the hour that the
// spring night leaves out it is as much later.
func (d *day) clock(h, m int) int64 {
	return time.Date(d.year, d.month, d.date, h, m, 0, 0, d.w.opt.Location).UnixNano()
}

// printer turns steps into lines. It lives as long as one run.
type printer struct {
	w      *World
	bare   bool // only what the Events hold, no lines
	item   Item
	buf    []byte
	minute int64
	local  time.Time // of the minute, for the stamps
	stamp  [sourceEnd][]byte
	zone   []byte
}

func (p *printer) print(s *step) *Item {
	it := &p.item
	*it = Item{}
	p.buf = p.buf[:0]
	if m := s.at / minute; !p.bare && (m != p.minute || p.stamp[0] == nil) {
		p.newMinute(m)
	}
	ev := &it.Event
	ev.Time = s.at - s.at%second
	if s.person != nil {
		it.Person = s.person.name
	}
	if s.label > 0 {
		it.Label = p.w.stories[s.label-1].label()
	}
	it.Source = s.kind.source()
	if p.bare && s.kind.silent() {
		ev.Format = sourceFormats[it.Source]
		return it
	}
	it.Stated = !s.kind.silent()
	switch it.Source {
	case Nginx:
		p.webRequest(s, it)
	case Dovecot:
		p.dovecot(s, it)
	case Roundcube:
		p.roundcube(s, it)
	default:
		p.postfix(s, it)
	}
	if !it.Stated {
		*ev = maillog.Event{Format: ev.Format}
	}
	if it.Line = p.buf; p.bare {
		it.Line = nil
	}
	if mix(p.w.opt.Seed^uint64(s.at)<<8^uint64(s.seq))%100_000 == 0 {
		p.damage(it)
	}
	return it
}

// damage cuts a line short, as a full disk or a killed writer does, or
// overwrites part of it with the NULs that a crash leaves.
func (p *printer) damage(it *Item) {
	it.Event = maillog.Event{Format: it.Event.Format}
	it.Stated, it.Damaged = false, true
	if n := len(it.Line); n%2 == 0 {
		it.Line = it.Line[:min(n, 9)]
	} else {
		clear(it.Line[:n/2])
	}
}

func (p *printer) newMinute(m int64) {
	p.minute = m
	p.local = time.Unix(m*60, 0).In(p.w.opt.Location)
	p.stamp[Nginx] = p.local.AppendFormat(p.stamp[Nginx][:0], "02/Jan/2006:15:04:")
	p.stamp[Dovecot] = p.local.AppendFormat(p.stamp[Dovecot][:0], "Jan 02 15:04:")
	p.stamp[Postfix] = p.local.AppendFormat(p.stamp[Postfix][:0], "Jan _2 15:04:")
	p.stamp[Roundcube] = p.local.AppendFormat(p.stamp[Roundcube][:0], "02-Jan-2006 15:04:")
	p.zone = p.local.AppendFormat(p.zone[:0], " -0700")
}

// fact writes what an Event holds, and returns it as it stands there.
func (p *printer) fact(s string) []byte {
	i := len(p.buf)
	p.buf = append(p.buf, s...)
	return p.buf[i:len(p.buf):len(p.buf)]
}

// text and those below it write what stands in the line alone.
func (p *printer) text(s string) {
	if !p.bare {
		p.buf = append(p.buf, s...)
	}
}

func (p *printer) number(n int64) {
	if !p.bare {
		p.buf = appendInt(p.buf, n)
	}
}

func (p *printer) hex(n uint64) {
	if !p.bare {
		p.buf = strconv.AppendUint(p.buf, n, 16)
	}
}

func (p *printer) address(ip netip.Addr) {
	if !p.bare {
		p.buf = ip.AppendTo(p.buf)
	}
}

// time writes the second of a step behind the stamp of its minute, offset the
// zone's distance from UTC.
func (p *printer) time(src Source, at int64) {
	if p.bare {
		return
	}
	s := at / second % 60
	p.buf = append(p.buf, p.stamp[src]...)
	p.buf = append(p.buf, byte('0'+s/10), byte('0'+s%10))
}

func (p *printer) offset() {
	if !p.bare {
		p.buf = append(p.buf, p.zone...)
	}
}
