package health_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mailvigil/internal/health"
)

type asking = func(context.Context) (health.Answer, error)

// ask gives what a probe is told, and checks that the password stands in no
// word of it.
func ask(t *testing.T, timeout time.Duration, do asking) health.Result {
	t.Helper()
	r := health.Ask(t.Context(), health.Probe{Name: "p", Timeout: timeout, Ask: do})
	for _, secret := range []string{password, "open+sesame", "open%20sesame", "b3BlbiBzZXNhbWU"} {
		if strings.Contains(r.Text, secret) {
			t.Errorf("the password is in %q", r.Text)
		}
	}
	return r
}

func server(address string, security health.Security, s *site) health.Server {
	return health.Server{Address: address, Security: security, CAFile: s.ca.file}
}

// TestAnswers: each probe is answered in each way of securing a connection, and
// sees when the certificate ends.
func TestAnswers(t *testing.T) {
	s := newSite(t, false)
	l := login(t)
	in := server(s.imaps, health.Implicit, s)
	tests := []struct {
		name   string
		do     asking
		secure bool
	}{
		{"imap in tls", health.IMAP(in, l), true},
		{"imap with starttls", health.IMAP(server(s.imap, health.StartTLS, s), l), true},
		{"imap without", health.IMAP(server(s.imap, health.Plain, s), l), false},
		{"pop3 in tls", health.POP3(server(s.pops, health.Implicit, s), l), true},
		{"pop3 with starttls", health.POP3(server(s.pop, health.StartTLS, s), l), true},
		{"pop3 without", health.POP3(server(s.pop, health.Plain, s), l), false},
		{"round trip in tls", health.RoundTrip("a", server(s.smtps, health.Implicit, s), in, l, account), true},
		{"round trip with starttls", health.RoundTrip("a", server(s.smtp, health.StartTLS, s), in, l, account), true},
		{"round trip without", health.RoundTrip("a", server(s.smtp, health.Plain, s), server(s.imap, health.Plain, s), l, account), false},
		{"certificate in tls", health.Certificate(in, ""), true},
		{"certificate of imap", health.Certificate(server(s.imap, health.StartTLS, s), "imap"), true},
		{"certificate of pop3", health.Certificate(server(s.pop, health.StartTLS, s), "pop3"), true},
		{"certificate of smtp", health.Certificate(server(s.smtp, health.StartTLS, s), "smtp"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(t, 20*time.Second, tt.do)
			if r.Kind != health.OK {
				t.Fatalf("%s: %s", r.Kind, r.Text)
			}
			if tt.secure != r.CertificateEnds.Equal(s.ends) {
				t.Errorf("the certificate ends %v, want %v", r.CertificateEnds, s.ends)
			}
			if r.Source != "127.0.0.1" {
				t.Errorf("asked from %q", r.Source)
			}
		})
	}
	if n := s.messages(t); n != 0 {
		t.Errorf("%d messages of probes are left", n)
	}
}

// TestRoundTripLeavesOthersAlone: only what the probe itself sent is deleted,
// with what came late.
func TestRoundTripLeavesOthersAlone(t *testing.T) {
	s := newSite(t, false)
	l := login(t)
	out, in := server(s.smtps, health.Implicit, s), server(s.imaps, health.Implicit, s)
	lost := newSite(t, true)
	lost.user = s.user
	// Another probe's message, and one of a person.
	for _, text := range []string{"X-Mailvigil-Probe: 00000000.aa\r\nSubject: of another\r\n\r\n", "Subject: Mailvigil probe\r\n\r\nhello\r\n"} {
		d := &submission{d: &delivery{site: s}}
		if err := d.Data(strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if r := ask(t, 20*time.Second, health.RoundTrip("mine", out, in, l, account)); r.Kind != health.OK {
			t.Fatalf("%s: %s", r.Kind, r.Text)
		}
	}
	if n := s.messages(t); n != 2 {
		t.Errorf("%d messages are left, want the other two", n)
	}
	r := ask(t, 1500*time.Millisecond, health.RoundTrip("mine", server(lost.smtps, health.Implicit, lost), in, l, account))
	if r.Kind != health.Lost || !strings.Contains(r.Text, "not in the inbox") {
		t.Errorf("a message that was lost: %s %q", r.Kind, r.Text)
	}
}

// TestKinds: what goes wrong is told apart, in words for an operator.
func TestKinds(t *testing.T) {
	s := newSite(t, false)
	l := login(t)
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	free := listen(t)
	closed := free.Addr().String()
	free.Close()
	silent := listen(t) // accepts by the system alone
	tlsOf := func(name string, ends time.Time) string {
		return talk(t, tls.NewListener(listen(t), s.ca.config(t, name, ends)), "* OK ready\r\n", func(string) string { return "" })
	}
	lines := func(greeting string, answer func(string) string) string { return talk(t, listen(t), greeting, answer) }
	no := func(code string) func(string) string {
		return func(line string) string {
			tag, rest, _ := strings.Cut(line, " ")
			switch {
			case strings.HasPrefix(rest, "CAPABILITY"):
				return "* CAPABILITY IMAP4rev1\r\n" + tag + " OK\r\n"
			case strings.HasPrefix(rest, "LOGIN"):
				return tag + " NO " + code + " no " + strings.TrimPrefix(rest, "LOGIN ") + "\r\n"
			}
			return tag + " OK\r\n"
		}
	}
	imap := func(address string, how health.Security, l health.Login) asking {
		return health.IMAP(server(address, how, s), l)
	}
	pop := func(answer func(string) string) asking {
		return health.POP3(server(lines("+OK\r\n", answer), health.Plain, s), l)
	}
	submit := func(answer func(string) string) asking {
		return health.RoundTrip("x", server(lines("220 hello\r\n", answer), health.Plain, s), server(s.imap, health.Plain, s), l, account)
	}
	esmtp := func(auth string, data string) func(string) string {
		return func(line string) string {
			switch verb, _, _ := strings.Cut(line, " "); verb {
			case "EHLO":
				return "250-hello\r\n250 AUTH PLAIN\r\n"
			case "AUTH":
				return auth
			case "DATA":
				return data
			}
			return "250 ok\r\n"
		}
	}
	tests := []struct {
		name string
		do   asking
		kind health.Kind
		text string
	}{
		{"nothing listens", imap(closed, health.Implicit, l), health.Refused, "nothing listens there"},
		{"never answers", imap(silent.Addr().String(), health.Plain, l), health.Timeout, "within the time-out"},
		{"never shakes hands", imap(silent.Addr().String(), health.Implicit, l), health.Timeout, "within the time-out"},
		{"wrong password for imap", imap(s.imaps, health.Implicit, wrong), health.Auth, "was refused"},
		{"wrong password for pop3", health.POP3(server(s.pops, health.Implicit, s), wrong), health.Auth, "was refused"},
		{"wrong password for submission", health.RoundTrip("x", server(s.smtps, health.Implicit, s), server(s.imaps, health.Implicit, s), wrong, account), health.Auth, "was refused"},
		{"a server that repeats the password", imap(lines("* OK\r\n", no("[AUTHENTICATIONFAILED]")), health.Plain, l), health.Auth, "was refused"},
		{"imap is not able to", imap(lines("* OK\r\n", no("[UNAVAILABLE]")), health.Plain, l), health.Protocol, "not able to now"},
		{"pop3 is not able to", pop(func(line string) string {
			if strings.HasPrefix(line, "PASS") {
				return "-ERR [SYS/TEMP] later\r\n"
			}
			return "+OK\r\n"
		}), health.Protocol, "not able to now"},
		{"another protocol on pop3", pop(func(string) string { return "HTTP/1.1 400 Bad Request\r\n" }), health.Protocol, "not POP3"},
		{"another protocol on imap", imap(lines("SSH-2.0-OpenSSH\r\n", func(string) string { return "" }), health.Plain, l), health.Protocol, ""},
		{"submission is not able to", submit(esmtp("454 4.7.0 later\r\n", "")), health.Protocol, "not able to now"},
		{"submission refuses", submit(esmtp("235 ok\r\n", "554 no\r\n")), health.Protocol, "the server refused (554"},
		{"submission without sign-in", submit(func(string) string { return "250 ok\r\n" }), health.Protocol, "does not offer AUTH"},
		{"tls where there is none", imap(s.imap, health.Implicit, l), health.TLS, "not TLS"},
		{"an expired certificate", imap(tlsOf("127.0.0.1", time.Now().Add(-time.Hour)), health.Implicit, l), health.TLS, "not valid now"},
		{"another's certificate", imap(tlsOf("other.example", time.Now().Add(time.Hour*1000)), health.Implicit, l), health.TLS, "for other names"},
		{"an unknown authority", health.IMAP(health.Server{Address: s.imaps, Security: health.Implicit}, l), health.TLS, "authority that is not known"},
		{"an unknown authority by starttls", health.IMAP(health.Server{Address: s.imap, Security: health.StartTLS}, l), health.TLS, "authority that is not known"},
		{"a certificate that ends soon", health.Certificate(server(tlsOf("127.0.0.1", time.Now().Add(50*time.Hour)), health.Implicit, s), ""), health.Expiring, "ends in 2 days"},
		{"no password", health.IMAP(server(s.imaps, health.Implicit, s), health.Login{Account: account, PasswordFile: "/none"}), health.Setup, "there is no file /none"},
		{"a certificate without TLS", health.Certificate(server(s.imap, health.Plain, s), "imap"), health.Setup, "correct security"},
		{"no authorities", health.IMAP(health.Server{Address: s.imaps, Security: health.Implicit, CAFile: "/none"}, l), health.Setup, "there is no file /none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			timeout := 20 * time.Second
			if tt.kind == health.Timeout {
				timeout = 300 * time.Millisecond
			}
			r := ask(t, timeout, tt.do)
			if r.Kind != tt.kind || !strings.Contains(r.Text, tt.text) {
				t.Errorf("%q: %s\nwant %q with %q", r.Kind, r.Text, tt.kind, tt.text)
			}
		})
	}
}

func TestClosesAtOnce(t *testing.T) {
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	where := health.Server{Address: l.Addr().String(), Security: health.Plain}
	for name, do := range map[string]asking{
		"imap": health.IMAP(where, login(t)), "pop3": health.POP3(where, login(t)),
		"submission": health.RoundTrip("x", where, where, login(t), account),
	} {
		if r := ask(t, 10*time.Second, do); r.Kind != health.Protocol || !strings.Contains(r.Text, "closed the connection") {
			t.Errorf("%s: %s: %s", name, r.Kind, r.Text)
		}
	}
}

// roundcube is a sign-in page with a token that has to come back with its
// cookie, as of Roundcube 1.6.
func roundcube(t *testing.T, broken *string) *httptest.Server {
	t.Helper()
	signedOut := false
	web := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, _ := r.Cookie("roundcube_sessid")
		switch {
		case *broken == "500":
			w.WriteHeader(500)
		case *broken == "empty":
			fmt.Fprint(w, "<p>Under maintenance</p>")
		case *broken == "away":
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusFound)
		case r.Method == http.MethodPost:
			if cookie == nil || r.FormValue("_token") != "t0k3n" || r.FormValue("_user") != account || r.FormValue("_pass") != password {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w, `<form><input name="_token" value="t0k3n"><input name="_pass" type="password"></form>`)
				return
			}
			http.Redirect(w, r, "/?_task=mail&_token=abc", http.StatusFound)
		case r.URL.Query().Get("_task") == "mail":
			fmt.Fprint(w, `<script>rcmail.set_env({"request_token":"abc123"});</script>`)
		case r.URL.Query().Get("_task") == "logout":
			signedOut = r.URL.Query().Get("_token") == "abc123"
		default:
			http.SetCookie(w, &http.Cookie{Name: "roundcube_sessid", Value: "1"})
			fmt.Fprint(w, `<form name="form" method="post" action="/?_task=login"><input type="hidden" name="_token" value="t0k3n"><input name="_user"><input name="_pass" type="password"></form>`)
		}
	}))
	t.Cleanup(func() {
		web.Close()
		if *broken == "" && !signedOut {
			t.Error("the probe did not sign out")
		}
	})
	return web
}

func trusted(t *testing.T, web *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemOf(web.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRoundcube(t *testing.T) {
	broken := ""
	web := roundcube(t, &broken)
	page := health.Page{URL: web.URL + "/", CAFile: trusted(t, web)}
	r := ask(t, 10*time.Second, health.Roundcube(page, login(t)))
	if r.Kind != health.OK || !r.CertificateEnds.Equal(web.Certificate().NotAfter) || r.Source != "127.0.0.1" {
		t.Errorf("%+v", r)
	}
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	if r := ask(t, 10*time.Second, health.Roundcube(page, wrong)); r.Kind != health.Auth {
		t.Errorf("a wrong password: %s: %s", r.Kind, r.Text)
	}
	for how, text := range map[string]string{"500": "the error 500", "empty": "none of Roundcube's", "away": "another host, elsewhere.example"} {
		b := how
		web := roundcube(t, &b)
		r := ask(t, 10*time.Second, health.Roundcube(health.Page{URL: web.URL + "/", CAFile: trusted(t, web)}, login(t)))
		if r.Kind != health.Protocol || !strings.Contains(r.Text, text) {
			t.Errorf("%s: %s: %s", how, r.Kind, r.Text)
		}
	}
	if r := ask(t, 10*time.Second, health.Roundcube(health.Page{URL: web.URL + "/"}, login(t))); r.Kind != health.TLS {
		t.Errorf("an unknown authority: %s: %s", r.Kind, r.Text)
	}
}

func TestWebForm(t *testing.T) {
	const form = `<form action="/search"><input name="q"></form><FORM METHOD=post action='/in?a=1&amp;b=2'><input type=hidden name=csrf value="x&amp;y"><input type="text" name="login"><input type='password' name='secret'></FORM>`
	var got string
	pages := map[string]string{"/": form, "/foreign": strings.Replace(form, "/in", "https://elsewhere.example/in", 1), "/none": "<p>nothing</p>"}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = r.ParseForm()
			got = r.PostForm.Encode() + " " + r.URL.RawQuery
			if r.FormValue("secret") == password {
				fmt.Fprint(w, "Welcome, Sign out")
				return
			}
		}
		fmt.Fprint(w, pages[r.URL.Path])
	}))
	defer web.Close()
	f := health.Form{Success: "Sign out"}
	if r := ask(t, 10*time.Second, health.WebForm(health.Page{URL: web.URL + "/"}, f, login(t))); r.Kind != health.OK {
		t.Errorf("%s: %s", r.Kind, r.Text)
	}
	if want := "csrf=x%26y&login=probe%40parl.example&secret=open+sesame a=1&b=2"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	got = ""
	for path, want := range map[string]health.Kind{"/foreign": health.Protocol, "/none": health.Protocol} {
		if r := ask(t, 10*time.Second, health.WebForm(health.Page{URL: web.URL + path}, f, login(t))); r.Kind != want || got != "" {
			t.Errorf("%s: %s: %s; sent %q", path, r.Kind, r.Text, got)
		}
	}
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	if r := ask(t, 10*time.Second, health.WebForm(health.Page{URL: web.URL + "/"}, f, wrong)); r.Kind != health.Auth {
		t.Errorf("a wrong password: %s: %s", r.Kind, r.Text)
	}
}

func TestActiveSync(t *testing.T) {
	versions, status := "14.0,14.1,16.1", 200
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ := r.BasicAuth()
		switch {
		case r.Method != http.MethodOptions || user != account:
			w.WriteHeader(http.StatusBadRequest)
		case pass != password:
			w.WriteHeader(http.StatusUnauthorized)
		default:
			if versions != "" {
				w.Header().Set("MS-ASProtocolVersions", versions)
			}
			w.WriteHeader(status)
		}
	}))
	defer web.Close()
	do := health.ActiveSync(health.Page{URL: web.URL + "/Microsoft-Server-ActiveSync"}, login(t))
	if r := ask(t, 10*time.Second, do); r.Kind != health.OK {
		t.Errorf("%s: %s", r.Kind, r.Text)
	}
	status = 503
	if r := ask(t, 10*time.Second, do); r.Kind != health.Protocol || !strings.Contains(r.Text, "503") {
		t.Errorf("%s: %s", r.Kind, r.Text)
	}
	status, versions = 200, ""
	if r := ask(t, 10*time.Second, do); r.Kind != health.Protocol || !strings.Contains(r.Text, "not ActiveSync") {
		t.Errorf("%s: %s", r.Kind, r.Text)
	}
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	if r := ask(t, 10*time.Second, health.ActiveSync(health.Page{URL: web.URL}, wrong)); r.Kind != health.Auth {
		t.Errorf("a wrong password: %s: %s", r.Kind, r.Text)
	}
}

func TestQueue(t *testing.T) {
	print := func(text string) []string { return []string{"printf", "%s", text} }
	object := `{"queue_name": "deferred", "queue_id": "4X", "recipients": []}` + "\n"
	tests := []struct {
		name   string
		argv   []string
		kind   health.Kind
		queued int
	}{
		{"postqueue of none", print(""), health.OK, 0},
		{"postqueue", print(strings.Repeat(object, 7)), health.OK, 7},
		{"postqueue of many", print(strings.Repeat(object, 11)), health.Backlog, 11},
		{"postqueue with a long line", print(`{"recipients": "` + strings.Repeat("x", 100_000) + `"}` + "\n" + object), health.OK, 2},
		{"mailq of none", print("Mail queue is empty\n"), health.OK, 0},
		{"mailq", print("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n4X* 1 Mon  a@b\n   c@d\n\n-- 3 Kbytes in 12 Requests.\n"), health.Backlog, 12},
		{"exim -bpc", print("12\n"), health.Backlog, 12},
		{"something else", print("hello\n"), health.Setup, -1},
		{"no such command", []string{"/none"}, health.Setup, -1},
		{"a command that fails", []string{"sh", "-c", "echo fatal: no queue >&2; exit 69"}, health.Protocol, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(t, 10*time.Second, health.QueueCommand(tt.argv, 10))
			queued := -1
			if r.Queued != nil {
				queued = *r.Queued
			}
			if r.Kind != tt.kind || queued != tt.queued {
				t.Errorf("%s, %d queued: %s; want %s, %d", r.Kind, queued, r.Text, tt.kind, tt.queued)
			}
		})
	}
	dir := t.TempDir()
	for _, name := range []string{"deferred/A/A1", "deferred/B/B1", "active/C1", "defer/A/A1", "pid/master.pid"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := ask(t, time.Minute, health.QueueFolder(dir, 2)); r.Kind != health.Backlog || *r.Queued != 3 {
		t.Errorf("a folder of Postfix: %+v", r)
	}
	if r := ask(t, time.Minute, health.QueueFolder(filepath.Join(dir, "deferred"), 2)); r.Kind != health.OK || *r.Queued != 2 {
		t.Errorf("any folder: %+v", r)
	}
	if r := ask(t, time.Minute, health.QueueFolder(filepath.Join(dir, "none"), 2)); r.Kind != health.Setup {
		t.Errorf("no folder: %+v", r)
	}
	if r := ask(t, 200*time.Millisecond, health.QueueCommand([]string{"sleep", "60"}, 10)); r.Kind != health.Timeout {
		t.Errorf("a command that hangs: %+v", r)
	}
}

// TestNothingIsLeft: probes that are cut off leave no goroutine behind.
func TestNothingIsLeft(t *testing.T) {
	l := listen(t)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	before := goleak.IgnoreCurrent()
	for _, how := range []health.Security{health.Plain, health.StartTLS, health.Implicit} {
		s := health.Server{Address: l.Addr().String(), Security: how}
		for _, do := range []asking{health.IMAP(s, login(t)), health.POP3(s, login(t)), health.RoundTrip("x", s, s, login(t), account), health.Roundcube(health.Page{URL: "http://" + s.Address + "/"}, login(t))} {
			if r := ask(t, 100*time.Millisecond, do); r.Kind != health.Timeout {
				t.Errorf("%s: %s", r.Kind, r.Text)
			}
		}
	}
	if r := ask(t, 100*time.Millisecond, health.Certificate(health.Server{Address: l.Addr().String(), Security: health.StartTLS}, "imap")); r.Kind != health.Timeout {
		t.Errorf("%s: %s", r.Kind, r.Text)
	}
	goleak.VerifyNone(t, before)
}
