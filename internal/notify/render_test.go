package notify_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"mailvigil/internal/chart"
	"mailvigil/internal/notify"
)

// hostile is what may stand in a log.
const hostile = "x\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script> <!channel> @everyone [here](https://evil.example/) \x1b[2J\u202egpj \"'><img src=http://evil.example/p.png>"

// drawn once, for that takes time under the race detector.
var drawn = sync.OnceValues(func() (*notify.Plot, error) {
	s := chart.Series{Title: "Logins", Start: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Step: time.Minute, Observed: []float64{1, 2, 3}}
	data, err := chart.PNG(s, chart.Options{Width: 240, Height: 140})
	return &notify.Plot{PNG: data, Alt: chart.Describe(s, chart.Options{})}, err
})

func plot(t testing.TB) *notify.Plot {
	t.Helper()
	p, err := drawn()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func evil(t testing.TB) notify.Message {
	return notify.Message{
		Key: "mailvigil.7.0123456789abcdef", Made: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC),
		Notices: []notify.Notice{{
			Incident: 7, Severity: notify.Critical, Kind: hostile, Change: notify.Opened, Time: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC),
			Sentence: "The account " + hostile + " is in other hands.", Details: []string{hostile}, What: []string{"Reset the password of " + hostile, "Close its sessions."},
			Services: []string{"imap", hostile}, Plot: plot(t), Link: "https://watch.parl.example/incidents/7",
		}},
	}
}

func TestHostileText(t *testing.T) {
	m := evil(t)
	page, err := m.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"subject": m.Subject(), "text": m.Text(), "html": page} {
		for _, bad := range []string{"\r", "\x1b", "\u202e", "<script", "<img src=http", "https://evil", "http://evil"} {
			if name != "html" && strings.HasPrefix(bad, "<") {
				continue // signs are no more than signs in a text
			}
			if strings.Contains(text, bad) {
				t.Errorf("the %s holds %q:\n%s", name, bad, text)
			}
		}
	}
	if strings.Contains(m.Subject(), "\n") {
		t.Errorf("the subject has two lines: %q", m.Subject())
	}
	for _, want := range []string{"cid:plot-7.", "https://watch.parl.example/incidents/7", "Close its sessions."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	m.Notices[0].Link = "javascript:alert(1)"
	if page, _ = m.HTML(); strings.Contains(page, "<a ") {
		t.Error("a link that is none of the web is one in the page")
	}
	m.Notices[0].Plot = &notify.Plot{PNG: []byte("<svg onload=alert(1)>"), Alt: "x"}
	if page, _ = m.HTML(); strings.Contains(page, "<img") {
		t.Error("what is no PNG is shown")
	}
}

func FuzzRender(f *testing.F) {
	f.Add(hostile, "attack")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, kind string) {
		m := notify.Message{Key: "k", Notices: []notify.Notice{{Incident: 1, Sentence: text, Kind: kind, Change: notify.Change(kind), Details: []string{text}, Link: text}}}
		if s := m.Subject(); strings.ContainsAny(s, "\r\n\x00\x1b") {
			t.Errorf("%q", s)
		}
		page, err := m.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(page, "<script") {
			t.Errorf("%s", page)
		}
	})
}

// inbox takes what is submitted to it.
type inbox struct {
	mu       sync.Mutex
	messages []string
	to       []string
	refuse   *smtp.SMTPError
}

func (i *inbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &session{inbox: i}, nil }

type session struct {
	inbox  *inbox
	signed bool
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "watch" || password != "open sesame" {
			return smtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *session) Mail(string, *smtp.MailOptions) error {
	if !s.signed {
		return smtp.ErrAuthRequired
	}
	if s.inbox.refuse != nil {
		return s.inbox.refuse
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.to = append(s.inbox.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	s.inbox.mu.Lock()
	defer s.inbox.mu.Unlock()
	s.inbox.messages = append(s.inbox.messages, string(data))
	return err
}
func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

func mailServer(t *testing.T) (*inbox, string) {
	t.Helper()
	in := &inbox{}
	s := smtp.NewServer(in)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return in, l.Addr().String()
}

func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMail sends the hostile message to a server and reads what arrived as a
// mail program does: one receiver, one subject, text, page and picture.
func TestMail(t *testing.T) {
	in, address := mailServer(t)
	s := &notify.Mail{Server: address, Security: "none", Account: "watch", PasswordFile: secretFile(t, "open sesame"), From: "Mailvigil <watch@parl.example>", To: []string{"desk@parl.example"}}
	if err := s.Send(t.Context(), evil(t)); err != nil {
		t.Fatal(err)
	}
	if len(in.messages) != 1 || len(in.to) != 1 || in.to[0] != "desk@parl.example" {
		t.Fatalf("%d messages to %q", len(in.messages), in.to)
	}
	msg, err := netmail.ReadMessage(strings.NewReader(in.messages[0]))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
	if err != nil || !strings.HasPrefix(subject, "[Mailvigil] Incident 7 opened: critical") {
		t.Errorf("%q, %v", subject, err)
	}
	for name, want := range map[string]string{
		"Message-Id": "<mailvigil.7.0123456789abcdef@parl.example>", "References": "<mailvigil.incident.7@parl.example>",
		"Auto-Submitted": "auto-generated", "Bcc": "", "X-Mailvigil-Incident": "7",
	} {
		if got := msg.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	types := parts(t, msg.Header.Get("Content-Type"), msg.Body)
	for _, want := range []string{"text/plain", "text/html", "image/png"} {
		if types[want] == 0 {
			t.Errorf("no %s among %v", want, types)
		}
	}
	// RFC 2392: the angle brackets belong to the header and not to the address.
	for _, want := range []string{"\r\nContent-Id: <plot-7.mailvigil.7.0123456789abcdef@mailvigil>\r\n", "cid:plot-7."} {
		if !strings.Contains(in.messages[0], want) {
			t.Errorf("%q is not in the message", want)
		}
	}
	in.refuse = &smtp.SMTPError{Code: 550, Message: "go away"}
	if err := s.Send(t.Context(), evil(t)); err == nil || !strings.Contains(err.Error(), "go away") {
		t.Errorf("refused: %v", err)
	}
	s.PasswordFile = secretFile(t, "wrong password")
	if err := s.Send(t.Context(), evil(t)); err == nil || strings.Contains(err.Error(), "wrong password") {
		t.Errorf("a wrong password: %v", err)
	}
}

func parts(t *testing.T, contentType string, r io.Reader) map[string]int {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	if !strings.HasPrefix(kind, "multipart/") {
		out[kind]++
		return out
	}
	for reader := multipart.NewReader(r, params["boundary"]); ; {
		p, err := reader.NextRawPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for k, n := range parts(t, p.Header.Get("Content-Type"), p) {
			out[k] += n
		}
	}
}

// TestWebhook checks the signature as a receiver does, by the words of the
// specification and with none of our code.
func TestWebhook(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	file := secretFile(t, "whsec_"+base64.StdEncoding.EncodeToString(key))
	status, retry := 204, ""
	var got notify.Body
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signed %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		ids = append(ids, r.Header.Get("webhook-id"))
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	hook := &notify.Webhook{URL: server.URL + "/t0ken", SecretFile: file}
	m := evil(t)
	if err := hook.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if got.Type != "incident.opened" || got.Data.Notices[0].Sentence == "" || got.Data.Notices[0].Severity != notify.Critical || len(got.Data.Notices[0].Plot.PNG) == 0 {
		t.Errorf("%+v", got)
	}
	for _, code := range []int{301, 404, 410, 429, 500} {
		status, retry = code, "30"
		err := hook.Send(t.Context(), m)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprint(code)) || strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%d: %v", code, err)
		}
	}
	for _, id := range ids {
		if id != m.Key {
			t.Errorf("the id %q, want %q each time", id, m.Key)
		}
	}
	server.Close()
	if err := hook.Send(t.Context(), m); err == nil || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("nobody there: %v", err)
	}
	hook.SecretFile = secretFile(t, "whsec_c2hvcnQ=")
	if err := hook.Send(t.Context(), m); err == nil || !strings.Contains(err.Error(), "24 to 64 bytes") {
		t.Errorf("a short key: %v", err)
	}
}

// TestSignature is the specification's own example.
func TestSignature(t *testing.T) {
	key, _ := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	got := notify.Sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestChat sends to a service of the library whose server is ours.
func TestChat(t *testing.T) {
	status := 200
	var body string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		body = string(data)
		w.WriteHeader(status)
		fmt.Fprint(w, "{}")
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	chat := &notify.Chat{URLFile: secretFile(t, "ntfy://:tk_s3cr3tt0ken@"+host+"/alarms?scheme=http")}
	if err := chat.Send(t.Context(), evil(t)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"@everyone", "<!channel>", "](", "https://evil", "\x1b"} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is in the message:\n%s", bad, body)
		}
	}
	if !strings.Contains(body, "all@evil.example") || !strings.Contains(body, "https://watch.parl.example/incidents/7") {
		t.Errorf("too little is left:\n%s", body)
	}
	status = 403
	if err := chat.Send(t.Context(), evil(t)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("refused: %v", err)
	}
	server.Close()
	if err := chat.Send(t.Context(), evil(t)); err == nil || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "alarms") {
		t.Errorf("nobody there: %v", err)
	}
	for _, address := range []string{"logger://", "smtp://u:s3cr3t@h/?from=a@b&to=c@d", "nothing://s3cr3t", "s3cr3t"} {
		chat.URLFile = secretFile(t, address)
		if err := chat.Send(t.Context(), evil(t)); err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	m := evil(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.HTML(); err != nil {
			b.Fatal(err)
		}
		_ = m.Text()
	}
}
