// Package duck answers questions in SQL about Parquet files of the archive,
// with DuckDB inside the process.
//
// It is the only place of cgo. DuckDB is locked down: whoever asks may come from
// outside, and its SQL can read and write any file of the host. So there is no
// database file, no extension, no network and no setting; files are readable
// through the views alone; and a statement is first parsed and held against a
// list of what a question may be made of, because some functions write files
// where a SELECT calls them (enable_logging, enable_profiling).
//
// internal/app calls it, and records who asked what.
package duck

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// Options bound what a question may cost.
type Options struct {
	Memory  int64 // bytes of DuckDB's own; 0 for 256 MB
	Threads int   // 0 for 2
	Timeout time.Duration
	// Zone is the IANA name of the zone in which days and hours are cut;
	// "" for UTC.
	Zone string
	// Rows from From until before To are seen; zero leaves that end open.
	From, To time.Time
}

const (
	defaultMemory  = 256 << 20
	defaultThreads = 2
	defaultTimeout = time.Minute
	maxStatement   = 64 << 10
)

// Column is a column of an answer.
type Column struct{ Name, Type string }

// Refused is what no question may hold; its text says what to write instead.
type Refused struct{ Text string }

func (e *Refused) Error() string { return e.Text }

func refused(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// Query asks one question about files, which are paths of Parquet files that
// the archive wrote; the latest written comes first, since the first says which
// columns there are. It sees two tables: events, and lines, which has the lines
// that state no event as well.
//
// columns is called once, then row for each row: nil, bool, int64, float64,
// json.Number (what no int64 holds), string, []byte, time.Time or Date. What
// they return ends the question. Args are the values of $1, $2 …
func Query(ctx context.Context, files []string, question string, o Options, columns func([]Column) error, row func([]any) error, args ...any) error {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	begun := false
	head := func(c []Column) error { begun = true; return columns(c) }
	err := once(ctx, files, false, question, o, head, row, args)
	// Opening every file for its columns takes a multiple of the time, so it is
	// done only where they are not alike.
	if err != nil && !begun && len(files) > 1 && strings.Contains(err.Error(), "schema mismatch") {
		err = once(ctx, files, true, question, o, head, row, args)
	}
	var own *duckdb.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the question took longer than %v; ask about less time with --since and --until, or allow more with --timeout", o.Timeout)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &own) && own.Type == duckdb.ErrorTypeOutOfMemory:
		return errors.New("the question needs more memory than it may have; ask about less time with --since and --until, group by fewer columns, or allow more with --memory")
	}
	return err
}

func once(ctx context.Context, files []string, unlike bool, question string, o Options, columns func([]Column) error, row func([]any) error, args []any) error {
	conn, done, err := open(ctx, files, unlike, o)
	if err != nil {
		return err
	}
	defer done()
	return ask(ctx, conn, question, columns, row, args)
}

// Date is a day, without a time.
type Date string

func open(ctx context.Context, files []string, unlike bool, o Options) (_ *sql.Conn, done func(), err error) {
	if o.Memory == 0 {
		o.Memory = defaultMemory
	}
	if o.Threads == 0 {
		o.Threads = defaultThreads
	}
	if o.Zone == "" {
		o.Zone = "UTC"
	}
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("start DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, nil, fmt.Errorf("start DuckDB: %w", err)
	}
	done = func() {
		_ = conn.Close() // nothing was written
		_ = db.Close()
	}
	list := make([]string, len(files))
	for i, f := range files {
		list[i] = quote(f)
	}
	set := []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET allow_community_extensions = false",
		"SET allow_persistent_secrets = false",
		"SET temp_directory = ''",
		"SET enable_progress_bar = false",
		"SET parquet_metadata_cache = true",
		fmt.Sprintf("SET memory_limit = '%dKiB'", max(o.Memory>>10, 1)),
		fmt.Sprintf("SET threads = %d", o.Threads),
		"SET TimeZone = " + quote(o.Zone),
		"CREATE VIEW lines AS SELECT * FROM (" + view(list, unlike) + ")" + window(o.From, o.To),
		"CREATE VIEW events AS SELECT * EXCLUDE (why) FROM lines WHERE why IS NULL",
		"SET allowed_paths = [" + strings.Join(list, ", ") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
	for _, s := range set {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			done()
			if strings.HasPrefix(s, "CREATE") {
				return nil, nil, fmt.Errorf("open the segments: %w", err)
			}
			return nil, nil, fmt.Errorf("lock DuckDB down: %w", err)
		}
	}
	return conn, done, nil
}

// schema are the columns that people see, with their types: files of older
// releases have fewer.
var schema = []Column{
	{"time", "TIMESTAMPTZ"},
	{"service", "VARCHAR"},
	{"action", "VARCHAR"},
	{"outcome", "VARCHAR"},
	{"reason", "VARCHAR"},
	{"account", "VARCHAR"},
	{"person", "VARCHAR"},
	{"client_ip", "VARCHAR"},
	{"asn", "UINTEGER"},
	{"country", "VARCHAR"},
	{"network_kind", "VARCHAR"},
	{"user_agent", "VARCHAR"},
	{"device", "VARCHAR"},
	{"device_type", "VARCHAR"},
	{"session", "VARCHAR"},
	{"mechanism", "VARCHAR"},
	{"status", "INTEGER"},
	{"bytes", "BIGINT"},
	{"messages", "INTEGER"},
	{"url", "VARCHAR"},
	{"hostname", "VARCHAR"},
	{"server_ip", "VARCHAR"},
	{"joined", "BOOLEAN"},
	{"format", "VARCHAR"},
	{"source", "VARCHAR"},
	{"file", "VARCHAR"},
	{"log", "BIGINT"},
	{"line", "BIGINT"},
	{"offset", "BIGINT"},
	{"received", "TIMESTAMPTZ"},
	{"why", "VARCHAR"},
	{"raw", "VARCHAR"},
}

func view(files []string, unlike bool) string {
	var typed []string
	for _, c := range schema {
		typed = append(typed, fmt.Sprintf("NULL::%s AS %q", c.Type, c.Name))
	}
	none := "SELECT " + strings.Join(typed, ", ") + " WHERE false"
	if len(files) == 0 {
		return none
	}
	return fmt.Sprintf("SELECT * EXCLUDE (exact, time_ns) FROM (%s UNION ALL BY NAME SELECT NULL::BLOB AS exact, NULL::INTEGER AS time_ns WHERE false"+
		" UNION ALL BY NAME SELECT * FROM read_parquet([%s], union_by_name = %t))", none, strings.Join(files, ", "), unlike)
}

func window(from, to time.Time) string {
	const layout = "2006-01-02 15:04:05.999999Z"
	var parts []string
	if !from.IsZero() {
		parts = append(parts, "time >= "+quote(from.UTC().Format(layout))+"::TIMESTAMPTZ")
	}
	if !to.IsZero() {
		parts = append(parts, "time < "+quote(to.UTC().Format(layout))+"::TIMESTAMPTZ")
	}
	if parts == nil {
		return ""
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func ask(ctx context.Context, conn *sql.Conn, question string, columns func([]Column) error, row func([]any) error, args []any) error {
	if err := check(ctx, conn, question); err != nil {
		return err
	}
	rows, err := conn.QueryContext(ctx, question, args...)
	if err != nil {
		return tidy(err)
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return tidy(err)
	}
	head := make([]Column, len(types))
	for i, t := range types {
		head[i] = Column{t.Name(), t.DatabaseTypeName()}
	}
	if err := columns(head); err != nil {
		return err
	}
	values, pointers := make([]any, len(types)), make([]any, len(types))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(pointers...); err != nil {
			return tidy(err)
		}
		for i, v := range values {
			values[i] = plain(v, head[i].Type)
		}
		if err := row(values); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return tidy(err)
	}
	return nil
}

// plain makes one of few kinds of a value.
func plain(v any, kind string) any {
	switch v := v.(type) {
	case nil, bool, int64, string:
		return v
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		return json.Number(fmt.Sprint(v))
	case *big.Int:
		return json.Number(v.String())
	case float32:
		return float64(v)
	case float64:
		return v
	case duckdb.Decimal:
		return json.Number(v.String())
	case time.Time:
		switch kind {
		case "DATE":
			return Date(v.Format(time.DateOnly))
		case "TIME", "TIMETZ":
			return v.Format("15:04:05.999999")
		}
		return v
	case duckdb.Interval:
		return interval(v)
	case []byte:
		if kind == "UUID" && len(v) == 16 {
			return fmt.Sprintf("%x-%x-%x-%x-%x", v[:4], v[4:6], v[6:8], v[8:10], v[10:])
		}
		return slices.Clone(v)
	}
	if data, err := json.Marshal(nested(v)); err == nil {
		return string(data)
	}
	return fmt.Sprint(v)
}

// nested makes what JSON can hold of lists, structures and maps.
func nested(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = nested(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = nested(e)
		}
		return out
	case duckdb.OrderedMap:
		out := make(map[string]any)
		for i, k := range v.Keys() {
			out[fmt.Sprint(plain(k, ""))] = nested(v.Values()[i])
		}
		return out
	case []byte:
		return string(v)
	}
	return plainOf(v)
}

func plainOf(v any) any {
	switch v.(type) {
	case nil, bool, string, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, *big.Int, duckdb.Decimal, time.Time, duckdb.Interval:
		return plain(v, "")
	}
	return fmt.Sprint(v)
}

// interval is one in the words of DuckDB.
func interval(v duckdb.Interval) string {
	var parts []string
	if v.Months != 0 {
		parts = append(parts, fmt.Sprintf("%d months", v.Months))
	}
	if v.Days != 0 {
		parts = append(parts, fmt.Sprintf("%d days", v.Days))
	}
	if v.Micros != 0 || len(parts) == 0 {
		parts = append(parts, (time.Duration(v.Micros) * time.Microsecond).String())
	}
	return strings.Join(parts, " ")
}

// tidy words DuckDB's errors: the first paragraph says it all.
func tidy(err error) error {
	var own *duckdb.Error
	if !errors.As(err, &own) || own.Type == duckdb.ErrorTypeOutOfMemory {
		return err
	}
	return refused("DuckDB does not understand or cannot answer it: %s", strings.TrimSpace(own.Msg))
}

// tables are the names that stand behind FROM without being a file.
var tableName = regexp.MustCompile(`^[\pL\pN_]+$`)

// functions in a place of a table that only compute, or tell of the tables.
var tableFunctions = []string{
	"range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree",
	"duckdb_columns", "duckdb_functions", "duckdb_keywords", "duckdb_tables", "duckdb_types", "duckdb_views",
	"pragma_table_info", "pragma_show", "pragma_version", "icu_calendar_names", "pg_timezone_names",
}

// functions of a value that do more than compute.
var deniedFunctions = []string{"write_log", "nextval", "currval", "sleep_ms", "json_execute_serialized_sql", "getvariable"}

// check refuses whatever is not one question that only reads.
func check(ctx context.Context, conn *sql.Conn, question string) error {
	if len(question) > maxStatement {
		return refused("the question is longer than %d bytes", maxStatement)
	}
	// DuckDB would read it until there.
	if strings.Contains(question, "\x00") {
		return refused("the question has a NUL byte in it")
	}
	var tree string
	if err := conn.QueryRowContext(ctx, "SELECT json_serialize_sql(?::VARCHAR)::VARCHAR", question).Scan(&tree); err != nil {
		return tidy(err)
	}
	var parsed struct {
		Error      bool   `json:"error"`
		Type       string `json:"error_type"`
		Message    string `json:"error_message"`
		Statements []any  `json:"statements"`
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return fmt.Errorf("read the parsed question: %w", err)
	}
	switch {
	case parsed.Error && parsed.Type == "not implemented":
		return refused("only SELECT, DESCRIBE, SUMMARIZE and SHOW TABLES are answered: a question reads, and changes nothing")
	case parsed.Error:
		return refused("DuckDB does not understand it: %s", strings.TrimSpace(parsed.Message))
	case len(parsed.Statements) == 0:
		return refused("the question is empty; as in: SELECT account, count(*) FROM events GROUP BY account")
	case len(parsed.Statements) > 1:
		return refused("there are %d questions; ask one at a time", len(parsed.Statements))
	}
	return walk(parsed.Statements[0])
}

func walk(node any) error {
	switch n := node.(type) {
	case []any:
		for _, e := range n {
			if err := walk(e); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := checkNode(n); err != nil {
			return err
		}
		for _, e := range n {
			if err := walk(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkNode(n map[string]any) error {
	text := func(key string) string { s, _ := n[key].(string); return s }
	switch text("type") {
	case "BASE_TABLE":
		if !tableName.MatchString(text("table_name")) {
			return refused("%q is no table; the tables are events and lines", text("table_name"))
		}
	case "SHOW_REF":
		if name := strings.Trim(text("table_name"), `"`); name != "" && !tableName.MatchString(name) {
			return refused("%q is no table; the tables are events and lines", name)
		}
	case "TABLE_FUNCTION":
		f, _ := n["function"].(map[string]any)
		name, _ := f["function_name"].(string)
		if !slices.Contains(tableFunctions, strings.ToLower(name)) {
			return refused("%s cannot be used here: the tables are events and lines, and no file is read but through them", name)
		}
		// What its arguments hold is looked at as everything is.
	}
	if name := strings.ToLower(text("function_name")); slices.Contains(deniedFunctions, name) {
		return refused("%s cannot be used here: a question computes and changes nothing", name)
	}
	return nil
}
