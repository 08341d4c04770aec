package health

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Page is where a web probe asks.
type Page struct {
	URL string
	// Name and CAFile are as in Server.
	Name, CAFile string
}

// Form says how the sign-in page of a webmail works where it cannot be seen.
type Form struct {
	// User and Password are the names of the fields, "" to take them from the
	// page: the password field and the text field before it.
	User, Password string
	// Success stands on the page that follows a sign-in and on no other.
	Success string
}

// pageLimit is how much of a page is read.
const pageLimit = 2 << 20

// browser keeps cookies for one asking, and does not leave the host: a
// password goes nowhere but where it belongs.
type browser struct {
	client *http.Client
	ends   time.Time
	source string
	step   string
	secret string
}

func newBrowser(what string, p Page, secret string) (*browser, *url.URL, error) {
	start, err := url.Parse(p.URL)
	if err != nil || start.Host == "" {
		return nil, nil, failuref(Setup, "%s is no address of a page", said(p.URL))
	}
	b := &browser{step: what + " at " + start.Host, secret: secret}
	jar, _ := cookiejar.New(nil) // without options there is nothing to fail
	transport := &http.Transport{ForceAttemptHTTP2: true}
	if start.Scheme == "https" {
		server := Server{Address: net.JoinHostPort(start.Hostname(), "443"), Name: p.Name, CAFile: p.CAFile}
		config, err := server.tls(&b.ends)
		if err != nil {
			return nil, nil, err
		}
		if p.Name == "" {
			config.ServerName = ""
		}
		transport.TLSClientConfig = config
	}
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err == nil {
			b.source = source(conn)
		}
		return conn, err
	}
	b.client = &http.Client{Jar: jar, Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != start.Host || req.URL.Scheme != start.Scheme {
			return fmt.Errorf("the page leads to another host, %s; name the page that it leads to", req.URL.Host)
		}
		if len(via) > 5 {
			return errors.New("the pages lead in a circle")
		}
		return nil
	}}
	return b, start, nil
}

func (b *browser) close() { b.client.CloseIdleConnections() }

func (b *browser) answer() Answer { return Answer{Ends: b.ends, Source: b.source} }

// page is an answer with its text.
type page struct {
	status int
	url    *url.URL // where redirections led
	header http.Header
	text   string
}

func (b *browser) do(ctx context.Context, what, method string, to *url.URL, form url.Values, prepare func(*http.Request)) (*page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, to.String(), body)
	if err != nil {
		return nil, failuref(Setup, "%s is no address of a page", said(to.String(), b.secret))
	}
	req.Header.Set("User-Agent", UserAgent)
	req.Header.Set("Accept-Language", "en")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if prepare != nil {
		prepare(req)
	}
	step := what + " " + b.step
	res, err := b.client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // the outer one repeats the whole address
		}
		return nil, explain(ctx, step, err, b.secret, url.QueryEscape(b.secret))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, pageLimit))
	if err != nil {
		return nil, explain(ctx, step, err, b.secret)
	}
	p := &page{status: res.StatusCode, url: res.Request.URL, header: res.Header, text: string(text)}
	if p.status >= 500 {
		return p, failuref(Protocol, "%s: the answer is the error %d; look at the log of the web server and of what it passes requests to", step, p.status)
	}
	return p, nil
}

// UserAgent is how web probes name themselves, so that the logs tell them.
const UserAgent = "Mailvigil-Probe"

// Roundcube signs in to Roundcube's own form and signs out again.
func Roundcube(p Page, l Login) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		password, err := l.password()
		if err != nil {
			return Answer{}, err
		}
		b, start, err := newBrowser("the webmail", p, password)
		if err != nil {
			return Answer{}, err
		}
		defer b.close()
		first, err := b.do(ctx, "the sign-in page of", http.MethodGet, start, nil, nil)
		if err != nil {
			return b.answer(), err
		}
		fields := inputs(first.text)
		token := value(fields, "_token")
		if token == "" {
			return b.answer(), failuref(Protocol, "the sign-in page of %s is none of Roundcube's (status %d): it has no token; look at the page in a browser", b.step, first.status)
		}
		to := *first.url
		to.RawQuery, to.Fragment = "_task=login", ""
		form := url.Values{"_token": {token}, "_task": {"login"}, "_action": {"login"}, "_timezone": {"UTC"}, "_url": {""}, "_user": {l.Account}, "_pass": {password}}
		in, err := b.do(ctx, "the sign-in to", http.MethodPost, &to, form, nil)
		if err != nil {
			return b.answer(), err
		}
		if strings.Contains(in.text, storageFailed) {
			return b.answer(), failuref(Protocol, "the sign-in to %s failed: the webmail cannot reach the IMAP server; see whether that runs", b.step)
		}
		if in.status == http.StatusUnauthorized || in.url.Query().Get("_task") == "login" || hasInput(in.text, "_pass") {
			return b.answer(), failuref(Auth, "the sign-in to %s was refused; either the probe's account or password was changed, or what checks passwords is out of order", b.step)
		}
		if in.status != http.StatusOK {
			return b.answer(), failuref(Protocol, "the sign-in to %s: the answer is the status %d; look at the log of the web server", b.step, in.status)
		}
		answer := b.answer()
		if m := requestToken.FindStringSubmatch(in.text); m != nil {
			to.RawQuery = url.Values{"_task": {"logout"}, "_token": {m[1]}}.Encode()
			_, _ = b.do(ctx, "the sign-out of", http.MethodGet, &to, nil, nil) // the session ends by itself too
		}
		return answer, nil
	}
}

// storageFailed are Roundcube's words, in English, for an IMAP server that it
// cannot reach.
const storageFailed = "Connection to storage server failed"

var requestToken = regexp.MustCompile(`"request_token":"([0-9A-Za-z]+)"`)

// WebForm signs in to any page with a form for it.
func WebForm(p Page, f Form, l Login) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		password, err := l.password()
		if err != nil {
			return Answer{}, err
		}
		b, start, err := newBrowser("the webmail", p, password)
		if err != nil {
			return Answer{}, err
		}
		defer b.close()
		first, err := b.do(ctx, "the sign-in page of", http.MethodGet, start, nil, nil)
		if err != nil {
			return b.answer(), err
		}
		form, action, ok := fill(first.text, f, l.Account, password)
		if !ok {
			return b.answer(), failuref(Protocol, "the sign-in page of %s has no form with a password (status %d); look at the page in a browser, and name its fields with user_field and password_field", b.step, first.status)
		}
		to, err := first.url.Parse(action)
		if err != nil || to.Host != first.url.Host || to.Scheme != first.url.Scheme {
			return b.answer(), failuref(Protocol, "the form of %s sends passwords to another place; nothing was sent", b.step)
		}
		in, err := b.do(ctx, "the sign-in to", http.MethodPost, to, form, nil)
		if err != nil {
			return b.answer(), err
		}
		if !strings.Contains(in.text, f.Success) {
			return b.answer(), failuref(Auth, "the sign-in to %s did not lead to the page that follows one (status %d): it does not hold the text of success; either it was refused, or the page was changed", b.step, in.status)
		}
		return b.answer(), nil
	}
}

var (
	formTag   = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`(?is)<input\b([^>]*)>`)
	attribute = regexp.MustCompile(`(?is)([a-z][a-z0-9_-]*)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)`)
)

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		out[strings.ToLower(m[1])] = html.UnescapeString(strings.Trim(m[2], `"'`))
	}
	return out
}

func inputs(text string) (fields []map[string]string) {
	for _, m := range inputTag.FindAllStringSubmatch(text, -1) {
		fields = append(fields, attributes(m[1]))
	}
	return fields
}

func value(fields []map[string]string, name string) string {
	for _, f := range fields {
		if f["name"] == name {
			return f["value"]
		}
	}
	return ""
}

func hasInput(text, name string) bool {
	for _, f := range inputs(text) {
		if f["name"] == name {
			return true
		}
	}
	return false
}

// fill fills the first form with a password in, and keeps its hidden fields. It
// reads HTML by patterns, which is enough for forms that a server writes, not
// for those that a script makes.
func fill(text string, f Form, account, password string) (form url.Values, action string, ok bool) {
	for _, m := range formTag.FindAllStringSubmatch(text, -1) {
		form = url.Values{}
		user, pass, last := f.User, f.Password, ""
		for _, field := range inputs(m[2]) {
			name := field["name"]
			switch kind := strings.ToLower(field["type"]); {
			case name == "":
			case kind == "password":
				if pass == "" {
					pass = name
				}
				if user == "" {
					user = last
				}
			case kind == "" || kind == "text" || kind == "email":
				last = name
			case kind == "hidden":
				form.Set(name, field["value"])
			}
		}
		if user == "" || pass == "" {
			continue
		}
		form.Set(user, account)
		form.Set(pass, password)
		return form, attributes(m[1])["action"], true
	}
	return nil, "", false
}

// ActiveSync asks for the versions of the protocol, which is how phones begin,
// with the account's name and password.
func ActiveSync(p Page, l Login) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		password, err := l.password()
		if err != nil {
			return Answer{}, err
		}
		b, to, err := newBrowser("ActiveSync", p, password)
		if err != nil {
			return Answer{}, err
		}
		defer b.close()
		res, err := b.do(ctx, "asking the versions of", http.MethodOptions, to, nil, func(r *http.Request) { r.SetBasicAuth(l.Account, password) })
		switch {
		case err != nil:
			return b.answer(), err
		case res.status == http.StatusUnauthorized || res.status == http.StatusForbidden:
			return b.answer(), failuref(Auth, "the sign-in to %s was refused (status %d); either the probe's account or password was changed, or what checks passwords is out of order", b.step, res.status)
		case res.status != http.StatusOK:
			return b.answer(), failuref(Protocol, "asking the versions of %s: the answer is the status %d, not 200", b.step, res.status)
		case res.header.Get("MS-ASProtocolVersions") == "":
			return b.answer(), failuref(Protocol, "asking the versions of %s: the answer names none, so it is not ActiveSync that answers; look at the paths of the web server", b.step)
		}
		return b.answer(), nil
	}
}
