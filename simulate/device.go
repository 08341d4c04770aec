package simulate

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// release is one release of Apple's phone system.
type release struct {
	version string
	build   string
	day     int64 // Unix days of its publication
}

// agentBuild writes the build as ActiveSync's user agent does: 21E236 is
// 2105.236, the letter counted from A.
func (r release) agentBuild() string {
	i := strings.IndexFunc(r.build, func(c rune) bool { return c >= 'A' })
	return fmt.Sprintf("%s%02d.%s", r.build[:i], r.build[i]-'A'+1, r.build[i+1:])
}

// appleReleases are those phones really had, oldest first.
func appleReleases() []release {
	published := []struct{ version, build, date string }{
		{"16.7.2", "20H115", "2023-10-25"},
		{"17.1", "21B74", "2023-10-26"},
		{"17.1.2", "21B101", "2023-11-30"},
		{"17.2", "21C62", "2023-12-11"},
		{"17.2.1", "21C66", "2023-12-19"},
		{"17.3", "21D50", "2024-01-22"},
		{"17.3.1", "21D61", "2024-02-08"},
		{"17.4", "21E219", "2024-03-05"},
		{"17.4.1", "21E236", "2024-03-21"},
		{"17.5", "21F79", "2024-05-13"},
		{"17.5.1", "21F90", "2024-05-20"},
		{"17.6.1", "21G93", "2024-08-07"},
		{"18.0", "22A3354", "2024-09-16"},
		{"18.0.1", "22A3370", "2024-10-03"},
		{"18.1", "22B83", "2024-10-28"},
		{"18.1.1", "22B91", "2024-11-19"},
		{"18.2", "22C152", "2024-12-11"},
		{"18.2.1", "22C161", "2025-01-06"},
		{"18.3", "22D63", "2025-01-27"},
		{"18.3.1", "22D72", "2025-02-10"},
		{"18.3.2", "22D82", "2025-03-11"},
		{"18.4", "22E240", "2025-03-31"},
		{"18.4.1", "22E252", "2025-04-16"},
		{"18.5", "22F76", "2025-05-12"},
		{"18.6", "22G86", "2025-07-29"},
		{"18.6.2", "22G100", "2025-08-20"},
		{"26.0", "23A341", "2025-09-15"},
		{"26.0.1", "23A355", "2025-09-29"},
		{"26.1", "23B85", "2025-11-03"},
		{"26.2", "23C55", "2025-12-12"},
	}
	out := make([]release, len(published))
	for i, p := range published {
		t, err := time.Parse(time.DateOnly, p.date)
		if err != nil {
			panic(err) // a slip in the table above
		}
		out[i] = release{p.version, p.build, t.Unix() / 86400}
	}
	return out
}

// deviceKind is what a device is and how it speaks.
type deviceKind uint8

const (
	iPhone     deviceKind = iota // ActiveSync
	samsung                      // ActiveSync
	android                      // ActiveSync
	outlook                      // ActiveSync, out of Microsoft's servers
	iPhoneIMAP                   // fetches every so often
	k9                           // IMAP, IDLE day and night
	desktop                      // IMAP with IDLE while its owner works
)

func (k deviceKind) activeSync() bool { return k <= outlook }

// used says whether the device is in use at an instant.
func (d *device) used(at int64) bool { return at >= d.since && (d.until == 0 || at < d.until) }

// device is a phone or a computer's mail program.
type device struct {
	kind   deviceKind
	id     string // ActiveSync's DeviceId
	model  string
	agent  string // of a phone without releases; the fields of an IMAP ID
	login  string // the account as it was typed in once
	lag    int64  // days that its owner leaves an update waiting
	minute int64  // of the day at which it updates, at night on the charger
	beat   int64  // heartbeat, or time between two fetches
	phase  int64
	// since and until are instants between which it is in use; 0: always.
	since, until int64

	editions []edition // oldest first
}

var (
	iPhoneModels  = []string{"iPhone12C1", "iPhone12C8", "iPhone13C2", "iPhone13C4", "iPhone14C2", "iPhone14C5", "iPhone14C7", "iPhone15C2", "iPhone15C4", "iPhone16C1"}
	samsungModels = []string{"SM-A346B", "SM-A546B", "SM-G781B", "SM-G990B", "SM-S901B", "SM-S911B", "SM-S921B"}
	androidAgents = []string{"Android-Mail/2023.10.15.576221348.Release", "Android-Mail/2024.01.28.604829182.Release", "Android-Mail/2023.12.10.590498182.Release"}
	k9Agents      = []string{"name=K-9 Mail, version=6.802", "name=K-9 Mail, version=6.712", "name=Thunderbird for Android, version=8.1"}
	desktopAgents = []string{
		thunderbird, thunderbird, thunderbird,
		"name=Mac OS X Mail, version=16.0 (3774.300.61.1.2), os=Mac OS X, os-version=14.2.1 (23C71), vendor=Apple Inc.",
		"name=Mac OS X Mail, version=16.0 (3731.600.7), os=Mac OS X, os-version=13.6 (22G120), vendor=Apple Inc.",
	}
	browsers = []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0",
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15",
	}
)

// thunderbird stands for the release that is current at the time.
const thunderbird = "name=Thunderbird"

const upperAlnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

func letters(r *rand.Rand, from string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = from[r.IntN(len(from))]
	}
	return string(b)
}

func newDevice(r *rand.Rand, k deviceKind, login string) *device {
	d := &device{kind: k, login: login, lag: wait(r, 9*second) / second, minute: between(r, 15, 330)}
	switch k {
	case iPhone:
		d.model, d.id = pick(r, iPhoneModels), letters(r, upperAlnum, 26)
		d.beat = pick(r, []int64{1140, 1680, 2340, 2940, 3540}) * second
	case samsung:
		d.model, d.id = pick(r, samsungModels), "SEC"+letters(r, "0123456789ABCDEF", 13)
		d.agent = "Android-SAMSUNG-" + d.model + "/101." + strconv.Itoa(13+r.IntN(3))
		d.beat = pick(r, []int64{1200, 1740, 2700}) * second
	case android:
		d.id = "android" + strconv.FormatInt(between(r, 1e9, 4e12), 10)
		d.agent = pick(r, androidAgents)
		d.beat = pick(r, []int64{1500, 1680, 2880}) * second
	case outlook:
		d.id = letters(r, "0123456789ABCDEF", 32)
		d.agent = "Outlook-iOS-Android/1.0"
		d.beat = pick(r, []int64{1800, 3540}) * second
	case iPhoneIMAP:
		d.beat = pick(r, []int64{15, 30, 60}) * minute
	case k9:
		d.agent = pick(r, k9Agents)
		d.beat = 80 * minute
	case desktop:
		d.agent = pick(r, desktopAgents)
		d.beat = 3 * hour
	}
	d.phase = between(r, 0, d.beat)
	return d
}

// edition is what a device says it is from an instant on.
type edition struct {
	from    int64
	release release
	agent   string
}

// editions are what a device says it is over the years: an Apple phone takes
// each release in the night, once its owner has let it wait long enough.
func (w *World) editions(d *device) []edition {
	switch {
	case d.kind == iPhone, d.kind == iPhoneIMAP:
	case d.kind == desktop && d.agent == thunderbird:
		return w.birds(d)
	default:
		return []edition{{agent: d.agent}}
	}
	var out []edition
	for i, r := range w.releases {
		e := edition{release: r}
		if i > 0 {
			y, m, date := time.Unix((r.day+d.lag)*86400, 0).UTC().Date()
			e.from = time.Date(y, m, date, int(d.minute/60), int(d.minute%60), 0, 0, w.opt.Location).UnixNano()
		}
		if d.kind == iPhone {
			e.agent = "Apple-" + d.model + "/" + r.agentBuild()
		} else {
			e.agent = "name=iPhone Mail, version=" + r.build + ", os=iOS, os-version=" + r.version + " (" + r.build + ")"
		}
		// A release taken late displaces those published while it waited.
		for len(out) > 0 && out[len(out)-1].from >= e.from && i > 0 {
			out = out[:len(out)-1]
		}
		out = append(out, e)
	}
	return out
}

// birds are the editions of Thunderbird's long-term releases: a new one every
// four weeks, another major one every year. Fewer than half of the programs
// ask for them by themselves.
func (w *World) birds(d *device) []edition {
	today := w.opt.Start.Unix() / 86400
	have := max(0, (today-firstBird-d.lag)/birdCycle)
	out := []edition{{agent: birdName(have)}}
	if d.phase/second%2 == 0 {
		return out
	}
	last := today + int64(w.opt.Days)
	if w.faultyBird > 0 {
		last = w.faultyBird
	}
	published := func(day int64, agent string) {
		y, m, date := time.Unix(day*86400, 0).UTC().Date()
		out = append(out, edition{
			from:  time.Date(y, m, date, int(8+d.minute%9), int(d.minute%60), 0, 0, w.opt.Location).UnixNano(),
			agent: agent,
		})
	}
	for i := have + 1; firstBird+i*birdCycle+d.lag < last; i++ {
		published(firstBird+i*birdCycle+d.lag, birdName(i))
	}
	if w.faultyBird > 0 {
		published(w.faultyBird+min(d.lag/9, 2), strings.TrimSuffix(birdName((w.faultyBird-firstBird)/birdCycle), ".0")+".1")
	}
	return out
}

// Thunderbird's releases, in days since 1970.
const (
	firstBird = 19570 // 1 August 2023
	birdCycle = 28
)

func birdName(cycles int64) string {
	cycles = max(0, cycles)
	major := 115 + (25*(cycles/13)+1)/2 // 115, 128, 140, 153
	return thunderbird + ", version=" + strconv.FormatInt(major, 10) + "." + strconv.FormatInt(cycles%13, 10) + ".0"
}

func unixDay(y int, m time.Month, date int) int64 {
	return time.Date(y, m, date, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// browserOf is a person's browser as it names itself on a day: a new release
// every four weeks, taken some days after.
func (d *day) browserOf(p *person) string {
	b := browsers[p.browser]
	head, tail, ok := strings.Cut(b, "/120.0.0.0")
	from, base := time.Date(2023, time.December, 5, 0, 0, 0, 0, time.UTC).Unix()/86400, int64(120)
	gecko := false
	if !ok {
		if head, tail, gecko = strings.Cut(b, "rv:121.0) Gecko/20100101 Firefox/121.0"); !gecko {
			return b // comes with the system
		}
		from, base = from+14, 121
	}
	today := time.Date(d.year, d.month, d.date, 0, 0, 0, 0, time.UTC).Unix() / 86400
	n := strconv.FormatInt(base+max(0, (today-from-p.late)/28), 10)
	if gecko {
		return head + "rv:" + n + ".0) Gecko/20100101 Firefox/" + n + ".0" + tail
	}
	return strings.ReplaceAll(head+"/"+n+".0.0.0"+tail, "Edg/120.0.0.0", "Edg/"+n+".0.0.0")
}

// at is the edition of an instant.
func (d *device) at(t int64) *edition {
	i := len(d.editions) - 1
	for i > 0 && d.editions[i].from > t {
		i--
	}
	return &d.editions[i]
}
