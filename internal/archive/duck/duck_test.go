package duck

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"mailvigil/internal/archive"
	"mailvigil/maillog"
)

// segments are files of three events and a line that states none, with the
// bytes that attackers choose.
func segments(t testing.TB, dir string) (files []string) {
	t.Helper()
	s, err := archive.Open(filepath.Join(dir, "it's an archive"), archive.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	base := time.Date(2026, 3, 2, 23, 30, 0, 0, time.UTC).UnixNano()
	rows := []archive.Row{
		{Event: &maillog.Event{Time: base, Format: maillog.Dovecot, Service: maillog.IMAP, Action: maillog.Login, Outcome: maillog.Failure, Account: []byte("anna"), Bytes: 7}, Person: "anna"},
		{Event: &maillog.Event{Time: base + 1e9, Format: maillog.Dovecot, Service: maillog.SMTP, Action: maillog.Login, Account: []byte("\xff\xfe"), Bytes: 8}},
		{Event: &maillog.Event{Time: base + 2e9, Format: maillog.Dovecot, Service: maillog.IMAP, Action: maillog.Login, Account: []byte("=cmd\x1b[31m\x00")}},
		{Why: "states nothing", Received: base, Line: archive.Line{Raw: []byte("\x00\xff raw")}},
	}
	for i := range rows {
		if err := s.Add(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	published, err := s.Publish(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, seg := range published {
		files = append(files, filepath.Join(s.Folder(), seg.Name))
	}
	return files
}

// answer is all rows as text.
func answer(files []string, question string, o Options, args ...any) (string, error) {
	var b strings.Builder
	err := Query(context.Background(), files, question, o, func(c []Column) error {
		for i, c := range c {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(c.Name)
		}
		return nil
	}, func(row []any) error {
		fmt.Fprintf(&b, "\n%v", row)
		return nil
	}, args...)
	return b.String(), err
}

func TestQuery(t *testing.T) {
	files := segments(t, t.TempDir())
	tests := []struct {
		name, question, want string
		args                 []any
	}{
		{name: "events", question: "SELECT count(*) AS n FROM events", want: "n\n[3]"},
		{name: "lines", question: "SELECT why, raw FROM lines WHERE why IS NOT NULL;", want: "why raw\n[states nothing \x00\ufffd raw]"},
		{name: "a comment", question: "-- who\nSELECT account FROM events WHERE service = 'smtp' -- it", want: "account\n[\ufffd\ufffd]"},
		{name: "the zone", question: "SELECT date_trunc('day', time)::DATE AS day, count(*) AS n FROM events GROUP BY ALL", want: "day n\n[2026-03-03 3]"},
		{name: "arguments", question: "SELECT person FROM events WHERE account = $1 AND time >= $2", want: "person\n[anna]", args: []any{"anna", time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)}},
		{name: "an attempt in an argument", question: "SELECT person FROM events WHERE account = $1", want: "person", args: []any{"' OR true --"}},
		{name: "with", question: "WITH a AS (SELECT account FROM events ORDER BY bytes DESC NULLS LAST LIMIT 2) SELECT count(*) c FROM a JOIN range(1) ON true", want: "c\n[2]"},
		{name: "window", question: "SELECT row_number() OVER (PARTITION BY service ORDER BY time) AS n FROM events ORDER BY time", want: "n\n[1]\n[1]\n[2]"},
		{name: "union", question: "SELECT 1 AS a UNION ALL SELECT sum(bytes) FROM events ORDER BY a", want: "a\n[1]\n[15]"},
		{
			name: "kinds", question: "SELECT 1.5::DECIMAL(4,2) a, 2.5 b, [1,2] c, {'x':'y'} d, INTERVAL 90 MINUTE e, 3::UTINYINT f, NULL g, true h, DATE '2026-03-02' i, TIME '01:02:03' j, 'x'::BLOB k, MAP {'a': 1} l, 18446744073709551615::UBIGINT m",
			want: `a b c d e f g h i j k l m` + "\n" + `[1.5 2.5 [1,2] {"x":"y"} 1h30m0s 3 <nil> true 2026-03-02 01:02:03 [120] {"a":1} 18446744073709551615]`,
		},
		{name: "show", question: "SHOW TABLES", want: "name\n[events]\n[lines]"},
		{name: "nothing hidden", question: "SELECT column_name FROM (DESCRIBE lines) WHERE column_name IN ('exact', 'time_ns', 'why', 'filename')", want: "column_name\n[why]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := answer(files, tt.question, Options{Zone: "Europe/Brussels"}, tt.args...)
			if err != nil || got != tt.want {
				t.Errorf("got  %q %v\nwant %q", got, err, tt.want)
			}
		})
	}
	at := time.Date(2026, 3, 2, 23, 30, 1, 0, time.UTC)
	if got, err := answer(files, "SELECT service FROM events", Options{From: at, To: at.Add(time.Second)}); err != nil || got != "service\n[smtp]" {
		t.Errorf("of a window: %q %v", got, err)
	}
	if got, err := answer(nil, "SELECT count(*) n FROM events", Options{From: at, To: at.Add(1)}); err != nil || got != "n\n[0]" {
		t.Errorf("of nothing: %q %v", got, err)
	}
}

// A file that parse wrote by an older release has fewer columns.
func TestOlderFile(t *testing.T) {
	dir := t.TempDir()
	files := segments(t, dir)
	old := filepath.Join(dir, "old.parquet")
	connector, db := plainDB(t)
	defer connector.Close()
	if _, err := db.Exec(fmt.Sprintf("COPY (SELECT time, service, account, format, line FROM read_parquet(%s)) TO %s (FORMAT parquet)", quote(files[0]), quote(old))); err != nil {
		t.Fatal(err)
	}
	got, err := answer([]string{old}, "SELECT count(*) n, count(why) w, count(session) s FROM lines", Options{})
	if err != nil || got != "n w s\n[1 0 0]" {
		t.Errorf("%q %v", got, err)
	}
	// Beside newer ones.
	got, err = answer(append(slices.Clone(files), old), "SELECT count(*) n, count(why) w, count(person) p FROM lines", Options{})
	if err != nil || got != "n w p\n[5 1 1]" {
		t.Errorf("%q %v", got, err)
	}
}

// tree is every file beneath a folder, with its content.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			fmt.Fprintln(&b, path)
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %x\n", path, data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every way out that we could think of. Each must be refused, tell nothing of a
// file, and leave the disk as it was.
func TestNoEscape(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Chdir(dir)
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("hidden treasure\n1"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := segments(t, dir)
	before := tree(t, dir)
	segment := files[0]
	out := filepath.Join(dir, "out.csv")
	ways := []string{
		// Reading files.
		"SELECT * FROM read_csv(%secret)", "SELECT * FROM read_csv_auto(%secret)", "SELECT * FROM read_text(%secret)", "SELECT * FROM read_blob(%secret)",
		"SELECT * FROM read_json(%secret)", "SELECT * FROM read_json_objects(%secret)", "SELECT * FROM read_ndjson(%secret)", "SELECT * FROM read_parquet(%secret)",
		"SELECT * FROM parquet_scan(%segment)", "SELECT * FROM read_parquet(%segment)", "SELECT * FROM parquet_metadata(%segment)", "SELECT * FROM parquet_kv_metadata(%segment)",
		"SELECT * FROM sniff_csv(%secret)", "SELECT * FROM glob('/*')", "SELECT * FROM glob('*')", "SELECT * FROM read_duckdb(%secret)",
		"SELECT * FROM %secret", "SELECT * FROM \"secret.csv\"", "FROM 'secret.csv'", "TABLE 'secret.csv'", "SELECT * FROM %segment", "DESCRIBE 'secret.csv'", "SUMMARIZE 'secret.csv'", "SUMMARIZE %segment", "SHOW 'secret.csv'",
		"SELECT (SELECT content FROM read_text(%secret))", "SELECT 1 WHERE EXISTS (FROM read_text(%secret))", "WITH x AS (FROM read_text(%secret)) FROM x",
		"SELECT * FROM events, LATERAL (SELECT * FROM read_text(%secret))", "SELECT * FROM events JOIN read_text(%secret) ON true", "SELECT 1 UNION ALL SELECT content FROM read_text(%secret)",
		"SELECT * FROM events ORDER BY (SELECT content FROM read_text(%secret))", "SELECT [x FOR x IN (SELECT content FROM read_text(%secret))]",
		"SELECT * FROM main.read_text(%secret)", "SELECT * FROM system.main.read_text(%secret)", "SELECT * FROM READ_TEXT(%secret)", "SELECT * FROM \"read_text\"(%secret)",
		"SELECT getenv('HOME')", "SELECT * FROM read_text('/proc/self/environ')", "SELECT * FROM read_csv('/dev/stdin')",
		"SELECT * FROM (PIVOT 'secret.csv' ON x)", "PIVOT 'secret.csv' ON hidden",
		"SELECT * FROM duckdb_secrets()", "SELECT * FROM which_secret('s3://x', 's3')", "SELECT * FROM duckdb_extensions()", "SELECT * FROM duckdb_settings()",
		// Statements in statements.
		"SELECT * FROM query('SELECT * FROM read_text(''secret.csv'')')", "SELECT * FROM query_table('secret.csv')", "SELECT * FROM query_table(['events'])",
		"SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''secret.csv'')'))", "PRAGMA json_execute_serialized_sql('x')",
		"PREPARE p AS SELECT 1", "EXECUTE p", "CALL range(1)", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN COPY (SELECT 1) TO %out",
		"SELECT 1; SELECT 2", "SELECT 1; COPY (SELECT 1) TO %out", "COPY (SELECT 1) TO %out; SELECT 1", ";", "", "-- nothing", "/* */",
		// Writing files.
		"COPY (SELECT 1) TO %out", "COPY events TO %out", "COPY (SELECT 1) TO %segment", "COPY lines FROM %secret", "EXPORT DATABASE %out", "IMPORT DATABASE %out",
		"SELECT * FROM enable_logging()", "SELECT * FROM enable_logging(storage='file', storage_path=%out)", "SELECT * FROM enable_logging(storage='file', storage_path=%segment)",
		"CALL enable_logging('QueryLog', storage_path=%out)", "SELECT * FROM enable_profiling(save_location=%segment)", "PRAGMA enable_profiling='json'", "SET profiling_output=%out",
		"SELECT write_log('x')", "SELECT * FROM truncate_duckdb_logs()", "SELECT * FROM duckdb_logs()", "SELECT * FROM checkpoint()", "SELECT * FROM force_checkpoint()", "CHECKPOINT",
		"ATTACH %out", "ATTACH %out AS x", "ATTACH ':memory:' AS x", "DETACH memory", "USE main", "CREATE TABLE x AS SELECT 1", "CREATE VIEW events AS SELECT 1", "DROP VIEW events", "CREATE OR REPLACE VIEW events AS SELECT 1",
		"CREATE MACRO m() AS TABLE SELECT * FROM read_text('secret.csv')", "CREATE FUNCTION f() AS 1", "CREATE SECRET s (TYPE s3)", "CREATE TYPE t AS ENUM ('a')", "CREATE SEQUENCE q", "CREATE SCHEMA s",
		"INSERT INTO events VALUES (1)", "DELETE FROM events", "UPDATE events SET account = 'x'", "MERGE INTO events USING lines ON true WHEN MATCHED THEN DELETE", "TRUNCATE events", "VACUUM", "ANALYZE", "ALTER VIEW events RENAME TO x", "COMMENT ON VIEW events IS 'x'",
		"WITH x AS (INSERT INTO events VALUES (1) RETURNING *) FROM x",
		// Undoing the lock, and code.
		"SET enable_external_access = true", "SET lock_configuration = false", "RESET lock_configuration", "SET GLOBAL memory_limit = '99GB'", "RESET memory_limit", "SET threads = 99", "SET temp_directory = '/tmp'", "PRAGMA memory_limit='99GB'", "SET allowed_paths = ['/']", "SET allowed_directories = ['/']", "SET VARIABLE x = 1", "SET SESSION TimeZone = 'UTC'",
		"INSTALL httpfs", "LOAD httpfs", "LOAD '/tmp/x.duckdb_extension'", "FORCE INSTALL httpfs FROM 'http://127.0.0.1'", "UPDATE EXTENSIONS", "SELECT * FROM read_parquet('https://127.0.0.1/x')", "SELECT * FROM 'https://127.0.0.1/x.parquet'", "SELECT * FROM read_csv('s3://x/y')",
		"SELECT * FROM arrow_scan(0, 0, 0)", "SELECT * FROM arrow_scan_dumb(NULL, NULL, NULL)", "SELECT * FROM seq_scan()", "SELECT * FROM enable_peg_parser()", "SELECT * FROM disable_peg_parser()", "SELECT * FROM sql_auto_complete('x')", "SELECT * FROM test_all_types()",
		"BEGIN", "COMMIT", "SELECT nextval('q')", "SELECT sleep_ms(1)", "SELECT * FROM pragma_storage_info('events')", "SELECT * FROM duckdb_temporary_files()",
		strings.Repeat("(", 1<<16) + "SELECT 1", "SELECT " + strings.Repeat("(", 3000) + "1" + strings.Repeat(")", 3000) + " FROM read_text('secret.csv')", "\x00", "SELECT 1\x00; COPY (SELECT 1) TO 'out.csv'", "SELECT * FROM \"\x00\"", "SELECT '\xff'",
	}
	// One DuckDB for all: what one undid, the next would use.
	conn, done, err := open(context.Background(), files, false, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for _, way := range ways {
		q := strings.NewReplacer("%secret", quote(secret), "%segment", quote(segment), "%out", quote(out)).Replace(way)
		var got string
		err := ask(context.Background(), conn, q, func(c []Column) error { got = fmt.Sprint(c); return nil }, func(row []any) error { got += fmt.Sprint(row); return nil }, nil)
		if len(way) > 200 {
			way = way[:200]
		}
		if strings.Contains(got, "hidden") || strings.Contains(got, "treasure") {
			t.Errorf("%s: tells %s", way, got)
		}
		var no *Refused
		if !errors.As(err, &no) {
			t.Errorf("%s: not refused, but %q %v", way, got, err)
		}
	}
	if after := tree(t, dir); after != before {
		t.Error("the disk is not as it was")
	}
}

// Were the list of functions wrong, the lock behind it would still hold.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.csv")
	if err := os.WriteFile(secret, []byte("hidden\n1"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := segments(t, dir)
	before := tree(t, dir)
	for _, q := range []string{
		"SELECT * FROM read_text(%s)", "SELECT * FROM glob(%s)", "SELECT * FROM %s", "SELECT * FROM sniff_csv(%s)", "SELECT * FROM read_duckdb(%s)",
		"COPY (SELECT 1) TO %s", "ATTACH %s", "EXPORT DATABASE %s", "SET enable_external_access = true", "SET lock_configuration = false", "RESET lock_configuration",
		"SET allowed_directories = ['/']", "SET memory_limit = '99GB'", "INSTALL httpfs", "LOAD httpfs", "SET temp_directory = '/tmp'", "SET TimeZone = 'UTC'",
	} {
		conn, done, err := open(context.Background(), files, false, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(context.Background(), strings.ReplaceAll(q, "%s", quote(secret))); err == nil {
			t.Errorf("%s: not refused", q)
		}
		done()
	}
	if after := tree(t, dir); after != before {
		t.Error("the disk is not as it was")
	}
}

// A segment cannot be written to either, by whom root is not.
func TestSegmentsAreReadOnly(t *testing.T) {
	for _, f := range segments(t, t.TempDir()) {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o222 != 0 {
			t.Errorf("%v %v", info.Mode(), err)
		}
	}
}

func TestLimits(t *testing.T) {
	files := segments(t, t.TempDir())
	tests := []struct {
		name, question, want string
		o                    Options
	}{
		{"time", "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", "took longer than 100ms; ask about less time", Options{Timeout: 100 * time.Millisecond}},
		{"memory", "SELECT count(DISTINCT range) FROM range(100000000)", "more memory than it may have", Options{Memory: 16 << 20}},
		{"length", "SELECT '" + strings.Repeat("x", maxStatement) + "'", "longer than", Options{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := answer(files, tt.question, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	t.Run("the caller", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		err := Query(ctx, files, "SELECT * FROM range(100000000)", Options{}, func([]Column) error { cancel(); return nil }, func([]any) error { return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

// A damaged file is told, by whatever words.
func TestDamaged(t *testing.T) {
	files := segments(t, t.TempDir())
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[0], []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := answer(files, "SELECT count(*) FROM events", Options{}); err == nil {
		t.Errorf("answered %s", got)
	}
}

func TestNumbersAreJSON(t *testing.T) {
	if _, err := json.Marshal([]any{plain(uint64(1), ""), Date("2026-03-02")}); err != nil {
		t.Error(err)
	}
}

func BenchmarkQuery(b *testing.B) {
	files := segments(b, b.TempDir())
	for b.Loop() {
		if _, err := answer(files, "SELECT service, count(*) FROM events GROUP BY ALL", Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// plainDB is DuckDB without a lock.
func plainDB(t *testing.T) (*duckdb.Connector, *sql.DB) {
	t.Helper()
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, sql.OpenDB(c)
}
