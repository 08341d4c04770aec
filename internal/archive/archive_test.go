package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"mailvigil/maillog"
)

var whole = maillog.Event{
	Time:   time.Date(2024, 4, 5, 7, 30, 0, 123456789, time.UTC).UnixNano(),
	Format: maillog.Combined, Service: maillog.ActiveSync, Action: maillog.Ping, Outcome: maillog.Refused,
	Reason: "overloaded", Account: []byte(`PARL\anna`), ClientIP: netip.MustParseAddr("fe80::7%eth0"),
	UserAgent: []byte("Apple-iPhone14C5/2104.62"), Device: []byte("D1"), Session: []byte("s1"), Mechanism: []byte("Basic"),
	Status: 503, Bytes: 13, Joined: true,
}

// read is what the library reads of what it wrote; the other test asks one
// that knows nothing of it.
func read(t testing.TB, data []byte) []row {
	t.Helper()
	rows, err := parquet.Read[row](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func write(t testing.TB, w *Writer, ev *maillog.Event, l Line) {
	t.Helper()
	if err := w.Write(ev, l); err != nil {
		t.Fatal(err)
	}
}

func TestWriter(t *testing.T) {
	before := maillog.Event{Time: -1, Format: maillog.Dovecot}
	var out bytes.Buffer
	w := NewWriter(&out, "1.2.3")
	write(t, w, &whole, Line{File: "access.log", Number: 1, Raw: []byte("the \x00 line")})
	write(t, w, &before, Line{Number: 1 << 40})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := []row{
		{
			File: "access.log", Line: 1, Format: "combined", Time: 1712302200123456, Service: "activesync", Action: "ping",
			Outcome: "refused", Reason: "overloaded", Account: `PARL\anna`, ClientIP: "fe80::7", UserAgent: "Apple-iPhone14C5/2104.62",
			Device: "D1", Session: "s1", Mechanism: "Basic", Status: 503, Bytes: 13, Joined: true, Raw: "the \x00 line",
			Nanos: 789, Exact: []byte("\x0a\x04eth0"),
		},
		{Line: 1 << 40, Format: "dovecot", Time: -1, Nanos: 999},
	}
	if got := read(t, out.Bytes()); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if by := f.Metadata().CreatedBy; !strings.HasPrefix(by, "mailvigil version 1.2.3") {
		t.Errorf("created by %q", by)
	}
	for _, c := range f.Metadata().RowGroups[0].Columns {
		if c.MetaData.Codec.String() != "ZSTD" {
			t.Errorf("%v is not compressed with zstd, but %v", c.MetaData.PathInSchema, c.MetaData.Codec)
		}
	}
	if w.Events() != 2 {
		t.Errorf("%d events, want 2", w.Events())
	}
}

// The schema is a promise to whoever queries.
func TestSchema(t *testing.T) {
	const want = `message row {
	optional binary file (STRING);
	required int64 line (INT(64,true));
	required binary format (STRING);
	required int64 time (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary service (STRING);
	optional binary action (STRING);
	optional binary outcome (STRING);
	optional binary reason (STRING);
	optional binary account (STRING);
	optional binary client_ip (STRING);
	optional binary user_agent (STRING);
	optional binary device (STRING);
	optional binary session (STRING);
	optional binary mechanism (STRING);
	optional int32 status (INT(32,true));
	optional int64 bytes (INT(64,true));
	required boolean joined;
	optional binary raw (STRING);
	optional binary server_ip (STRING);
	optional binary device_type (STRING);
	optional binary url (STRING);
	optional binary hostname (STRING);
	optional int32 messages (INT(32,true));
	optional binary source (STRING);
	required int64 offset (INT(64,true));
	optional int64 received (TIMESTAMP(isAdjustedToUTC=true,unit=MICROS));
	optional binary person (STRING);
	optional int32 asn (INT(32,false));
	optional binary country (STRING);
	optional binary network_kind (STRING);
	optional binary why (STRING);
	optional int32 time_ns (INT(32,true));
	optional binary exact;
	optional int64 log (INT(64,true));
}`
	if got := parquet.SchemaOf(row{}).String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An event's bytes are gone when the next line is parsed.
func TestKeepsNothingOfTheEvent(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out, "")
	line := make([]byte, 0, 64)
	const n = 3*batchRows + 7
	for i := range n {
		line = fmt.Appendf(line[:0], "user%d session%d", i, i)
		account, session, _ := bytes.Cut(line, []byte(" "))
		write(t, w, &maillog.Event{Account: account, Session: session}, Line{Number: int64(i), Raw: line})
	}
	copy(line, "overwritten.....")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows := read(t, out.Bytes())
	if len(rows) != n {
		t.Fatalf("%d rows, want %d", len(rows), n)
	}
	for i, r := range rows {
		if want := fmt.Sprintf("user%d session%d", i, i); r.Raw != want || r.Account+" "+r.Session != want || r.Line != int64(i) {
			t.Fatalf("row %d is %+v, want %s", i, r, want)
		}
	}
}

// Row groups end by rows and by bytes, whatever comes.
func TestRowGroupsAreBounded(t *testing.T) {
	tests := []struct {
		name   string
		events int
		raw    []byte
		groups []int64
	}{
		{"short lines", groupRows + 1, nil, []int64{groupRows, 1}},
		{"long lines", 2*(groupBytes>>16) + 1, bytes.Repeat([]byte("x"), 1<<16), []int64{groupBytes >> 16, groupBytes >> 16, 1}},
		{"nothing", 0, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			w := NewWriter(&out, "")
			for range tt.events {
				write(t, w, &maillog.Event{}, Line{Raw: tt.raw})
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil {
				t.Fatal(err)
			}
			var groups []int64
			for _, g := range f.RowGroups() {
				groups = append(groups, g.NumRows())
			}
			if fmt.Sprint(groups) != fmt.Sprint(tt.groups) {
				t.Errorf("row groups of %v, want %v", groups, tt.groups)
			}
		})
	}
}

// hyparquet reads every file as somebody else would: it shares no code with
// the library that wrote it. The text of forged names is beyond what a
// dictionary may hold.
func TestAnotherReader(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules/hyparquet")); err != nil {
		t.Skip("hyparquet is not installed: make networks installs it")
	}
	path := filepath.Join(t.TempDir(), "mail.parquet")
	f, err := Create(path, "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Abort()
	write(t, f.Writer, &whole, Line{File: "access.log", Number: 1, Raw: []byte("the line")})
	const forged = 2 * dictionaryBytes / 64
	for i := range forged {
		write(t, f.Writer, &maillog.Event{Format: maillog.Dovecot, Account: fmt.Appendf(nil, "%064d", i)}, Line{Number: int64(i)})
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	const script = `
		import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet'
		import { compressors } from 'hyparquet-compressors'
		const rows = await parquetReadObjects({ file: await asyncBufferFromFile(process.argv[1]), compressors })
		const plain = (_, v) => typeof v === 'bigint' ? Number(v) : v
		console.log(JSON.stringify({ first: rows[0], rows: rows.length, accounts: new Set(rows.map(r => r.account)).size }, plain))`
	cmd := exec.Command("node", "--input-type=module", "-e", script, path)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		First          map[string]any
		Rows, Accounts int
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"file": "access.log", "line": 1.0, "format": "combined", "time": "2024-04-05T07:30:00.123Z", "service": "activesync",
		"action": "ping", "outcome": "refused", "reason": "overloaded", "account": `PARL\anna`, "client_ip": "fe80::7",
		"user_agent": "Apple-iPhone14C5/2104.62", "device": "D1", "session": "s1", "mechanism": "Basic", "status": 503.0,
		"bytes": 13.0, "joined": true, "raw": "the line", "offset": 0.0, "time_ns": 789.0, "exact": "\n\x04eth0", "log": nil,
	}
	for _, name := range []string{"asn", "country", "device_type", "hostname", "messages", "network_kind", "person", "received", "server_ip", "source", "url", "why"} {
		want[name] = nil
	}
	if fmt.Sprint(got.First) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got.First, want)
	}
	if got.Rows != forged+1 || got.Accounts != forged+1 {
		t.Errorf("%d rows of %d accounts, want %d", got.Rows, got.Accounts, forged+1)
	}
}

func BenchmarkWrite(b *testing.B) {
	w := NewWriter(io.Discard, "")
	accounts := make([][]byte, 1000)
	for i := range accounts {
		accounts[i] = fmt.Appendf(nil, "user%d@parl.example", i)
	}
	ev := whole
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		ev.Account, ev.Time = accounts[i%len(accounts)], ev.Time+1e6
		if err := w.Write(&ev, Line{File: "access.log", Number: int64(i)}); err != nil {
			b.Fatal(err)
		}
	}
}
