package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailvigil/internal/access"
	"mailvigil/verdict"
)

// fake is a watch that answers what it is told, and keeps what was asked.
type fake struct {
	err   error
	asked []string
	page  Page
	query Query
}

func (f *fake) ask(what string, words ...string) error {
	f.asked = append(f.asked, strings.Join(append([]string{what}, words...), " "))
	return f.err
}

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

func numbered(n int64) *Incident {
	return &Incident{Summary: Summary{Number: n, Name: "spray", Status: StatusOpen, Kind: "attack", Severity: "high"}, Parts: []Part{{ID: "a"}}}
}

func (f *fake) Status(context.Context) (*Status, error) {
	return &Status{Version: "1", Time: noon, Timezone: "Europe/Brussels"}, f.ask("status")
}

func (f *fake) Incidents(_ context.Context, q Query) (*Page, error) {
	f.query = q
	return &f.page, f.ask("incidents")
}

func (f *fake) Incident(_ context.Context, n int64) (*Incident, error) {
	if n == 404 {
		return nil, NoIncident(n)
	}
	return numbered(n), f.ask("incident")
}

func (f *fake) Note(_ context.Context, by string, n int64, text string) (*Incident, error) {
	return numbered(n), f.ask("note", by, fmt.Sprint(n), text)
}

func (f *fake) Assign(_ context.Context, by string, n int64, owner string) (*Incident, error) {
	return numbered(n), f.ask("assign", by, fmt.Sprint(n), owner)
}

func (f *fake) Close(_ context.Context, by string, n int64, c Closing) (*Incident, error) {
	return numbered(n), f.ask("close", by, fmt.Sprint(n), c.As, c.Why)
}

func (f *fake) Plan(_ context.Context, by string, n int64, x Followup) (*Incident, error) {
	return numbered(n), f.ask("plan", by, fmt.Sprint(n), x.Kind, x.What, x.From)
}

func (f *fake) Done(_ context.Context, by string, n int64, followup int) (*Incident, error) {
	return numbered(n), f.ask("done", by, fmt.Sprint(n), fmt.Sprint(followup))
}

func (f *fake) Reopen(_ context.Context, by string, n int64, why string) (*Incident, error) {
	return numbered(n), f.ask("reopen", by, fmt.Sprint(n), why)
}

func (f *fake) Merge(_ context.Context, by string, n int64, m Merging) (*Incident, error) {
	return numbered(min(n, m.With)), f.ask("merge", by, fmt.Sprint(n), fmt.Sprint(m.With), m.Why)
}

func (f *fake) SetSeverity(_ context.Context, by string, n int64, severity string) (*Incident, error) {
	return numbered(n), f.ask("severity", by, fmt.Sprint(n), severity)
}

func (f *fake) Expect(_ context.Context, by string, e Expect) (*Expect, error) {
	return &e, f.ask("expect", by, e.By, e.What)
}

func (f *fake) Raise(_ context.Context, by string, r Raise) (*Vigilance, error) {
	return &Vigilance{Raised: true, By: by, Reason: r.Reason}, f.ask("raise", by)
}

func (f *fake) Lower(_ context.Context, by, reason string) (*Vigilance, error) {
	return &Vigilance{}, f.ask("lower", by, reason)
}

func (f *fake) Reload(_ context.Context, by string) (*Reloaded, error) {
	return &Reloaded{File: "mailvigil.yaml"}, f.ask("reload", by)
}

func (f *fake) Backup(_ context.Context, by, path string) (*Backup, error) {
	return &Backup{Path: path}, f.ask("backup", by, path)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// as serves f to somebody with a role.
func as(f *fake, role access.Role) (http.Handler, huma.API) {
	return handler(Options{Watch: f, Log: quiet(), Version: "1", Identify: func(*http.Request) (access.Person, error) {
		return access.Person{Name: "anna", Role: role}, nil
	}})
}

func ask(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// bodies are what each operation is asked with, by its id.
var bodies = map[string]string{
	"incident-note":     `{"text":"seen"}`,
	"incident-assign":   `{"owner":"tom"}`,
	"incident-close":    `{"as":"attack","why":"two passwords were guessed"}`,
	"incident-plan":     `{"kind":"awaited","what":"the list of proxies","from":"the network team","time":"2026-03-02T18:00:00Z"}`,
	"incident-reopen":   `{"why":"it was another"}`,
	"incident-merge":    `{"with":3,"why":"one tool"}`,
	"incident-severity": `{"severity":"high"}`,
	"expect":            `{"what":"iOS rollout","from":"2026-03-02T08:00:00Z","until":"2026-03-05T18:00:00Z"}`,
	"vigilance-raise":   `{"for_seconds":7200,"reason":"vote"}`,
	"vigilance-lower":   `{}`,
	"backup":            `{"path":"/var/backups/mailvigil.db"}`,
}

// needed is who may do what. An operation that is not here fails the test: its
// role is to be thought about.
var needed = map[string]access.Role{
	"status": access.Viewer, "incidents": access.Viewer, "incident": access.Viewer, "openapi": access.Viewer,
	"incident-note": access.Analyst, "incident-assign": access.Analyst, "expect": access.Analyst,
	"incident-plan": access.Analyst, "incident-done": access.Analyst,
	"incident-reopen": access.Responder, "incident-merge": access.Responder, "incident-severity": access.Responder,
	"incident-close": access.Responder, "vigilance-raise": access.Responder, "vigilance-lower": access.Responder,
	"reload": access.Administrator, "backup": access.Administrator,
}

// operations are all that are served, out of the description.
func operations(a huma.API) (all []*huma.Operation) {
	for _, item := range a.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete, item.Head, item.Options, item.Trace} {
			if op != nil {
				all = append(all, op)
			}
		}
	}
	return all
}

// Every operation is tried by every role.
func TestRoles(t *testing.T) {
	_, a := as(&fake{}, access.Nobody)
	all := operations(a)
	if len(all) != len(needed) {
		t.Errorf("%d operations are served, %d have a role here", len(all), len(needed))
	}
	for _, op := range all {
		needs, ok := needed[op.OperationID]
		if !ok {
			t.Errorf("nobody thought about who may %s", op.OperationID)
		}
		for role := access.Nobody; role <= access.Administrator; role++ {
			f := &fake{}
			h, _ := as(f, role)
			w := ask(h, op.Method, Prefix+strings.NewReplacer("{number}", "7", "{followup}", "2").Replace(op.Path), bodies[op.OperationID])
			want := http.StatusForbidden
			if role >= needs {
				want = http.StatusOK
			}
			if w.Code != want {
				t.Errorf("%s as %s: %d %s, want %d", op.OperationID, role, w.Code, w.Body, want)
			}
			if want == http.StatusForbidden {
				if len(f.asked) > 0 {
					t.Errorf("%s as %s was refused, and carried out: %q", op.OperationID, role, f.asked)
				}
				if !strings.Contains(w.Body.String(), "control.roles."+needs.String()) || w.Header().Get("Content-Type") != "application/problem+json" {
					t.Errorf("%s as %s: %s %s", op.OperationID, role, w.Header(), w.Body)
				}
			}
		}
	}
}

// An operation that forgot to state its role is nobody's.
func TestForgottenRole(t *testing.T) {
	h, a := as(&fake{}, access.Administrator)
	huma.Register(a, huma.Operation{Method: http.MethodGet, Path: "/forgotten", OperationID: "forgotten"}, func(context.Context, *none) (*answer[*Status], error) {
		return &answer[*Status]{&Status{}}, nil
	})
	if w := ask(h, http.MethodGet, Prefix+"/forgotten", ""); w.Code != http.StatusForbidden {
		t.Errorf("got %d", w.Code)
	}
}

func TestUnidentified(t *testing.T) {
	f := &fake{}
	h := Handler(Options{Watch: f, Log: quiet(), Identify: func(*http.Request) (access.Person, error) {
		return access.Person{Role: access.Administrator}, errors.New("who are you; use the socket")
	}})
	if w := ask(h, http.MethodGet, Prefix+"/status", ""); w.Code != http.StatusUnauthorized || len(f.asked) > 0 || !strings.Contains(w.Body.String(), "use the socket") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	tests := []struct {
		name, method, path, body string
		err                      error
		status                   int
		says                     string
	}{
		{"no such path", "GET", "/nothing", "", nil, 404, "openapi.json"},
		{"another method", "DELETE", "/status", "", nil, 404, "there is no DELETE"},
		{"no such incident", "GET", "/incidents/404", "", nil, 404, "mailvigil incidents --all"},
		{"no number", "GET", "/incidents/x", "", nil, 422, "invalid integer"},
		{"a negative number", "GET", "/incidents/-1", "", nil, 422, "number >= 1"},
		{"an unknown question", "GET", "/incidents?stat=open", "", nil, 422, "stat"},
		{"an unknown status", "GET", "/incidents?status=opened", "", nil, 422, "open, quiet, closed, merged"},
		{"too many", "GET", "/incidents?limit=501", "", nil, 422, "500"},
		{"an empty note", "POST", "/incidents/7/notes", `{"text":" \n"}`, nil, 422, "write some"},
		{"a long body", "POST", "/incidents/7/notes", `{"text":"` + long + `"}`, nil, 413, "too large"},
		{"no JSON", "POST", "/incidents/7/notes", `{"text"`, nil, 400, "JSON"},
		{"another key", "POST", "/incidents/7/closing", `{"as":"attack","because":"x"}`, nil, 422, "unexpected property"},
		{"an unknown verdict", "POST", "/incidents/7/closing", `{"as":"lapsed"}`, nil, 422, "attack, fault, benign, false_alarm"},
		{"a closing without a reason", "POST", "/incidents/7/closing", `{"as":"attack"}`, nil, 422, "why"},
		{"from whom a date is", "POST", "/incidents/7/followups", `{"kind":"due","what":"x","from":"tom","time":"2026-03-05T08:00:00Z"}`, nil, 422, "awaited"},
		{"an unknown date", "POST", "/incidents/7/followups", `{"kind":"someday","what":"x","time":"2026-03-05T08:00:00Z"}`, nil, 422, "due, awaited, reminder"},
		{"no followup", "POST", "/incidents/7/followups/0/done", "", nil, 422, "number >= 1"},
		{"an unknown severity", "POST", "/incidents/7/severity", `{"severity":"awful"}`, nil, 422, "critical, auto"},
		{"an end before the beginning", "POST", "/expected", `{"what":"x","from":"2026-03-05T08:00:00Z","until":"2026-03-02T18:00:00Z"}`, nil, 422, "swap"},
		{"a year", "POST", "/expected", `{"what":"x","from":"2026-03-05T08:00:00Z","until":"2027-03-02T18:00:00Z"}`, nil, 422, "31 days"},
		{"vigilance for ever", "POST", "/vigilance/raise", `{"for_seconds":100000000,"reason":"x"}`, nil, 422, "604800"},
		{"a relative path", "POST", "/backup", `{"path":"here.db"}`, nil, 422, "absolute"},
		{"not as things stand", "POST", "/reload", "", Refuse("mailvigil.yaml:3:1: no; the old one holds"), 409, "the old one holds"},
		{"a fault", "GET", "/status", "", errors.New("disk: secret path"), 500, "its log says why"},
		{"too late", "GET", "/status", "", context.DeadlineExceeded, 503, "in time"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, _ := as(&fake{err: tt.err}, access.Administrator)
			w := ask(h, tt.method, Prefix+tt.path, tt.body)
			var p Problems
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatalf("%v: %s", err, w.Body)
			}
			if w.Code != tt.status || p.Status != tt.status || p.Detail == "" || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %s %+v", w.Code, w.Header().Get("Content-Type"), p)
			}
			if !strings.Contains(w.Body.String(), tt.says) || strings.Contains(w.Body.String(), "secret") {
				t.Errorf("it says %s", w.Body)
			}
		})
	}
}

func TestTags(t *testing.T) {
	h, _ := as(&fake{}, access.Viewer)
	first := ask(h, "GET", Prefix+"/incidents/7", "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || tag == "" {
		t.Fatalf("got %d %v", first.Code, first.Header())
	}
	for known, want := range map[string]int{tag: 304, `"other", W/` + tag: 304, `"other"`: 200, "": 200} {
		w := ask(h, "GET", Prefix+"/incidents/7", "", "If-None-Match", known)
		if w.Code != want || (want == 304) != (w.Body.Len() == 0) {
			t.Errorf("%s: %d %s", known, w.Code, w.Body)
		}
	}
	if other := ask(h, "GET", Prefix+"/incidents/8", "").Header().Get("ETag"); other == tag {
		t.Error("another incident has the same tag")
	}
}

func TestQuery(t *testing.T) {
	f := &fake{}
	h, _ := as(f, access.Viewer)
	if w := ask(h, "GET", Prefix+"/incidents?status=open,quiet&before=9&limit=3", ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if want := (Query{[]IncidentStatus{StatusOpen, StatusQuiet}, 9, 3}); !reflect.DeepEqual(f.query, want) {
		t.Errorf("got %+v", f.query)
	}
	ask(h, "GET", Prefix+"/incidents", "")
	if want := (Query{Limit: 50}); !reflect.DeepEqual(f.query, want) {
		t.Errorf("got %+v", f.query)
	}
}

// What was judged is the same at the other end, but for numbers that JSON lacks.
func TestParts(t *testing.T) {
	in := verdict.Incident{
		ID: "a", Kind: verdict.Attack, Name: "spray", Onset: noon, OnsetInterval: [2]time.Time{noon.Add(-time.Hour), noon},
		Services: []string{"imap"}, Cause: []map[string]string{{"asn": "64500"}}, Share: 0.5, Observed: 3, Expected: math.NaN(),
		Hypotheses: []verdict.Hypothesis{{Name: "attack", Probability: 0.9, For: []string{"x"}}},
		Evidence:   []verdict.Evidence{{ID: "e", File: "f", Line: 3, Text: "\x1b[31m<b>"}},
		Plot:       &verdict.Plot{Step: 60, Observed: []float64{1, math.NaN(), -5}, Expected: []float64{1, 2, math.Inf(1)}},
	}
	p := PartOf(&in)
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back Part
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	got := back.Judged()
	in.Expected = 0
	in.Plot = &verdict.Plot{Step: 60, Observed: []float64{1, -1, -1}, Expected: []float64{1, 2, -1}}
	if !reflect.DeepEqual(got, in) {
		t.Errorf("got  %+v\nwant %+v", got, in)
	}
}

// Every field of verdict.Incident has its place in a Part.
func TestPartIsWhole(t *testing.T) {
	var in verdict.Incident
	fill(reflect.ValueOf(&in).Elem())
	p := PartOf(&in)
	if got := p.Judged(); !reflect.DeepEqual(got, in) {
		t.Errorf("got  %+v\nwant %+v", got, in)
	}
}

func fill(v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(noon))
		return
	case !v.CanSet():
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "b"}))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	}
}

// TestSocket goes through a real socket: the kernel says who asks.
func TestSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	own := uint32(os.Getuid())
	roles, err := access.New(nil, own, access.System{
		User:  func(uint32) (string, []string, error) { return "tester", nil, nil },
		Group: func(uint32) (string, error) { return "testers", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	var log bytes.Buffer
	go func() {
		done <- Serve(ctx, l, f, func() *access.Roles { return roles }, slog.New(slog.NewTextHandler(&log, nil)), "1")
	}()
	c := NewClient(path)
	if s, err := c.Status(ctx); err != nil || s.Timezone != "Europe/Brussels" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := c.Note(ctx, 7, "seen"); err != nil {
		t.Error(err)
	}
	if _, err := c.Close(ctx, 7, Closing{As: "attack", Why: "guessed"}); err != nil {
		t.Error(err)
	}
	if _, err := c.Assign(ctx, 7, "tom"); err != nil {
		t.Error(err)
	}
	for _, f := range []func() (*Incident, error){
		func() (*Incident, error) {
			return c.Plan(ctx, 7, Planning{Kind: "awaited", What: "a list", From: "tom", Time: noon})
		},
		func() (*Incident, error) { return c.Done(ctx, 7, 2) },
		func() (*Incident, error) { return c.Reopen(ctx, 7, "another") },
		func() (*Incident, error) { return c.Merge(ctx, 7, Merging{With: 3, Why: "one"}) },
		func() (*Incident, error) { return c.SetSeverity(ctx, 7, "auto") },
	} {
		if in, err := f(); err != nil || in.Number == 0 {
			t.Errorf("%+v %v", in, err)
		}
	}
	if _, err := c.Expect(ctx, Expect{What: "rollout", From: noon, Until: noon.Add(time.Hour), By: "somebody else"}); err != nil {
		t.Error(err)
	}
	if v, err := c.Raise(ctx, Raise{Seconds: 60, Reason: "vote"}); err != nil || !v.Raised || v.By != "tester" {
		t.Errorf("%+v %v", v, err)
	}
	if _, err := c.Lower(ctx, "over"); err != nil {
		t.Error(err)
	}
	if _, err := c.Reload(ctx); err != nil {
		t.Error(err)
	}
	if _, err := c.Backup(ctx, "/b/../c"); err != nil {
		t.Error(err)
	}
	if _, err := c.Incidents(ctx, Query{Status: []IncidentStatus{StatusOpen}, Before: 3, Limit: 2}); err != nil {
		t.Error(err)
	}
	want := []string{
		"status", "note tester 7 seen", "close tester 7 attack guessed", "assign tester 7 tom",
		"plan tester 7 awaited a list tom", "done tester 7 2", "reopen tester 7 another", "merge tester 7 3 one", "severity tester 7 ",
		"expect tester tester rollout", "raise tester", "lower tester over", "reload tester", "backup tester /c", "incidents",
	}
	if !reflect.DeepEqual(f.asked, want) {
		t.Errorf("got  %q\nwant %q", f.asked, want)
	}
	var refused *AnswerError
	if _, err := c.Incident(ctx, 404); !errors.As(err, &refused) || refused.Problem.Status != 404 {
		t.Errorf("got %v", err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "answers at") {
		t.Errorf("a second watch: %v", err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "operation=incident-close by=tester") {
		t.Errorf("who closed it is not in the log: %s", &log)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
	var silent *SilentError
	if _, err := c.Status(t.Context()); !errors.As(err, &silent) || !strings.Contains(err.Error(), "systemctl start mailvigil") {
		t.Errorf("got %v", err)
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	t.Run("left by a killed process", func(t *testing.T) {
		path := filepath.Join(dir, "left.sock")
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		_ = l.Close()
		if _, err := NewClient(path).Status(t.Context()); err == nil || !strings.Contains(err.Error(), "does not answer at "+path+": start it") {
			t.Errorf("got %v", err)
		}
		again, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = again.Close()
	})
	t.Run("a file", func(t *testing.T) {
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is no socket") {
			t.Errorf("got %v", err)
		}
		if data, err := os.ReadFile(path); string(data) != "kept" {
			t.Errorf("%q %v", data, err)
		}
	})
	t.Run("a folder of everybody", func(t *testing.T) {
		open := filepath.Join(dir, "open")
		if err := os.Mkdir(open, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(open, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(filepath.Join(open, "s")); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a folder of another", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("only root can give a folder away")
		}
		theirs := filepath.Join(dir, "theirs")
		if err := os.Mkdir(theirs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(theirs, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(filepath.Join(theirs, "s")); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("got %v", err)
		}
	})
}

// What answers may be no watch at all.
func TestOthersAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	for name, answer := range map[string]http.HandlerFunc{
		"a page":          func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello") },
		"another version": func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) },
		"other JSON": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"version":3}`)
		},
		"an empty problem": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			_, _ = io.WriteString(w, `{}`)
		},
	} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: answer}
		go func() { _ = srv.Serve(l) }()
		if _, err := NewClient(path).Status(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", name, err)
		}
		_ = srv.Close()
	}
}

// Every answer is as the description says, the refusals too.
func TestDescription(t *testing.T) {
	f := &fake{}
	h, a := as(f, access.Administrator)
	w := ask(h, "GET", Prefix+"/openapi.json", "")
	doc, err := jsonschema.UnmarshalJSON(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if version := doc.(map[string]any)["openapi"]; version != "3.1.0" {
		t.Errorf("it is OpenAPI %v", version)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("api.json", doc); err != nil {
		t.Fatal(err)
	}
	check := func(op *huma.Operation, status, kind string, body []byte) {
		t.Helper()
		escaped := strings.NewReplacer("~", "~0", "/", "~1")
		at := fmt.Sprintf("api.json#/paths/%s/%s/responses/%s/content/%s/schema",
			escaped.Replace(op.Path), strings.ToLower(op.Method), status, escaped.Replace(kind))
		schema, err := c.Compile(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(at))
		if err != nil {
			t.Fatalf("%s: %v", op.OperationID, err)
		}
		answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(answer); err != nil {
			t.Errorf("%s %s: %v\n%s", op.OperationID, status, err, body)
		}
	}
	for _, op := range operations(a) {
		if op.OperationID == "openapi" {
			continue
		}
		path := Prefix + strings.NewReplacer("{number}", "7", "{followup}", "2").Replace(op.Path)
		if got := op.Extensions["x-role"]; got != needed[op.OperationID].String() {
			t.Errorf("%s is described as needing %v", op.OperationID, got)
		}
		if w := ask(h, op.Method, path, bodies[op.OperationID]); w.Code != 200 {
			t.Errorf("%s: %d %s", op.OperationID, w.Code, w.Body)
		} else {
			check(op, "200", "application/json", w.Body.Bytes())
		}
		refused, _ := as(f, access.Nobody)
		check(op, "403", "application/problem+json", ask(refused, op.Method, path, bodies[op.OperationID]).Body.Bytes())
	}
	// Where everything is there, it is described too.
	if w := ask(h, "GET", Prefix+"/incidents/7", ""); strings.Contains(w.Body.String(), "null") {
		t.Errorf("a list is null: %s", w.Body)
	}
	var in Incident
	fill(reflect.ValueOf(&in).Elem())
	in.Status, in.Kind, in.Severity = StatusOpen, "attack", "high"
	in.Followups[0].Kind, in.Assessment.Answer = "due", "attack"
	full, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var s Status
	fill(reflect.ValueOf(&s).Elem())
	s.Incidents[0] = in.Summary
	s.Services[0].State, s.Probes[0].State = ServiceOpen, "ok"
	s.Assessment.Answer = "attack"
	status, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range operations(a) {
		switch op.OperationID {
		case "incident":
			check(op, "200", "application/json", full)
		case "status":
			check(op, "200", "application/json", status)
		}
	}
}
