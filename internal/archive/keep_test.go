package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/maillog"
)

// compact merges until there is nothing to do, as a caller does.
func compact(t testing.TB, s *Store, segments []Segment) (_ []Segment, written int64) {
	t.Helper()
	for {
		swap, problems, err := s.Compact(context.Background(), segments)
		if err != nil || len(problems) > 0 {
			t.Fatal(problems, err)
		}
		if len(swap.Add) == 0 {
			return segments, written
		}
		for _, a := range swap.Add {
			written += a.Rows
		}
		segments = append(slices.DeleteFunc(segments, func(s Segment) bool { return slices.Contains(swap.Remove, s) }), swap.Add...)
		if err := s.Remove(swap.Remove); err != nil {
			t.Fatal(err)
		}
	}
}

// Many small segments become few, no row is lost or comes twice, the lines of
// a source stay in their order, and no row is written again and again.
func TestCompact(t *testing.T) {
	now := clock()
	s := open(t, StoreOptions{Now: func() time.Time { return now }})
	r := rand.New(rand.NewPCG(1, 2))
	var segments []Segment
	var written int64
	lines := map[string]int64{}
	const publishes = 200
	for i := range publishes {
		now = now.Add(time.Second)
		for range 1 + r.IntN(8) {
			source := []string{"a", "b"}[r.IntN(2)]
			lines[source]++
			row := event(fmt.Sprintf("2026-03-02T%02d:%02d:00.5Z", i/60, i%60), []maillog.Service{maillog.IMAP, maillog.SMTP}[r.IntN(2)], source, lines[source])
			if r.IntN(10) == 0 {
				row.Event, row.Why, row.Received = nil, "no", now.UnixNano()
			}
			add(t, s, row)
		}
		segments = append(segments, publish(t, s)...)
		var again int64
		segments, again = compact(t, s, segments)
		written += again
	}
	all := lines["a"] + lines["b"]
	if most := 3 * 8 * 4; len(segments) > most {
		t.Errorf("%d publishings left %d segments, want at most %d", publishes, len(segments), most)
	}
	if written > 4*all {
		t.Errorf("%d rows were written again %d times", all, written)
	}
	last := map[string]int64{}
	var n int64
	rows, problems := selected(t, s.folder, segments, Wanted{Raw: true, NoEvent: true})
	for _, r := range rows {
		n++
		service := "none"
		if r.Event != nil {
			service = r.Event.Service.String()
		}
		if string(r.Raw) != fmt.Sprintf("%s line %d", r.Source, r.Number) {
			t.Fatalf("%s line %d is %q", r.Source, r.Number, r.Raw)
		}
		if r.Number <= last[service+r.Source] {
			t.Fatalf("%s: line %d after %d", r.Source, r.Number, last[service+r.Source])
		}
		last[service+r.Source] = r.Number
	}
	if n != all || len(problems) > 0 {
		t.Errorf("%d rows of %d, %v", n, all, problems)
	}
	if problems, err := Verify(context.Background(), s.folder, segments); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
	if swept, err := s.Sweep(segments); err != nil || swept.Removed > 0 || len(swept.Aside) > 0 || len(swept.Problems) > 0 {
		t.Errorf("%+v %v", swept, err)
	}
}

// A segment that cannot be read is left alone, and the others are merged.
func TestCompactLeavesDamage(t *testing.T) {
	s := open(t, StoreOptions{})
	var segments []Segment
	for i := range 3 * mergeRun {
		add(t, s, event(fmt.Sprintf("2026-03-02T00:00:%02dZ", i), maillog.IMAP, "a", int64(i+1)))
		segments = append(segments, publish(t, s)...)
	}
	if err := os.WriteFile(s.path(segments[3].Name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	swap, problems, err := s.Compact(context.Background(), segments)
	if err != nil || len(problems) != 1 || problems[0].Segment.Name != segments[3].Name {
		t.Fatalf("%v %v", problems, err)
	}
	if len(swap.Add) != 1 || slices.Contains(swap.Remove, segments[3]) || swap.Add[0].Rows != int64(len(swap.Remove)) {
		t.Errorf("%+v", swap)
	}
	if left, _ := os.ReadDir(s.path("2026-03-02")); len(left) != len(segments)+1 {
		t.Errorf("%d files", len(left))
	}
}

func TestExpire(t *testing.T) {
	now := clock()
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	seg := func(name string, from, to int, bytes int64) Segment {
		return Segment{Name: name, First: day(from), Last: day(to), Bytes: bytes}
	}
	future := seg("future", 400, 400, 10)
	future.Written = day(-91)
	all := []Segment{seg("today", 0, 0, 10), seg("old", -92, -91, 10), seg("edge", -91, -90, 10), seg("week", -7, -7, 10), future}
	tests := []struct {
		name         string
		policy       Policy
		holds        []Hold
		remove, held string
		over         int64
	}{
		{"days", Policy{Days: 90}, nil, "old future", "", 0},
		{"nothing", Policy{}, nil, "", "", 0},
		{"bytes take the oldest", Policy{Bytes: 25}, nil, "old future edge", "", 0},
		{"both", Policy{Days: 90, Bytes: 15}, nil, "old future edge week", "", 0},
		{"a hold", Policy{Days: 90}, []Hold{{day(-91), day(-91)}}, "future", "old", 0},
		{"a hold beside", Policy{Days: 90}, []Hold{{day(-90), day(-80)}}, "old future", "", 0},
		{"a hold over the limit", Policy{Bytes: 5}, []Hold{{day(-8), day(-6)}}, "old future edge today", "week", 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := Expire(now, all, tt.policy, tt.holds)
			list := func(s []Segment) string {
				var names []string
				for _, s := range s {
					names = append(names, s.Name)
				}
				return strings.Join(names, " ")
			}
			if list(e.Remove) != tt.remove || list(e.Held) != tt.held || e.Over != tt.over {
				t.Errorf("got %q, held %q, over %d", list(e.Remove), list(e.Held), e.Over)
			}
		})
	}
}

func TestLines(t *testing.T) {
	s := open(t, StoreOptions{})
	var segments []Segment
	var refs []Ref
	for i := range 20 {
		r := event(fmt.Sprintf("2026-03-02T00:00:%02d.000000001Z", i), maillog.IMAP, "a", int64(i+1))
		if i%2 == 0 {
			r.Raw = fmt.Appendf(nil, "line \xff %d", i)
		}
		add(t, s, r)
		at := time.Unix(0, r.Event.Time)
		refs = append(refs, Ref{Source: "a", File: "a.log", Line: int64(i + 1), First: at, Last: at})
		segments = append(segments, publish(t, s)...)
	}
	segments, _ = compact(t, s, segments)
	micro := refs[6]
	micro.First = micro.First.Truncate(time.Microsecond)
	micro.Last = micro.First
	other, later, wide := refs[7], refs[8], refs[9]
	other.Source = "b"
	later.Log = 3 // another file of that name
	wide.First, wide.Last = refs[0].First, refs[19].Last
	lines, problems, err := Lines(context.Background(), s.folder, segments, []Ref{refs[13], refs[4], refs[4], micro, other, later, wide})
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	if got := fmt.Sprintf("%q", lines); got != `["a line 14" "line \xff 4" "line \xff 4" "line \xff 6" "" "" "a line 10"]` || lines[4] != nil || lines[5] != nil {
		t.Errorf("got %s", got)
	}
}

// A list that does not keep when segments were written has it in their names.
func TestWritten(t *testing.T) {
	s := open(t, StoreOptions{})
	add(t, s, event("2099-03-02T00:00:00Z", maillog.IMAP, "a", 1))
	seg := publish(t, s)[0]
	seg.Written = time.Time{}
	if !seg.written().Equal(clock()) {
		t.Errorf("written at %v", seg.written())
	}
	if e := Expire(clock().AddDate(0, 0, 91), []Segment{seg}, Policy{Days: 90}, nil); len(e.Remove) != 1 {
		t.Errorf("a line of the future stays: %+v", e)
	}
}

// Whatever is in the making, memory is bounded.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes many lines")
	}
	s := open(t, StoreOptions{})
	rows := benchRows(10_000)
	var segments []Segment
	var most int64
	for i := range 200_000 {
		r := rows[i%len(rows)]
		ev := *r.Event
		ev.Service, ev.Time = maillog.Service(i%16), ev.Time-int64(i/16%4)*int64(24*time.Hour)
		ev.Account = fmt.Appendf(nil, "forged%d", i)
		r.Event = &ev
		add(t, s, r)
		most = max(most, s.Held())
		if i%50_000 == 0 {
			segments = append(segments, publish(t, s)...)
		}
	}
	segments = append(segments, publish(t, s)...)
	if most > defaultMemory+1<<20 {
		t.Errorf("%d bytes were held", most)
	}
	var n int64
	for _, seg := range segments {
		n += seg.Rows
	}
	if n != 200_000 {
		t.Errorf("%d rows", n)
	}
	if rss := peak(t); rss > 0 {
		t.Logf("peak of the process: %d MB, %d segments", rss>>20, len(segments))
	}
}

// peak is the most memory that the process ever had, 0 where it is not told.
func peak(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, ok := strings.Cut(string(data), "VmHWM:")
	var kb int64
	if ok {
		fmt.Sscan(after, &kb)
	}
	return kb << 10
}

// Without a list the files themselves say what there is.
func TestList(t *testing.T) {
	now := clock()
	s := open(t, StoreOptions{Now: func() time.Time { return now }})
	add(t, s, event("2026-03-02T00:00:00.0000015Z", maillog.IMAP, "a", 1), event("2026-03-02T00:00:09Z", maillog.IMAP, "a", 2))
	want := publish(t, s)
	now = now.Add(time.Minute)
	add(t, s, event("2026-03-01T00:00:00Z", maillog.SMTP, "a", 3))
	want = append(want, publish(t, s)...)
	for path, content := range map[string]string{
		"2026-03-02/smtp-000000-0000000000000000.parquet": "x", "2026-03-02/mine.parquet": "x", "2026-03-02/.imap-000000-0000000000000000.parquet.tmp": "",
	} {
		if err := os.WriteFile(s.path(path), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, problems, err := List(context.Background(), s.folder)
	if err != nil || len(problems) != 1 || problems[0].Segment.Name != "2026-03-02/smtp-000000-0000000000000000.parquet" {
		t.Fatalf("%v %v", problems, err)
	}
	if len(got) != 2 {
		t.Fatalf("%+v", got)
	}
	slices.Reverse(got) // by day
	for i, g := range got {
		w := want[i]
		if g.Name != w.Name || g.Day != w.Day || g.Service != w.Service || g.Rows != w.Rows || g.Bytes != w.Bytes || g.First.After(w.First) || g.Last.Before(w.Last) || g.Last.Sub(w.Last) >= time.Microsecond || w.First.Sub(g.First) >= time.Microsecond {
			t.Errorf("got  %+v\nwant %+v", g, w)
		}
	}
	paths, problems := Readable(s.folder, append(got, Segment{Name: "2026-03-02/none"}), time.Time{}, time.Time{})
	if len(paths) != 2 || paths[0] != s.path(want[1].Name) || len(problems) != 1 {
		t.Errorf("%v %v", paths, problems)
	}
	if paths, _ = Readable(s.folder, got, want[0].First, time.Time{}); len(paths) != 1 {
		t.Errorf("in the window: %v", paths)
	}
}
