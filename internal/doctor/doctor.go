// Package doctor says what logs cannot tell because of how their servers are
// set up, and which lines of configuration would change that.
//
// It is fed the lines of each source, newest files first, and advises only
// what these lines show to be missing, with how often and one example. It reads
// no files and judges no traffic: internal/app brings the lines, and shows the
// Report.
package doctor

import (
	"bytes"
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"mailvigil/maillog"
)

// Options say what is known beforehand.
type Options struct {
	// Location is the zone of lines that state none; nil is UTC.
	Location *time.Location
	// ZoneTold is true where a person named the zone, so that it need not be
	// asked for.
	ZoneTold bool
}

// Examiner gathers what the sources show. Its memory is bounded whatever the
// lines hold.
type Examiner struct {
	o       Options
	seed    maphash.Seed
	sources []*Source
	// named are accounts that some web line or Roundcube's own log ties to
	// an address.
	named map[uint64]struct{}
}

// Bounds of what an Examiner remembers.
const (
	maxNamed     = 1 << 18
	maxAddresses = 1 << 14 // of one source
	maxKept      = 1 << 8  // accounts and user agents of one address
	maxExample   = 400     // bytes of a cited line
	maxProbed    = 200     // lines whose time is looked at
)

// New returns an Examiner that has seen nothing.
func New(o Options) *Examiner {
	if o.Location == nil {
		o.Location = time.UTC
	}
	return &Examiner{o: o, seed: maphash.MakeSeed(), named: map[uint64]struct{}{}}
}

// Source is one log: a file and those it was rotated to.
type Source struct {
	e     *Examiner
	name  string
	files int
	// oldest is when its oldest file begins, which is not always read.
	oldest time.Time

	file   string
	line   int64
	raw    []byte
	parser *maillog.Parser
	probe  [3]*maillog.Parser

	read                            int
	lines, parsed, ignored, refused int64
	probed                          int
	from, to                        int64 // Unix nanoseconds
	formats                         map[maillog.Format]*tally
	rejects                         map[string]*fact

	first                           fact // line with an event
	noYear, noZone                  fact
	imapLogins, imapIDs             fact
	dovecotFailures, dovecotReasons fact
	postfixFailures, postfixNames   fact
	roundcube, userlogins           fact
	web, webAgents                  fact
	phones, phoneAccounts           fact // ActiveSync requests that succeeded
	logins                          map[netip.Addr]*client
	refusals                        map[netip.Addr]*client
	requests                        map[netip.Addr]*client
	loginCount, requestCount        int64
	dovecotLogins, postfixLogins    fact
	signIns                         map[netip.Addr]*client // at Roundcube and SOGo
	signInCount                     int64
	iis, iisAgents, iisAccounts     fact
}

// fact is how often something was seen, and where first.
type fact struct {
	n    int64
	file string
	line int64
	raw  string
}

func (f *fact) see(s *Source) {
	if f.n++; f.n == 1 {
		f.file, f.line, f.raw = s.file, s.line, string(s.raw[:min(len(s.raw), maxExample)])
	}
}

// tally is what the events of one format state.
type tally struct {
	events, accounts, addresses, clients int64
	logins, failures, reasons            int64
}

// client is what came from one address.
type client struct {
	fact
	dovecot          int64 // sign-ins there; one log may hold Postfix's too
	accounts, agents map[uint64]struct{}
}

// Source begins a source. Its name is shown; files is of how many it consists,
// oldest when the first of them begins (zero: not known).
func (e *Examiner) Source(name string, files int, oldest time.Time) *Source {
	s := &Source{
		e: e, name: name, files: files, oldest: oldest,
		formats:  map[maillog.Format]*tally{},
		rejects:  map[string]*fact{},
		logins:   map[netip.Addr]*client{},
		refusals: map[netip.Addr]*client{},
		requests: map[netip.Addr]*client{},
		signIns:  map[netip.Addr]*client{},
	}
	e.sources = append(e.sources, s)
	return s
}

// elsewhere and the two references are far enough apart that a line which
// leaves out its zone or its year comes out at another time.
var elsewhere = time.FixedZone("", 13*3600)

// File begins a file of the source.
func (s *Source) File(name string, format maillog.Format, reference time.Time) {
	s.file = name
	s.read++
	s.parser = maillog.NewParser(maillog.Options{Format: format, Location: s.e.o.Location, Reference: reference})
	if s.probed < maxProbed {
		near, far := time.Date(2020, time.June, 1, 0, 0, 0, 0, time.UTC), time.Date(2010, time.June, 1, 0, 0, 0, 0, time.UTC)
		s.probe = [3]*maillog.Parser{
			maillog.NewParser(maillog.Options{Format: format, Location: time.UTC, Reference: near}),
			maillog.NewParser(maillog.Options{Format: format, Location: elsewhere, Reference: near}),
			maillog.NewParser(maillog.Options{Format: format, Location: time.UTC, Reference: far}),
		}
	}
}

// End says that the source has no further files: what only reading needs is
// given back, since there may be a hundred thousand sources.
func (s *Source) End() { s.parser, s.probe, s.raw = nil, [3]*maillog.Parser{}, nil }

// Line looks at the next line of the file.
func (s *Source) Line(number int64, raw []byte) {
	s.line, s.raw = number, raw
	s.lines++
	var ev maillog.Event
	res := s.parser.Parse(raw, &ev)
	switch res.Kind {
	case maillog.Parsed:
		s.parsed++
		s.first.see(s)
		s.times(raw)
		s.event(&ev)
	case maillog.Ignored:
		s.ignored++
		// Dovecot 2.4 states IDs where it is told to at a level of its own.
		if bytes.Contains(raw, []byte(": ID sent: ")) || bytes.Contains(raw, []byte(`"imap_id_received"`)) {
			s.imapIDs.see(s)
		}
	case maillog.Rejected:
		s.refused++
		why := s.rejects[res.Why] // a constant of maillog: few
		if why == nil {
			why = new(fact)
			s.rejects[res.Why] = why
		}
		why.see(s)
	}
}

// times finds out whether lines state year and zone, by reading them as if
// they had been written in another zone and in another decade.
func (s *Source) times(raw []byte) {
	if s.probed >= maxProbed {
		return
	}
	var at [3]int64
	for i, p := range s.probe {
		var ev maillog.Event
		if p.Parse(raw, &ev).Kind != maillog.Parsed {
			return
		}
		at[i] = ev.Time
	}
	s.probed++
	if at[0] != at[1] {
		s.noZone.see(s)
	}
	if at[0] != at[2] {
		s.noYear.see(s)
	}
}

func (s *Source) event(ev *maillog.Event) {
	if s.from == 0 || ev.Time < s.from {
		s.from = ev.Time
	}
	s.to = max(s.to, ev.Time)
	t := s.formats[ev.Format]
	if t == nil {
		t = new(tally)
		s.formats[ev.Format] = t
	}
	t.see(ev)

	switch ev.Format {
	case maillog.Dovecot, maillog.DovecotSyslog:
		s.dovecot(ev)
	case maillog.DovecotEvents:
		if len(ev.UserAgent) > 0 {
			s.imapIDs.see(s)
		}
	case maillog.Postfix:
		s.postfix(ev)
	case maillog.RoundcubeLogins:
		s.userlogins.see(s)
		s.signIn(ev)
		s.e.name(ev.Account)
	case maillog.SOGo:
		s.signIn(ev)
	case maillog.ExchangeIIS:
		s.iis.see(s)
		if len(ev.UserAgent) > 0 {
			s.iisAgents.see(s)
		}
		if len(ev.Account) > 0 {
			s.iisAccounts.see(s)
		}
		s.e.name(ev.Account)
	case maillog.Combined:
		s.combined(ev)
	default:
		if ev.Status != 0 {
			s.e.name(ev.Account)
		}
	}
}

func (t *tally) see(ev *maillog.Event) {
	t.events++
	if len(ev.Account) > 0 {
		t.accounts++
	}
	if ev.ClientIP.IsValid() {
		t.addresses++
	}
	if len(ev.UserAgent) > 0 {
		t.clients++
	}
	if ev.Action == maillog.Login && ev.Outcome == maillog.Success {
		t.logins++
	}
	if ev.Outcome == maillog.Failure {
		t.failures++
		if ev.Reason != "" {
			t.reasons++
		}
	}
}

func (s *Source) dovecot(ev *maillog.Event) {
	switch {
	case ev.Service == maillog.IMAP && ev.Action == maillog.Request && len(ev.UserAgent) > 0:
		s.imapIDs.see(s)
	case ev.Action == maillog.Login && ev.Outcome == maillog.Failure:
		s.dovecotFailures.see(s)
		s.client(s.refusals, ev)
		if ev.Reason != "" {
			s.dovecotReasons.see(s)
		}
	case ev.Action == maillog.Login && ev.Outcome == maillog.Success:
		s.dovecotLogins.see(s)
		if ev.Service == maillog.IMAP {
			s.imapLogins.see(s)
		}
		if c := s.login(ev); c != nil {
			c.dovecot++
		}
	}
}

func (s *Source) postfix(ev *maillog.Event) {
	switch {
	case ev.Action == maillog.Login && ev.Outcome == maillog.Failure:
		s.postfixFailures.see(s)
		s.client(s.refusals, ev)
		if len(ev.Account) > 0 {
			s.postfixNames.see(s)
		}
	case ev.Outcome == maillog.Success && len(ev.Mechanism) > 0:
		s.postfixLogins.see(s)
		s.login(ev)
	}
}

func (s *Source) login(ev *maillog.Event) *client {
	s.loginCount++
	return s.client(s.logins, ev)
}

func (s *Source) signIn(ev *maillog.Event) {
	if ev.Action == maillog.Login {
		s.signInCount++
		s.client(s.signIns, ev)
	}
}

func (s *Source) combined(ev *maillog.Event) {
	s.web.see(s)
	if len(ev.UserAgent) > 0 {
		s.webAgents.see(s)
	}
	if ev.Service == maillog.Webmail && (bytes.Contains(ev.URL, []byte("_task=")) || bytes.Contains(ev.URL, []byte("_action="))) {
		s.roundcube.see(s)
	}
	if ev.Outcome == maillog.Success {
		if ev.Service == maillog.ActiveSync && ev.Action != maillog.EASOptions {
			s.phones.see(s)
			if len(ev.Account) > 0 {
				s.phoneAccounts.see(s)
			}
		}
		s.e.name(ev.Account)
	}
	s.requestCount++
	s.client(s.requests, ev)
}

// client counts the Event for its address. It returns nil where there is none,
// or there are too many.
func (s *Source) client(of map[netip.Addr]*client, ev *maillog.Event) *client {
	ip := ev.ClientIP.Unmap().WithZone("")
	if !ip.IsValid() {
		return nil
	}
	c := of[ip]
	if c == nil {
		if len(of) >= maxAddresses {
			return nil
		}
		c = &client{accounts: map[uint64]struct{}{}, agents: map[uint64]struct{}{}}
		of[ip] = c
	}
	c.see(s)
	if id, ok := s.e.person(ev.Account); ok && len(c.accounts) < maxKept {
		c.accounts[id] = struct{}{}
	}
	if len(ev.UserAgent) > 0 && len(c.agents) < maxKept {
		c.agents[maphash.Bytes(s.e.seed, ev.UserAgent)] = struct{}{}
	}
	return c
}

// person is an account whatever its domain: logs of one organisation write it
// with and without.
func (e *Examiner) person(account []byte) (uint64, bool) {
	if len(account) == 0 || len(account) > 320 {
		return 0, false
	}
	account = account[bytes.LastIndexByte(account, '\\')+1:]
	if at := bytes.IndexByte(account, '@'); at > 0 {
		account = account[:at]
	}
	return maphash.Bytes(e.seed, bytes.ToLower(account)), true
}

func (e *Examiner) name(account []byte) {
	if id, ok := e.person(account); ok && len(e.named) < maxNamed {
		e.named[id] = struct{}{}
	}
}

// unnamed counts accounts that no web line ties to an address.
func (e *Examiner) unnamed(accounts map[uint64]struct{}) int {
	n := 0
	for id := range accounts {
		if _, ok := e.named[id]; !ok {
			n++
		}
	}
	return n
}

// busiest returns the address that most came from.
func busiest(of map[netip.Addr]*client) (netip.Addr, *client) {
	var addrs []netip.Addr
	for ip := range of {
		addrs = append(addrs, ip)
	}
	if len(addrs) == 0 {
		return netip.Addr{}, nil
	}
	slices.SortFunc(addrs, func(a, b netip.Addr) int {
		if x, y := of[a].n, of[b].n; x != y {
			return int(min(max(y-x, -1), 1))
		}
		return a.Compare(b)
	})
	return addrs[0], of[addrs[0]]
}
