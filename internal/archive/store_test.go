package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mailvigil/maillog"
)

func clock() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }

func open(t testing.TB, o StoreOptions) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = clock
	}
	s, err := Open(filepath.Join(t.TempDir(), "archive"), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := t.(*testing.T); ok {
		s.disk = unsynced{}
	}
	return s
}

// unsynced is a disk that a power cut may take everything from.
type unsynced struct{ osDisk }

type unsyncedFile struct{ diskFile }

func (unsynced) syncFolder(string) error { return nil }
func (unsyncedFile) Sync() error         { return nil }

func (d unsynced) create(path string) (diskFile, error) {
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func add(t testing.TB, s *Store, rows ...Row) {
	t.Helper()
	for i := range rows {
		if err := s.Add(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func publish(t testing.TB, s *Store) []Segment {
	t.Helper()
	segments, err := s.Publish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return segments
}

// all reads everything back, as rows that can be kept.
func all(t testing.TB, s *Store, segments []Segment) []Row {
	t.Helper()
	rows, problems := selected(t, s.folder, segments, Wanted{Raw: true, NoEvent: true})
	for _, p := range problems {
		t.Error(p)
	}
	return rows
}

func selected(t testing.TB, folder string, segments []Segment, w Wanted) ([]Row, []*Problem) {
	t.Helper()
	var rows []Row
	problems, err := Select(context.Background(), folder, segments, w, func(ev *maillog.Event, o Origin) error {
		rows = append(rows, kept(ev, o))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, problems
}

func kept(ev *maillog.Event, o Origin) Row {
	r := Row{
		Why: o.Why, Source: o.Source, Line: Line{File: o.File, Number: o.Line, Offset: o.Offset, Raw: bytes.Clone(o.Raw)},
		Person: o.Person, ASN: o.ASN, Country: o.Country, Kind: o.Kind, Log: o.Log,
	}
	if !o.Received.IsZero() {
		r.Received = o.Received.UnixNano()
	}
	if ev != nil {
		e := *ev
		for _, b := range []*[]byte{&e.Account, &e.UserAgent, &e.Device, &e.DeviceType, &e.Session, &e.Mechanism, &e.URL, &e.Hostname} {
			*b = bytes.Clone(*b)
		}
		r.Event = &e
	}
	return r
}

func show(r Row) string {
	if r.Event == nil {
		return fmt.Sprintf("%q %+v", r.Raw, r)
	}
	ev := r.Event
	r.Event = nil
	return fmt.Sprintf("%q %+v %+q", r.Raw, r, fmt.Sprint(*ev))
}

// anyText draws texts as logs hold them: words that come again, hostile bytes,
// and long ones.
func anyText() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		switch rapid.IntRange(0, 4).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return []byte(rapid.SampledFrom([]string{"anna", "tom", "\x00", "\xff\xfe", "é", "=1+1", "\u202e"}).Draw(t, "word"))
		case 2:
			b := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "bytes")
			return b
		case 3:
			return bytes.Repeat([]byte("long"), rapid.IntRange(1, 3000).Draw(t, "times"))
		}
		return []byte(rapid.StringN(1, 20, -1).Draw(t, "text"))
	})
}

func anyAddress() *rapid.Generator[netip.Addr] {
	return rapid.SampledFrom([]netip.Addr{
		{},
		netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("::ffff:192.0.2.1"),
		netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::1"), netip.MustParseAddr("0.0.0.0"),
	})
}

func anyRow() *rapid.Generator[Row] {
	return rapid.Custom(func(t *rapid.T) Row {
		text := func(name string) []byte { return anyText().Draw(t, name) }
		r := Row{
			Source: rapid.SampledFrom([]string{"", "nginx", "dovecot", "a\xff"}).Draw(t, "source"),
			Line: Line{
				File:   rapid.SampledFrom([]string{"", "mail.log", "m\xe9l.log"}).Draw(t, "file"),
				Number: rapid.Int64().Draw(t, "line"), Offset: rapid.Int64().Draw(t, "offset"), Raw: text("raw"),
			},
			Received: 1000 * rapid.Int64Range(1, 1<<52).Draw(t, "received"),
			Log:      rapid.Int64Range(0, 3).Draw(t, "log"),
		}
		if rapid.IntRange(0, 3).Draw(t, "unparsed") == 0 {
			r.Why = rapid.SampledFrom([]string{"understood, and states no event", "longer than 65536 bytes"}).Draw(t, "why")
			return r
		}
		r.Person = rapid.SampledFrom([]string{"", "anna@parl.example", "b\xff"}).Draw(t, "person")
		r.ASN = rapid.Uint32().Draw(t, "asn")
		r.Country, r.Kind = rapid.SampledFrom([]string{"", "BE"}).Draw(t, "country"), rapid.SampledFrom([]string{"", "mobile"}).Draw(t, "kind")
		r.Event = &maillog.Event{
			Time:     rapid.Int64Range(-1<<60, 1<<60).Draw(t, "time"),
			Format:   maillog.Format(rapid.IntRange(0, 40).Draw(t, "format")),
			Service:  maillog.Service(rapid.IntRange(0, 15).Draw(t, "service")),
			Action:   maillog.Action(rapid.IntRange(0, 34).Draw(t, "action")),
			Outcome:  maillog.Outcome(rapid.IntRange(0, 5).Draw(t, "outcome")),
			Status:   rapid.Uint16().Draw(t, "status"),
			Reason:   rapid.SampledFrom([]string{"", "unknown user"}).Draw(t, "reason"),
			ClientIP: anyAddress().Draw(t, "client"), ServerIP: anyAddress().Draw(t, "server"),
			Account: text("account"), UserAgent: text("agent"), Device: text("device"), DeviceType: text("type"),
			Session: text("session"), Mechanism: text("mechanism"), URL: text("url"), Hostname: text("hostname"),
			Bytes: rapid.Int64().Draw(t, "bytes"), Messages: rapid.Int32().Draw(t, "messages"), Joined: rapid.Bool().Draw(t, "joined"),
		}
		return r
	})
}

// Whatever is written is read back, exactly, and exactly once.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s, err := Open(filepath.Join(dir, fmt.Sprint(n)), StoreOptions{Now: clock, Memory: rapid.SampledFrom([]int64{1, 5000, 1 << 20}).Draw(rt, "memory")})
		if err != nil {
			rt.Fatal(err)
		}
		s.disk = unsynced{}
		defer os.RemoveAll(s.folder)
		want := rapid.SliceOfN(anyRow(), 0, 30).Draw(rt, "rows")
		var segments []Segment
		for i := range want {
			if err := s.Add(&want[i]); err != nil {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(rt, "publish") == 0 {
				segments = append(segments, publish(t, s)...)
			}
		}
		segments = append(segments, publish(t, s)...)
		if s.Held() != 0 {
			rt.Errorf("%d bytes are held after all was published", s.Held())
		}
		if problems, err := Verify(context.Background(), s.folder, segments); err != nil || len(problems) > 0 {
			rt.Errorf("%v %v", problems, err)
		}
		var a, b []string
		for _, r := range want {
			a = append(a, show(r))
		}
		var rows int64
		for _, r := range all(t, s, segments) {
			b = append(b, show(r))
		}
		for _, seg := range segments {
			rows += seg.Rows
		}
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) || rows != int64(len(want)) {
			rt.Errorf("%d rows recorded\ngot  %s\nwant %s", rows, strings.Join(b, "\n     "), strings.Join(a, "\n     "))
		}
	})
}

func event(at string, service maillog.Service, source string, line int64) Row {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		panic(err)
	}
	return Row{
		Event: &maillog.Event{Time: t.UnixNano(), Format: maillog.Dovecot, Service: service, Action: maillog.Login, Account: []byte("anna")},
		Line:  Line{File: source + ".log", Number: line, Raw: fmt.Appendf(nil, "%s line %d", source, line)}, Source: source, Received: clock().UnixNano(),
	}
}

func TestSegments(t *testing.T) {
	s := open(t, StoreOptions{Release: "1.2.3"})
	add(
		t, s,
		event("2026-03-01T23:59:59.999999999Z", maillog.IMAP, "b", 1),
		event("2026-03-02T00:00:00Z", maillog.IMAP, "b", 2),
		event("2026-03-02T00:00:01Z", maillog.IMAP, "a", 7),
		event("2026-03-02T00:00:02Z", maillog.IMAP, "b", 3),
		event("2026-03-02T00:00:00Z", maillog.SMTP, "a", 8),
		Row{Why: "no", Received: clock().UnixNano(), Source: "a", Line: Line{Number: 9}},
	)
	segments := publish(t, s)
	var got []string
	for _, seg := range segments {
		info, err := os.Stat(s.path(seg.Name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() != seg.Bytes || !segmentName.MatchString(seg.Name) || !strings.HasPrefix(seg.Name, seg.Day+"/") || !seg.Written.Equal(clock()) {
			t.Errorf("%+v, on disk %d bytes", seg, info.Size())
		}
		got = append(got, fmt.Sprintf("%s %s %d %s %s", seg.Day, seg.Service, seg.Rows, seg.First.Format(time.RFC3339Nano), seg.Last.Format(time.RFC3339Nano)))
	}
	want := []string{
		"2026-03-01 imap 1 2026-03-01T23:59:59.999999999Z 2026-03-01T23:59:59.999999999Z",
		"2026-03-02  1 2026-03-02T12:00:00Z 2026-03-02T12:00:00Z",
		"2026-03-02 imap 3 2026-03-02T00:00:00Z 2026-03-02T00:00:02Z",
		"2026-03-02 smtp 1 2026-03-02T00:00:00Z 2026-03-02T00:00:00Z",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
	// In the order of sources, and of the lines of each.
	var order []string
	for _, r := range all(t, s, segments[2:3]) {
		order = append(order, fmt.Sprint(r.Source, r.Number))
	}
	if fmt.Sprint(order) != "[a7 b2 b3]" {
		t.Errorf("read in the order %v", order)
	}
	if more := publish(t, s); len(more) > 0 {
		t.Errorf("published again: %v", more)
	}
}

// A window is exact to the nanosecond.
func TestReadWindow(t *testing.T) {
	s := open(t, StoreOptions{})
	for i := range 10 {
		add(t, s, event(fmt.Sprintf("2026-03-02T00:00:0%d.000000500Z", i), maillog.IMAP, "a", int64(i)))
	}
	segments := publish(t, s)
	at := func(sec int, ns int) time.Time { return time.Date(2026, 3, 2, 0, 0, sec, ns, time.UTC) }
	tests := []struct {
		name     string
		from, to time.Time
		want     string
	}{
		{"open", time.Time{}, time.Time{}, "[0 1 2 3 4 5 6 7 8 9]"},
		{"from is in", at(3, 500), at(5, 501), "[3 4 5]"},
		{"to is out", at(3, 501), at(5, 500), "[4]"},
		{"the last", at(9, 500), time.Time{}, "[9]"},
		{"after the last", at(9, 501), time.Time{}, "[]"},
		{"before the first", time.Time{}, at(0, 500), "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := []int64{}
			problems, err := Read(context.Background(), s.folder, segments, tt.from, tt.to, func(_ *maillog.Event, o Origin) error {
				if o.Raw != nil {
					t.Error("a line was read that was not asked for")
				}
				got = append(got, o.Line)
				return nil
			})
			if err != nil || len(problems) > 0 || fmt.Sprint(got) != tt.want {
				t.Errorf("got %v, want %s; %v %v", got, tt.want, problems, err)
			}
		})
	}
	t.Run("services", func(t *testing.T) {
		rows, _ := selected(t, s.folder, segments, Wanted{Services: []maillog.Service{maillog.SMTP}})
		if len(rows) > 0 {
			t.Errorf("%d rows of another service", len(rows))
		}
	})
	t.Run("an error ends it", func(t *testing.T) {
		mine := errors.New("mine")
		if _, err := Read(context.Background(), s.folder, segments, time.Time{}, time.Time{}, func(*maillog.Event, Origin) error { return mine }); !errors.Is(err, mine) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a context ends it", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := Read(ctx, s.folder, segments, time.Time{}, time.Time{}, func(*maillog.Event, Origin) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// failing is a disk that fails on demand.
type failing struct {
	unsynced
	room     int64 // bytes until the disk is full, where it is not negative
	renaming func() error
}

func (d *failing) create(path string) (diskFile, error) {
	f, err := d.unsynced.create(path)
	if err != nil {
		return nil, err
	}
	return &failingFile{f, d}, nil
}

func (d *failing) rename(from, to string) error {
	if d.renaming != nil {
		if err := d.renaming(); err != nil {
			return err
		}
	}
	return d.unsynced.rename(from, to)
}

type failingFile struct {
	diskFile
	d *failing
}

func (f *failingFile) Write(b []byte) (int, error) {
	if f.d.room >= 0 {
		if int64(len(b)) > f.d.room {
			n, _ := f.diskFile.Write(b[:f.d.room])
			f.d.room = 0
			return n, &fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
		}
		f.d.room -= int64(len(b))
	}
	return f.diskFile.Write(b)
}

// On a full disk nothing is published and nothing is lost, however full it is.
func TestDiskFull(t *testing.T) {
	const lines = 40
	var refused, failed int
	for room := int64(0); room < 6000; room += 617 {
		// Written ahead, or when they are published.
		s := open(t, StoreOptions{Memory: []int64{8000, 1 << 20}[room%2]})
		d := &failing{room: room}
		s.disk = d
		want := []string{}
		for i := range lines {
			r := event("2026-03-02T00:00:00Z", []maillog.Service{maillog.IMAP, maillog.SMTP}[i%2], "a", int64(i))
			err := s.Add(&r)
			if err != nil {
				refused++
				if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room there") {
					t.Fatal(err)
				}
				d.room = -1 // somebody makes room
				if err := s.Add(&r); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, fmt.Sprint(i))
		}
		segments, err := s.Publish(context.Background())
		if err != nil {
			failed++
			if segments != nil || !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(segments, err)
			}
			if found, _ := filepath.Glob(s.folder + "/*/*.parquet"); len(found) > 0 {
				t.Fatalf("published on a full disk: %v", found)
			}
			d.room = -1
			segments = publish(t, s)
		}
		got := []string{}
		for _, r := range all(t, s, segments) {
			got = append(got, fmt.Sprint(r.Number))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("room %d: got %v, want %v", room, got, want)
		}
		if left, _ := filepath.Glob(s.folder + "/*/.*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if refused == 0 || failed == 0 {
		t.Errorf("%d lines were refused and %d publishings failed: both must be seen", refused, failed)
	}
}

// A cut that failed is published later, before what came after it.
func TestRenameFails(t *testing.T) {
	s := open(t, StoreOptions{})
	no := &fs.PathError{Op: "rename", Path: "x", Err: syscall.EROFS}
	n := 0
	s.disk = &failing{room: -1, renaming: func() error {
		if n++; n == 2 {
			return no
		}
		return nil
	}}
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 1), event("2026-03-02T00:00:00Z", maillog.SMTP, "a", 2))
	c := s.Cut()
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 3))
	if _, err := c.Publish(context.Background()); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), "read-only") {
		t.Fatal(err)
	}
	segments, err := c.Publish(context.Background())
	if err != nil || len(segments) != 2 {
		t.Fatal(segments, err)
	}
	segments = append(segments, publish(t, s)...)
	if rows := all(t, s, segments); len(segments) != 3 || len(rows) != 3 {
		t.Errorf("%d segments of %d rows", len(segments), len(rows))
	}
}

func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	s := open(t, StoreOptions{})
	if err := os.Chmod(s.folder, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(s.folder, 0o700)
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 1))
	if _, err := s.Publish(context.Background()); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "let the user") {
		t.Fatal(err)
	}
	os.Chmod(s.folder, 0o700)
	if segments := publish(t, s); len(segments) != 1 {
		t.Errorf("%v", segments)
	}
}

// A crash between naming and recording leaves segments that do not exist: the
// same lines come again, and are there once.
func TestCrashBeforeRecording(t *testing.T) {
	s := open(t, StoreOptions{})
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 1))
	recorded := publish(t, s)
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 2))
	lost := publish(t, s) // and then the power went
	unfinished := filepath.Join(s.folder, "2026-03-02", ".imap-000000-0123456789abcdef.parquet.tmp")
	foreign := filepath.Join(s.folder, "2026-03-02", "notes.txt")
	for _, path := range []string{unfinished, foreign} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := clock()
	s, err := Open(s.folder, StoreOptions{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	swept, err := s.Sweep(recorded)
	if err != nil || swept.Removed != 1 || fmt.Sprint(swept.Aside) != fmt.Sprint([]string{lost[0].Name}) || len(swept.Problems) > 0 {
		t.Fatalf("%+v %v", swept, err)
	}
	add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 2))
	recorded = append(recorded, publish(t, s)...)
	if rows := all(t, s, recorded); len(rows) != 2 {
		t.Errorf("%d rows", len(rows))
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error("what is not ours was removed")
	}
	now = now.Add(23 * time.Hour)
	if swept, err = s.Sweep(recorded); err != nil || swept.Removed != 0 {
		t.Errorf("within a day: %+v %v", swept, err)
	}
	now = now.Add(2 * time.Hour)
	if swept, err = s.Sweep(recorded); err != nil || swept.Removed != 1 || len(swept.Problems) > 0 {
		t.Errorf("after a day: %+v %v", swept, err)
	}
}

// Segments that are missing or broken are told and left out; the others are
// read.
func TestDamage(t *testing.T) {
	damage := []struct {
		name  string
		do    func(path string, data []byte) error
		sweep string // what Sweep says; "" where it cannot know
	}{
		{"missing", func(path string, _ []byte) error { return os.Remove(path) }, "no such file"},
		{"cut short", func(path string, data []byte) error { return os.WriteFile(path, data[:len(data)/2], 0o600) }, "was recorded with"},
		{"empty", func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) }, "it has 0 bytes"},
		{"no Parquet", func(path string, data []byte) error {
			return os.WriteFile(path, bytes.Repeat([]byte("x"), len(data)), 0o600)
		}, "does not end as a Parquet file"},
		{"a page", func(path string, data []byte) error {
			for i := 20; i < 400; i++ {
				data[i] ^= 0x55
			}
			return os.WriteFile(path, data, 0o600)
		}, ""},
	}
	for _, tt := range damage {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, StoreOptions{})
			add(t, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 1), event("2026-03-02T00:00:00Z", maillog.SMTP, "a", 2))
			segments := publish(t, s)
			path := s.path(segments[0].Name)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := tt.do(path, data); err != nil {
				t.Fatal(err)
			}
			rows, problems := selected(t, s.folder, segments, Wanted{})
			if len(rows) != 1 || rows[0].Number != 2 || len(problems) != 1 || problems[0].Segment.Name != segments[0].Name {
				t.Errorf("%v %v", rows, problems)
			}
			verified, err := Verify(context.Background(), s.folder, segments)
			if err != nil || len(verified) != 1 {
				t.Errorf("Verify: %v %v", verified, err)
			}
			swept, err := s.Sweep(segments)
			if err != nil || len(swept.Aside) > 0 {
				t.Errorf("%+v %v", swept, err)
			}
			if tt.sweep == "" && len(swept.Problems) > 0 || tt.sweep != "" && (len(swept.Problems) != 1 || !strings.Contains(swept.Problems[0].Error(), tt.sweep)) {
				t.Errorf("Sweep: %v", swept.Problems)
			}
		})
	}
}

// Any byte may be wrong, and the program goes on.
func FuzzReadFile(f *testing.F) {
	s := open(f, StoreOptions{})
	add(f, s, event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 1), event("2026-03-02T00:00:01Z", maillog.IMAP, "a\xff", 2))
	data, err := os.ReadFile(s.path(publish(f, s)[0].Name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte{1})
	f.Add(len(data)/2, []byte("xxxxxxxx"))
	f.Fuzz(func(t *testing.T, at int, patch []byte) {
		if at < 0 || at > len(data) || len(patch) > 64 {
			return
		}
		bad := bytes.Clone(data)
		copy(bad[at:], patch)
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = ReadFile(context.Background(), path, Wanted{Raw: true, NoEvent: true}, func(*maillog.Event, Origin) error { return nil })
	})
}

func TestRemove(t *testing.T) {
	s := open(t, StoreOptions{})
	add(t, s, event("2026-03-01T00:00:00Z", maillog.IMAP, "a", 1), event("2026-03-02T00:00:00Z", maillog.IMAP, "a", 2))
	segments := publish(t, s)
	if err := s.Remove(segments[:1]); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(segments[:1]); err != nil {
		t.Error("what is gone is an error:", err)
	}
	if got := names(t, s.folder); got != "2026-03-02" {
		t.Errorf("left: %s", got)
	}
	if err := s.Remove([]Segment{{Name: "../../etc/passwd"}}); err == nil || !strings.Contains(err.Error(), "no segment is called so") {
		t.Errorf("got %v", err)
	}
	// The folder of the day is made again.
	add(t, s, event("2026-03-01T00:00:00Z", maillog.IMAP, "a", 1))
	publish(t, s)
}

// bench are rows of a day of mail, in memory.
func benchRows(n int) []Row {
	rows := make([]Row, n)
	base := clock().UnixNano()
	services := []maillog.Service{maillog.IMAP, maillog.SMTP, maillog.Webmail, maillog.ActiveSync, maillog.IMAP, maillog.IMAP}
	for i := range rows {
		user := i * 7919 % 10000
		rows[i] = Row{
			Event: &maillog.Event{
				Time: base + int64(i)*5000, Format: maillog.Dovecot, Service: services[i%len(services)], Action: maillog.Login, Outcome: maillog.Success,
				ClientIP: netip.AddrFrom4([4]byte{192, 0, byte(user >> 8), byte(user)}), ServerIP: netip.MustParseAddr("198.51.100.4"),
				Account: fmt.Appendf(nil, "user%d@parl.example", user), Session: fmt.Appendf(nil, "%08x%08x", i*2654435761&math.MaxUint32, i*40503),
				Mechanism: []byte("PLAIN"), UserAgent: []byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
			},
			Source: "dovecot", Line: Line{File: "/var/log/dovecot.log", Number: int64(i), Offset: int64(i) * 190},
			Received: base + int64(i)*5000, Person: fmt.Sprintf("user%d@parl.example", user), ASN: uint32(64500 + user%50), Country: "BE", Kind: "mobile",
		}
		rows[i].Raw = fmt.Appendf(nil, "Mar 02 12:00:00 mail dovecot: imap-login: Info: Login: user=<user%d@parl.example>, method=PLAIN, rip=192.0.%d.%d, lip=198.51.100.4, mpid=%d, TLS, session=<%08x%08x>",
			user, user>>8, user&255, i%60000, i*2654435761&math.MaxUint32, i*40503)
	}
	return rows
}

// cpu is the time of processors that the process took: others may be using the
// machine.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStore is one line through Add and Publish, onto the disk of the
// temporary folder.
func BenchmarkStore(b *testing.B) {
	rows := benchRows(200_000)
	s := open(b, StoreOptions{})
	b.ReportAllocs()
	var bytes int64
	i, began := 0, cpu(b)
	flush := func() {
		for _, seg := range publish(b, s) {
			bytes += seg.Bytes
			os.Remove(s.path(seg.Name))
		}
	}
	for b.Loop() {
		if err := s.Add(&rows[i%len(rows)]); err != nil {
			b.Fatal(err)
		}
		if i++; i%200_000 == 0 {
			flush()
		}
	}
	flush()
	b.ReportMetric(float64(i)/(cpu(b)-began).Seconds(), "lines/cpu-s")
	b.ReportMetric(float64(bytes)/float64(i), "stored-B/line")
}

// BenchmarkCompact is one line of small segments that are merged.
func BenchmarkCompact(b *testing.B) {
	rows := benchRows(96_000)
	s := open(b, StoreOptions{})
	var segments []Segment
	for i := range rows {
		rows[i].Event.Service = maillog.IMAP
		add(b, s, rows[i])
		if i%4000 == 3999 {
			segments = append(segments, publish(b, s)...)
		}
	}
	n, began := int64(0), cpu(b)
	for b.Loop() {
		swap, problems, err := s.Compact(context.Background(), segments)
		if err != nil || len(problems) > 0 || len(swap.Add) != 1 {
			b.Fatal(swap, problems, err)
		}
		n += swap.Add[0].Rows
		if err := s.Remove(swap.Add); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/(cpu(b)-began).Seconds(), "lines/cpu-s")
}

func BenchmarkRead(b *testing.B) {
	rows := benchRows(300_000)
	s := open(b, StoreOptions{})
	add(b, s, rows...)
	segments := publish(b, s)
	for _, w := range []struct {
		name string
		Wanted
	}{{"events", Wanted{}}, {"lines", Wanted{Raw: true}}} {
		b.Run(w.name, func(b *testing.B) {
			b.ReportAllocs()
			n, began := 0, cpu(b)
			for b.Loop() {
				_, err := Select(context.Background(), s.folder, segments, w.Wanted, func(*maillog.Event, Origin) error { n++; return nil })
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/(cpu(b)-began).Seconds(), "rows/cpu-s")
		})
	}
}
