package simulate_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/netip"
	"path"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"mailvigil/maillog"
	"mailvigil/simulate"
)

func brussels(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func world(t testing.TB, o simulate.Options) *simulate.World {
	t.Helper()
	if o.Location == nil {
		o.Location = brussels(t)
	}
	if o.Start.IsZero() {
		o.Start = time.Date(2024, 3, 4, 0, 0, 0, 0, o.Location)
	}
	w, err := simulate.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// logs are the files of a World, in memory.
type logs map[string]*bytes.Buffer

type noCloser struct{ io.Writer }

func (noCloser) Close() error { return nil }

func (l logs) open(name string) (io.WriteCloser, error) {
	if l[name] != nil {
		return nil, fmt.Errorf("%s is opened a second time", name)
	}
	l[name] = new(bytes.Buffer)
	return noCloser{l[name]}, nil
}

func (l logs) names() []string {
	var out []string
	for n := range l {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

func write(t testing.TB, w *simulate.World) logs {
	t.Helper()
	l := logs{}
	if err := w.Write(l.open); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l logs) digest() string {
	h := sha256.New()
	for _, n := range l.names() {
		fmt.Fprintf(h, "%s %d\n", n, l[n].Len())
		h.Write(l[n].Bytes())
	}
	return hex.EncodeToString(h.Sum(nil))
}

func events(w *simulate.World) string {
	h := sha256.New()
	for it := range w.Events {
		fmt.Fprintf(h, "%+v %s\n", it.Event, it.Label)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A seed gives these bytes on every machine and in every release; whoever
// changes the simulated life changes them here, knowing that old results can
// no longer be compared with new ones.
func TestGolden(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates every scenario")
	}
	golden := map[simulate.Scenario]string{
		simulate.Quiet:            "55a4fd9676e8d4615e46cf1436d8576dc0dd43353faf01bcd85c020aa6a477f3",
		simulate.PhoneStorm:       "d59c60555a5e4ea11b63811e3ea576d656af59168392f7a4bef21d52f2c0d9ee",
		simulate.Spray:            "5bcd129954dc7a35cb0ee842ef753397351191fc3c53732e0a0cebfb87fc0923",
		simulate.Stuffing:         "f9d5333b82ef3d6accfed729dacdede0648ffd1ce500473cb7a476e887708092",
		simulate.SlowGuessing:     "cd66cdf1a37e359b79fdf873cbe88591cabcc8ac478b47b62448282c1a6501fe",
		simulate.OneAccount:       "711a8b0d910c4b1a6b5bcc813560fd716a7921928f54f6b69f8a013c94892761",
		simulate.Takeover:         "ace33c4b23bb305116455398d77d8081be46ce6fd341c346de6fa1f44dfdb68d",
		simulate.FakePhone:        "420f7e0c396dd0dd5e4226c02b4bfa590b15b2e38cb115c7226f4cffd5efcda1",
		simulate.StolenSession:    "7fa2e2c6c223739747a67cc8e6b323a62f9f00ead51153d2bedbb4b7d2ce5796",
		simulate.SendingBurst:     "fe0c972ae148caa5e533850c42a1d7c40e6a21aa9a5c07e6c621dd1fa5efdaad",
		simulate.Walking:          "75d667151b01aa6d15570993599d8a45d0681270f9bdea6fac4dd898ad02a1b3",
		simulate.Flood:            "aab015bd3e19649c5c62b78b087352185708d82992056858687b5b0cfab8bcdb",
		simulate.Scan:             "28f0af208ae477f689992f11e15747335d2fa7ff93b6358d461dc038eb25bae2",
		simulate.InfectedHome:     "04b4e7087714a4fb375340e8ed429063b002c48d36a0d89533741fbf24df1fe2",
		simulate.Cover:            "fbe406f324aa3f39d2e285b053a863eed898bf5b91f78c195e3c77dfcabebdd0",
		simulate.Delegation:       "0ba5cbcd26fe0688516c2e8c9dfd37078753611cf679dd0bbfabd3718d5d23a4",
		simulate.NewBuilding:      "ee7e16af390916da249bc9fd7c662d121e9fd344b587d2aedd49e806218f8f79",
		simulate.CarrierChange:    "0d7fc94cbab837b7f1c67bdae7032f7052f3fed3dc4fe230ce4630e6cb6b6806",
		simulate.PasswordDay:      "46c11c088c449a996e90b310eb5a44d815c0ef541e69549d828d12e6e2871eb5",
		simulate.Migration:        "3255ddac8e35a0da2b6978020da405cdfcd2a51d69398f34e3c21a2f7ed253d6",
		simulate.Newsletter:       "96faf0965def658510342bb1d5752df1b0c5c0ddbac258d46f1ae5e129e38441",
		simulate.Monitoring:       "bc5fcfc000457392f9ca4691e488a98ecc69e2e91c3787a46b48c2a542e8632f",
		simulate.Outage:           "8df0e365f5359292c1ff1f036f34fd9a0c0634a7b407f4ff97b4d8e66f2f52e9",
		simulate.ProxySpray:       "02ea87735bf328022fd1a2d77a8b3b0cc6e42dde6080ca2bff29ed0cefcb4d05",
		simulate.Reading:          "38f93fb07c49b1b467c670ddd454ec326a21dec5dbcf88bbf5d7eb994121aee6",
		simulate.ImpossibleTravel: "5ed67bc770a109977ae284d07dd71c99373d34d780e1700dd9c74cfd0b04b13b",
		simulate.Download:         "738ad171417124504a2e4ec3d8a848b494845382b3343f507783d97bc3d20ad3",
		simulate.Forwarding:       "790f9d8cf5d73a6d675a1c780e21709bb17d7341757349887789a0b4bb15e7d8",
		simulate.PhoneDoor:        "87b201e8d7b850faefabb0b6905044d881175ae8141964b27aefa051c6a90c28",
		simulate.CoverTakeover:    "8e65a54d29d927fd2034fe9041bd5c7c2b57b69ff18d0a6ffe701b0149c51078",
		simulate.CoverOutage:      "78d24a3d64b25d9b788a88f681ff872201ca14017a150063bb9c7d387ca74a96",
		simulate.CrisisNight:      "1cf90ab13b897e94217d08f71f6a4928c3190a8e1de93eb4148d79c2260f099e",
		simulate.AwaySession:      "deb9e5d273fee140d4bb882786c62eec5efff9fee850c63ebe2c2e00249aa812",
		simulate.Backup:           "99c618b1b86a1a8a41f85c268eeaf169de9f47cab207ef01f1a5caee8a505fb4",
		simulate.Growth:           "58793b764c60dbcb6ba78afbf9adb00b1ee513a7b1009c188192bc02f1859c46",
		simulate.Sitting:          "563278d9974483dd7f65e090ec7aa9c3556acca5cc68054c74ea4d18da3d52cc",
		simulate.MailProgram:      "d4aa6c3fcf78f3214dd3367050e285d4a59ad1c356ee06e6829188f644c0d861",
		simulate.OfficeLine:       "a41b91bf84361067ec6bac2f19847934c4afec7e92a9848b93d9a8eaf96c4514",
		simulate.WebmailFault:     "9a47d39df93d79ca4efcfc3b405a16ade14ee0d8cd984be3a341e10a3e70ccb3",
		simulate.AuthFault:        "9272e6141348c7285a37fb1c948b98e47e8faa425a5105af961aa25f6b3dd84e",
		simulate.NetworkFault:     "4873869c593365ba45a3fcc0bdd1d3d397337180901a3564c57dd1b8a1195b59",
		simulate.Parliament:       "c4ac4dccdcfb4b3732b646eba5e5841d14063924fb5f16b33ce7f01648ec6828",
	}
	for scenario, want := range golden {
		t.Run(string(scenario), func(t *testing.T) {
			o := simulate.Options{Seed: 42, Accounts: 12, Days: 5, Scenario: scenario}
			first := world(t, o)
			ev := events(first)
			got := write(t, first).digest()
			if got != want {
				t.Errorf("the logs' digest is %s, want %s", got, want)
			}
			if testing.Short() {
				return
			}
			second := world(t, o) // in the other order
			if again := write(t, second).digest(); again != got {
				t.Errorf("logs written first differ from logs written after Events: %s", again)
			}
			if again := events(second); again != ev {
				t.Error("Events differ after the logs were written")
			}
			o.Seed++
			if write(t, world(t, o)).digest() == got {
				t.Error("another seed gives the same logs")
			}
		})
	}
}

func TestScenarioLeavesTheRest(t *testing.T) {
	o := simulate.Options{Seed: 3, Accounts: 25, Days: 6}
	lines := func(s simulate.Scenario) string {
		o.Scenario = s
		h := sha256.New()
		for it := range world(t, o).Lines {
			if it.Label == "" {
				fmt.Fprintf(h, "%s\n", it.Line)
			}
		}
		return hex.EncodeToString(h.Sum(nil))
	}
	if lines(simulate.Quiet) != lines(simulate.Spray) {
		t.Error("the unlabelled lines of a spray are not those of the same quiet world")
	}
}

func TestOptions(t *testing.T) {
	loc := brussels(t)
	good := simulate.Options{Start: time.Date(2024, 3, 4, 0, 0, 0, 0, loc), Location: loc}
	for name, c := range map[string]struct {
		change func(*simulate.Options)
		want   string
	}{
		"no location":     {func(o *simulate.Options) { o.Location = nil }, "a location is needed"},
		"no start":        {func(o *simulate.Options) { o.Start = time.Time{} }, "a start is needed"},
		"not midnight":    {func(o *simulate.Options) { o.Start = o.Start.Add(time.Hour) }, "is not a midnight of Europe/Brussels"},
		"nobody":          {func(o *simulate.Options) { o.Accounts = -1 }, "-1 accounts; between 1 and 100000"},
		"no day":          {func(o *simulate.Options) { o.Days = -3 }, "-3 days; between 1 and 3660"},
		"weak":            {func(o *simulate.Options) { o.Strength = -1 }, "strength -1; between 0.01 and 100"},
		"no number":       {func(o *simulate.Options) { o.Strength = math.NaN() }, "strength NaN; between 0.01 and 100"},
		"unknown":         {func(o *simulate.Options) { o.Scenario = "siege" }, `no scenario "siege"; there are [quiet phone-storm spray `},
		"domain, spaced":  {func(o *simulate.Options) { o.Domain = "a b" }, `domain "a b" is not a host name in lower case`},
		"domain, capital": {func(o *simulate.Options) { o.Domain = "Parl.example" }, `domain "Parl.example" is not a host name`},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			c.change(&o)
			_, err := simulate.New(o)
			if !errors.Is(err, simulate.ErrOptions) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// The nights on which the clocks change have as many hours as they have, and
// every line's stamp is the local one.
func TestClockChange(t *testing.T) {
	loc := brussels(t)
	for name, c := range map[string]struct {
		day        time.Time
		hours      float64
		with, none []string
	}{
		"spring": {time.Date(2024, 3, 31, 0, 0, 0, 0, loc), 23, []string{":01:59:", ":03:00:"}, []string{"2024:02:"}},
		"autumn": {time.Date(2024, 10, 27, 0, 0, 0, 0, loc), 25, []string{"2024:02:30:", "+0200]", "+0100]"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := world(t, simulate.Options{Seed: 1, Accounts: 100, Start: c.day, Days: 1})
			var first, last, before int64
			perHour := map[int64]int{}
			for it := range w.Events {
				at := it.Event.Time
				if at < before {
					t.Fatalf("%s comes after a later one", it.Line)
				}
				if before = at; first == 0 {
					first = at
				}
				last = at
				perHour[(at-c.day.UnixNano())/int64(time.Hour)]++
			}
			if first < c.day.UnixNano() || last >= c.day.AddDate(0, 0, 1).UnixNano() {
				t.Errorf("the day lasts from %v to %v", time.Unix(0, first), time.Unix(0, last))
			}
			if float64(len(perHour)) != c.hours {
				t.Errorf("%d hours of the day have events, want %v", len(perHour), c.hours)
			}
			// Nobody is twice as busy because an hour comes twice.
			if perHour[2] > 2*perHour[1] || perHour[3] > 2*perHour[1] {
				t.Errorf("events per hour of the night: %v", perHour)
			}
			nginx := write(t, w)["nginx/access.log-"+c.day.Format("20060102")].String()
			for _, s := range c.with {
				if !strings.Contains(nginx, s) {
					t.Errorf("no line has %q", s)
				}
			}
			for _, s := range c.none {
				if strings.Contains(nginx, s) {
					t.Errorf("a line has %q", s)
				}
			}
		})
	}
}

func TestFilesHoldTheirDay(t *testing.T) {
	l := write(t, world(t, simulate.Options{Seed: 9, Accounts: 30, Days: 3}))
	if len(l) != 12 {
		t.Fatalf("there are %d files: %v", len(l), l.names())
	}
	for _, n := range l.names() {
		day, err := time.Parse("20060102", n[len(n)-8:])
		if err != nil {
			t.Fatal(err)
		}
		layout := map[string]string{"nginx": "[02/Jan/2006:", "dovecot": "Jan 02 ", "mail": "Jan _2 ", "roundcube": "[02-Jan-2006 "}[path.Dir(n)]
		for line := range strings.Lines(l[n].String()) {
			if !strings.Contains(line, day.Format(layout)) {
				t.Errorf("%s holds %q", n, line)
			}
		}
	}
}

func TestTruth(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates every scenario")
	}
	for _, scenario := range simulate.Scenarios() {
		t.Run(string(scenario), func(t *testing.T) {
			w := world(t, simulate.Options{Seed: 5, Accounts: 60, Days: 12, Scenario: scenario})
			truth := w.Truth()
			type seen struct {
				onset, end int64
				lines      int64
				people     map[string]bool
				sources    map[string]bool
				won        map[string]bool // whose mailbox was opened, where it is hostile
			}
			got := map[string]*seen{}
			builds := map[string]bool{}
			for it := range w.Lines {
				if it.Label == "" {
					continue
				}
				s := got[it.Label]
				if s == nil {
					s = &seen{people: map[string]bool{}, sources: map[string]bool{}, won: map[string]bool{}}
					got[it.Label] = s
				}
				if s.lines++; !it.Stated {
					continue
				}
				if s.onset == 0 {
					s.onset = it.Event.Time
				}
				s.end = it.Event.Time
				if it.Label == "phone-storm" {
					builds[string(it.Event.UserAgent[bytes.LastIndexByte(it.Event.UserAgent, '/'):])] = true
				}
				if it.Person != "" {
					s.people[it.Person] = true
				}
				if ip := it.Event.ClientIP; ip.IsValid() && !ip.IsPrivate() {
					s.sources[ip.String()] = true
				}
				if it.Event.Outcome == maillog.Success && it.Person != "" {
					s.won[it.Person] = true
				}
			}
			if len(truth.Incidents) != len(got) {
				t.Fatalf("the truth names %d incidents, the labels %d", len(truth.Incidents), len(got))
			}
			for _, in := range truth.Incidents {
				s := got[in.Name]
				if s == nil {
					t.Fatalf("no line is labelled %s", in.Name)
				}
				if in.Name == "network-fault" {
					if in.Onset.UnixNano() >= s.onset {
						t.Errorf("%s begins at %v, not before its first line", in.Name, in.Onset)
					}
					continue // its beginning is silence
				}
				if in.Onset.UnixNano() != s.onset || in.End.UnixNano() != s.end || in.Lines != s.lines {
					t.Errorf("%s: the truth says %v to %v and %d lines, the lines %v to %v and %d", in.Name, in.Onset, in.End, in.Lines,
						time.Unix(0, s.onset), time.Unix(0, s.end), s.lines)
				}
				if in.Kind != "attack" {
					continue
				}
				if !slices.Equal(in.Sources, keys(s.sources)) {
					t.Errorf("%s: the sources differ from those of its lines", in.Name)
				}
				if !slices.Equal(in.Compromised, keys(s.won)) {
					t.Errorf("%s: the truth says that %v were taken over, the lines %v", in.Name, in.Compromised, keys(s.won))
				}
				if in.Targeted != len(s.people) {
					t.Errorf("%s: %d accounts are said to be targeted, %d were", in.Name, in.Targeted, len(s.people))
				}
			}
			if got["phone-storm"] != nil && len(builds) != 1 {
				t.Errorf("phones of %v storm, and not of one build", keys(builds))
			}
			want := "benign"
			switch scenario {
			case simulate.Quiet, simulate.Scan, simulate.InfectedHome:
				want = "quiet"
			case simulate.Spray, simulate.Stuffing, simulate.SlowGuessing, simulate.OneAccount, simulate.Takeover, simulate.FakePhone,
				simulate.StolenSession, simulate.SendingBurst, simulate.Walking, simulate.Flood, simulate.ProxySpray, simulate.Reading,
				simulate.ImpossibleTravel, simulate.Download, simulate.Forwarding, simulate.PhoneDoor:
				want = "attack"
			case simulate.Cover, simulate.CoverTakeover, simulate.CoverOutage:
				want = "mixed"
			case simulate.Outage, simulate.WebmailFault, simulate.AuthFault, simulate.NetworkFault:
				want = "fault"
			}
			if truth.Verdict != want {
				t.Errorf("the verdict is %s, want %s", truth.Verdict, want)
			}
		})
	}
}

func keys(set map[string]bool) []string {
	out := []string{}
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// The releases of phones are those of real years; a storm needs one that is
// new in its night in any year and zone.
func TestStormOfAnyTime(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates storms of many times")
	}
	for name, c := range map[string]struct {
		zone string
		year int
	}{
		"before the releases known": {"Europe/Brussels", 2019},
		"between two":               {"America/New_York", 2024},
		"after them":                {"Pacific/Auckland", 2031},
	} {
		t.Run(name, func(t *testing.T) {
			loc, err := time.LoadLocation(c.zone)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Date(c.year, 5, 2, 0, 0, 0, 0, loc)
			w := world(t, simulate.Options{Seed: 6, Accounts: 50, Days: 7, Scenario: simulate.PhoneStorm, Start: start, Location: loc})
			night := start.AddDate(0, 0, 4)
			truth := w.Truth()
			if len(truth.Incidents) != 1 {
				t.Fatalf("there are %d incidents", len(truth.Incidents))
			}
			if onset := truth.Incidents[0].Onset; onset.Before(night) || onset.After(night.Add(6*time.Hour)) {
				t.Errorf("it begins %v, not in the night of %v", onset, night)
			}
			build := []byte(nil)
			for it := range w.Events {
				if it.Label != "" && build == nil {
					build = bytes.Clone(it.Event.UserAgent[bytes.LastIndexByte(it.Event.UserAgent, '/'):])
				}
				if build == nil && it.Event.Time > night.UnixNano()+int64(6*time.Hour) {
					t.Fatal("no phone storms")
				}
			}
			for it := range w.Events {
				if it.Event.Time >= night.UnixNano() {
					break
				}
				if bytes.HasSuffix(it.Event.UserAgent, build) {
					t.Fatalf("the build is in use before the night: %s", it.Line)
				}
			}
		})
	}
}

func TestStrength(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates every scenario at several strengths")
	}
	for _, scenario := range simulate.Scenarios()[1:] {
		t.Run(string(scenario), func(t *testing.T) {
			lines := func(strength float64) (n int64) {
				w := world(t, simulate.Options{Seed: 5, Accounts: 100, Days: 12, Scenario: scenario, Strength: strength})
				for _, in := range w.Truth().Incidents {
					n += in.Lines
				}
				return n
			}
			weak, medium, strong := lines(0.5), lines(1), lines(2)
			if weak >= medium || medium >= strong {
				t.Errorf("weak, medium and strong have %d, %d and %d lines", weak, medium, strong)
			}
		})
	}
}

// The demonstration must show what it is for: nights that are busier than
// those before, at the webmail and at the phones' door.
func TestParliamentNights(t *testing.T) {
	w := world(t, simulate.Options{Seed: 5, Accounts: 80, Days: 10, Scenario: simulate.Parliament})
	truth := w.Truth()
	onset := truth.Incidents[0].Onset.Truncate(24 * time.Hour)
	type door struct {
		service maillog.Service
		after   bool
	}
	count, nights := map[door]float64{}, map[bool]map[int]bool{false: {}, true: {}}
	for it := range w.Events {
		at := time.Unix(0, it.Event.Time).In(truth.Start.Location())
		if at.Hour() >= 4 || at.After(onset.AddDate(0, 0, 4)) {
			continue
		}
		after := at.After(onset)
		nights[after][at.YearDay()] = true
		count[door{it.Event.Service, after}]++
	}
	for _, s := range []maillog.Service{maillog.Webmail, maillog.ActiveSync} {
		before := count[door{s, false}] / float64(len(nights[false]))
		after := count[door{s, true}] / float64(len(nights[true]))
		if t.Logf("%v: %.0f events a night, then %.0f", s, before, after); after < 1.5*before {
			t.Errorf("%v: %.0f events a night after %.0f before", s, after, before)
		}
	}
}

func TestMemoryDoesNotGrowWithDays(t *testing.T) {
	if testing.Short() {
		t.Skip("runs forty simulated days")
	}
	peak := func(days int) uint64 {
		w := world(t, simulate.Options{Seed: 2, Accounts: 60, Days: days, Scenario: simulate.Parliament})
		var top uint64
		var day string
		for it := range w.Events {
			if d := time.Unix(0, it.Event.Time).Format(time.DateOnly); d != day {
				day = d
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				top = max(top, m.HeapAlloc)
			}
		}
		return top
	}
	few, many := peak(8), peak(32)
	t.Logf("live heap: %d kB over 8 days, %d kB over 32", few>>10, many>>10)
	if many > few*2 { // growth would make it four times as large
		t.Errorf("the live heap grows from %d to %d bytes with four times the days", few, many)
	}
}

// Events alone are those of the lines, to the last byte.
func TestEventsWithoutLines(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates every scenario")
	}
	for _, scenario := range simulate.Scenarios() {
		t.Run(string(scenario), func(t *testing.T) {
			w := world(t, simulate.Options{Seed: 13, Accounts: 20, Days: 8, Scenario: scenario})
			next, stop := iter.Pull(w.Events)
			defer stop()
			n := 0
			for it := range w.Lines {
				if !it.Stated {
					continue
				}
				bare, ok := next()
				if !ok {
					t.Fatalf("Events end after %d", n)
				}
				n++
				if bare.Line != nil {
					t.Fatalf("an Event has the line %s", bare.Line)
				}
				with := *it
				with.Line = nil
				if !reflect.DeepEqual(*bare, with) {
					t.Fatalf("the Event\n%+v\nis not that of the line\n%+v\n%s", *bare, with, it.Line)
				}
			}
			if _, ok := next(); ok {
				t.Errorf("there are more Events than the %d of the lines", n)
			}
		})
	}
}

// What a line states and the Event beside it are the same, by the reader that
// the product has. Only what a damaged line would have told is missing.
func TestEventsAgreeWithLines(t *testing.T) {
	if testing.Short() {
		t.Skip("writes months of lines and reads them back")
	}
	for _, c := range []struct {
		scenario simulate.Scenario
		month    time.Month
		date     int
	}{
		{simulate.Spray, time.March, 26},        // across the spring night
		{simulate.Parliament, time.October, 22}, // across the autumn night
		{simulate.PhoneStorm, time.December, 28},
		{simulate.Reading, time.May, 5},
		{simulate.Forwarding, time.June, 2},
		{simulate.AuthFault, time.June, 3},
		{simulate.PhoneDoor, time.January, 8},
		{simulate.MailProgram, time.September, 9},
		{simulate.AwaySession, time.April, 8},
		{simulate.CarrierChange, time.April, 8},
		{simulate.OfficeLine, time.April, 8},
	} {
		t.Run(string(c.scenario), func(t *testing.T) {
			loc := brussels(t)
			w := world(t, simulate.Options{Seed: 8, Accounts: 30, Days: 7, Scenario: c.scenario, Start: time.Date(2024, c.month, c.date, 0, 0, 0, 0, loc)})
			var parsers [4]*maillog.Parser
			var days [4]string
			var damaged, missing, wrong int
			for it := range w.Lines {
				at := time.Unix(0, it.Event.Time).In(loc)
				if it.Damaged {
					damaged++
				} else if day := at.Format(time.DateOnly); it.Stated && day != days[it.Source] {
					days[it.Source] = day
					if parsers[it.Source] == nil {
						parsers[it.Source] = maillog.NewParser(maillog.Options{Location: loc})
					}
					parsers[it.Source].NextFile(at, it.Event.Format)
				}
				p := parsers[it.Source]
				if p == nil {
					continue // chatter before the first Event
				}
				var got maillog.Event
				kind := p.Parse(it.Line, &got).Kind
				switch {
				case it.Damaged && kind == maillog.Rejected:
				case !it.Damaged && !it.Stated && kind == maillog.Ignored:
				case it.Stated && kind == maillog.Parsed && same(got, it.Event):
				case it.Event.Joined && !got.Joined:
					missing++
				default:
					if wrong++; wrong < 3 {
						t.Errorf("the line\n%s\nis read (%v) as\n%+v\nand not as\n%+v", it.Line, kind, got, it.Event)
					}
				}
			}
			if missing > 3*damaged {
				t.Errorf("%d Events lack what an earlier line told, with %d damaged lines", missing, damaged)
			}
			t.Logf("%d damaged lines, %d Events less for them", damaged, missing)
		})
	}
}

// same compares two Events; a text that is absent equals an empty one.
func same(a, b maillog.Event) bool {
	for _, f := range []func(*maillog.Event) *[]byte{
		func(e *maillog.Event) *[]byte { return &e.Account },
		func(e *maillog.Event) *[]byte { return &e.UserAgent },
		func(e *maillog.Event) *[]byte { return &e.Device },
		func(e *maillog.Event) *[]byte { return &e.DeviceType },
		func(e *maillog.Event) *[]byte { return &e.Session },
		func(e *maillog.Event) *[]byte { return &e.Mechanism },
		func(e *maillog.Event) *[]byte { return &e.URL },
		func(e *maillog.Event) *[]byte { return &e.Hostname },
	} {
		x, y := f(&a), f(&b)
		if !bytes.Equal(*x, *y) {
			return false
		}
		*x, *y = nil, nil
	}
	return reflect.DeepEqual(a, b)
}

func TestRunsAtOnce(t *testing.T) {
	w := world(t, simulate.Options{Seed: 4, Accounts: 20, Days: 5, Scenario: simulate.Parliament})
	want := events(w)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if events(w) != want {
				t.Error("a World gives other Events to several at once")
			}
		})
	}
	wg.Wait()
}

type limited struct{ left int }

var errFull = errors.New("disk full")

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func (*limited) Close() error { return nil }

func TestWriteErrors(t *testing.T) {
	w := world(t, simulate.Options{Seed: 2, Accounts: 20, Days: 1})
	if err := w.Write(func(string) (io.WriteCloser, error) { return nil, errFull }); !errors.Is(err, errFull) {
		t.Errorf("a file that cannot be opened gives %v", err)
	}
	if err := w.Write(func(string) (io.WriteCloser, error) { return &limited{left: 1000}, nil }); !errors.Is(err, errFull) {
		t.Errorf("a file that cannot be written gives %v", err)
	}
}

func TestForge(t *testing.T) {
	var b bytes.Buffer
	if err := simulate.Forge(&b, 5000, 700, 100, time.Date(2024, 3, 4, 1, 0, 0, 0, time.UTC)); err != nil {
		t.Fatal(err)
	}
	names, sources := map[string]bool{}, map[netip.Addr]bool{}
	p := maillog.NewParser(maillog.Options{Format: maillog.Dovecot})
	var ev maillog.Event
	for line := range bytes.Lines(b.Bytes()) {
		if r := p.Parse(line, &ev); r.Kind != maillog.Parsed || ev.Action != maillog.Login || ev.Outcome != maillog.Failure {
			t.Fatalf("%s is read as %v: %+v", line, r, ev)
		}
		names[string(ev.Account)], sources[ev.ClientIP] = true, true
	}
	if len(names) != 5000 || len(sources) != 700 {
		t.Errorf("%d names and %d sources, want 5000 and 700", len(names), len(sources))
	}
	if err := simulate.Forge(&limited{left: 100}, 10, 10, 10, time.Time{}); !errors.Is(err, errFull) {
		t.Errorf("a full disk gives %v", err)
	}
	if err := simulate.Forge(io.Discard, 1, 0, 1, time.Time{}); !errors.Is(err, simulate.ErrOptions) {
		t.Errorf("no source gives %v", err)
	}
}

func BenchmarkForge(b *testing.B) {
	b.ReportAllocs()
	if err := simulate.Forge(io.Discard, b.N, 1000, 1000, time.Unix(0, 0)); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkEvents(b *testing.B) {
	w := world(b, simulate.Options{Seed: 1, Scenario: simulate.Parliament})
	events := 0
	b.ReportAllocs()
	for b.Loop() {
		events = 0
		for range w.Events {
			events++
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkWrite(b *testing.B) {
	w := world(b, simulate.Options{Seed: 1, Scenario: simulate.Parliament})
	lines := 0
	for range w.Lines {
		lines++
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := w.Write(func(string) (io.WriteCloser, error) { return noCloser{io.Discard}, nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(lines), "lines")
}
