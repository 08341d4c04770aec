package verdict_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"mailvigil/abuse"
	"mailvigil/internal/message"
	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

const daysOfLogs = 14 * 24 * time.Hour

func brussels(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// world is a Case of a fortnight with these excesses.
func world(t testing.TB, xs ...verdict.Excess) *verdict.Case {
	return &verdict.Case{
		Location: brussels(t), Excesses: xs, Accounts: 400,
		History: daysOfLogs, Judged: 11 * 24 * time.Hour, Say: message.Cause,
	}
}

// at is a time of the Case's second week: Tuesday 11 March 2025 at noon is
// "Tue 12:00".
func at(t testing.TB, text string) time.Time {
	t.Helper()
	days := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	name, clock, _ := strings.Cut(text, " ")
	day := slices.Index(days, name)
	hm, err := time.Parse("15:04", clock)
	if err != nil || day < 0 {
		t.Fatalf("no such time: %q", text)
	}
	return time.Date(2025, 3, 10+day, hm.Hour(), hm.Minute(), 0, 0, brussels(t))
}

// excess is a departure of one family from one time to another.
func excess(t testing.TB, family, service, from, to string, observed, expected, day float64, m verdict.Makeup) verdict.Excess {
	x := verdict.Excess{
		Family: family, Service: service, Up: observed > expected, Onset: at(t, from), End: at(t, to),
		Nights: 1, Observed: observed, Expected: expected, Before: 8 * 24 * time.Hour, Share: 0.95,
		Day: day, Makeup: m,
	}
	x.Interval = [2]time.Time{x.Onset, x.Onset.Add(15 * time.Minute)}
	if service != "" {
		x.Services = []string{service}
	}
	return x
}

func with(x verdict.Excess, change func(*verdict.Excess)) verdict.Excess {
	change(&x)
	return x
}

func addresses(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}).String()
	}
	return out
}

// hand is a finding of a stranger in an account.
func hand(account, source string, first time.Time, weight float64) abuse.Finding {
	addr := netip.MustParseAddr(source)
	return abuse.Finding{
		Code: abuse.ValidAccount, Title: "signed in from an address that had tried 9 other accounts", Weight: weight,
		Account: account, Source: addr, Sources: []netip.Addr{addr}, Network: traffic.Network{ASN: 64500, ASName: "Example Hosting"},
		First: first.UnixNano(), Last: first.Add(time.Hour).UnixNano(), Count: 3, Messages: 40,
		Services: []maillog.Service{maillog.IMAP}, Refs: []traffic.Ref{{Line: 7}},
	}
}

// guesser is a finding of a source that tried these accounts.
func guesser(source string, first time.Time, accounts ...string) abuse.Finding {
	addr := netip.MustParseAddr(source)
	return abuse.Finding{
		Code: abuse.PasswordSpraying, Title: "tried", Weight: 2, Source: addr, Sources: []netip.Addr{addr},
		First: first.UnixNano(), Last: first.Add(time.Hour).UnixNano(), Count: 30, Accounts: accounts, Tried: len(accounts),
		Refs: []traffic.Ref{{Line: 9}},
	}
}

// The excesses of one kind each, with what is easily taken for it.

func spray(t testing.TB) verdict.Excess {
	x := excess(t, "failures", "", "Mon 01:10", "Wed 05:00", 2600, 140, 300, verdict.Makeup{
		Events: 2460, Accounts: 380, Sources: 120, Named: 1, Failures: 1, Hostile: 0.8, Existing: 0.9,
	})
	x.Cause = []map[string]string{{"outcome": "failure"}}
	x.Services, x.Sources, x.Targets, x.Nights, x.Usual = []string{"imap", "webmail"}, addresses(120), 380, 3, 12
	x.Hands = []abuse.Finding{hand("anna@house.example", x.Sources[3], at(t, "Tue 02:30"), 6)}
	return x
}

func bots(t testing.TB) verdict.Excess {
	x := excess(t, "failures", "imap", "Tue 14:00", "Tue 17:30", 260, 20, 300, verdict.Makeup{
		Events: 240, Accounts: 60, Sources: 6, TopSource: 0.4, Named: 1, Failures: 1, Hostile: 0.95, Existing: 0.05,
	})
	x.Cause = []map[string]string{{"outcome": "failure", "service": "imap"}}
	x.Sources, x.Usual = addresses(6), 12
	return x
}

func oldPassword(t testing.TB) verdict.Excess {
	x := excess(t, "failures", "activesync", "Mon 09:00", "Tue 18:00", 900, 60, 300, verdict.Makeup{
		Events: 840, Accounts: 1, Sources: 2, TopAccount: 1, TopSource: 0.7, Named: 1, Failures: 1, OwnFailures: 0.95, FamiliarSource: 1, FamiliarDevice: 1,
	})
	x.Cause = []map[string]string{{"outcome": "failure", "account": "bert@house.example"}}
	return x
}

func thief(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "imap", "Tue 01:00", "Tue 05:00", 660, 60, 5000, verdict.Makeup{
		Events: 600, Accounts: 4, KnownAccounts: 4, Sources: 3, TopAccount: 0.3, Named: 1, Hosting: 1, Intruded: 1,
	})
	x.Cause = []map[string]string{{"service": "imap", "asn": "64500"}}
	return x
}

func travellers(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "webmail", "Tue 03:00", "Sat 09:00", 24000, 1200, 5000, verdict.Makeup{
		Events: 22800, Accounts: 40, KnownAccounts: 40, Sources: 12, TopAccount: 0.05, Named: 1,
	})
	x.Cause = []map[string]string{{"service": "webmail", "asn": "4713"}}
	return x
}

func tunnel(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "activesync", "Tue 09:00", "Thu 19:00", 9000, 300, 20000, verdict.Makeup{
		Events: 8700, Accounts: 30, KnownAccounts: 30, Sources: 4, TopAccount: 0.1, TopSource: 0.4, Named: 1, Hosting: 1, FamiliarDevice: 1,
	})
	x.Cause = []map[string]string{{"service": "activesync", "asn": "64501"}}
	return x
}

func storm(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "activesync", "Tue 00:40", "Sun 23:59", 280000, 94000, 20000, verdict.Makeup{
		Events: 186000, Accounts: 73, KnownAccounts: 73, Sources: 120, TopAccount: 0.04, Named: 1, FamiliarSource: 0.8, FamiliarDevice: 1,
		TopAction: "sync", TopActionShare: 0.9,
	})
	x.Ongoing = true
	x.Cause = []map[string]string{{"service": "activesync", "os": "iOS", "os_version": "26.0"}}
	return x
}

func growth(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "webmail", "Tue 08:00", "Thu 19:00", 30000, 11000, 5000, verdict.Makeup{
		Events: 19000, Accounts: 260, KnownAccounts: 255, Sources: 140, TopAccount: 0.02, Named: 1, FamiliarSource: 0.9, FamiliarDevice: 0.3,
	})
}

func officeAtNight(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "webmail", "Tue 00:00", "Thu 04:30", 13900, 350, 5000, verdict.Makeup{
		Events: 13550, Accounts: 200, KnownAccounts: 198, Sources: 3, TopAccount: 0.02, TopSource: 0.5, Named: 1, FamiliarSource: 0.92,
	})
	// The office's provider: that it is the office may not be known.
	x.Cause = []map[string]string{{"service": "webmail", "asn": "2611"}}
	return x
}

func migration(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "imap", "Tue 22:00", "Wed 06:00", 40000, 600, 5000, verdict.Makeup{
		Events: 39400, Accounts: 120, KnownAccounts: 120, Sources: 1, TopAccount: 0.02, TopSource: 1, Named: 1, Internal: 1,
	})
	x.Cause = []map[string]string{{"service": "imap", "ip": "192.0.2.20"}}
	return x
}

func outage(t testing.TB) verdict.Excess {
	x := excess(t, "errors", "", "Wed 12:00", "Wed 15:30", 5900, 0, 0, verdict.Makeup{Events: 5900, Accounts: 220, Sources: 240, Errors: 1})
	x.Services, x.Effects = []string{"activesync", "webmail"}, []string{"then everybody reconnected"}
	x.Cause = []map[string]string{{"outcome": "error", "status": "502"}}
	return x
}

func silence(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "imap", "Wed 10:00", "Wed 14:00", 3, 2400, 6000, verdict.Makeup{})
}

func line(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "activesync", "Wed 14:10", "Wed 16:10", 0, 1271, 10600, verdict.Makeup{})
}

func nightlyRestart(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "imap", "Wed 03:00", "Wed 03:12", 0, 60, 6000, verdict.Makeup{})
}

func restartErrors(t testing.TB) verdict.Excess {
	return excess(t, "errors", "", "Wed 03:00", "Wed 03:06", 90, 0, 0, verdict.Makeup{Events: 90, Accounts: 20, Errors: 1})
}

func holiday(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "webmail", "Thu 06:00", "Fri 06:00", 600, 5000, 5000, verdict.Makeup{})
}

func riddle(t testing.TB) verdict.Excess {
	x := excess(t, "traffic", "webmail", "Thu 08:00", "Sat 20:00", 90000, 9000, 5000, verdict.Makeup{
		Events: 81000, Accounts: 3, KnownAccounts: 0, Sources: 900, TopAccount: 0.5, Hosting: 0.9,
	})
	x.Cause = []map[string]string{{"service": "webmail", "client": "curl"}, {"service": "webmail", "asn": "64502"}}
	return with(x, func(x *verdict.Excess) { x.Cause = nil })
}

func busyHour(t testing.TB) verdict.Excess {
	return excess(t, "traffic", "imap", "Thu 16:00", "Thu 16:40", 300, 140, 6000, verdict.Makeup{
		Events: 160, Accounts: 20, KnownAccounts: 20, Sources: 20, TopAccount: 0.6, Named: 1, FamiliarSource: 0.7,
	})
}

// Each hypothesis has its case and the lookalikes that must not be taken for
// it.
func TestHypotheses(t *testing.T) {
	for _, test := range []struct {
		name string
		x    verdict.Excess
		want verdict.Kind // of the verdict
		as   string       // the name of the incident
	}{
		{"guessing: a spray that knows the names", spray(t), verdict.Attack, "somebody is guessing passwords"},
		{"guessing: the same without any success", with(spray(t), func(x *verdict.Excess) { x.Hands = nil }), verdict.Attack, "somebody is guessing passwords"},
		{"guessing, lookalike: bots with lists of usual names", bots(t), verdict.Quiet, "the everyday noise of the Internet"},
		{"guessing, lookalike: a device with an old password", oldPassword(t), verdict.Benign, "devices with an old password"},
		{"guessing, lookalike: everybody has to change the password", with(oldPassword(t), func(x *verdict.Excess) {
			x.Cause = []map[string]string{{"outcome": "failure"}}
			x.Observed, x.Makeup.Accounts, x.Makeup.TopAccount, x.Makeup.TopSource, x.Makeup.Sources = 9000, 300, 0.02, 0.02, 350
		}), verdict.Benign, "devices with an old password"},
		{"intruder: mailboxes emptied from a hosting network", thief(t), verdict.Attack, "a stranger is in the accounts"},
		{"intruder, lookalike: people who travel", travellers(t), verdict.Benign, "people connect from elsewhere"},
		{"intruder, lookalike: people behind a VPN", tunnel(t), verdict.Benign, "people connect from elsewhere"},
		{"storm: phones after an update", storm(t), verdict.Benign, "phones or other clients connect more often than usual"},
		{"storm, lookalike: more people at work", growth(t), verdict.Benign, "more people than usual are at work"},
		{"storm, lookalike: a few people at their browsers, each at a place", with(busyHour(t), func(x *verdict.Excess) {
			x.Service, x.Services, x.End, x.Observed, x.Expected, x.Day = "webmail", []string{"webmail"}, at(t, "Thu 23:00"), 517, 188, 1100
			x.Makeup = verdict.Makeup{Events: 517, Accounts: 4, KnownAccounts: 4, Sources: 4}
			x.Cause = []map[string]string{{"service": "webmail", "asn": "12392", "client": "Firefox"}, {"service": "webmail", "ip": "203.0.113.9", "client_version": "144"}}
		}), verdict.Quiet, "everyday ups and downs"},
		{"at work: the office at night", officeAtNight(t), verdict.Benign, "more people than usual are at work"},
		{"at work: the office at night, known as such", with(officeAtNight(t), func(x *verdict.Excess) {
			x.Cause = []map[string]string{{"service": "webmail", "network_kind": "office"}}
		}), verdict.Benign, "more people than usual are at work"},
		{"machinery: a migration", migration(t), verdict.Benign, "one machine or mailbox is busy"},
		{"fault: errors in the middle of the day", outage(t), verdict.Fault, "the mail service itself failed"},
		{"fault: silence", silence(t), verdict.Fault, "the mail service itself failed"},
		{"fault, lookalike: a nightly restart", nightlyRestart(t), verdict.Quiet, "everyday ups and downs"},
		{"fault, lookalike: the errors of a nightly restart", restartErrors(t), verdict.Quiet, "everyday ups and downs"},
		{"fault, lookalike: a holiday", holiday(t), verdict.Quiet, "everyday ups and downs"},
		{"fault, lookalike: a holiday of which the hours at the desk alone are missed, among guessing", with(holiday(t), func(x *verdict.Excess) {
			x.Service, x.Services = "submission", []string{"submission"}
			x.Onset, x.End, x.Observed, x.Expected, x.Day = at(t, "Thu 07:05"), at(t, "Thu 19:00"), 371, 1494, 1500
			x.Makeup.Hostile = 0.3
		}), verdict.Quiet, "everyday ups and downs"},
		{"fault: a line to the Internet that is cut for two hours", line(t), verdict.Fault, "the mail service itself failed"},
		{"fault, lookalike: an hour in which hardly anything was expected", with(line(t), func(x *verdict.Excess) { x.Expected = 30 }), verdict.Quiet, "everyday ups and downs"},
		{"fault, lookalike: logs that end before the others", with(line(t), func(x *verdict.Excess) { x.Ongoing = true }), verdict.Undetermined, "none of these"},
		{"everyday: a busy hour", busyHour(t), verdict.Quiet, "everyday ups and downs"},
		{"undetermined: nothing fits", riddle(t), verdict.Undetermined, "none of these"},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := verdict.Judge(world(t, test.x))
			check(t, v)
			if v.Verdict != test.want || len(v.Incidents) != 1 || v.Incidents[0].Name != test.as {
				t.Errorf("verdict %s, want %s as %q: %s\n%s", v.Verdict, test.want, test.as, v.Text, weights(v))
			}
		})
	}
}

// weights shows how the hypotheses came out.
func weights(v *verdict.Verdict) string {
	var b strings.Builder
	for _, in := range v.Incidents {
		fmt.Fprintf(&b, "%s %q\n", in.Kind, in.Name)
		for _, h := range in.Hypotheses {
			fmt.Fprintf(&b, "  %.3f %s\n    + %s\n    - %s\n", h.Probability, h.Name, strings.Join(h.For, "; "), strings.Join(h.Against, "; "))
		}
	}
	return b.String()
}

// check holds what is true of every verdict.
func check(t *testing.T, v *verdict.Verdict) {
	t.Helper()
	if v.Confidence < 0 || v.Confidence > 0.99 || math.IsNaN(v.Confidence) {
		t.Errorf("confidence %v", v.Confidence)
	}
	if v.Text == "" || len(v.Next) == 0 {
		t.Errorf("no text %q or nothing to do next %q", v.Text, v.Next)
	}
	attack := false
	for _, in := range v.Incidents {
		attack = attack || in.Kind == verdict.Attack
		sum := 0.0
		for _, h := range in.Hypotheses {
			if h.Probability < 0 || h.Probability > 0.99 && h.Name != "none of these" || math.IsNaN(h.Probability) {
				t.Errorf("%s: probability %v of %s", in.ID, h.Probability, h.Name)
			}
			sum += h.Probability
		}
		if sum > 1+1e-9 {
			t.Errorf("%s: probabilities add up to %v", in.ID, sum)
		}
		if in.Kind != verdict.Attack && (len(in.Sources) > 0 || len(in.Compromised) > 0 || in.Targeted > 0 || len(in.Stolen) > 0) {
			t.Errorf("%s is %s, and holds %v %v", in.ID, in.Kind, in.Sources, in.Compromised)
		}
		if in.Text == "" {
			t.Errorf("%s has no text", in.ID)
		}
	}
	if is := v.Verdict == verdict.Attack || v.Verdict == verdict.Mixed; is != attack {
		t.Errorf("verdict %s, attack among the incidents: %v", v.Verdict, attack)
	}
	if (v.Focus == verdict.NoFocus) == attack {
		t.Errorf("focus %s of verdict %s", v.Focus, v.Verdict)
	}
	for _, s := range append(slices.Clone(v.Next), v.Text) {
		if strings.Contains(s, "%!") || strings.Contains(s, "  ") || strings.Contains(s, "..") || strings.Contains(s, "NaN") {
			t.Errorf("clumsy: %q", s)
		}
	}
}

// What is found together.
func TestTogether(t *testing.T) {
	quiet := world(t)
	short := world(t)
	short.History, short.Judged = 30*time.Hour, 6*time.Hour
	shortAttack := world(t, spray(t))
	shortAttack.History, shortAttack.Judged = 30*time.Hour, 6*time.Hour
	gaps := world(t)
	gaps.Coverage.Gaps = []verdict.Gap{{Format: "dovecot", From: at(t, "Mon 03:00"), To: at(t, "Mon 09:00")}}
	noise := world(t)
	noise.Hostile = []abuse.Finding{guesser("198.51.100.7", at(t, "Mon 03:00"), "admin", "info", "test")}
	stolen := world(t)
	stolen.Strange = []abuse.Finding{hand("anna@house.example", "198.51.100.7", at(t, "Mon 03:00"), 6)}
	weak := world(t)
	weak.Strange = []abuse.Finding{hand("anna@house.example", "198.51.100.7", at(t, "Mon 03:00"), 3)}
	for _, test := range []struct {
		name  string
		c     *verdict.Case
		want  verdict.Kind
		focus verdict.Focus
	}{
		{"a quiet fortnight", quiet, verdict.Quiet, verdict.NoFocus},
		{"a quiet fortnight with the noise of the Internet", noise, verdict.Quiet, verdict.NoFocus},
		{"a quiet fortnight with hours missing", gaps, verdict.Quiet, verdict.NoFocus},
		{"a day and a half of logs", short, verdict.Undetermined, verdict.NoFocus},
		{"an attack in a day and a half of logs", shortAttack, verdict.Attack, verdict.Targeted},
		{"a stranger without any excess", stolen, verdict.Attack, verdict.Targeted},
		{"something odd at one account, no more", weak, verdict.Quiet, verdict.NoFocus},
		{"an attack under the cover of a storm", world(t, storm(t), spray(t)), verdict.Mixed, verdict.Targeted},
		{"an attack and an outage", world(t, outage(t), spray(t)), verdict.Mixed, verdict.Targeted},
		{"guessing by somebody who knows nobody", world(t, with(spray(t), func(x *verdict.Excess) {
			x.Hands, x.Makeup.Existing, x.Observed, x.Sources = nil, 0.3, 9000, addresses(400)
		})), verdict.Attack, verdict.Opportunistic},
		{"an attack that knows nobody, and old passwords of people who exist", world(t, with(oldPassword(t), func(x *verdict.Excess) { x.Makeup.Existing = 1 }), with(spray(t), func(x *verdict.Excess) {
			x.Hands, x.Makeup.Existing, x.Observed, x.Sources = nil, 0.3, 9000, addresses(400)
		})), verdict.Mixed, verdict.Opportunistic},
		{"a storm and something that nothing explains", world(t, storm(t), riddle(t)), verdict.Benign, verdict.NoFocus},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := verdict.Judge(test.c)
			check(t, v)
			if v.Verdict != test.want || v.Focus != test.focus {
				t.Errorf("verdict %s, focus %s; want %s, %s: %s\n%s", v.Verdict, v.Focus, test.want, test.focus, v.Text, weights(v))
			}
			if test.want == verdict.Undetermined && len(v.Missing) == 0 {
				t.Error("undetermined, and nothing is said to be missing")
			}
		})
	}
	if whole, part := verdict.Judge(quiet), verdict.Judge(gaps); part.Confidence >= whole.Confidence || len(part.Missing) == 0 {
		t.Errorf("with gaps: confidence %v, without: %v, missing %q", part.Confidence, whole.Confidence, part.Missing)
	}
}

// guilt is how probable an attack is by the hypotheses of the only incident.
func guilt(v *verdict.Verdict) (p float64) {
	for _, h := range v.Incidents[0].Hypotheses {
		if h.Name == "somebody is guessing passwords" || h.Name == "a stranger is in the accounts" {
			p += h.Probability
		}
	}
	return p
}

// A hostile fact never makes an attack less likely, whatever else is known.
func TestHostileFacts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	share := func() float64 { return float64(rng.IntN(21)) / 20 }
	more := func(p *float64) { *p = min(1, *p+share()) }
	facts := []struct {
		name string
		add  func(*verdict.Excess)
	}{
		{"more from addresses that guess", func(x *verdict.Excess) { more(&x.Makeup.Hostile) }},
		{"more from a stranger in the accounts", func(x *verdict.Excess) { more(&x.Makeup.Intruded) }},
		{"more names that exist", func(x *verdict.Excess) { more(&x.Makeup.Existing) }},
		{"more addresses", func(x *verdict.Excess) { x.Sources = addresses(len(x.Sources) + rng.IntN(200)) }},
		{"an account opened", func(x *verdict.Excess) {
			x.Hands = append(slices.Clone(x.Hands), hand(fmt.Sprintf("p%d", rng.IntN(99)), "203.0.113.9", x.Onset, 6))
		}},
	}
	kinds := []verdict.Excess{
		spray(t), bots(t), oldPassword(t), thief(t), travellers(t), tunnel(t), storm(t), growth(t),
		officeAtNight(t), migration(t), riddle(t), busyHour(t),
	}
	for range 4000 {
		x := kinds[rng.IntN(len(kinds))]
		m := &x.Makeup
		for _, p := range []*float64{&m.Hostile, &m.Existing, &m.Intruded, &m.OwnFailures, &m.Hosting, &m.Internal, &m.TopAccount, &m.TopSource, &m.FamiliarSource, &m.FamiliarDevice, &m.Named} {
			if rng.IntN(2) == 0 {
				*p = share()
			}
		}
		before := verdict.Judge(world(t, x))
		check(t, before)
		fact := facts[rng.IntN(len(facts))]
		y := x
		fact.add(&y)
		after := verdict.Judge(world(t, y))
		check(t, after)
		if guilt(after) < guilt(before)-0.002 {
			t.Fatalf("%s: %.3f became %.3f\n%+v\n%+v\n%s%s", fact.name, guilt(before), guilt(after), x.Makeup, y.Makeup, weights(before), weights(after))
		}
		if t.Failed() {
			t.Fatalf("%+v", x)
		}
	}
}

// The order in which excesses and findings come changes nothing.
func TestOrder(t *testing.T) {
	c := world(t, spray(t), storm(t), travellers(t), riddle(t), bots(t), outage(t), with(thief(t), func(x *verdict.Excess) { x.Onset = at(t, "Sat 01:00"); x.End = at(t, "Sat 05:00") }))
	c.Strange = []abuse.Finding{
		hand("anna@house.example", addresses(9)[3], at(t, "Tue 02:30"), 6),
		hand("carl@house.example", "198.51.100.9", at(t, "Sat 01:30"), 5),
		hand("dora@house.example", "198.51.100.10", at(t, "Mon 01:30").AddDate(0, 0, -7), 7),
	}
	c.Hostile = []abuse.Finding{guesser("198.51.100.77", at(t, "Mon 03:00"), "admin", "info", "test"), guesser("198.51.100.78", at(t, "Mon 03:00"), "root", "web", "x")}
	first := verdict.Judge(c)
	check(t, first)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 50 {
		rng.Shuffle(len(c.Excesses), func(i, j int) { c.Excesses[i], c.Excesses[j] = c.Excesses[j], c.Excesses[i] })
		rng.Shuffle(len(c.Strange), func(i, j int) { c.Strange[i], c.Strange[j] = c.Strange[j], c.Strange[i] })
		rng.Shuffle(len(c.Hostile), func(i, j int) { c.Hostile[i], c.Hostile[j] = c.Hostile[j], c.Hostile[i] })
		v := verdict.Judge(c)
		if v.Verdict != first.Verdict || v.Text != first.Text || v.Confidence != first.Confidence || v.Focus != first.Focus ||
			!slices.Equal(v.Next, first.Next) || !slices.Equal(v.Missing, first.Missing) || len(v.Findings) != len(first.Findings) {
			t.Fatalf("%s %s\n%s %s\n%q\n%q", first.Verdict, first.Text, v.Verdict, v.Text, first.Next, v.Next)
		}
		for i := range v.Incidents {
			a, b := &first.Incidents[i], &v.Incidents[i]
			if a.Name != b.Name || a.Text != b.Text || !slices.Equal(a.Compromised, b.Compromised) || !slices.Equal(a.Sources, b.Sources) {
				t.Fatalf("incident %d: %+v\n%+v", i, a, b)
			}
		}
	}
}

// An account is compromised where somebody got in, never because others failed
// against it.
func TestCompromised(t *testing.T) {
	x := spray(t)
	tried := []string{"anna@house.example", "bert@house.example", "carl@house.example"}
	x.Hands = []abuse.Finding{
		hand("anna@house.example", x.Sources[3], at(t, "Tue 02:30"), 6),
		hand("bert@house.example", x.Sources[4], at(t, "Tue 02:30"), 1), // too little to go by
	}
	c := world(t, x)
	for _, s := range x.Sources {
		c.Hostile = append(c.Hostile, guesser(s, at(t, "Mon 02:00"), tried...))
	}
	c.Strange = append(slices.Clone(x.Hands), hand("carl@house.example", x.Sources[5], at(t, "Tue 03:30"), 3))
	v := verdict.Judge(c)
	check(t, v)
	in := v.Incidents[0]
	if !slices.Equal(in.Compromised, []string{"anna@house.example"}) {
		t.Errorf("compromised: %v", in.Compromised)
	}
	critical := 0
	for _, f := range v.Findings {
		if f.Severity == verdict.Critical {
			critical++
		}
	}
	if critical != 1 || len(in.Findings) != 1 {
		t.Errorf("%d critical findings, %v; the same success is told once", critical, in.Findings)
	}
	// Whoever signed in from there as well, probably its owner, is asked; no
	// more than that.
	for _, s := range v.Next {
		if mere := strings.Contains(s, "bert@") || strings.Contains(s, "carl@"); mere && !strings.HasPrefix(s, "Ask the owners of bert@house.example and carl@house.example whether") {
			t.Errorf("asks too much of an account that was merely tried: %q", s)
		}
	}
}

// What is to be done is right for the verdict.
func TestNext(t *testing.T) {
	stolen := world(t)
	for i := range 12 {
		stolen.Strange = append(stolen.Strange, hand(fmt.Sprintf("p%02d@house.example", i), "198.51.100.7", at(t, "Mon 03:00"), 6))
	}
	stale := world(t)
	stale.Stale = []abuse.Finding{{Code: abuse.StalePassword, Account: "bert@house.example", Title: "stale"}}
	short := world(t)
	short.History = 30 * time.Hour
	gaps := world(t)
	gaps.Coverage.Gaps = []verdict.Gap{{Format: "dovecot"}}
	for _, test := range []struct {
		name      string
		c         *verdict.Case
		says, not []string
	}{
		{"an account opened by guessing", world(t, spray(t)), []string{"End all sessions of this account, and have its password changed: anna@house.example.", "Do not lock the accounts that were tried", "120 addresses", "since Monday 10 March 01:10"}, []string{"No password", "these accounts"}},
		{"guessing in vain", world(t, with(spray(t), func(x *verdict.Excess) { x.Hands = nil })), []string{"No password needs to be changed", "Do not lock"}, []string{"End all sessions"}},
		{"twelve accounts taken", stolen, []string{"these 12 accounts", "their passwords", "and 4 more", "the address listed"}, []string{"were tried"}},
		{"a stranger in accounts that no finding names", world(t, thief(t)), []string{"Find out from the lines cited whose accounts"}, []string{"No password", "End all sessions of"}},
		{"a storm", world(t, storm(t)), []string{"No password needs to be changed", "slow down these clients", "tomorrow"}, []string{"End all sessions", "Refuse"}},
		{"travellers", world(t, travellers(t)), []string{"No password needs to be changed", "ask whether some of your people are there"}, []string{"End all sessions", "Refuse", "tomorrow"}},
		{"a fault", world(t, outage(t)), []string{"Look at the mail server from Wednesday 12 March 12:00", "No password needs to be changed"}, []string{"End all sessions", "Refuse"}},
		{"a fault during an attack", world(t, outage(t), spray(t)), []string{"End all sessions", "Look at the mail server"}, []string{"No password"}},
		{"nothing fits", world(t, riddle(t)), []string{"Find out who was behind the webmail requests from Thursday 13 March 08:00 to Saturday 15 March 20:00"}, []string{"Nothing needs to be done", "No password"}},
		{"a quiet fortnight", world(t), []string{"Nothing needs to be done."}, nil},
		{"a forgotten device", stale, []string{"1 person has a device"}, []string{"End all sessions"}},
		{"too short", short, []string{"at least 5 days"}, []string{"Nothing needs to be done"}},
		{"gaps", gaps, []string{"Find the logs that are missing"}, []string{"Nothing needs to be done"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			next := strings.Join(verdict.Judge(test.c).Next, "\n")
			for _, s := range test.says {
				if !strings.Contains(next, s) {
					t.Errorf("does not say %q:\n%s", s, next)
				}
			}
			for _, s := range test.not {
				if strings.Contains(next, s) {
					t.Errorf("says %q:\n%s", s, next)
				}
			}
		})
	}
}

// The first sentence says whether it is an attack, what, and since when.
func TestText(t *testing.T) {
	for _, test := range []struct {
		name string
		c    *verdict.Case
		want string
	}{
		{"guessing", world(t, spray(t)), "Attack: somebody guessed passwords from Monday 10 March 01:10 to Wednesday 12 March 05:00, and opened 1 account."},
		{"guessing in vain, going on", world(t, with(spray(t), func(x *verdict.Excess) { x.Hands, x.Ongoing = nil, true })), "Attack: somebody has been guessing passwords since Monday 10 March 01:10; as far as these logs show, no account was opened."},
		{"storm", world(t, storm(t)), "Not an attack: ActiveSync requests from iPhones and iPads on iOS 26.0 have been 3.0 times the usual since Tuesday 11 March 00:40."},
		{"travel", world(t, travellers(t)), "Not an attack: people connected from elsewhere from Tuesday 11 March 03:00 to Saturday 15 March 09:00 (webmail requests from the network AS4713)."},
		{"fault", world(t, outage(t)), "A fault, not an attack: the mail service answered with errors on Wednesday 12 March from 12:00 to 15:30; then everybody reconnected."},
		{"mixed", world(t, spray(t), storm(t)), "Attack: somebody guessed passwords from Monday 10 March 01:10 to Wednesday 12 March 05:00, and opened 1 account. Beside it, not an attack: ActiveSync requests from iPhones and iPads on iOS 26.0 have been 3.0 times the usual since Tuesday 11 March 00:40."},
		{"undetermined", world(t, riddle(t)), "It is not clear whether this is an attack: there were more webmail requests than usual from Thursday 13 March 08:00 to Saturday 15 March 20:00."},
		{"quiet", world(t), "No attack and nothing unusual: no more than everyday ups and downs, and no account used by a stranger, as far as these logs can tell."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := verdict.Judge(test.c).Text; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// What an attacker can make many of does not make a verdict large or slow.
func TestBounded(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	c := world(t, spray(t))
	refs := make([]traffic.Ref, 1000)
	c.Hostile = make([]abuse.Finding, n)
	for i := range c.Hostile {
		addr := netip.AddrFrom4([4]byte{byte(11 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)})
		c.Hostile[i] = abuse.Finding{Code: abuse.PasswordSpraying, Source: addr, Sources: []netip.Addr{addr}, Count: int64(i % 7), Tried: 3, Refs: refs}
	}
	c.Stale = c.Hostile[:n/10]
	c.Strange = make([]abuse.Finding, 20_000)
	for i := range c.Strange {
		c.Strange[i] = hand(fmt.Sprintf("p%d", i), netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}).String(), at(t, "Tue 02:00"), 6)
		c.Strange[i].Refs = refs
	}
	v := verdict.Judge(c)
	check(t, v)
	if len(v.Findings) > 2000 || len(v.Incidents) > 4 || len(v.Next) > 8 {
		t.Errorf("%d findings, %d incidents, %d things to do", len(v.Findings), len(v.Incidents), len(v.Next))
	}
	if all := n + n/10 + 20_000; v.LeftOut < all-20_000-len(v.Findings) || v.LeftOut > all {
		t.Errorf("%d findings are left out, of %d", v.LeftOut, all)
	}
	evidence := 0
	v.Cite(func(traffic.Ref, *verdict.Evidence) { evidence++ })
	if evidence > 2000*5+4*50 {
		t.Errorf("%d lines cited", evidence)
	}
	for _, in := range v.Incidents {
		if len(in.Sources) > 10_000 || len(in.Text) > 500 || len(in.Findings) > 2000 {
			t.Errorf("%s: %d sources, %d findings, a text of %d bytes", in.ID, len(in.Sources), len(in.Findings), len(in.Text))
		}
	}
	for _, s := range v.Next {
		if len(s) > 500 {
			t.Errorf("%d bytes: %.100s…", len(s), s)
		}
	}
}

// Whatever is missing, Judge answers.
func TestHollow(t *testing.T) {
	nothing := func(map[string]string) string { return "" }
	for _, test := range []struct {
		name string
		c    verdict.Case
	}{
		{"nothing at all", verdict.Case{}},
		{"an excess of nothing", verdict.Case{Excesses: []verdict.Excess{{}}}},
		{"every family, up and down, without times", verdict.Case{Say: nothing, Excesses: []verdict.Excess{
			{Family: "traffic", Up: true},
			{Family: "traffic"},
			{Family: "failures", Up: true},
			{Family: "failures"},
			{Family: "errors", Up: true},
			{Family: "errors"},
			{Family: "hosting", Up: true},
			{Family: "hosting"},
			{Family: "unheard of", Up: true},
		}}},
		{"causes without words", verdict.Case{Excesses: []verdict.Excess{{
			Family: "traffic", Up: true, Observed: 9e9, Cause: []map[string]string{nil, {}, {"os": ""}}, Services: []string{""},
			Makeup: verdict.Makeup{Accounts: 3, KnownAccounts: 3, Named: 1, FamiliarDevice: 1},
		}}}},
		{"a stranger without a name, an address or a time", verdict.Case{Strange: []abuse.Finding{{Weight: 9}}}},
		{"a hand without an account", verdict.Case{Excesses: []verdict.Excess{{Family: "failures", Up: true, Hands: []abuse.Finding{{Weight: 9}}}}}},
		{"findings of nobody", verdict.Case{Hostile: make([]abuse.Finding, 3), Stale: make([]abuse.Finding, 3)}},
		{"counts that are no numbers", verdict.Case{Excesses: []verdict.Excess{{Family: "traffic", Up: true, Observed: math.NaN(), Expected: math.Inf(1), Day: math.NaN()}}}},
		{"counts beyond all measure", verdict.Case{Excesses: []verdict.Excess{{Family: "failures", Up: true, Observed: math.MaxFloat64, Day: 1, Makeup: verdict.Makeup{Hostile: 1, Named: 1, Existing: 1}}}}},
	} {
		t.Run(test.name, func(t *testing.T) { check(t, verdict.Judge(&test.c)) })
	}
}

// Judge leaves the case as it is: the sources of an excess stay in order.
func TestCaseIsLeftAlone(t *testing.T) {
	x := spray(t)
	slices.Reverse(x.Sources)
	want := slices.Clone(x.Sources)
	x.Sources = x.Sources[:len(x.Sources):len(x.Sources)]
	c := world(t, x)
	verdict.Judge(c)
	if !slices.Equal(c.Excesses[0].Sources, want) {
		t.Error("the sources were put in another order")
	}
}

// What is told of the sources of an attack, of noise and of machines at home.
func TestFindings(t *testing.T) {
	x := spray(t)
	daily := guesser("198.51.100.8", at(t, "Mon 02:00"), "admin", "info", "test")
	daily.Weight = 1
	infected := guesser("198.51.100.9", at(t, "Mon 02:00"), "bert@house.example")
	infected.Account = "emma@house.example"
	c := world(t, x)
	c.Hostile = []abuse.Finding{daily, guesser("198.51.100.7", at(t, "Mon 02:00"), "admin"), guesser(x.Sources[0], at(t, "Mon 02:00"), "bert@house.example")}
	c.Infected = []abuse.Finding{infected}
	c.Stale = []abuse.Finding{{Code: abuse.StalePassword, Account: "carl@house.example"}}
	v := verdict.Judge(c)
	check(t, v)
	got := make(map[string]verdict.Severity)
	for _, f := range v.Findings {
		got[f.ClientIP+f.Account] = f.Severity
	}
	for who, want := range map[string]verdict.Severity{
		"198.51.100.8": verdict.Info, "198.51.100.7": verdict.Low, x.Sources[0]: verdict.Medium,
		"carl@house.example": verdict.Info, x.Sources[3] + "anna@house.example": verdict.Critical,
	} {
		if got[who] != want {
			t.Errorf("%s: %q, want %q", who, got[who], want)
		}
	}
	if len(v.Infected) != 1 || !slices.Contains(v.Next, "Have the machine at 198.51.100.9 (emma@house.example) cleaned: it guesses passwords.") {
		t.Errorf("machines that take part: %v, %q", v.Infected, v.Next)
	}
	for _, in := range v.Incidents {
		if slices.Contains(in.Compromised, "emma@house.example") {
			t.Error("the owner of the machine is held to be compromised")
		}
	}
}

func TestShortLogsWithFailures(t *testing.T) {
	for _, tc := range []struct {
		name           string
		failed, signed float64
		want           string
	}{
		{"a quiet day", 20, 900, "No sign of an attack"},
		{"a day with many failures and more successes", 5000, 9000, "No sign of an attack"},
		{"hardly anything but failures", 90000, 400, "Most sign-ins fail (90,000 of 90,400)"},
	} {
		v := verdict.Judge(&verdict.Case{History: 24 * time.Hour, Failed: tc.failed, Signed: tc.signed})
		if v.Verdict != verdict.Undetermined || !strings.HasPrefix(v.Text, tc.want) {
			t.Errorf("%s: %s, %q; want %q", tc.name, v.Verdict, v.Text, tc.want)
		}
	}
}

// A flood, a scan and a sweep of all mailboxes, each with what looks like it.
func TestNewKinds(t *testing.T) {
	sweep := func(client string) *abuse.Sweep {
		return &abuse.Sweep{Source: netip.MustParseAddr("192.0.2.9"), Accounts: make([]string, 180), Of: 200, Client: client}
	}
	crowd := func(each float64) verdict.Makeup {
		return verdict.Makeup{Events: 1000 * each, Outsiders: 0.95, OutsideSources: 1000, OutsideUsual: 5, Sources: 1000}
	}
	for _, tc := range []struct {
		name string
		x    verdict.Excess
		want verdict.Kind
	}{
		{"a flood", excess(t, "traffic", "webmail", "Tue 03:00", "Tue 04:30", 27000, 20, 6000, crowd(27)), verdict.Attack},
		{"a flood, lookalike: a page that many people were sent to", excess(t, "traffic", "webmail", "Tue 10:00", "Tue 11:30", 1400, 200, 6000, crowd(1.2)), verdict.Undetermined},
		{"a flood, lookalike: a busy day of people who sign in", excess(t, "traffic", "webmail", "Tue 08:00", "Tue 18:00", 27000, 9000, 6000, verdict.Makeup{Events: 18000, Accounts: 180, KnownAccounts: 180, Sources: 300, FamiliarSource: 0.9, Named: 0.2}), verdict.Benign},
		{"a scan, lookalike: people who follow an old link", excess(t, "traffic", "webmail", "Tue 10:00", "Tue 11:30", 700, 200, 6000, verdict.Makeup{Events: 500, Accounts: 60, KnownAccounts: 60, Sources: 80, FamiliarSource: 0.9, NotThere: 0.1, Named: 0.5}), verdict.Background},
		{"a flood that the service gave up on", excess(t, "errors", "webmail", "Tue 03:00", "Tue 04:30", 9000, 0, 1, crowd(9)), verdict.Attack},
		{"errors for everybody", excess(t, "errors", "webmail", "Tue 12:00", "Tue 15:00", 9000, 0, 1, verdict.Makeup{Events: 9000, Accounts: 200, KnownAccounts: 200, Sources: 180}), verdict.Fault},
		{"a scan", excess(t, "traffic", "web", "Tue 02:00", "Tue 04:30", 9000, 20, 6000, verdict.Makeup{Events: 9000, Outsiders: 1, NotThere: 0.98, OutsideSources: 2, OutsideUsual: 1, Sources: 2, Hosting: 1, TopSource: 0.5}), verdict.Background},
		{"a migration", with(excess(t, "traffic", "imap", "Tue 21:00", "Tue 23:30", 900, 90, 6000, verdict.Makeup{Events: 900, Swept: 1, Accounts: 180, KnownAccounts: 180, Hosting: 1}), func(x *verdict.Excess) { x.Sweep = sweep("imapsync") }), verdict.Benign},
		{"all mailboxes opened by something that does not say what it is", with(excess(t, "traffic", "imap", "Tue 21:00", "Tue 23:30", 900, 90, 6000, verdict.Makeup{Events: 900, Swept: 1, Accounts: 180, KnownAccounts: 180, Hosting: 1}), func(x *verdict.Excess) { x.Sweep = sweep("") }), verdict.Undetermined},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := verdict.Judge(world(t, tc.x))
			if v.Incidents[0].Kind != tc.want {
				t.Errorf("%s, want %s: %+v", v.Incidents[0].Kind, tc.want, v.Incidents[0].Hypotheses)
			}
		})
	}
}

// Slow guessing is an attack of its own, is joined with what it opened, and is
// dated by its first try.
func TestAims(t *testing.T) {
	from, last := at(t, "Tue 00:05"), at(t, "Sat 23:50")
	aim := func() abuse.Aim {
		m := abuse.Aim{Accounts: []string{"anna@house.example", "bert@house.example"}, First: from.UnixNano(), Sure: from.Add(20 * time.Minute).UnixNano(), Last: last.UnixNano(), Count: 300, Usual: 1, Services: []maillog.Service{maillog.IMAP}, Refs: []traffic.Ref{{Line: 5}}}
		for _, a := range addresses(150) {
			m.Sources = append(m.Sources, netip.MustParseAddr(a))
		}
		return m
	}
	t.Run("alone", func(t *testing.T) {
		c := world(t)
		c.Aims = []abuse.Aim{aim()}
		v := verdict.Judge(c)
		check(t, v)
		if len(v.Incidents) != 1 || v.Verdict != verdict.Attack || v.Focus != verdict.Targeted {
			t.Fatalf("%s %s %+v", v.Verdict, v.Focus, v.Incidents)
		}
		in := v.Incidents[0]
		if !in.Onset.Equal(from) || !in.OnsetInterval[1].Equal(from.Add(20*time.Minute)) || len(in.Sources) != 150 || in.Targeted != 2 || len(in.Compromised) != 0 || in.Cause[0]["service"] != "imap" {
			t.Errorf("%+v", in)
		}
	})
	t.Run("it opened an account, on a sign-in that alone says little", func(t *testing.T) {
		c := world(t)
		c.Aims = []abuse.Aim{aim()}
		c.Unsure = []abuse.Finding{hand("anna@house.example", "203.0.200.1", at(t, "Sat 20:00"), 1), hand("carl@house.example", "203.0.200.2", at(t, "Sat 20:00"), 1)}
		v := verdict.Judge(c)
		check(t, v)
		if len(v.Incidents) != 1 || fmt.Sprint(v.Incidents[0].Compromised) != "[anna@house.example]" || len(v.Incidents[0].Extent) != 1 || v.Incidents[0].Extent[0].Sources[0] != "203.0.200.1" {
			t.Errorf("%+v", v.Incidents)
		}
	})
	t.Run("a part of a crowd that mostly tries names that do not exist", func(t *testing.T) {
		c := world(t, with(spray(t), func(x *verdict.Excess) {
			x.Makeup.Named, x.Makeup.Existing = 1, 0.03
		}))
		m := aim()
		m.Wide = true
		c.Aims = []abuse.Aim{m}
		if v := verdict.Judge(c); v.Verdict != verdict.Attack || v.Focus != verdict.Opportunistic || len(v.Incidents) != 1 {
			t.Errorf("%s %s: %+v", v.Verdict, v.Focus, v.Incidents)
		}
	})
	t.Run("a part of it made an excess", func(t *testing.T) {
		c := world(t, with(spray(t), func(x *verdict.Excess) {
			x.Hands, x.Onset, x.Begun, x.BegunWithin = nil, at(t, "Wed 01:00"), at(t, "Wed 01:00"), [2]time.Time{at(t, "Wed 00:59"), at(t, "Wed 01:15")}
		}))
		c.Aims = []abuse.Aim{aim()}
		v := verdict.Judge(c)
		check(t, v)
		if len(v.Incidents) != 1 || !v.Incidents[0].Onset.Equal(from) || len(v.Incidents[0].Sources) != 150 {
			t.Errorf("%d incidents: %+v", len(v.Incidents), v.Incidents[0])
		}
	})
}

// How sure it is that nothing was depends on how much would have been seen.
func TestQuietConfidence(t *testing.T) {
	judged := func(days, missing float64, seen ...float64) float64 {
		c := world(t)
		c.Judged, c.Missing = time.Duration(days*24*float64(time.Hour)), missing
		v := verdict.Judge(c)
		check(t, v)
		for _, s := range seen {
			v.Sensitivity = append(v.Sensitivity, verdict.Sensitivity{Detected: s})
		}
		v.Measured()
		if v.Verdict != verdict.Quiet {
			t.Fatalf("%s", v.Verdict)
		}
		return v.Confidence
	}
	for _, tc := range []struct {
		name       string
		less, more float64
	}{
		{"a short time tells less than a long one", judged(3, 0), judged(12, 0)},
		{"logs with gaps tell less", judged(12, 0.15), judged(12, 0)},
		{"where half of all attacks would be seen", judged(12, 0, 1, 0), judged(12, 0, 1, 1)},
		{"where none would be", judged(12, 0, 0, 0), judged(12, 0, 0.5)},
	} {
		if tc.less >= tc.more || tc.less < 0.5 {
			t.Errorf("%s: %v and %v", tc.name, tc.less, tc.more)
		}
	}
	if none, all := judged(12, 0, 0), judged(12, 0, 1); none != 0.5 || all != 0.99 {
		t.Errorf("%v where no attack would be seen, %v where all would", none, all)
	}
	c := world(t, spray(t))
	v := verdict.Judge(c)
	before := v.Confidence
	v.Sensitivity = []verdict.Sensitivity{{Detected: 0.1}}
	if v.Measured(); v.Confidence != before {
		t.Error("what would be seen changes how sure an attack is")
	}
}

// Many accounts that come into use at once are benign, and what they bring about
// in the counts is the same incident; an attack remains one beside it.
func TestArrivals(t *testing.T) {
	from := at(t, "Tue 08:00")
	m := abuse.Arrival{Accounts: 50, Of: 200, First: from.UnixNano(), Last: at(t, "Tue 15:00").UnixNano(), Services: []maillog.Service{maillog.IMAP}, Refs: []traffic.Ref{{Line: 3}}}
	more := excess(t, "traffic", "imap", "Tue 08:10", "Fri 18:10", 50000, 26000, 26000, verdict.Makeup{Events: 24000, Accounts: 200, KnownAccounts: 150, Named: 1})
	for _, tc := range []struct {
		name      string
		xs        []verdict.Excess
		want      verdict.Kind
		incidents int
	}{
		{"alone", nil, verdict.Benign, 1},
		{"with what they bring about", []verdict.Excess{more}, verdict.Benign, 1},
		{"beside what those do who were there", []verdict.Excess{with(more, func(x *verdict.Excess) { x.Makeup.KnownAccounts = 200 })}, verdict.Benign, 2},
		{"beside an attack", []verdict.Excess{spray(t)}, verdict.Mixed, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := world(t, tc.xs...)
			c.Arrivals = []abuse.Arrival{m}
			v := verdict.Judge(c)
			check(t, v)
			var in *verdict.Incident
			for i := range v.Incidents {
				if v.Incidents[i].Name == "more people have their mail here" {
					in = &v.Incidents[i]
				}
			}
			if v.Verdict != tc.want || len(v.Incidents) != tc.incidents || in == nil || !in.Onset.Equal(from) || len(in.Evidence)+len(tc.xs) == 0 {
				t.Errorf("%s with %d incidents: %s\n%s", v.Verdict, len(v.Incidents), v.Text, weights(v))
			}
		})
	}
}

// What the webmail's host does in the mailboxes of those whose webmail a stranger
// uses is no incident of its own; what it does in others is.
func TestPassedOn(t *testing.T) {
	relayed := func(change func(*verdict.Excess)) verdict.Excess {
		x := excess(t, "traffic", "imap", "Tue 21:05", "Tue 22:00", 2900, 300, 6000, verdict.Makeup{Events: 2600, Accounts: 2, KnownAccounts: 2, Named: 1, Internal: 1, Relayed: 1, TopAccount: 0.6})
		x.Cause = []map[string]string{{"account": "anna@house.example", "service": "imap"}, {"network_kind": "internal", "service": "imap"}}
		return with(x, change)
	}
	for _, tc := range []struct {
		name      string
		x         verdict.Excess
		incidents int
	}{
		{"the stranger's", relayed(func(*verdict.Excess) {}), 1},
		{"of somebody else", relayed(func(x *verdict.Excess) { x.Cause[0]["account"] = "bert@house.example" }), 2},
		{"of nobody", relayed(func(x *verdict.Excess) { x.Cause = x.Cause[1:] }), 2},
		{"the day after", relayed(func(x *verdict.Excess) { x.Onset, x.End = at(t, "Thu 21:05"), at(t, "Thu 22:00") }), 2},
		{"not passed on", relayed(func(x *verdict.Excess) { x.Makeup.Relayed, x.Makeup.Internal = 0, 0 }), 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := world(t, tc.x)
			f := hand("anna@house.example", "203.0.200.1", at(t, "Tue 21:00"), 6)
			f.Last = at(t, "Tue 21:40").UnixNano()
			c.Strange = []abuse.Finding{f}
			v := verdict.Judge(c)
			check(t, v)
			if len(v.Incidents) != tc.incidents {
				t.Errorf("%d incidents, want %d: %s\n%s", len(v.Incidents), tc.incidents, v.Text, weights(v))
			}
		})
	}
}

// A place at which many people begin to work is no attack, and what their
// webmail's host passes on is the same incident.
func TestGathering(t *testing.T) {
	place := netip.MustParseAddr("203.0.113.90")
	m := abuse.Move{Address: place, Network: traffic.Network{ASN: 64500, Country: "BE"}, Accounts: 40, Of: 200, First: at(t, "Tue 08:00").UnixNano(), Last: at(t, "Fri 18:00").UnixNano(), Services: []maillog.Service{maillog.Webmail}, Refs: []traffic.Ref{{Line: 3}}}
	relayed := excess(t, "traffic", "imap", "Tue 08:10", "Fri 18:10", 50000, 26000, 26000, verdict.Makeup{Events: 24000, Accounts: 40, KnownAccounts: 40, Named: 1, Internal: 1, Relayed: 0.98, TopAccount: 0.05})
	relayed.Cause = []map[string]string{{"network_kind": "internal", "service": "imap"}}
	for _, tc := range []struct {
		name      string
		xs        []verdict.Excess
		strange   []abuse.Finding
		incidents int
		cause     string
	}{
		{"alone", nil, nil, 1, "map[ip:203.0.113.90]"},
		{"its webmail is passed on", []verdict.Excess{relayed}, nil, 1, "map[ip:203.0.113.90]"},
		{"told by its country", []verdict.Excess{with(travellers(t), func(x *verdict.Excess) { x.Cause = []map[string]string{{"country": "BE"}} })}, nil, 1, "map[country:BE]"},
		{"a stranger in the accounts comes from there", nil, []abuse.Finding{hand("anna@house.example", place.String(), at(t, "Tue 09:00"), 6)}, 1, "map[asn:64500 service:imap]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := world(t, tc.xs...)
			c.Moves, c.Strange = []abuse.Move{m}, tc.strange
			v := verdict.Judge(c)
			check(t, v)
			if len(v.Incidents) != tc.incidents || fmt.Sprint(v.Incidents[0].Cause[0]) != tc.cause || (v.Verdict == verdict.Attack) != (tc.strange != nil) {
				t.Errorf("%s: %+v", v.Verdict, v.Incidents)
			}
		})
	}
}

// Where one way in alone is shown, or much of the time is missing, nothing found
// is not quiet, and it is said what would decide it.
func TestPartOfTheLogs(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*verdict.Case)
		want   verdict.Kind
		says   string
	}{
		{"all of them", func(*verdict.Case) {}, verdict.Quiet, ""},
		{"a weekend is missing", func(c *verdict.Case) { c.Missing = 0.1 }, verdict.Quiet, ""},
		{"half is missing", func(c *verdict.Case) {
			c.Missing = 0.5
			c.Coverage.Gaps = []verdict.Gap{{Format: "dovecot"}}
		}, verdict.Undetermined, "the times that are missing"},
		{"the web server alone", func(c *verdict.Case) { c.Unseen = []string{"the mailbox server"} }, verdict.Undetermined, "the mailbox server"},
		{"a day", func(c *verdict.Case) { c.History, c.Judged = 24*time.Hour, 0 }, verdict.Undetermined, "at least 5 days"},
		{"a stranger, in the web server alone", func(c *verdict.Case) {
			c.Unseen = []string{"the mailbox server"}
			c.Strange = []abuse.Finding{hand("anna@house.example", "203.0.200.1", at(t, "Tue 09:00"), 6)}
		}, verdict.Attack, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := world(t)
			tc.change(c)
			v := verdict.Judge(c)
			if v.Verdict != tc.want || !strings.Contains(strings.Join(v.Missing, "; "), tc.says) || tc.want == verdict.Undetermined && len(v.Missing) == 0 {
				t.Errorf("%s, %q", v.Verdict, v.Missing)
			}
		})
	}
}

// A session without a sign-in is an attack even where nobody knows whose it is.
func TestStolenSession(t *testing.T) {
	f := hand("", "203.0.200.1", at(t, "Tue 09:00"), 6)
	f.Code, f.Session, f.Services = abuse.WebSession, "8ec5f9f53275e021", []maillog.Service{maillog.Webmail}
	c := world(t)
	c.Strange = []abuse.Finding{f}
	v := verdict.Judge(c)
	check(t, v)
	in := v.Incidents[0]
	if v.Verdict != verdict.Attack || v.Focus != verdict.Targeted || len(in.Compromised) != 0 || len(in.Extent) != 0 || fmt.Sprint(in.Stolen) != "[8ec5f9f53275e021]" || v.Findings[0].Code != "T1550.004" || v.Findings[0].Session != f.Session {
		t.Errorf("%s %s %+v", v.Verdict, v.Focus, in)
	}
	if next := strings.Join(v.Next, " "); !strings.Contains(next, "whose accounts the stranger used") {
		t.Errorf("to do: %s", next)
	}
}

// A takeover is set apart by what all of it has in common: its provider, its one
// device where that has several mailboxes, its service.
func TestTakeoverCause(t *testing.T) {
	from := func(account string, asn uint32, device string, s maillog.Service) abuse.Finding {
		f := hand(account, "198.51.100.7", at(t, "Mon 03:00"), 6)
		f.Network.ASN, f.Device, f.Services = asn, device, []maillog.Service{s}
		return f
	}
	for _, tc := range []struct {
		name  string
		hands []abuse.Finding
		want  string
	}{
		{"one provider", []abuse.Finding{from("anna", 64500, "", maillog.IMAP), from("bert", 64500, "", maillog.IMAP)}, "[map[asn:64500 service:imap]]"},
		{"two providers", []abuse.Finding{from("anna", 64500, "", maillog.IMAP), from("bert", 64501, "", maillog.IMAP)}, "[map[service:imap]]"},
		{"two of everything", []abuse.Finding{from("anna", 64500, "", maillog.IMAP), from("bert", 64501, "", maillog.Webmail)}, "[]"},
		{"one device of two", []abuse.Finding{from("anna", 64500, "X", maillog.ActiveSync), from("bert", 64501, "X", maillog.ActiveSync)}, "[map[device:X service:activesync]]"},
		{"one device of one", []abuse.Finding{from("anna", 64500, "X", maillog.ActiveSync)}, "[map[asn:64500 service:activesync]]"},
	} {
		c := world(t)
		c.Strange = tc.hands
		v := verdict.Judge(c)
		if len(v.Incidents) != 1 || fmt.Sprint(v.Incidents[0].Cause) != tc.want {
			t.Errorf("%s: %+v, want the cause %s", tc.name, v.Incidents, tc.want)
		}
	}
}
