package restrict

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mailvigil/traffic"
	"mailvigil/verdict"
)

// closed is a valid restriction: webmail closed for everybody for five nights.
func closed() Restriction {
	return Policy{}.Ask(Restriction{
		What: What{Services: []string{"webmail"}}, Whom: Whom{Everyone: true}, How: Refuse, Reason: "guessing by night",
		When: When{Until: base.Add(120 * time.Hour), Nightly: &Nightly{60, 360, "Europe/Brussels"}},
	}, "anna", base, 0.01)
}

func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRestriction(t, 1)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(data)
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if !reflect.DeepEqual(got, r) {
			t.Fatalf("came back as %+v, was %+v", got, r)
		}
	})
}

// The keys are what others read: this test fails where one is renamed.
func TestJSONForm(t *testing.T) {
	r := closed()
	r.Except = []Where{{"account_group": "crisis"}}
	r.Message = "Back at six."
	r.Second = Second{Needed: true, BreakGlass: true}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"schema_version":1,"id":"` + r.ID + `","what":{"services":["webmail"]},"whom":{"everyone":true},"except":[{"account_group":"crisis"}],` +
		`"when":{"until":"2025-10-29T12:00:00Z","nightly":{"from":"01:00","to":"06:00","timezone":"Europe/Brussels"}},"how":"refuse",` +
		`"reason":"guessing by night","message":"Back at six.","asked_by":"anna","asked_at":"2025-10-24T12:00:00Z","forecast_share":0.01,` +
		`"second_person":{"needed":true,"break_glass":true}}`
	if string(data) != want {
		t.Errorf("got\n%s\nwant\n%s", data, want)
	}
	for _, c := range []struct{ text, says string }{
		{`{"schema_version":1,"whom":{"everyone":true,"except":[]}}`, "unknown field"},
		{`{"schema_version":2}`, "update the older"},
		{`{"schema_version":1} {}`, "write one JSON object"},
		{`{"schema_version":1,"when":{"nightly":{"from":"1:00"}}}`, "as in 01:00"},
		{`{"schema_version":1,"when":{"nightly":{"from":"24:30"}}}`, "as in 01:00"},
	} {
		if _, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want something with %q", c.text, err, c.says)
		}
	}
}

func TestValidateSaysWhatToWrite(t *testing.T) {
	if r := closed(); r.Validate() != nil {
		t.Fatal(r.Validate())
	}
	whom := func(k, v string) func(*Restriction) {
		return func(r *Restriction) { r.Whom = Whom{AnyOf: []Where{{k: v}}} }
	}
	for _, c := range []struct {
		name string
		make func(*Restriction)
		says string
	}{
		{"no end", func(r *Restriction) { r.When.Until = time.Time{} }, "say until when"},
		{"ends before it begins", func(r *Restriction) { r.When.Until = base.Add(-time.Hour) }, "write a later until"},
		{"two years", func(r *Restriction) { r.When.Until = base.AddDate(2, 0, 0) }, "longer than a year"},
		{"nobody", func(r *Restriction) { r.Whom = Whom{} }, "say everyone"},
		{"everyone and some", func(r *Restriction) { r.Whom.AnyOf = []Where{{"account": "a"}} }, "leave one of them out"},
		{"an empty set", func(r *Restriction) { r.Whom = Whom{AnyOf: []Where{{}}} }, "name an attribute"},
		{"an unknown attribute", whom("acount", "a"), "write one of device, account"},
		{"an attribute of the answer", whom("outcome", "failure"), "leave it out"},
		{"no value", whom("account", ""), "write one, or leave"},
		{"an ASN with letters", whom("asn", "AS64500"), "as in 64500"},
		{"a small country", whom("country", "be"), "two capital letters"},
		{"a prefix as address", whom("ip", "192.0.2.0/24"), "write it as prefix"},
		{"no address", whom("ip", "192.0.2"), "as in 192.0.2.7"},
		{"bits after the prefix", whom("prefix", "192.0.2.7/24"), "write 192.0.2.0/24"},
		{"everybody's prefix", whom("prefix", "::/0"), "say everyone"},
		{"an unknown kind", whom("network_kind", "cloud"), "hosting, vpn"},
		{"half a range", whom("os_version", ">= 18.4"), "as in >=18.4"},
		{"a range without operator", whom("os_version", ">=18.4 19"), "as in >=18.4"},
		{"a service in capitals", func(r *Restriction) { r.What.Services = []string{"IMAP"} }, "small letters"},
		{"an unknown action", func(r *Restriction) { r.What.Actions = []string{"logon"} }, "such as login"},
		{"an unknown way", func(r *Restriction) { r.How = "block" }, "refuse_new_logins"},
		{"too slow", func(r *Restriction) { r.How, r.Delay = SlowDown, 30 }, "from 1 to 8"},
		{"a delay that means nothing", func(r *Restriction) { r.Delay = 3 }, "leave it out"},
		{"new sign-ins without sign-ins", func(r *Restriction) { r.How, r.What.Actions = RefuseNewLogins, []string{"read"} }, "add the action login"},
		{"a fresh sign-in of sign-ins", func(r *Restriction) { r.How, r.What.Actions = RequireFreshLogin, []string{"login"} }, "leave the action login out"},
		{"no campaign", func(r *Restriction) { r.Password = &Password{} }, "name the one"},
		{"slow until the change", func(r *Restriction) { r.How, r.Delay, r.Password = SlowDown, 1, &Password{Campaign: "c"} }, "change how"},
		{"everybody everywhere exempt", func(r *Restriction) { r.How, r.What = Exempt, What{} }, "lift them instead"},
		{"no reason", func(r *Restriction) { r.Reason = " " }, "say why"},
		{"an escape in the message", func(r *Restriction) { r.Message = "\x1b[2J" }, "control characters"},
		{"nobody asked", func(r *Restriction) { r.AskedBy = "" }, "name who asks"},
		{"no forecast", func(r *Restriction) { r.Share = nil }, "make one before it starts"},
		{"approved by oneself", func(r *Restriction) { r.Second.ApprovedBy, r.Second.ApprovedAt = "anna", base }, "somebody else has to"},
		{"approved by nobody", func(r *Restriction) { r.Second.ApprovedAt = base }, "write approved_by"},
		{"approved too late", func(r *Restriction) {
			r.Second = Second{Needed: true, BreakGlass: true, ApprovedBy: "bert", ApprovedAt: base.Add(5 * time.Hour)}
		}, "ask for it anew"},
		{"approved with another campaign", func(r *Restriction) {
			r.Second = Second{Needed: true, ApprovedBy: "bert", ApprovedAt: base, Campaign: "c2"}
		}, "have it approved by itself"},
		{"break glass for later", func(r *Restriction) { r.Second.BreakGlass, r.When.From = true, base.Add(time.Hour) }, "takes effect at once"},
		{"no zone", func(r *Restriction) { r.When.Nightly.Timezone = "" }, "as in Europe/Brussels"},
		{"no window", func(r *Restriction) { r.When.Nightly.To = 60 }, "leave nightly out"},
		{"lifted by nobody", func(r *Restriction) { r.LiftedAt = base.Add(time.Hour) }, "write lifted_by"},
		{"no id", func(r *Restriction) { r.ID = "" }, "Identify"},
	} {
		r := closed()
		c.make(&r)
		if err := r.Validate(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want something with %q", c.name, err, c.says)
		}
	}
}

func TestWideOnesNeedASecondPerson(t *testing.T) {
	wide := closed()
	wide.When.Nightly = nil
	wide = Policy{}.Ask(wide, "anna", base, 0.06)
	if !wide.Second.Needed || (Policy{WideFrom: 0.1}).Ask(wide, "anna", base, 0.06).Second.Needed {
		t.Error("the limit of the policy does not decide")
	}
	for _, share := range []float64{-1, 2, nan()} {
		if r := (Policy{}).Ask(wide, "anna", base, share); !r.Second.Needed {
			t.Errorf("a share of %v needs nobody", share)
		}
	}
	at := func(r *Restriction, hours float64) Phase {
		return r.Phase(base.Add(time.Duration(hours*float64(time.Hour))), nil)
	}
	if p := at(&wide, 1); p != Awaited {
		t.Errorf("without approval: %s", p)
	}
	glass := wide
	glass.Second.BreakGlass = true
	if a, b := at(&glass, 3.9), at(&glass, 4); a != InEffect || b != Ended {
		t.Errorf("break glass: %s, after four hours %s", a, b)
	}
	glass.Second.ApprovedBy, glass.Second.ApprovedAt = "bert", base.Add(2*time.Hour)
	if a, b := at(&glass, 1), at(&glass, 100); a != InEffect || b != InEffect {
		t.Errorf("break glass, approved: %s, later %s", a, b)
	}
	late := wide
	late.Second.ApprovedBy, late.Second.ApprovedAt = "bert", base.Add(2*time.Hour)
	if a, b := at(&late, 1), at(&late, 2); a != Scheduled || b != InEffect {
		t.Errorf("approved after two hours: before %s, after %s", a, b)
	}
	if wide.Identify() != late.Identify() {
		t.Error("approval changes the id")
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestPasswordRefusalEndsWithTheChange(t *testing.T) {
	r := Policy{}.Ask(Restriction{
		Whom: Whom{AnyOf: []Where{{"account": "anna"}}}, How: Refuse, Reason: "opened", Password: &Password{Campaign: "c1"},
		When: When{Until: base.Add(48 * time.Hour)}, Except: []Where{{"service": "portal"}},
	}, "bert", base, 0.01)
	s, err := Compile([]Restriction{r}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := base.Add(time.Hour)
	for _, c := range []struct {
		name    string
		q       Request
		outcome Outcome
	}{
		{"not changed", Request{Service: "imap", Account: "anna"}, Deny},
		{"changed before", Request{Service: "imap", Account: "anna", PasswordChanged: base.Add(-time.Hour)}, Deny},
		{"changed since", Request{Service: "imap", Account: "anna", PasswordChanged: base.Add(time.Minute)}, Allow},
		{"the page for the change", Request{Service: "portal", Account: "anna"}, Allow},
		{"before the sign-in", Request{Service: "imap"}, Allow},
		{"another account", Request{Service: "imap", Account: "carl"}, Allow},
	} {
		d := s.Decide(now, &c.q)
		if d.Outcome != c.outcome || c.outcome == Deny && d.Message != MessagePassword {
			t.Errorf("%s: %v %v", c.name, d.Outcome, d.Message)
		}
	}
	if d := s.Decide(base.Add(48*time.Hour), &Request{Service: "imap", Account: "anna"}); d.Outcome != Allow {
		t.Errorf("the campaign is over: %v", d.Outcome)
	}
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	r := closed()
	if _, err := Compile([]Restriction{r}, Options{}); err == nil || !strings.Contains(err.Error(), r.ID) {
		t.Errorf("no zones: %v", err)
	}
	_, err := Compile([]Restriction{r}, Options{Zone: func(string) (*time.Location, error) { return nil, errors.New("unknown") }})
	if err == nil || !strings.Contains(err.Error(), "as in Europe/Brussels") {
		t.Errorf("an unknown zone: %v", err)
	}
	if _, err := Compile(nil, Options{Exempt: []Where{{"ip": "x"}}}); err == nil {
		t.Error("an exemption that cannot be read is left out silently")
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		order int
		ok    bool
	}{
		{"18.4", "18.10", -1, true},
		{"18.4", "18.4.0", 0, true},
		{"18.4.1", "18.4", 1, true},
		{"018", "18", 0, true},
		{"99999999999999999999999", "100000000000000000000000", -1, true},
		{"", "1", 0, false},
		{"18.4b", "18", 0, false},
		{"18.", "18", 0, false},
		{".1", "1", 0, false},
		{"18..4", "18", 0, false},
	} {
		if got, ok := compareVersions(c.a, c.b); got != c.order || ok != c.ok {
			t.Errorf("%q and %q: %d %v", c.a, c.b, got, ok)
		}
	}
}

func TestText(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	sunday := time.Date(2025, 11, 30, 6, 0, 0, 0, loc)
	for _, c := range []struct {
		make func(*Restriction)
		want string
	}{
		{func(*Restriction) {}, "Webmail is closed for everybody from 01:00 to 06:00 each night until Sunday 30 November 06:00."},
		{func(r *Restriction) {
			r.What.Services = []string{"activesync", "imap"}
			r.Whom = Whom{AnyOf: []Where{{"os": "iOS", "os_version": ">=18.4", "asn": "64500"}}}
			r.When.Nightly, r.How, r.Delay = nil, SlowDown, 2
		}, "ActiveSync and IMAP are slowed down by 2 seconds for iOS 18.4 and later from the network AS64500 until Sunday 30 November 06:00."},
		{func(r *Restriction) {
			r.What, r.When.Nightly, r.How = What{}, nil, RequireFreshLogin
			r.Whom = Whom{AnyOf: sets("account", []string{"a@x.example", "b@x.example"})}
		}, "Mail asks accounts a@x.example and b@x.example to sign in again until Sunday 30 November 06:00."},
		{func(r *Restriction) {
			r.When.Nightly, r.Except = nil, []Where{{"account_group": "crisis"}}
			r.Second = Second{Needed: true, BreakGlass: true}
		}, "Webmail is closed for everybody, except for the group crisis until Friday 24 October 18:00. Nobody approved it yet: unless somebody does, it ends then."},
		{func(r *Restriction) {
			r.When.Nightly, r.How = nil, RefuseNewLogins
			r.Whom = Whom{AnyOf: []Where{{"user_agent": "\x1b[2Jx\u202e"}}}
		}, `New sign-ins to webmail are refused for the user agent "\x1b[2Jx\u202e", who keep the sessions they have until Sunday 30 November 06:00.`},
		{func(r *Restriction) {
			r.When.Nightly, r.DryRun = nil, true
			r.Whom = Whom{AnyOf: sets("ip", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})}
		}, "Webmail is closed for 4 addresses until Sunday 30 November 06:00. This is a dry run: nobody is refused."},
		{func(r *Restriction) { r.When.Nightly, r.Second = nil, Second{Needed: true} }, "Webmail is closed for everybody until Sunday 30 November 06:00. It waits for a second person to approve it."},
	} {
		r := closed()
		r.When.Until = sunday
		c.make(&r)
		if got := r.Text(loc); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestPropose(t *testing.T) {
	attack := func(cause map[string]string, sources ...string) *verdict.Incident {
		return &verdict.Incident{ID: "incident-1", Kind: verdict.Attack, Services: []string{"webmail"}, Cause: []map[string]string{cause}, Sources: sources}
	}
	opened := attack(map[string]string{"ip": "192.0.2.7"}, "192.0.2.7")
	opened.Compromised = []string{"anna"}
	storm := attack(map[string]string{"os": "iOS", "service": "activesync"})
	storm.Kind = verdict.Benign
	many := attack(map[string]string{"asn": "64500"})
	for i := range mostSources + 1 {
		many.Sources = append(many.Sources, fmt.Sprintf("192.0.%d.%d", i/256, i%256))
	}
	for _, c := range []struct {
		name string
		in   *verdict.Incident
		want []string
	}{
		{"a network", attack(map[string]string{"asn": "64500", "outcome": "failure"}, "192.0.2.7", "2001:db8::/64"), []string{
			`refuse [webmail] [map[ip:192.0.2.7] map[prefix:2001:db8::/64]]`,
			`instead refuse [webmail] [map[asn:64500]]`,
		}},
		{"too many addresses to name", many, []string{`refuse [webmail] [map[asn:64500]]`}},
		{"a device", attack(map[string]string{"device": "d1", "service": "activesync"}, "192.0.2.7"), []string{`refuse [] [map[device:d1 service:activesync]]`}},
		{"failures against one account", attack(map[string]string{"account": "anna", "outcome": "failure", "service": "imap"}, "192.0.2.7"), []string{`refuse [webmail] [map[ip:192.0.2.7]]`}},
		{"failures against one account, from nowhere known", attack(map[string]string{"account": "anna", "outcome": "failure"}), nil},
		{"failures of a service", attack(map[string]string{"service": "imap", "outcome": "failure"}), nil},
		{"an opened account", opened, []string{`require_fresh_login [] [map[account:anna]]`, `refuse [webmail] [map[ip:192.0.2.7]]`}},
		{"a storm", storm, nil},
		{"hostile text among the sources", attack(map[string]string{"service": "imap"}, "x\x1b", "192.0.2.7"), []string{`refuse [webmail] [map[ip:192.0.2.7]]`}},
	} {
		var got []string
		for _, p := range Propose(c.in, base, 24*time.Hour) {
			r := p.Restriction
			line := fmt.Sprint(r.How, " ", r.What.Services, " ", r.Whom.AnyOf)
			if p.Instead {
				line = "instead " + line
			}
			got = append(got, line)
			if r.Validate() == nil {
				t.Errorf("%s: a proposal is valid though nobody asked for it", c.name)
			}
			asked := Policy{}.Ask(r, "anna", base, 0.01)
			if err := asked.Validate(); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if asked.Second.Needed {
				t.Errorf("%s: a narrow one needs a second person", c.name)
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
	if r, err := ForCause([]map[string]string{{"account": "anna", "outcome": "failure"}}, nil, Refuse); err == nil {
		t.Errorf("an account that others failed against is restricted: %+v", r)
	}
	if _, err := ForCause([]map[string]string{{"account": "anna"}}, []string{"anna"}, Refuse); err != nil {
		t.Errorf("an opened account cannot be restricted: %v", err)
	}
	if r, err := ForCause(storm.Cause, nil, SlowDown); err != nil || !r.Covers(storm.Cause) {
		t.Errorf("a storm: %+v %v", r, err)
	}
}

// Whatever the cause, a restriction that covers it hits each request that the
// cause picks out, and what Propose gives for an account is an opened one's.
func TestCoversIsTrue(t *testing.T) {
	var covered int
	rapid.Check(t, func(t *rapid.T) {
		r := drawRestriction(t, 0)
		r.Except, r.How, r.Password, r.Delay = nil, Refuse, nil, 0
		q := drawRequest(t)
		cause := map[string]string{"service": q.Service, "action": q.Action}
		for k, v := range map[string]string{
			"account": q.Account, "device": q.Device, "country": q.Network.Country, "network_kind": string(q.Network.Kind),
			"client": q.Agent.Client, "os": q.Agent.OS, "os_version": q.Agent.OSVersion, "user_agent": q.UserAgent,
		} {
			if v != "" && rapid.Bool().Draw(t, "name "+k) {
				cause[k] = v
			}
		}
		if q.Network.ASN != 0 && rapid.Bool().Draw(t, "asn") {
			cause["asn"] = fmt.Sprint(q.Network.ASN)
		}
		if q.Addr.IsValid() {
			if rapid.Bool().Draw(t, "ip") {
				cause["ip"] = q.Addr.String()
			} else {
				p, _ := q.Addr.Prefix(map[bool]int{true: 24, false: 48}[q.Addr.Is4()])
				cause["prefix"] = p.String()
			}
		}
		if !r.Covers([]map[string]string{cause}) {
			return
		}
		covered++
		s, err := Compile([]Restriction{r}, Options{Zone: time.LoadLocation})
		if err != nil {
			t.Fatal(err)
		}
		if !s.Matches(q) {
			t.Fatalf("covers %v and does not hit %+v: %+v", cause, q, r.Whom)
		}
	})
	if covered < 5 {
		t.Errorf("only %d causes were covered: the test looks at nothing", covered)
	}
}

func TestNarrowest(t *testing.T) {
	cause := []map[string]string{{"ip": "192.0.2.7", "asn": "64500", "os": "iOS", "os_version": "18.5", "service": "imap"}}
	of := func(w ...Where) Restriction { return Restriction{Whom: Whom{AnyOf: w}, How: Refuse} }
	list := []Restriction{
		{Whom: Whom{Everyone: true}, How: Refuse},
		of(Where{"asn": "64500"}),
		of(Where{"prefix": "192.0.2.0/24"}),
		of(Where{"ip": "192.0.2.8"}),
		of(Where{"os": "iOS", "os_version": ">=18.4"}),
		of(Where{"prefix": "192.0.2.0/24", "os": "iOS"}),
	}
	for n, want := range []int{-1, 0, 1, 2, 2, 2, 5} {
		if got := Narrowest(list[:n], cause); got != want {
			t.Errorf("of the first %d: %d, want %d", n, got, want)
		}
	}
}

// many is a set as in a bad week: 100,000 restrictions of accounts, devices,
// addresses, prefixes, networks, countries, clients in networks, and some that
// are wide.
func many(n int) []Restriction {
	list := make([]Restriction, 0, n)
	for i := range n {
		var w Where
		switch i % 20 {
		case 0, 1, 2, 3, 4, 5:
			w = Where{"account": fmt.Sprintf("user%d@parl.example", i)}
		case 6, 7, 8:
			w = Where{"device": fmt.Sprintf("ApplDNP%08X", i)}
		case 9, 10, 11, 12, 13:
			w = Where{"ip": netip.AddrFrom4([4]byte{byte(1 + i%200), byte(i / 7), byte(i / 500), byte(i)}).String()}
		case 14, 15:
			p, _ := netip.AddrFrom4([4]byte{byte(1 + i%200), byte(i / 7), byte(i / 500), 0}).Prefix(8 + i/20%17)
			w = Where{"prefix": p.String()}
		case 16:
			p, _ := netip.AddrFrom16([16]byte{0x20, 1, byte(i >> 8), byte(i), byte(i >> 16)}).Prefix(48)
			w = Where{"prefix": p.String()}
		case 17:
			w = Where{"asn": fmt.Sprint(64500 + i), "os": "Windows"}
		case 18:
			w = Where{"account_group": fmt.Sprintf("group%d", i), "client": "Thunderbird"}
		default:
			w = Where{"country": string([]byte{byte('A' + i/20%26), byte('A' + i/520%26)}), "account": fmt.Sprintf("user%d@parl.example", i)}
		}
		r := Policy{}.Ask(Restriction{Whom: Whom{AnyOf: []Where{w}}, How: Refuse, Reason: "bench", When: When{Until: base.Add(24 * time.Hour)}}, "anna", base, 0.001)
		if i%3 == 0 {
			r.When.Nightly = &Nightly{60, 360, "Europe/Brussels"}
		}
		if i%10_000 == 0 { // ten wide ones
			r.Whom = Whom{Everyone: true}
			r.What.Services = []string{[]string{"webmail", "imap"}[i/10_000%2]}
			r.Except = []Where{{"account_group": "crisis"}, {"network_kind": "office"}}
			r.How, r.Delay, r.When.Nightly = SlowDown, 1+i/10_000%5, nil
		}
		r.ID = fmt.Sprintf("restriction-%d", i)
		list = append(list, r)
	}
	return list
}

// asked are requests of which none, one and many restrictions hold.
func asked() []Request {
	network := traffic.Network{ASN: 3320, Country: "DE", Kind: traffic.KindMobile}
	phone := traffic.Agent{Client: "Apple DataAccess", OS: "iOS", OSVersion: "26.0.1"}
	return []Request{
		{Service: "activesync", Action: "sync", Account: "nobody@parl.example", Groups: []string{"staff", "press"}, Device: "ApplXXXX", Addr: netip.MustParseAddr("250.1.2.3"), Network: network, Agent: phone},
		{Service: "activesync", Action: "ping", Account: "user20001@parl.example", Groups: []string{"staff"}, Device: "ApplDNP00000006", Addr: netip.MustParseAddr("80.187.3.9"), Network: network, Agent: phone},
		{Service: "webmail", Action: "login", Account: "user20001@parl.example", Addr: netip.MustParseAddr("40.5.5.5"), Network: traffic.Network{ASN: 64517, Country: "AB", Kind: traffic.KindHosting}, Agent: traffic.Agent{Client: "Chrome", OS: "Windows"}},
		{Service: "imap", Action: "login", Account: "bert", Groups: []string{"group18"}, Addr: netip.MustParseAddr("2001:db8::1"), Agent: traffic.Agent{Client: "Thunderbird"}},
	}
}

func compiled(tb testing.TB, n int) *Set {
	s, err := Compile(many(n), Options{Zone: time.LoadLocation, Exempt: []Where{{"ip": "127.0.0.1"}, {"prefix": "10.0.0.0/8"}}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestDecideDoesNotAllocate(t *testing.T) {
	s, list := compiled(t, 20_000), asked()
	for i := range list {
		if n := testing.AllocsPerRun(100, func() { s.Decide(base.Add(time.Hour), &list[i]) }); n != 0 {
			t.Errorf("request %d: %v allocations", i, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		s, list := compiled(b, n), asked()
		// Half past one in Brussels: the windows are open.
		now := time.Date(2025, 10, 24, 23, 30, 0, 0, time.UTC)
		for i := range list {
			d := s.Decide(now, &list[i])
			b.Run(fmt.Sprintf("%d/%s-%s", n, list[i].Service, d.Outcome), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					s.Decide(now, &list[i])
				}
			})
		}
		b.Run(fmt.Sprintf("%d/all-different", n), func(b *testing.B) {
			b.ReportAllocs()
			many := make([]Request, 1<<16) // no request is in the cache from the last time
			for i := range many {
				many[i] = list[i%len(list)]
				many[i].Account = fmt.Sprintf("user%d@parl.example", i*7919%n)
				if many[i].Addr.Is4() {
					many[i].Addr = netip.AddrFrom4([4]byte{byte(i * 31), byte(i >> 3), byte(i >> 7), byte(i * 7)})
				}
			}
			i := 0
			for b.Loop() {
				s.Decide(now, &many[i%len(many)])
				i++
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	list := many(100_000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(list, Options{Zone: time.LoadLocation}); err != nil {
			b.Fatal(err)
		}
	}
}
