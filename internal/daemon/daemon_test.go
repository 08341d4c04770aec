package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	var level slog.LevelVar
	log, err := Logger(&out, &level, "json")
	if err != nil {
		t.Fatal(err)
	}
	log.Debug("unseen")
	level.Set(slog.LevelDebug)
	log.Debug("seen", "line", "a\nforged \x1b[31mentry")
	var entry map[string]any
	if err := json.Unmarshal(out.Bytes(), &entry); err != nil || entry["msg"] != "seen" {
		t.Errorf("%v: %s", err, &out)
	}
	out.Reset()
	if log, err = Logger(&out, &level, ""); err != nil {
		t.Fatal(err)
	}
	// A line of a log that is told in ours stays in one line, and moves no cursor.
	log.Info("seen", "line", "a\nforged \x1b[31mentry")
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%q", out.String())
	}
	if _, err := Logger(&out, &level, "xml"); err == nil || !strings.Contains(err.Error(), "text or json") {
		t.Errorf("got %v", err)
	}
}

// A real socket stands in for systemd's.
func TestNotify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "")
	n := NewNotifier(slog.New(slog.DiscardHandler))
	if n.every != 30*time.Second {
		t.Errorf("the watchdog is to be told every %s", n.every)
	}
	n.Ready("13 sources\nWATCHDOG=trigger")
	n.Reloading()
	n.Status("ok")
	n.Extend(time.Minute)
	n.Stopping()
	buf := make([]byte, 1000)
	for _, want := range []string{"READY=1\nSTATUS=13 sources WATCHDOG=trigger", "RELOADING=1", "STATUS=ok", "EXTEND_TIMEOUT_USEC=60000000", "STOPPING=1"} {
		k, err := c.Read(buf)
		if err != nil || string(buf[:k]) != want {
			t.Errorf("got %q %v, want %q", buf[:k], err, want)
		}
	}
}

func TestNotifyWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	var out bytes.Buffer
	n := NewNotifier(slog.New(slog.NewTextHandler(&out, nil)))
	n.Ready("x")
	n.Watchdog(t.Context(), func() error { t.Error("asked"); return nil }) // returns
	if out.Len() > 0 {
		t.Errorf("%s", &out)
	}
}

// The watchdog hears nothing while the program hangs.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []time.Duration
		begun := time.Now()
		n := &Notifier{log: slog.New(slog.DiscardHandler), every: 30 * time.Second, send: func(state string) (bool, error) {
			if state != "WATCHDOG=1" {
				t.Errorf("told %q", state)
			}
			told = append(told, time.Since(begun))
			return true, nil
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan bool)
		go func() {
			n.Watchdog(ctx, func() error {
				if d := time.Since(begun); d > 20*time.Second && d < 50*time.Second {
					return errors.New("hangs")
				}
				return nil
			})
			close(done)
		}()
		time.Sleep(65 * time.Second) // of the bubble, which takes no time
		cancel()
		<-done
		if want := []time.Duration{0, 15 * time.Second, 60 * time.Second}; !slices.Equal(told, want) {
			t.Errorf("told at %v, want %v", told, want)
		}
	})
}

func TestHangups(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Hangups(ctx)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if got := <-c; got != syscall.SIGHUP {
		t.Errorf("got %v", got)
	}
	// A later test must find the signal as it was.
	cancel()
}

// conf is a configuration, and site what it decides.
type conf struct{ a, b, c string }

type site struct {
	a, b, c string
	did     []string
}

// part of a site: "bad" cannot be prepared.
func (s *site) part(name string, of func(*conf) string, at *string) Part[conf] {
	return Part[conf]{name, func(_ context.Context, old, new *conf) (*Change, error) {
		if of(old) == of(new) {
			return nil, nil
		}
		if of(new) == "bad" {
			return nil, errors.New("it is bad")
		}
		s.did = append(s.did, "prepare "+name)
		return &Change{
			Commit:  func() { s.did = append(s.did, "commit "+name); *at = of(new) },
			Discard: func() { s.did = append(s.did, "discard "+name) },
			Restart: of(new) == "restart",
		}, nil
	}}
}

func TestReload(t *testing.T) {
	ended, end := context.WithCancel(context.Background())
	end()
	tests := []struct {
		name string
		next conf
		load error
		ctx  context.Context
		want conf // what holds afterwards
		did  []string
		done Reloaded
		err  string
	}{
		{name: "nothing is another", next: conf{"1", "1", "1"}, want: conf{"1", "1", "1"}},
		{
			name: "all is another", next: conf{"2", "2", "2"}, want: conf{"2", "2", "2"},
			did:  []string{"prepare a", "prepare b", "prepare c", "commit a", "commit b", "commit c"},
			done: Reloaded{Changed: []string{"a", "b", "c"}},
		},
		{name: "the file is wrong", load: errors.New("f:3:1: no"), want: conf{"1", "1", "1"}, err: "f:3:1: no\nThe configuration from before holds on"},
		{name: "the first fails", next: conf{"bad", "2", "2"}, want: conf{"1", "1", "1"}, err: "a: it is bad; the configuration from before holds on"},
		{
			name: "the last fails", next: conf{"2", "2", "bad"}, want: conf{"1", "1", "1"},
			did: []string{"prepare a", "prepare b", "discard b", "discard a"},
			err: "c: it is bad; the configuration from before holds on",
		},
		{
			name: "one needs a restart", next: conf{"2", "restart", "1"}, want: conf{"2", "1", "1"},
			did:  []string{"prepare a", "prepare b", "commit a", "discard b"},
			done: Reloaded{Changed: []string{"a"}, Restart: []string{"b"}},
		},
		{
			name: "it is stopped meanwhile", next: conf{"2", "1", "1"}, ctx: ended, want: conf{"1", "1", "1"},
			did: []string{"prepare a", "discard a"}, err: "context canceled",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			first := &conf{"1", "1", "1"}
			s := &site{a: "1", b: "1", c: "1"}
			r := NewReloader(first, func(context.Context) (*conf, error) { return &tt.next, tt.load },
				s.part("a", func(c *conf) string { return c.a }, &s.a),
				s.part("b", func(c *conf) string { return c.b }, &s.b),
				s.part("c", func(c *conf) string { return c.c }, &s.c))
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			done, err := r.Reload(ctx)
			if tt.err == "" {
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(done.Changed, tt.done.Changed) || !slices.Equal(done.Restart, tt.done.Restart) {
					t.Errorf("got %+v", done)
				}
				if r.Current() != &tt.next {
					t.Error("the old one is current still")
				}
			} else {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v", err)
				}
				if r.Current() != first {
					t.Error("the new one is current")
				}
			}
			if (r.Problem() == nil) != (tt.err == "") {
				t.Errorf("the problem is %v", r.Problem())
			}
			if got := (conf{s.a, s.b, s.c}); got != tt.want {
				t.Errorf("holds %+v, want %+v", got, tt.want)
			}
			if !slices.Equal(s.did, tt.did) {
				t.Errorf("did  %q\nwant %q", s.did, tt.did)
			}
		})
	}
}

func TestEndpoint(t *testing.T) {
	var live error
	var reasons []string
	h := Endpoint(NewRegistry("1.2.3"), Health{Live: func() error { return live }, Ready: func() []string { return reasons }}, slog.New(slog.DiscardHandler))
	get := func(path, host string) (int, string) {
		r := httptest.NewRequest("GET", path, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	if code, body := get("/metrics", "127.0.0.1:9464"); code != 200 || !strings.Contains(body, `mailvigil_build_info{version="1.2.3"} 1`) || !strings.Contains(body, "go_goroutines") {
		t.Errorf("%d %.300s", code, body)
	}
	if code, body := get("/healthz", "localhost:9464"); code != 200 || body != `{"ok":true,"reasons":[]}`+"\n" {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get("/readyz", "[::1]:9464"); code != 200 {
		t.Errorf("%d", code)
	}
	live, reasons = errors.New("no slot was closed for 5 minutes"), []string{"logs of the past are read: 40 %"}
	if code, body := get("/healthz", "127.0.0.1"); code != 503 || !strings.Contains(body, "no slot was closed") {
		t.Errorf("%d %s", code, body)
	}
	if code, body := get("/readyz", "127.0.0.1"); code != 503 || !strings.Contains(body, "40 %") {
		t.Errorf("%d %s", code, body)
	}
	for _, host := range []string{"evil.example", "evil.example:9464", "192.0.2.1:9464"} {
		if code, _ := get("/metrics", host); code != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", host, code)
		}
	}
}

func TestListen(t *testing.T) {
	if _, err := Listen("0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("got %v", err)
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(l.Addr().String()); err == nil || !strings.Contains(err.Error(), "ss -ltnp") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- Serve(ctx, l, Endpoint(NewRegistry("1"), Health{Live: func() error { return nil }, Ready: func() []string { return nil }}, slog.New(slog.DiscardHandler)), slog.New(slog.DiscardHandler))
	}()
	resp, err := http.Get("http://" + l.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Errorf("%s %s", resp.Status, body)
	}
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
