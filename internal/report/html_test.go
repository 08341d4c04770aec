package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/message"
	"mailvigil/internal/report"
	"mailvigil/verdict"
)

func page(t testing.TB, v *verdict.Verdict, o report.Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.HTML(&b, v, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func indicators(t testing.TB, v *verdict.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.CSV(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// everySample is one verdict of each kind, with all that a verdict can hold.
func everySample() map[string]*verdict.Verdict {
	all := map[string]*verdict.Verdict{"distinct": distinct()}
	for name, sample := range samples {
		all[name] = sample()
	}
	return all
}

// full is a verdict that has something of everything.
func full() *verdict.Verdict {
	v := mixed()
	v.Manifest = append(v.Manifest, verdict.Used{Kind: verdict.UsedConfiguration, File: "mailvigil.yaml", Size: 431, SHA256: strings.Repeat("e", 64)})
	v.Ledger = &verdict.Recorded{Entry: 7, Checkpoint: "mail.example/ledger\n8\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— mail.example/ledger Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"}
	for i := range 5 {
		v.Sensitivity = append(v.Sensitivity, verdict.Sensitivity{Attack: fmt.Sprintf("attacks of the kind that has the number %d, by night", i), Detected: 0.81, Interval: [2]float64{0.7, 0.9}, Injections: 40})
	}
	in := &v.Incidents[0]
	in.Extent = []verdict.Extent{
		{Account: in.Compromised[0], From: at("2025-11-04 04:21:39"), To: at("2025-11-04 05:01:10"), Sources: in.Sources[:2], Services: []string{"imap"}, Clients: []string{"Thunderbird 128"}, SignIns: 3, Fetched: 841, Shown: 12, Bytes: 31_000_000, Forwards: 1, Evidence: lines("logs/dovecot/dovecot.log", 77, "x")},
		{Account: in.Compromised[1], From: at("2025-11-04 02:40:55"), To: at("2025-11-04 02:44:00"), Sources: in.Sources[1:3], SignIns: 1},
	}
	in.Stolen = []string{"0a9LJ1gTmIstTGsR"}
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if in.Plot == nil {
			continue
		}
		hours := &verdict.Plot{Title: in.Plot.Title, Start: at("2025-11-03 00:00:00"), Step: 3600}
		for h := range 70 {
			n := float64(h * h % 300)
			if h == 30 {
				n = -1
			}
			hours.Observed = append(hours.Observed, n)
			hours.Expected = append(hours.Expected, 120)
			hours.Lower = append(hours.Lower, 90)
			hours.Upper = append(hours.Upper, 150)
		}
		in.Hours = hours
		in.Split = []verdict.Part{{Cause: map[string]string{"service": "imap", "asn": "14061"}, Observed: 2100, Expected: 12}, {Observed: 400, Expected: 466}}
	}
	return v
}

// distinct is full with numbers that no two fields share, nor any rule of the
// report makes by chance.
func distinct() *verdict.Verdict {
	v := full()
	n := int64(30011)
	next := func() int64 { n += 1277; return n }
	var walk func(reflect.Value)
	walk = func(x reflect.Value) {
		switch x.Kind() {
		case reflect.Pointer:
			if !x.IsNil() {
				walk(x.Elem())
			}
		case reflect.Struct:
			if x.Type() == reflect.TypeFor[time.Time]() || x.Type() == reflect.TypeFor[verdict.Plot]() {
				return
			}
			for i := range x.NumField() {
				if f := x.Type().Field(i); f.IsExported() && f.Name != "SchemaVersion" {
					walk(x.Field(i))
				}
			}
		case reflect.Slice:
			for i := range x.Len() {
				walk(x.Index(i))
			}
		case reflect.Int, reflect.Int64:
			if x.Int() != 0 {
				x.SetInt(next())
			}
		case reflect.Float64:
			if f := x.Float(); f > 1 || f < -1 {
				x.SetFloat(float64(next()))
			}
		}
	}
	walk(reflect.ValueOf(v).Elem())
	for i := range v.Incidents {
		v.Incidents[i].Excess = v.Incidents[i].Observed - v.Incidents[i].Expected
	}
	return v
}

// poison puts text into every string of a verdict that is not one of a few
// words of ours.
func poison(v *verdict.Verdict, with string) *verdict.Verdict {
	var walk func(x reflect.Value, name string)
	walk = func(x reflect.Value, name string) {
		switch x.Kind() {
		case reflect.Pointer:
			if !x.IsNil() {
				walk(x.Elem(), name)
			}
		case reflect.Struct:
			if x.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range x.NumField() {
				if f := x.Type().Field(i); f.IsExported() {
					walk(x.Field(i), f.Name)
				}
			}
		case reflect.Slice:
			for i := range x.Len() {
				walk(x.Index(i), name)
			}
		case reflect.Map:
			for _, k := range x.MapKeys() {
				x.SetMapIndex(k, reflect.ValueOf(with+k.String()))
			}
		case reflect.String:
			switch name {
			case "Verdict", "Kind", "Focus", "Timezone", "Findings", "Severity":
			case "ID":
				x.SetString(x.String() + with) // findings and incidents still belong together
			default:
				x.SetString(with + x.String())
			}
		}
	}
	walk(reflect.ValueOf(v).Elem(), "")
	for i := range v.Incidents {
		for k := range v.Incidents[i].Findings {
			v.Incidents[i].Findings[k] += with
		}
	}
	return v
}

var (
	tag       = regexp.MustCompile(`<[^>]*>?`)
	tagName   = regexp.MustCompile(`^</?[a-z!][a-z0-9]*`)
	attribute = regexp.MustCompile(`\s([a-zA-Z_:-]+)=("[^"]*"|'[^']*'|[^\s>]*)`)
)

// skeleton is a page without its text and the values of attributes.
func skeleton(t *testing.T, page string) []string {
	t.Helper()
	var out []string
	for _, m := range tag.FindAllString(page, -1) {
		name := tagName.FindString(m)
		if name == "" {
			t.Errorf("this is no tag: %.200q", m)
		}
		s := name
		for _, a := range attribute.FindAllStringSubmatch(m, -1) {
			s += " " + a[1]
		}
		if rest := strings.Trim(attribute.ReplaceAllString(strings.TrimPrefix(m, name), ""), " />\n"); rest != "" && name != "<!doctype" {
			t.Errorf("tag %.200q holds %q", m, rest)
		}
		out = append(out, s)
	}
	return out
}

// attacks are texts that would mean something to a browser, had they the chance.
var attacks = []string{
	`"><script>alert(1)</script><img src=x onerror=alert(1)>`,
	`' onmouseover=alert(1) style='x:expression(1)`,
	`--><svg onload=alert(1)>]]><!--`,
	`</style><script>alert(1)</script>`,
	`</title></desc></text></svg><iframe src=//evil.example>`,
	`javascript:alert(1)//`,
	`{{.}}${7*7}<%= 7*7 %>`,
	`&lt;script&gt;&#x3c;`,
}

// Whatever a log holds, a page has the same tags and attributes as with
// harmless text.
func TestHTMLEscapes(t *testing.T) {
	want := skeleton(t, page(t, poison(full(), "harmless"), report.Page{}))
	if len(want) < 500 {
		t.Fatalf("the page has %d tags, too few to show anything", len(want))
	}
	for _, attack := range attacks {
		got := page(t, poison(full(), attack), report.Page{})
		if have := skeleton(t, got); !slices.Equal(have, want) {
			for i := range have {
				if i >= len(want) || have[i] != want[i] {
					t.Errorf("%q: tag %d is %q, with harmless text it is %q", attack, i, have[i], want[min(i, len(want)-1)])
					break
				}
			}
		}
		if seen := html.UnescapeString(got); !strings.Contains(seen, attack) {
			t.Errorf("%q is shown nowhere: the test shows nothing", attack)
		}
	}
	// The test of the test: a page that does not escape.
	spoilt := strings.Replace(page(t, poison(full(), "harmless"), report.Page{}), "harmless", attacks[0], 1)
	if slices.Equal(skeleton(t, spoilt), want) {
		t.Error("a page with a script of an attacker passes")
	}
}

// A page needs nothing but itself.
func TestHTMLStandsAlone(t *testing.T) {
	for name, v := range everySample() {
		got := page(t, v, report.Page{})
		own := strings.ReplaceAll(got, `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, bad := range []string{"<script", "<link", "<img", "<iframe", "<object", "<embed", "<form", "@import", "@font-face", " src=", " srcset=", " on", "javascript:"} {
			for _, m := range tag.FindAllString(own, -1) {
				if strings.Contains(m, bad) {
					t.Errorf("%s: %q in %.200q", name, bad, m)
				}
			}
		}
		for _, m := range regexp.MustCompile(`(?:href|fill)="[^"]*"|url\([^)]*\)`).FindAllString(own, -1) {
			if strings.Contains(m, "url(") && !strings.Contains(m, "url(#") || strings.HasPrefix(m, "href") && !strings.HasPrefix(m, `href="#`) {
				t.Errorf("%s: the page refers to %q", name, m)
			}
		}
		if !strings.Contains(got, `content="default-src 'none'; style-src 'unsafe-inline'`) {
			t.Errorf("%s: the page does not forbid itself what it does not need", name)
		}
		// Every anchor is there, once.
		ids := map[string]int{}
		for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(got, -1) {
			if ids[m[1]]++; ids[m[1]] > 1 && !strings.HasPrefix(m[1], "mv") {
				t.Errorf("%s: two have the id %q", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(got, -1) {
			if ids[m[1]] == 0 {
				t.Errorf("%s: nothing has the id %q", name, m[1])
			}
		}
	}
}

// Every picture has the table of its numbers.
func TestHTMLPicturesHaveTables(t *testing.T) {
	got := page(t, full(), report.Page{For: report.Analyst})
	pictures, tables := strings.Count(got, "<svg"), strings.Count(got, `<table class="numbers">`)
	if pictures < 7 || pictures != tables {
		t.Errorf("%d pictures and %d tables behind them", pictures, tables)
	}
	if n := strings.Count(got, "<desc"); n != pictures {
		t.Errorf("%d of %d pictures say in words what they show", n, pictures)
	}
}

func TestHTMLReaders(t *testing.T) {
	parts := map[report.Reader]string{report.Director: "On one page", report.Postmaster: "What to do now", report.Analyst: "The evidence"}
	for _, who := range append(slices.Clone(report.Readers), report.Everyone) {
		got := page(t, full(), report.Page{For: who})
		for reader, heading := range parts {
			if want := who == report.Everyone || who == reader; strings.Contains(got, heading+"</h2>") != want {
				t.Errorf("for %q: %q is there: %v", who, heading, !want)
			}
		}
		// The verdict is told to everybody.
		if !strings.Contains(got, "▲</span> Mixed") || !strings.Contains(got, html.EscapeString(full().Text)) {
			t.Errorf("for %q: the verdict is not told", who)
		}
	}
}

// A million findings and ten thousand addresses still make a page that opens.
func TestHTMLScale(t *testing.T) {
	v := full()
	in := &v.Incidents[0]
	for i := range 10_000 {
		in.Sources = append(in.Sources, fmt.Sprintf("198.18.%d.%d", i>>8, i&255))
	}
	for i := range 5000 {
		name := fmt.Sprintf("p%d@parl.example", i)
		in.Compromised = append(in.Compromised, name)
		in.Extent = append(in.Extent, verdict.Extent{Account: name, From: in.Onset, To: in.End, Sources: in.Sources[i : i+2], Fetched: 1, Evidence: lines("x.log", int64(i+1), strings.Repeat("y", 5000))})
	}
	for i := range 100_000 {
		v.Findings = append(v.Findings, verdict.Finding{ID: fmt.Sprint("f", i), Title: fmt.Sprint("title ", i%500, strings.Repeat("z", 3000)), Severity: verdict.High, ClientIP: in.Sources[i%5000], Evidence: lines("y.log", int64(i+1), strings.Repeat("y", 5000))})
	}
	for range 100 {
		v.Incidents = append(v.Incidents, v.Incidents[0])
	}
	for i := range 5000 {
		v.Coverage.Inputs = append(v.Coverage.Inputs, verdict.Input{File: fmt.Sprint(strings.Repeat("dir/", 200), i), SHA256: strings.Repeat("a", 64)})
		v.Coverage.Problems = append(v.Coverage.Problems, "x: bad")
	}
	got := page(t, v, report.Page{})
	if len(got) > 1e6 {
		t.Errorf("%d bytes, a megabyte is enough for anybody", len(got))
	}
	for _, want := range []string{"And 9,", "more in the CSV file", "more in the JSON file"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Spreadsheets take no cell for a formula.
func TestCSVFormulas(t *testing.T) {
	for _, attack := range []string{
		`=HYPERLINK("http://evil.example","x")`, `+1+1`, `-1+1`, `@SUM(1)`, "\t=1", "\r=1", ` =1`, "\n=1", `＝1`, `"=1`, `|calc`, `%0a=1`, "\u00a0=1", `'=1`,
	} {
		got := indicators(t, poison(full(), attack))
		rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", attack, err)
		}
		if len(rows) < 100 {
			t.Fatalf("%d rows, too few to show anything", len(rows))
		}
		for _, row := range rows {
			for _, cell := range row {
				if cell != "" && strings.ContainsRune("=+-@|%＝＋－＠\t\r\n \u00a0\"", []rune(cell)[0]) {
					t.Fatalf("%q makes the cell %q", attack, cell)
				}
			}
		}
	}
}

func TestIndicators(t *testing.T) {
	v := full()
	got := map[string]report.Indicator{}
	for _, i := range report.Indicators(v) {
		key := i.Role + " " + i.Type + " " + i.Value
		if _, twice := got[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		got[key] = i
	}
	opened := got["in other hands account adele.marchand@assembly.example"]
	if opened.Severity != verdict.Critical || !opened.First.Equal(at("2025-11-04 04:21:39")) || !slices.Equal(opened.Incidents, []string{"i1"}) {
		t.Errorf("the account in other hands is %+v", opened)
	}
	if s := got["stolen session 0a9LJ1gTmIstTGsR"]; s.Severity != verdict.Critical {
		t.Errorf("the stolen session is %+v", s)
	}
	source := got["attack came from it address 203.0.113.4"]
	if !source.First.Equal(at("2025-11-04 02:40:55")) || !source.Last.Equal(at("2025-11-04 05:01:10")) {
		t.Errorf("an address of two accounts was seen from %v to %v", source.First, source.Last)
	}
	if f := got["named in a finding address 203.0.113.9"]; !slices.Equal(f.Codes, []string{"T1110.003"}) || f.Evidence == "" {
		t.Errorf("the address of a finding is %+v", f)
	}
	if i := got["infected account finn.holm@assembly.example"]; i.Type == "" {
		t.Error("the infected machine's owner is missing")
	}
	for key := range got {
		if strings.Contains(key, "198.51.100.7") {
			t.Errorf("%s: nobody holds anything against it", key)
		}
	}
}

func TestReadGivesBack(t *testing.T) {
	for name, v := range everySample() {
		first := asJSON(t, v)
		back, err := report.Read(strings.NewReader(first))
		if err != nil {
			t.Fatal(err)
		}
		if again := asJSON(t, back); again != first {
			t.Errorf("%s: JSON that was read is written differently", name)
		}
	}
}

// number is a count, a share, a time of day, an address or a version in a text.
var number = regexp.MustCompile(`\d[\d.,:]*`)

func numbers(text string) []string {
	var out []string
	for _, m := range number.FindAllString(text, -1) {
		out = append(out, strings.TrimRight(m, ".,:"))
	}
	return out
}

// sources are the numbers that a report of a verdict may hold, each with the
// rule that it comes from.
type sources map[string]string

func (s sources) add(rule, text string) {
	for _, n := range numbers(text) {
		if _, ok := s[n]; !ok {
			s[n] = rule
		}
	}
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes a number as reports do: whole with its thousands apart, small
// ones that are not whole with one digit.
func (s sources) count(rule string, x float64) {
	x = math.Abs(x)
	s.add(rule, thousands(int64(math.Round(x))))
	s.add(rule, strconv.FormatFloat(x, 'f', 1, 64))
	s.add(rule, strconv.FormatFloat(x, 'f', -1, 64))
	if x <= 1 {
		s.add(rule+", in percent", fmt.Sprintf("%.0f", 100*x))
	}
}

// moment writes a time as reports do, whole or in part.
func (s sources) moment(rule string, at time.Time, loc *time.Location) {
	s.add(rule, at.In(loc).Format("2 Jan 2006 15:04 2006-01-02T15:04:05-07:00"))
}

func (s sources) bytes(rule string, n int64) {
	for v := float64(n); v >= 1; v /= 1000 {
		s.add(rule, fmt.Sprintf("%.0f %.1f", v, v))
	}
}

// trace lists what may stand in a report: numbers of the JSON file, lengths of
// its lists, and what the rules of docs/report.md make of them.
func trace(t *testing.T, v *verdict.Verdict, loc *time.Location) sources {
	t.Helper()
	s := sources{}
	var doc any
	if err := json.Unmarshal([]byte(asJSON(t, v)), &doc); err != nil {
		t.Fatal(err)
	}
	// Limits of lists, of which a report says how many more there are.
	limits := []int{1, 2, 3, 4, 6, 8, 12, 16, 20, 32, 40, 60, 160, 300, 500}
	var walk func(path string, x any)
	walk = func(path string, x any) {
		switch x := x.(type) {
		case map[string]any:
			for k, y := range x {
				walk(path+"."+k, y)
			}
			if file, ok := x["file"].(string); ok {
				s.add("place of "+path, fmt.Sprintf("%s:%.0f", message.Safe(file), x["line"]))
			}
		case []any:
			s.count("length of "+path, float64(len(x)))
			for _, l := range limits {
				if len(x) > l {
					s.count("rest of "+path, float64(len(x)-l))
				}
			}
			for _, y := range x {
				walk(path, y)
			}
		case float64:
			s.count(path, x)
			if strings.HasSuffix(path, "bytes") || strings.HasSuffix(path, "bytes_fetched") || strings.HasSuffix(path, "manifest.size") {
				s.bytes(path, int64(x))
			}
		case string:
			s.add(path, x)
			s.add(path, message.Safe(x))
			if at, err := time.Parse(time.RFC3339, x); err == nil {
				s.moment(path, at, loc)
			}
		}
	}
	walk("verdict", doc)
	s.derive(v, loc)
	return s
}

// derive adds what is counted or summed for a report.
func (s sources) derive(v *verdict.Verdict, loc *time.Location) {
	opened, attackers := map[string]bool{}, map[string]bool{}
	var messages, bytes, forwards int64
	main := 0
	for i := range v.Incidents {
		in := &v.Incidents[i]
		if in.Kind != verdict.Background {
			main++
			s.count("number of an incident", float64(main))
		}
		if !in.Onset.IsZero() && !in.End.IsZero() {
			d := in.End.Sub(in.Onset)
			s.add("how long "+in.ID+" lasted", fmt.Sprintf("%.0f %.0f %.0f", math.Floor(d.Minutes()+.5), math.Floor(d.Hours()+.5), math.Floor(d.Hours()/24+.5)))
		}
		for _, a := range in.Sources {
			attackers[a] = in.Kind == verdict.Attack
		}
		for _, a := range in.Compromised {
			opened[a] = true
		}
		for _, x := range in.Extent {
			messages += x.Fetched + x.Shown
			bytes += x.Bytes
			forwards += x.Forwards
		}
		for _, part := range in.Split {
			s.count("excess of a part", part.Observed-part.Expected)
		}
		s.plot(in.Plot, loc)
		s.plot(in.Hours, loc)
	}
	sure := 0
	for _, x := range v.Sensitivity {
		if x.Detected >= 0.9 {
			sure++
		}
	}
	s.count("kinds of attack seen nine times in ten", float64(sure))
	s.count("accounts in other hands", float64(len(opened)))
	s.count("addresses of attacks", float64(len(attackers)))
	s.count("messages read or fetched", float64(messages))
	s.count("changes of forwarding", float64(forwards))
	s.bytes("bytes carried off", bytes)
	count := map[string]float64{}
	about := map[string]map[string]bool{}
	for _, f := range v.Findings {
		kind := string(f.Severity) + f.Code + f.Title
		count[kind]++
		count["technique "+f.Code]++
		if about[kind] == nil {
			about[kind] = map[string]bool{}
		}
		about[kind][f.Account+f.Device+f.Session+f.ClientIP] = true
	}
	for _, i := range report.Indicators(v) {
		count["indicator "+i.Role+i.Type]++
	}
	for what, n := range count {
		s.count("count of "+what, n)
	}
	for what, who := range about {
		for _, l := range []int{6, 12} {
			s.count("rest of those with "+what, float64(len(who)-l))
		}
	}
}

// plot adds the numbers of a plot's picture and of the table behind it.
func (s sources) plot(p *verdict.Plot, loc *time.Location) {
	if p == nil {
		return
	}
	step := time.Duration(p.Step) * time.Second
	for k := 1; k <= 40; k++ { // rows of several steps
		s.add("length of rows", fmt.Sprint(int((step*time.Duration(k)).Minutes()), " ", int((step*time.Duration(k)).Hours())))
	}
	rows := (len(p.Observed) + 95) / 96
	above, below, unseen, peak := 0, 0, 0, 0.0
	for i := range p.Observed {
		s.moment("step of a plot", p.Start.Add(step*time.Duration(i)), loc)
		switch o := p.Observed[i]; {
		case o < 0:
			unseen++
		case o > p.Upper[i]:
			above++
		case o < p.Lower[i]:
			below++
		}
		peak = max(peak, p.Observed[i])
		if i%rows == 0 {
			var o, e float64
			for k := i; k < min(i+rows, len(p.Observed)); k++ {
				o += p.Observed[k]
				e += p.Expected[k]
			}
			s.count("sum of steps", o)
			s.count("sum of steps", e)
		}
	}
	s.add("steps of a plot", fmt.Sprint(above, " ", below, " ", unseen, " ", len(p.Observed)))
	s.moment("end of a plot", p.Start.Add(step*time.Duration(len(p.Observed))), loc)
	above, below = 0, 0
	for i, o := range p.Observed {
		if o >= 0 && o > p.Upper[i]+peak/24 {
			above++
		} else if o >= 0 && o < p.Lower[i]-peak/24 {
			below++
		}
	}
	s.add("marked hours", fmt.Sprint(above, " ", below))
	for l := 1; l <= 5; l++ {
		s.count("shade of hours", math.Floor(peak*float64(l)/5))
	}
	for h := range 24 {
		s.add("hour of the clock", fmt.Sprintf("%02d:00", h))
	}
	for at, end := p.Start, p.Start.Add(step*time.Duration(len(p.Observed))); at.Before(end); at = at.Add(time.Hour) {
		s.moment("mark of a time axis", at.In(loc).Truncate(time.Hour), loc)
	}
}

// shown is the text of a page, with that of its pictures, but for the round
// numbers of their axes.
func shown(page string) string {
	page = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(page, "")
	page = regexp.MustCompile(`(<path class="(?:axis|grid)"[^>]*/>)<text [^>]*text-anchor="end">[^<]*</text>`).ReplaceAllString(page, "$1")
	return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, " "))
}

// printed is the text of a terminal's report, but for its axes.
func printed(text string) string {
	return regexp.MustCompile(`(?m)^ *[\d.kM]* *[┤|+].*$`).ReplaceAllString(text, "")
}

// fixed are the numbers in words that are the same in every report.
var fixed = map[string]bool{
	"90":  true, // percent, of the interval of an onset
	"256": true, // SHA-256
	// ATT&CK techniques that stand for what was done with an account.
	"1114.002": true, "1114.003": true,
}

func untraced(s sources, text string) (bad []string) {
	for _, n := range numbers(text) {
		if _, ok := s[n]; !ok && !fixed[n] && !slices.Contains(bad, n) {
			bad = append(bad, n)
		}
	}
	return bad
}

// Every number in every report comes from the verdict: from the JSON file, or
// by a rule that docs/report.md states.
func TestNumbersAreTraced(t *testing.T) {
	for name, v := range everySample() {
		t.Run(name, func(t *testing.T) {
			s := trace(t, v, brussels)
			for what, text := range map[string]string{
				"HTML": shown(page(t, v, report.Page{Location: brussels})),
				"CSV":  strings.NewReplacer(",", " ", `"`, " ").Replace(indicators(t, v)),
				"text": printed(terminal(t, v, report.Options{Width: 120, Unicode: true, Location: brussels})),
			} {
				if what != "CSV" && len(numbers(text)) == 0 && v.Coverage.Files > 0 {
					t.Errorf("%s: no number was found, so the test shows nothing", what)
				}
				if bad := untraced(s, text); len(bad) > 0 {
					t.Errorf("%s: these numbers come from nowhere: %q", what, bad)
				}
			}
		})
	}
	// And of the organisations of "make worlds", where it has left verdicts.
	worlds, err := filepath.Glob("../../build/worlds/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range worlds {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			v, err := report.Read(f)
			if err != nil {
				t.Fatal(err)
			}
			loc, err := time.LoadLocation(v.Timezone)
			if err != nil {
				t.Fatal(err)
			}
			s, html := trace(t, v, loc), page(t, v, report.Page{})
			t.Logf("%d bytes, %d numbers", len(html), len(numbers(shown(html))))
			if bad := untraced(s, shown(html)); len(bad) > 0 {
				t.Errorf("these numbers come from nowhere: %q", bad)
			}
			if len(html) > 1e6 {
				t.Errorf("the page has %d bytes, more than a megabyte", len(html))
			}
		})
	}
	// The test of the test: a number that is off by one.
	v := distinct()
	s := trace(t, v, brussels)
	off := strings.ReplaceAll(shown(page(t, v, report.Page{Location: brussels})), thousands(v.Coverage.Lines), thousands(v.Coverage.Lines+1))
	if len(untraced(s, off)) == 0 {
		t.Error("a wrong count of lines passes")
	}
}
