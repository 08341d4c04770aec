package pipeline

// Adopt takes over what another Live has beyond its counts: how far each log
// was parsed, what people said of times, and the last verdict. The other must
// not be used afterwards.
//
// Profiles remember days modulo 64 and never forget an account. A watch that
// goes on for months therefore counts anew from its archive now and then, beside
// the Live that goes on, and puts the new one in its place.
func (l *Live) Adopt(o *Live) {
	l.sources = o.sources
	l.ignore = o.ignore
	l.problems = o.problems
	l.before, l.scanned = o.before, o.scanned
	l.opt.Feedback, l.opt.Announced, l.opt.AlarmsPerMonth, l.opt.Calendar = o.opt.Feedback, o.opt.Announced, o.opt.AlarmsPerMonth, o.opt.Calendar
}

// ReadFrom replaces the archive that a Live reads.
func (l *Live) ReadFrom(a Archive) { l.archive = a }
