package app

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"mailvigil/internal/archive"
	"mailvigil/internal/archive/duck"
	"mailvigil/internal/config"
	"mailvigil/internal/ledger"
	"mailvigil/internal/message"
	"mailvigil/internal/report"
	"mailvigil/internal/state"
)

// question is a question about the archive, and how it is to be answered.
type question struct {
	s            settings
	data         string
	since, until string
	json, csv    string
	memory       int64 // MB
	timeout      time.Duration
}

func (q *question) register(cmd *cobra.Command) {
	q.s.registerZone(cmd)
	cmd.Flags().Lookup("tz").Usage = "`ZONE` in which times are shown and days are cut (default: the configuration's, else this machine's)"
	flags := cmd.Flags()
	flags.StringVar(&q.data, "data", "", "data `FOLDER` of the watch, or a file of \"parse --to parquet\" (default: the configuration's, else /var/lib/mailvigil)")
	flags.StringVar(&q.since, "since", "", "look at nothing before `TIME`, as in \"2026-03-02 08:00\"")
	flags.StringVar(&q.until, "until", "", "look at nothing from `TIME` on")
	flags.Int64Var(&q.memory, "memory", 256, "memory the question may take, in `MB`")
	flags.DurationVar(&q.timeout, "timeout", time.Minute, "`TIME` the question may take, as in 5m")
	jsonFlag(cmd, &q.json, "the answer, one object a line,")
	flags.StringVar(&q.csv, "csv", "", "write the answer as a table for spreadsheets to `FILE`, - for standard output")
}

// answer records the question, asks it, and writes what comes. Shown is the
// command as it was given, for the record.
func (a *app) answer(ctx context.Context, q *question, shown, statement string, args ...any) error {
	cfg, zone, err := q.s.load()
	if err != nil {
		return err
	}
	from, to, err := window(q.since, q.until, zone)
	if err != nil {
		return err
	}
	switch {
	case q.memory < 16 || q.memory > 1<<20:
		return usagef("--memory cannot be %d MB; it is 16 or more", q.memory)
	case q.timeout <= 0:
		return usagef("--timeout cannot be %v; write it as in 30s or 5m", q.timeout)
	case q.json == "-" && q.csv == "-":
		return usagef("--json and --csv cannot both go to standard output; name a file for one of them")
	}
	place := cmp.Or(q.data, cfg.Data, dataFolder)
	found, err := openArchive(ctx, place)
	if err != nil {
		return err
	}
	files, problems := archive.Readable(found.folder, found.segments, from, to)
	for _, p := range append(found.problems, problems...) {
		fmt.Fprintf(a.stderr, "mailvigil: %s\n", printable(p.Error()))
	}
	if err := a.recordQuestion(cfg, found.log, asked{
		Command: shown, Statement: statement, Args: args, Since: q.since, Until: q.until, Data: place,
	}); err != nil {
		return err
	}
	out := &answerWriter{a: a, zone: zone}
	options := duck.Options{Memory: q.memory << 20, Timeout: q.timeout, Zone: zoneName(zone), From: from, To: to}
	err = out.write(q, func() error { return duck.Query(ctx, files, statement, options, out.columns, out.row, args...) })
	var no *duck.Refused
	if errors.As(err, &no) {
		return &usageError{text: printableLines(no.Text), hint: "docs/archive.md has the tables, their columns and examples."}
	}
	if err == nil && len(files) == 0 {
		fmt.Fprintln(a.stderr, "mailvigil: the archive holds nothing of that time")
	}
	return err
}

// zoneName is a zone as DuckDB knows it; this machine's may have no name.
func zoneName(zone *time.Location) string {
	if name := zone.String(); name != "Local" {
		return name
	}
	return "UTC"
}

// printableLines keeps the lines of a text that points into itself.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = printable(l)
	}
	return strings.Join(lines, "\n")
}

// archived is an archive to ask.
type archived struct {
	folder   string
	segments []archive.Segment
	problems []*archive.Problem
	log      string // of questions; "" where there is none
}

// openArchive finds the segments behind --data: those that the watch recorded,
// those of a copy of its archive, or one file.
func openArchive(ctx context.Context, place string) (archived, error) {
	info, err := os.Stat(place)
	if errors.Is(err, fs.ErrNotExist) {
		return archived{}, fmt.Errorf("there is no archive at %s; name the data folder of the watch with --data, or a file of \"mailvigil parse --to parquet\"", printable(place))
	}
	if err != nil {
		return archived{}, fmt.Errorf("open the archive: %w", err)
	}
	if !info.IsDir() {
		seg, err := archive.Describe(place)
		if err != nil {
			return archived{}, err
		}
		return archived{folder: filepath.Dir(place), segments: []archive.Segment{seg}}, nil
	}
	folder := filepath.Join(place, "archive")
	log := filepath.Join(place, questionsFile)
	if _, err := os.Stat(filepath.Join(place, state.File)); err == nil {
		recorded, err := state.ReadSegments(ctx, place)
		if err != nil {
			return archived{}, err
		}
		out := archived{folder: folder, log: log}
		for _, s := range recorded {
			out.segments = append(out.segments, segmentOf(s))
		}
		return out, nil
	}
	if _, err := os.Stat(folder); err != nil {
		folder = place
	}
	segments, problems, err := archive.List(ctx, folder)
	if err != nil {
		return archived{}, err
	}
	if len(segments)+len(problems) == 0 {
		return archived{}, fmt.Errorf("%s holds neither the state of a watch nor segments; name the data folder of the watch with --data, or a file of \"mailvigil parse --to parquet\"", printable(place))
	}
	return archived{folder: folder, segments: segments, problems: problems, log: log}, nil
}

// questionsFile is who asked what, in the data folder.
const questionsFile = "questions.jsonl"

// asked is a question as it is recorded.
type asked struct {
	Time      time.Time `json:"time"`
	User      string    `json:"user"`
	For       string    `json:"sudo_user,omitempty"` // who became User
	Command   string    `json:"command"`
	Statement string    `json:"statement"`
	Args      []any     `json:"args,omitempty"`
	Since     string    `json:"since,omitempty"`
	Until     string    `json:"until,omitempty"`
	Data      string    `json:"data"`
}

// recordQuestion writes down who asked what before it is answered: into the data
// folder in words, and into the ledger by its hash. A file that stands alone has
// no folder of which to keep a record.
func (a *app) recordQuestion(cfg *config.Config, log string, q asked) error {
	if log == "" && cfg.Ledger == "" {
		return nil
	}
	q.Time, q.User, q.For = a.now().UTC(), userName(), os.Getenv("SUDO_USER")
	record, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("record the question: %w", err)
	}
	if log != "" {
		if err := appendLine(log, record); err != nil {
			return fmt.Errorf("record the question: %w; who asks what is written down before it is answered: let this user write to that file, or ask as the user of the watch", err)
		}
	}
	if cfg.Ledger == "" {
		return nil
	}
	l, err := ledger.Open(cfg.Ledger, a.now)
	if err != nil {
		return err
	}
	sum := sha256Of(record)
	got, err := l.Append(ledger.Entry{
		Kind: ledger.DecisionsEntry, Program: programVersion(), Decision: &ledger.Decision{ID: "question-" + sum[:12], SHA256: sum},
	})
	if err != nil {
		return err
	}
	a.tellTakenOff(got)
	return nil
}

func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return strconv.Itoa(os.Getuid())
}

// appendLine adds a line to a file, which is on the disk when it returns.
func appendLine(path string, line []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if _, err := f.Write(append(line, '\n')); err != nil {
		return err
	}
	return f.Sync()
}

// answerWriter writes an answer in the forms that were asked for.
type answerWriter struct {
	a     *app
	zone  *time.Location
	head  []duck.Column
	lines *bufio.Writer
	sheet *csv.Writer
	table [][]string
	rows  int64
	buf   []byte
}

// most rows of a table for people; the others go to files.
const mostRows = 1000

// write opens the files, lets ask fill them, and ends them.
func (w *answerWriter) write(q *question, ask func() error) error {
	if q.json != "" {
		inner, file := ask, q.json
		ask = func() error {
			return w.a.output(file, func(out io.Writer) error {
				w.lines = bufio.NewWriterSize(out, 64<<10)
				if err := inner(); err != nil {
					return err
				}
				return writing(w.lines.Flush())
			})
		}
	}
	if q.csv != "" {
		inner, file := ask, q.csv
		ask = func() error {
			return w.a.output(file, func(out io.Writer) error {
				w.sheet = csv.NewWriter(out)
				if err := inner(); err != nil {
					return err
				}
				w.sheet.Flush()
				return writing(w.sheet.Error())
			})
		}
	}
	if err := ask(); err != nil {
		return err
	}
	if q.json == "-" || q.csv == "-" {
		return nil
	}
	return w.show()
}

func writing(err error) error {
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

func (w *answerWriter) columns(head []duck.Column) error {
	w.head = head
	names := make([]string, len(head))
	for i, c := range head {
		names[i] = c.Name
	}
	w.table = append(w.table, names)
	if w.sheet == nil {
		return nil
	}
	cells := make([]string, len(names))
	for i, n := range names {
		cells[i] = report.SpreadsheetSafe(n)
	}
	return writing(w.sheet.Write(cells))
}

func (w *answerWriter) row(values []any) error {
	w.rows++
	if w.lines != nil {
		if err := w.object(values); err != nil {
			return err
		}
	}
	if w.sheet == nil && w.rows > mostRows {
		return nil
	}
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = w.cell(v)
	}
	if w.rows <= mostRows {
		w.table = append(w.table, cells)
	}
	if w.sheet == nil {
		return nil
	}
	safe := make([]string, len(cells))
	for i, c := range cells {
		safe[i] = c
		// A number that begins with a sign is no formula.
		switch values[i].(type) {
		case int64, float64, json.Number:
		default:
			safe[i] = report.SpreadsheetSafe(c)
		}
	}
	return writing(w.sheet.Write(safe))
}

// object is a row as JSON, in the order of its columns.
func (w *answerWriter) object(values []any) error {
	b := append(w.buf[:0], '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendJSON(b, w.head[i].Name); err != nil {
			return err
		}
		b = append(b, ':')
		switch t := v.(type) {
		case time.Time:
			v = t.In(w.zone).Format(time.RFC3339Nano)
		case []byte:
			v = hex.EncodeToString(t)
		case float64:
			if t != t || t-t != 0 { // JSON has no word for these
				v = strconv.FormatFloat(t, 'g', -1, 64)
			}
		}
		if b, err = appendJSON(b, v); err != nil {
			return err
		}
	}
	b = append(b, '}', '\n')
	w.buf = b
	_, err := w.lines.Write(b)
	return writing(err)
}

func appendJSON(b []byte, v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return b, fmt.Errorf("write the answer: %w", err)
	}
	for _, r := range string(data) {
		if r < 0x7f || unicode.IsPrint(r) {
			b = utf8.AppendRune(b, r)
			continue
		}
		// What moves the cursor or turns the direction of writing; in JSON it
		// stands in a text, since all else is ASCII.
		for _, u := range utf16.Encode([]rune{r}) {
			b = fmt.Appendf(b, `\u%04x`, u)
		}
	}
	return b, nil
}

func (w *answerWriter) cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Time:
		return v.In(w.zone).Format("2006-01-02 15:04:05.999999")
	case []byte:
		return hex.EncodeToString(v)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return fmt.Sprint(v)
}

// The widest cell of a table for people.
const widest = 60

// show writes the table for people: what is text to the left, numbers to the
// right.
func (w *answerWriter) show() error {
	if len(w.table) == 0 {
		return nil
	}
	width := make([]int, len(w.head))
	for _, cells := range w.table {
		for i := range cells {
			cells[i] = clipCell(cells[i])
			width[i] = max(width[i], uniseg.StringWidth(cells[i]))
		}
	}
	right := make([]bool, len(w.head))
	for i, c := range w.head {
		switch c.Type {
		case "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DOUBLE", "FLOAT":
			right[i] = true
		}
	}
	out := bufio.NewWriter(w.a.stdout)
	for _, cells := range w.table {
		line := ""
		for i, c := range cells {
			if i > 0 {
				line += "  "
			}
			space := strings.Repeat(" ", width[i]-uniseg.StringWidth(c))
			if right[i] {
				line += space + c
			} else {
				line += c + space
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line, " ")) //nolint:errcheck // kept for Flush
	}
	if more := w.rows - mostRows; more > 0 {
		fmt.Fprintf(out, "… and %s more; --csv FILE or --json FILE has all of them\n", plural(more, "row"))
	}
	return writing(out.Flush())
}

func clipCell(s string) string {
	if len(s) > 8*widest { // an attacker chooses its length
		s = strings.ToValidUTF8(s[:8*widest], "")
	}
	s = message.Safe(s)
	if uniseg.StringWidth(s) <= widest {
		return s
	}
	used, end := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if used += g.Width(); used > widest-1 {
			break
		}
		_, end = g.Positions()
	}
	return s[:end] + "…"
}
