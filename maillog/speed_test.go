package maillog_test

import (
	"bytes"
	"io"
	"sync"
	"testing"
	"time"

	"mailvigil/maillog"
	"mailvigil/simulate"
)

// realistic are the lines of one working day of a simulated organisation, as
// its servers write them, with its everyday noise and damage. The samples in
// testdata hold every rare line there is; these hold the frequent ones.
var realistic = sync.OnceValues(func() (map[string][][]byte, error) {
	loc, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		return nil, err
	}
	world, err := simulate.New(simulate.Options{Start: time.Date(2024, 3, 4, 0, 0, 0, 0, loc), Days: 1, Location: loc})
	if err != nil {
		return nil, err
	}
	files := map[string]*bytes.Buffer{}
	err = world.Write(func(name string) (io.WriteCloser, error) {
		files[name] = new(bytes.Buffer)
		return noCloser{files[name]}, nil
	})
	lines := map[string][][]byte{}
	for name, b := range files {
		for i, s := range []string{"nginx", "dovecot", "mail", "roundcube"} {
			if bytes.HasPrefix([]byte(name), []byte(s)) {
				what := []string{"nginx", "dovecot", "postfix", "roundcube"}[i]
				lines[what] = bytes.Split(bytes.TrimSuffix(b.Bytes(), []byte("\n")), []byte("\n"))
			}
		}
	}
	// What nginx writes, by what was asked for.
	for _, line := range lines["nginx"] {
		what := "other"
		switch {
		case bytes.Contains(line, []byte("/Microsoft-Server-ActiveSync")):
			what = "activesync"
		case bytes.Contains(line, []byte("_task=")):
			what = "webmail"
		}
		lines["nginx "+what] = append(lines["nginx "+what], line)
	}
	// The same of Dovecot's through syslog.
	for _, line := range lines["dovecot"] {
		if len(line) > 15 {
			text := bytes.Replace(line[15:], []byte(": Info: "), []byte(": "), 1)
			lines["dovecot-syslog"] = append(lines["dovecot-syslog"], append(append(bytes.Clone(line[:15]), " mx1 dovecot:"...), text...))
		}
	}
	return lines, err
})

type noCloser struct{ io.Writer }

func (noCloser) Close() error { return nil }

func realisticParser(what string) (*maillog.Parser, func()) {
	formats := map[string]maillog.Format{
		"dovecot": maillog.Dovecot, "dovecot-syslog": maillog.DovecotSyslog, "postfix": maillog.Postfix, "roundcube": maillog.RoundcubeLogins,
	}
	format, known := formats[what]
	if !known {
		format = maillog.Combined
	}
	reference := time.Date(2024, 3, 5, 0, 0, 0, 0, time.UTC)
	loc, _ := time.LoadLocation("Europe/Brussels") // realistic has loaded it
	p := maillog.NewParser(maillog.Options{Format: format, Location: loc, Reference: reference})
	return p, func() { p.NextFile(reference, format) }
}

var realisticSources = []string{
	"nginx", "nginx activesync", "nginx webmail", "nginx other", "dovecot", "dovecot-syslog", "postfix", "roundcube",
}

func BenchmarkParse(b *testing.B) {
	for _, what := range realisticSources {
		b.Run(what, func(b *testing.B) {
			all, err := realistic()
			if err != nil {
				b.Fatal(err)
			}
			lines := all[what]
			size := 0
			for _, line := range lines {
				size += len(line) + 1
			}
			p, rewind := realisticParser(what)
			var ev maillog.Event
			b.SetBytes(int64(size / len(lines)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				p.Parse(lines[i], &ev)
				if i++; i == len(lines) {
					i = 0
					rewind()
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// Once the tables of joins have grown, no line of everyday life allocates.
func TestParseOfEverydayDoesNotAllocate(t *testing.T) {
	all, err := realistic()
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range realisticSources {
		lines := all[what]
		if len(lines) == 0 {
			t.Fatalf("%s: no lines", what)
		}
		p, rewind := realisticParser(what)
		var ev maillog.Event
		run := func() {
			rewind()
			for _, line := range lines {
				p.Parse(line, &ev)
			}
		}
		if n := testing.AllocsPerRun(1, run); n != 0 {
			t.Errorf("%s: %v allocations in %d lines", what, n, len(lines))
		}
	}
}
