package restrict

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// most is how many items a sentence names.
const most = 3

// Text says in one or two plain sentences what is restricted to whom and until
// when: "Webmail is closed for everybody from 01:00 to 06:00 each night until
// Sunday 30 November 06:00." Times are shown on the clock of loc. Names stand in
// it as they were given, with what cannot be printed escaped; whoever shows it in
// a page escapes it for that.
func (r *Restriction) Text(loc *time.Location) string {
	if loc == nil {
		loc = time.UTC
	}
	var b strings.Builder
	services := list(names(r.What.Services, serviceWord))
	if services == "" {
		services = "mail"
	}
	whom := r.whom()
	actions := list(names(r.What.Actions, show))
	plural := len(r.What.Services) > 1
	verb := func(one, many string) string {
		if plural {
			return many
		}
		return one
	}
	switch r.How {
	case Exempt:
		b.WriteString("Whatever else is restricted, " + services + " stays open for " + whom)
	case SlowDown:
		b.WriteString(services + verb(" is", " are") + " slowed down by " + count(r.Delay, "second", "seconds") + " for " + whom)
	case RefuseNewLogins:
		b.WriteString("new sign-ins to " + services + " are refused for " + whom + ", who keep the sessions they have,")
	case RequireFreshLogin:
		b.WriteString(services + verb(" asks ", " ask ") + whom + " to sign in again")
	default:
		b.WriteString(services + verb(" is", " are") + " closed for " + whom)
	}
	text := strings.TrimSuffix(b.String(), ",")
	b.Reset()
	b.WriteString(text)
	if actions != "" {
		b.WriteString(" (" + actions + " only)")
	}
	if n := len(r.Except); n > 0 {
		b.WriteString(", except for " + wheres(r.Except))
	}
	if r.Password != nil {
		b.WriteString(", for each account until its password is changed")
	}
	if n := r.When.Nightly; n != nil {
		b.WriteString(" from " + n.From.String() + " to " + n.To.String() + " each " + n.part())
	}
	if !r.When.From.IsZero() && r.When.From.After(r.AskedAt) {
		b.WriteString(" from " + moment(r.When.From, loc) + " on")
	}
	switch {
	case !r.LiftedAt.IsZero():
		b.WriteString(". It was lifted on " + moment(r.LiftedAt, loc) + " by " + show(r.LiftedBy))
	case !r.When.Until.IsZero():
		_, end := r.Span()
		if r.Second.Needed && r.Second.ApprovedBy == "" && !r.Second.BreakGlass {
			end = r.When.Until
		}
		b.WriteString(" until " + moment(end, loc))
	}
	switch s := r.Second; {
	case !r.LiftedAt.IsZero():
	case s.BreakGlass && s.ApprovedBy == "":
		b.WriteString(". Nobody approved it yet: unless somebody does, it ends then")
	case s.Needed && s.ApprovedBy == "":
		b.WriteString(". It waits for a second person to approve it")
	}
	b.WriteString(".")
	if r.DryRun {
		b.WriteString(" This is a dry run: nobody is refused.")
	}
	return capital(b.String())
}

func moment(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("Monday 2 January 15:04")
}

// part of the day in which a window lies.
func (n *Nightly) part() string {
	if n.From > n.To || n.To <= 9*60 || n.From >= 20*60 {
		return "night"
	}
	return "day"
}

func (r *Restriction) whom() string {
	if r.Whom.Everyone {
		return "everybody"
	}
	return wheres(r.Whom.AnyOf)
}

// wheres names sets of attributes. Sets that name one attribute alone are told
// together.
func wheres(sets []Where) string {
	if len(sets) > 1 {
		if name, values, ok := alone(sets); ok {
			if len(values) <= most {
				return plural(name, len(values)) + " " + list(names(values, show))
			}
			return count(len(values), single(name), plural(name, 2))
		}
	}
	var out []string
	for _, w := range sets[:min(len(sets), most)] {
		out = append(out, w.Text())
	}
	if n := len(sets) - most; n > 0 {
		out = append(out, count(n, "other group", "other groups"))
	}
	if len(out) > 1 {
		return strings.Join(out[:len(out)-1], ", for ") + " and for " + out[len(out)-1]
	}
	return list(out)
}

func alone(sets []Where) (name string, values []string, ok bool) {
	for _, w := range sets {
		if len(w) != 1 {
			return "", nil, false
		}
		for k, v := range w {
			if name != "" && k != name {
				return "", nil, false
			}
			name = k
			values = append(values, v)
		}
	}
	return name, values, true
}

// Text says in words which requests a set picks out: "iOS 18.4 and later in the
// network AS64500".
func (w Where) Text() string {
	var who, where []string
	take := func(name string) string { return w[name] }
	program := func(name, version string) {
		n, v := take(name), take(version)
		switch {
		case n != "" && v != "":
			who = append(who, show(n)+" "+versionText(v))
		case n != "":
			who = append(who, show(n))
		case v != "":
			who = append(who, single(version)+" "+versionText(v))
		}
	}
	if v := take("account"); v != "" {
		who = append(who, "the account "+show(v))
	}
	if v := take("account_group"); v != "" {
		who = append(who, "the group "+show(v))
	}
	if v := take("device"); v != "" {
		who = append(who, "the device "+show(v))
	}
	program("client", "client_version")
	program("os", "os_version")
	if v := take("user_agent"); v != "" {
		who = append(who, "the user agent "+show(v))
	}
	if v := take("mechanism"); v != "" {
		who = append(who, "sign-ins by "+show(v))
	}
	if v := take("url"); v != "" {
		where = append(where, "at the address "+show(v))
	}
	if v := take("service"); v != "" {
		where = append(where, "in "+serviceWord(v))
	}
	if v := take("action"); v != "" {
		where = append(where, "for "+show(v))
	}
	switch {
	case take("ip") != "":
		where = append(where, "from "+show(take("ip")))
	case take("prefix") != "":
		where = append(where, "from "+show(take("prefix")))
	}
	if v := take("asn"); v != "" {
		where = append(where, "from the network AS"+show(v))
	}
	if v := take("country"); v != "" {
		where = append(where, "from the country "+show(v))
	}
	if v := take("network_kind"); v != "" {
		where = append(where, "from "+show(v)+" networks")
	}
	if len(who) == 0 && len(where) > 0 {
		who = []string{"everybody"}
	}
	for _, k := range slices.Sorted(maps.Keys(w)) {
		if !slices.Contains(attributeNames[:], k) {
			where = append(where, "with "+show(k)+" "+show(w[k]))
		}
	}
	return strings.TrimSpace(strings.Join(who, " on ") + " " + strings.Join(where, " "))
}

func versionText(v string) string {
	b, err := parseBounds("", v)
	if err != nil || b == nil {
		return show(v)
	}
	var out []string
	for _, x := range b {
		switch x.op {
		case ">=":
			out = append(out, show(x.version)+" and later")
		case "<=":
			out = append(out, show(x.version)+" and earlier")
		case ">":
			out = append(out, "later than "+show(x.version))
		case "<":
			out = append(out, "earlier than "+show(x.version))
		}
	}
	return strings.Join(out, " but ")
}

func serviceWord(s string) string {
	switch s {
	case "owa":
		return "Outlook on the web"
	case "activesync":
		return "ActiveSync"
	case "imap", "smtp", "ews", "mapi", "jmap", "pop3":
		return strings.ToUpper(s)
	case "dav":
		return "CalDAV and CardDAV"
	}
	return show(s)
}

func single(name string) string {
	switch name {
	case "ip":
		return "address"
	case "asn":
		return "network"
	case "account_group":
		return "group"
	case "os":
		return "operating system"
	case "os_version":
		return "version of the operating system"
	case "client_version":
		return "version of the client"
	case "network_kind":
		return "kind of network"
	case "user_agent":
		return "user agent"
	case "url":
		return "web address"
	}
	return show(name)
}

func plural(name string, n int) string {
	s := single(name)
	switch {
	case n == 1:
		return s
	case name == "os_version" || name == "client_version":
		return "versions" + strings.TrimPrefix(s, "version")
	case name == "network_kind":
		return "kinds of network"
	case strings.HasSuffix(s, "ss"), strings.HasSuffix(s, "x"):
		return s + "es"
	case name == "country":
		return "countries"
	}
	return s + "s"
}

func names(values []string, word func(string) string) []string {
	var out []string
	for _, v := range values[:min(len(values), most)] {
		out = append(out, word(v))
	}
	if n := len(values) - most; n > 0 {
		out = append(out, strconv.Itoa(n)+" more")
	}
	return out
}

func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func capital(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}

// show makes a value that others wrote harmless for a line of text: what does
// not print is escaped, and it is cut to what can be read.
func show(s string) string {
	const longest = 80
	if s == "" {
		return `""`
	}
	cut := s
	if len(cut) > longest {
		cut = strings.ToValidUTF8(cut[:longest], "") + "…"
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return strconv.QuoteToGraphic(cut)
	}
	return cut
}
