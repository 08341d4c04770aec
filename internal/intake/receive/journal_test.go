package receive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// list is a queue that only counts.
type list struct {
	mu    sync.Mutex
	lines []string
	fail  bool
	more  chan struct{}
}

func (q *list) Put(_ context.Context, lines []intake.Received) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail {
		return 0, errors.New("the disk broke")
	}
	for _, l := range lines {
		q.lines = append(q.lines, l.Source+"|"+string(l.Bytes))
	}
	if q.more != nil && len(lines) > 0 {
		select {
		case q.more <- struct{}{}:
		default:
		}
	}
	return len(lines), nil
}
func (q *list) Full() bool                 { return false }
func (q *list) Room(context.Context) error { return nil }

const entries = `{"__CURSOR":"s=1;i=1","__REALTIME_TIMESTAMP":"1771628582000001","MESSAGE":"imap-login: Login: user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<a>","SYSLOG_IDENTIFIER":"dovecot","_PID":"7","_SYSTEMD_UNIT":"dovecot.service","_HOSTNAME":"mx1"}
{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1771628583000000","MESSAGE":[111,110,101,10,116,119,111,255],"_SYSTEMD_UNIT":"mox.service"}
{"__CURSOR":"s=1;i=3","__REALTIME_TIMESTAMP":"1771628584000000","MESSAGE":null,"SYSLOG_IDENTIFIER":"dovecot"}
no JSON
{"__CURSOR":"s=1;i=4","MESSAGE":"without a time"}
{"__CURSOR":"s=1;i=5","__REALTIME_TIMESTAMP":"1771628585000000","MESSAGE":["first","second"],"SYSLOG_IDENTIFIER":"evil: x[7]\n","_HOSTNAME":"../../mx1"}
{"__CURSOR":"s=1;i=6","__REALTIME_TIMESTAMP":"1771628586000000","MESSAGE":"","SYSLOG_IDENTIFIER":"dovecot"}
`

var entryLines = []string{
	"journal/mx1|2026-02-20T23:03:02.000001+00:00 mx1 dovecot[7]: imap-login: Login: user=<anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<a>",
	"journal|2026-02-20T23:03:03.000000+00:00 localhost mox: one#012two\xff",
	"journal/__/__/mx1|2026-02-20T23:03:05.000000+00:00 ../../mx1 evil__x_7__: first",
}

func TestJournalEntries(t *testing.T) {
	q := &list{}
	r := &Receivers{q: q, opt: Options{Now: time.Now}, ctx: t.Context()}
	var c counters
	cursor := ""
	if err := r.readJournal(t.Context(), &c, strings.NewReader(entries), func(s string) error { cursor = s; return nil }); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(q.lines, "\n"), strings.Join(entryLines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s := c.status(); s.Refused["malformed"] != 2 || s.Lost["journal"] != 1 || s.NotUTF8 != 1 || s.Queued != 3 {
		t.Errorf("status %+v", s)
	}
	if cursor != "s=1;i=6" {
		t.Errorf("the cursor is %q", cursor)
	}
	var ev maillog.Event
	_, line, _ := strings.Cut(q.lines[0], "|")
	if res := maillog.NewParser(maillog.Options{Format: maillog.Syslog}).Parse([]byte(line), &ev); res.Kind != maillog.Parsed || string(ev.Account) != "anna" || ev.Time != 1771628582000001000 {
		t.Errorf("%s is read as %v %s at %d", line, res, ev.Account, ev.Time)
	}
}

// The cursor stays where it was if the lines did not get into the queue.
func TestJournalCursorComesAfterTheLines(t *testing.T) {
	r := &Receivers{q: &list{fail: true}, opt: Options{Now: time.Now}, ctx: t.Context()}
	var c counters
	err := r.readJournal(t.Context(), &c, strings.NewReader(entries), func(s string) error {
		t.Errorf("the cursor moved to %s", s)
		return nil
	})
	if err == nil {
		t.Error("nothing failed")
	}
}

// A journalctl of our own: it starts behind the cursor, and is started again when
// it ends.
func TestJournalChild(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "journalctl")
	script := `#!/bin/sh
echo "$*" >> ` + dir + `/args
case "$*" in
*after-cursor=s=1\;i=6*) printf '%s\n' '{"__CURSOR":"s=1;i=7","__REALTIME_TIMESTAMP":"1771628590000000","MESSAGE":"last","SYSLOG_IDENTIFIER":"dovecot"}'; exec sleep 600 ;;
*) cat <<'END'
` + entries + `END
echo "it fell over" >&2
;;
esac
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	q := &list{more: make(chan struct{}, 100)}
	r, err := Open(config.Intake{Journal: config.Journal{Read: true, Units: []string{"dovecot.service"}}}, q, Options{Folder: dir, Journalctl: program})
	if err != nil {
		t.Fatal(err)
	}
	for limit := time.After(20 * time.Second); ; {
		q.mu.Lock()
		n := len(q.lines)
		q.mu.Unlock()
		if n >= 4 {
			break
		}
		select {
		case <-q.more:
		case <-limit:
			t.Fatalf("%d lines, status %+v", n, r.Status())
		}
	}
	if s := r.Status()[0]; !strings.Contains(s.Error, "it fell over") {
		t.Errorf("status %+v", s)
	}
	r.Close()
	if got, want := strings.Join(q.lines[:3], "\n"), strings.Join(entryLines, "\n"); got != want || !strings.HasSuffix(q.lines[3], "dovecot: last") {
		t.Errorf("got %q", q.lines)
	}
	if cursor, err := os.ReadFile(filepath.Join(dir, cursorFile)); err != nil || string(cursor) != "s=1;i=7\n" {
		t.Errorf("the cursor is %q %v", cursor, err)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	if !strings.Contains(string(args), "--unit=dovecot.service") || strings.Contains(strings.SplitN(string(args), "\n", 2)[0], "after-cursor") {
		t.Errorf("called with %s", args)
	}
}

func TestLongJournalEntry(t *testing.T) {
	q := &list{}
	r := &Receivers{q: q, opt: Options{Now: time.Now}, ctx: t.Context()}
	one := func(n int) string {
		return fmt.Sprintf(`{"__CURSOR":"c","__REALTIME_TIMESTAMP":"1771628590000000","SYSLOG_IDENTIFIER":"a","MESSAGE":"%s"}`+"\n", strings.Repeat("x", n))
	}
	var c counters
	if err := r.readJournal(t.Context(), &c, strings.NewReader(one(500_000)+one(2_000_000)+one(1)), func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if s := c.status(); len(q.lines) != 2 || len(q.lines[0]) != intake.MaxLine+len("journal|") || s.Overlong != 1 || s.Refused["malformed"] != 1 {
		t.Errorf("%d lines, status %+v", len(q.lines), s)
	}
}

// FuzzJournal: whatever stands in an entry, a line is one line, of a program whose
// name ends where it should.
func FuzzJournal(f *testing.F) {
	for line := range strings.Lines(entries) {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		q := &list{}
		r := &Receivers{q: q, opt: Options{Now: time.Now}, ctx: t.Context()}
		var c counters
		if err := r.readJournal(t.Context(), &c, strings.NewReader(string(data)), func(string) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, l := range q.lines {
			if !plainLine([]byte(l)) {
				t.Errorf("%q", l)
			}
		}
	})
}
