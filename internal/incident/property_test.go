package incident_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mailvigil/internal/incident"
	"mailvigil/verdict"
)

// drawn draws something that a verdict may tell, of few values, so that much of
// it is alike.
func drawn(t *rapid.T, now int) verdict.Incident {
	from := now - rapid.IntRange(0, 300).Draw(t, "ago")
	to := rapid.IntRange(from, now).Draw(t, "to")
	pick := func(name string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID[string]).Draw(t, name)
	}
	in := verdict.Incident{
		Kind:  rapid.SampledFrom([]verdict.Kind{verdict.Attack, verdict.Attack, verdict.Benign, verdict.Fault, verdict.Undetermined, verdict.Background}).Draw(t, "kind"),
		Name:  rapid.SampledFrom([]string{"one", "two"}).Draw(t, "name"),
		Onset: at(from), OnsetInterval: [2]time.Time{at(from - 5), at(from + 5)}, End: at(to),
		Ongoing:  to == now,
		Services: pick("services", "imap", "webmail", "smtp"),
		Observed: float64(rapid.IntRange(0, 3000).Draw(t, "observed")), Expected: 100,
	}
	in.Excess = in.Observed - in.Expected
	if rapid.Bool().Draw(t, "set apart") {
		in.Cause = []map[string]string{{rapid.SampledFrom([]string{"os", "asn"}).Draw(t, "attribute"): rapid.SampledFrom([]string{"1", "2"}).Draw(t, "value")}}
	}
	if in.Kind == verdict.Attack {
		in.Sources = pick("sources", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
		in.Compromised = pick("accounts", "anna", "bert")
	}
	return in
}

func drawnVerdict(t *rapid.T, now int) *verdict.Verdict {
	var list []verdict.Incident
	for range rapid.IntRange(0, 4).Draw(t, "things") {
		list = append(list, drawn(t, now))
	}
	return told(list...)
}

// A life is what happened to a book: verdicts, and what people did. Each says
// what was changed.
type life []func(b *incident.Book) []incident.Change

func drawnLife(t *rapid.T) (l life, now int) {
	now = 300
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		now += rapid.SampledFrom([]int{1, 1, 10, 70, 600, 5000}).Draw(t, "later")
		when := at(now)
		person := func(f func(b *incident.Book, in *incident.Incident) ([]incident.Change, error)) func(b *incident.Book) []incident.Change {
			n := rapid.IntRange(0, 5).Draw(t, "which")
			return func(b *incident.Book) []incident.Change {
				all := b.All()
				if len(all) == 0 {
					return nil
				}
				changes, _ := f(b, all[n%len(all)])
				return changes
			}
		}
		switch rapid.IntRange(0, 9).Draw(t, "what") {
		case 0:
			as := rapid.SampledFrom([]incident.ClosedAs{incident.WasAttack, incident.WasBenign, incident.WasFault, incident.WasFalseAlarm}).Draw(t, "as")
			l = append(l, person(func(b *incident.Book, in *incident.Incident) ([]incident.Change, error) {
				return b.Close(when, "bea", in.ID, as, "because")
			}))
		case 1:
			l = append(l, person(func(b *incident.Book, in *incident.Incident) ([]incident.Change, error) {
				return b.Merge(when, "bea", in.ID, "1", "")
			}))
		case 2:
			o := incident.Outage{ID: fmt.Sprint(now), Service: "imap", Onset: [2]time.Time{at(now - 2), at(now - 1)}, Text: "IMAP does not answer."}
			if rapid.Bool().Draw(t, "over") {
				o.End = when
			}
			l = append(l, func(b *incident.Book) []incident.Change { return b.Fault(when, o) })
		case 3:
			l = append(l, func(b *incident.Book) []incident.Change { return b.Tick(when) })
		default:
			v := drawnVerdict(t, now)
			l = append(l, func(b *incident.Book) []incident.Change { return b.Apply(when, v) })
		}
	}
	return l, now
}

// The same life gives the same book and the same changes, whether the process is
// started anew at each step or not, and leaves the book in order.
func TestSameLifeSameBook(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, _ := drawnLife(t)
		b, again := incident.NewBook(incident.Options{}, nil, 0), incident.NewBook(incident.Options{}, nil, 0)
		ids := map[string]bool{}
		for i, step := range l {
			again = restored(again)
			next := b.Clone()
			before := text(b.All())
			changes := step(next)
			if x, y := text(changes), text(step(again)); x != y {
				t.Fatalf("step %d after a restart:\n%s\n%s", i, x, y)
			}
			if text(b.All()) != before {
				t.Fatalf("step %d: a clone changed its book", i)
			}
			b = next
			for _, c := range changes {
				if c.Text == "" {
					t.Fatalf("step %d: a change says nothing: %s", i, text(c))
				}
				if c.Significant == (c.ID == "") || c.Significant && ids[c.ID] {
					t.Fatalf("step %d: the id %q of a change", i, c.ID)
				}
				ids[c.ID] = true
			}
			inOrder(t, b, changes)
		}
		if text(b.All()) != text(again.All()) {
			t.Fatalf("the book:\n%s\n%s", text(b.All()), text(again.All()))
		}
	})
}

// inOrder checks what holds of every book.
func inOrder(t *rapid.T, b *incident.Book, changes []incident.Change) {
	newest := map[string]*incident.Incident{}
	for _, c := range changes {
		newest[c.Incident.ID] = c.Incident
	}
	numbers := map[int64]bool{}
	for _, in := range b.All() {
		if x := newest[in.ID]; x != nil && text(x) != text(in) {
			t.Fatalf("the last change of #%d does not hold its newest state", in.Number)
		}
		if numbers[in.Number] {
			t.Fatalf("two incidents are #%d", in.Number)
		}
		numbers[in.Number] = true
		if in.End.Before(in.Onset) && in.Status != incident.Merged {
			t.Fatalf("#%d ends before it begins", in.Number)
		}
		if (in.Status == incident.Closed) != (in.Closing != nil) || (in.Status == incident.Merged) != (in.MergedInto != "") || (in.Status == incident.Quiet) && in.QuietSince.IsZero() {
			t.Fatalf("#%d is %s: %s", in.Number, in.Status, text(in))
		}
		if in.Status == incident.Merged {
			heir, err := b.Find(in.MergedInto)
			if err != nil || heir.Number >= in.Number || !slices.Contains(heir.Absorbed, in.ID) {
				t.Fatalf("#%d was merged into %s", in.Number, text(heir))
			}
		}
		if in.Status == incident.Open || in.Status == incident.Quiet {
			if len(in.Parts) == 0 && len(in.Outages) == 0 {
				t.Fatalf("#%d is made of nothing", in.Number)
			}
		}
	}
}

// A verdict that is heard again opens nothing: one thing is one incident. What
// is alike may find a better place the second time, from then on nothing moves.
func TestHeardAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := drawnLife(t)
		b := incident.NewBook(incident.Options{}, nil, 0)
		for _, step := range l {
			step(b)
		}
		v := drawnVerdict(t, now)
		b.Apply(at(now), v)
		opened := len(b.All())
		seen := text(b.All())
		for i := range 3 {
			shuffled := told(v.Incidents...)
			rand.New(rand.NewPCG(uint64(i), 1)).Shuffle(len(shuffled.Incidents), func(x, y int) {
				shuffled.Incidents[x], shuffled.Incidents[y] = shuffled.Incidents[y], shuffled.Incidents[x]
			})
			changes := b.Apply(at(now), shuffled)
			for _, k := range kinds(changes) {
				if i == 0 && !strings.Contains(k, "opened") {
					continue
				}
				t.Fatalf("heard again: %s: %s\nbefore %s\nafter %s", k, texts(changes), seen, text(b.All()))
			}
			if len(b.All()) != opened {
				t.Fatalf("heard again, and there are %d instead of %d", len(b.All()), opened)
			}
		}
	})
}

// The order in which a verdict tells things makes no difference.
func TestOrderOfAVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, now := drawnLife(t)
		b := incident.NewBook(incident.Options{}, nil, 0)
		for _, step := range l {
			step(b)
		}
		v := drawnVerdict(t, now)
		for i := range v.Incidents {
			v.Incidents[i].ID = ""
		}
		turned := &verdict.Verdict{Verdict: v.Verdict, Incidents: slices.Clone(v.Incidents)}
		slices.Reverse(turned.Incidents)
		x, y := b.Clone(), b.Clone()
		if a, c := text(x.Apply(at(now), v)), text(y.Apply(at(now), turned)); a != c {
			t.Fatalf("turned round:\n%s\n%s", a, c)
		}
		if text(x.All()) != text(y.All()) {
			t.Fatalf("turned round:\n%s\n%s", text(x.All()), text(y.All()))
		}
	})
}

// Whatever was known when all was closed opens nothing when it is judged again,
// now or later, whole or in part.
func TestClosedStaysClosed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := 300
		v := drawnVerdict(t, now)
		b := incident.NewBook(incident.Options{}, nil, 0)
		b.Apply(at(now), v)
		for _, in := range b.All() {
			if _, err := b.Close(at(now), "bea", in.ID, incident.WasAttack, "because"); err != nil {
				t.Fatal(err)
			}
		}
		for range 5 {
			now += rapid.SampledFrom([]int{1, 60, 5000}).Draw(t, "later")
			part := slices.DeleteFunc(slices.Clone(v.Incidents), func(verdict.Incident) bool { return rapid.IntRange(0, 3).Draw(t, "left out") == 0 })
			if changes := b.Apply(at(now), told(part...)); len(kinds(changes)) > 0 {
				t.Fatalf("%v: %s", kinds(changes), texts(changes))
			}
		}
	})
}

// An incident that grows every minute for a day is told a few times.
func TestToldAFewTimes(t *testing.T) {
	b := incident.NewBook(incident.Options{}, nil, 0)
	var said []string
	for minute := 10; minute < 24*60; minute++ {
		var sources []string
		for i := range min(minute, 200) {
			sources = append(sources, fmt.Sprintf("192.0.2.%d", i))
		}
		v := guessing(0, minute, true, sources...)
		v.Observed = float64(minute * 50)
		v.Excess = v.Observed - v.Expected
		if minute%2 == 0 {
			v.Name = "somebody floods the service with requests" // about as probable
		}
		changes := b.Apply(at(minute), told(v))
		if len(changes) != 1 {
			t.Fatalf("minute %d: %d changes", minute, len(changes))
		}
		said = append(said, kinds(changes)...)
	}
	if len(said) < 5 || len(said) > 16 {
		t.Errorf("told %d times: %s", len(said), strings.Join(said, ", "))
	}
	t.Logf("1430 verdicts, told %d times", len(said))
}

// A life of incidents as large as they come, judged each minute.
func BenchmarkApply(b *testing.B) {
	var list []verdict.Incident
	for i := range 10 {
		var sources []string
		for k := range 500 {
			sources = append(sources, fmt.Sprintf("10.%d.%d.%d", i, k/250, k%250))
		}
		list = append(list, with(guessing(i*7, 300, true, sources...), func(x *verdict.Incident) { x.Cause = []map[string]string{{"asn": fmt.Sprint(i)}} }))
	}
	book := incident.NewBook(incident.Options{}, nil, 0)
	for i := range 200 { // closed long ago
		book.Apply(at(-10_000+10*i), told(with(storm(-10_000+10*i, -9_999+10*i, false, fmt.Sprint(i)), func(x *verdict.Incident) { x.Name = fmt.Sprint(i) })))
		for _, in := range book.All() {
			_, _ = book.Close(at(-10_000+10*i), "bea", in.ID, incident.WasBenign, "because")
		}
	}
	book.Apply(at(300), told(list...))
	b.ReportAllocs()
	minute := 300
	for b.Loop() {
		minute++
		for i := range list {
			list[i].End = at(minute)
		}
		book.Apply(at(minute), told(list...))
	}
}
