package receive

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

// web is one listener for HTTP.
type web struct {
	r      *Receivers
	l      config.Listener
	c      *counters
	tokens [][sha256.Size]byte
	turns  chan struct{} // held by the requests that are worked on
	held   atomic.Int64  // bytes of bodies in memory
}

// http listens for lines, OTLP logs and Dovecot's events over HTTP.
func (r *Receivers) http(l config.Listener) error {
	secure, err := serverTLS(&l)
	if err != nil {
		return err
	}
	w := &web{r: r, l: l, turns: make(chan struct{}, maxRequests)}
	if w.tokens, err = readTokens(l.TokenFile); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", l.Address)
	if err != nil {
		return err
	}
	w.c = r.counters(l.Name())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/lines", w.handle(w.readLines))
	mux.HandleFunc("POST /v1/dovecot", w.handle(w.readLines))
	mux.HandleFunc("POST /v1/logs", w.handle(w.readOTLP))
	srv := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       slowMessage,
		WriteTimeout:      2 * slowMessage,
		IdleTimeout:       2 * slowMessage,
		MaxHeaderBytes:    16 << 10,
		TLSConfig:         secure,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	r.end = append(r.end, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	})
	r.done.Go(func() {
		limited := &limitListener{Listener: ln, c: w.c, l: &l, door: door{peers: map[netip.Addr]int{}}}
		var err error
		if secure != nil {
			err = srv.ServeTLS(limited, "", "")
		} else {
			err = srv.Serve(limited)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			w.c.fail(err)
		}
	})
	return nil
}

// limitListener turns away who may not send and who holds too many connections,
// before a byte is read.
type limitListener struct {
	net.Listener
	c    *counters
	l    *config.Listener
	door door
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerOf(conn.RemoteAddr())
		if !allowed(l.l, peer) {
			l.c.by[refusedAddress].Add(1)
		} else if !l.door.enter(peer) {
			l.c.by[refusedNumber].Add(1)
		} else {
			l.c.connections.Add(1)
			return &limitConn{Conn: conn, leave: func() { l.door.leave(peer); l.c.connections.Add(-1) }}, nil
		}
		_ = conn.Close()
	}
}

type limitConn struct {
	net.Conn
	leave func()
	once  sync.Once
}

func (c *limitConn) Close() error {
	c.once.Do(c.leave)
	return c.Conn.Close()
}

// readTokens returns the hashes of a file of tokens, so that comparing tells
// nothing by the time it takes.
func readTokens(file string) (out [][sha256.Size]byte, err error) {
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		token := strings.TrimSpace(line)
		if token == "" || token[0] == '#' {
			continue
		}
		if len(token) < 16 {
			return nil, fmt.Errorf("read the tokens: %s holds one of %d characters; make them 16 or longer, as \"openssl rand -hex 16\" does", file, len(token))
		}
		out = append(out, sha256.Sum256([]byte(token)))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read the tokens: %s holds none; write one a line", file)
	}
	return out, nil
}

// knows reports whether a request shows a token: as bearer, or as the password of
// basic authentication, which a URL can hold where a sender knows no headers.
func (w *web) knows(req *http.Request) bool {
	if len(w.tokens) == 0 {
		return true
	}
	token, ok := strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	if !ok {
		if _, token, ok = req.BasicAuth(); !ok {
			return false
		}
	}
	sum, same := sha256.Sum256([]byte(strings.TrimSpace(token))), 0
	for i := range w.tokens {
		same |= subtle.ConstantTimeCompare(sum[:], w.tokens[i][:])
	}
	return same == 1
}

// refusal is an answer to a request that is not taken.
type refusal struct {
	status int
	why    reason
	text   string
}

func (e *refusal) Error() string { return e.text }

func refuse(status int, why reason, format string, args ...any) error {
	return &refusal{status, why, fmt.Sprintf(format, args...)}
}

// handle does what all requests have in common: who may send, how much, and that
// the answer comes once the lines are on the disk.
func (w *web) handle(read func(*http.Request, []byte) (lines []intake.Received, answer []byte, kind string, err error)) http.HandlerFunc {
	return func(out http.ResponseWriter, req *http.Request) {
		answer, kind, err := w.serve(req, out, read)
		var no *refusal
		switch {
		case err == nil:
			out.Header().Set("Content-Type", kind)
			_, _ = out.Write(answer)
			return
		case !errors.As(err, &no):
			no = &refusal{http.StatusServiceUnavailable, refusedFull, err.Error()}
		}
		w.c.by[no.why].Add(1)
		switch no.status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			out.Header().Set("Retry-After", retryAfter)
		case http.StatusUnauthorized:
			out.Header().Set("WWW-Authenticate", `Bearer, Basic realm="mailvigil"`)
		}
		http.Error(out, no.text, no.status)
	}
}

func (w *web) serve(req *http.Request, out http.ResponseWriter, read func(*http.Request, []byte) ([]intake.Received, []byte, string, error)) ([]byte, string, error) {
	if !w.knows(req) {
		return nil, "", refuse(http.StatusUnauthorized, refusedToken, "a token is needed: Authorization: Bearer TOKEN")
	}
	if w.r.q.Full() {
		return nil, "", refuse(http.StatusServiceUnavailable, refusedFull, "the queue is full; come again")
	}
	// A slow sender holds no turn: the body is read first, and memory is taken as
	// it comes.
	held := held{of: w}
	defer held.release()
	body, err := readBody(out, req, &held)
	if err != nil {
		return nil, "", err
	}
	select {
	case w.turns <- struct{}{}:
		defer func() { <-w.turns }()
	case <-req.Context().Done():
		return nil, "", req.Context().Err()
	}
	lines, answer, kind, err := read(req, body)
	if err != nil {
		return nil, "", err
	}
	n, err := w.r.q.Put(req.Context(), lines)
	w.c.queued.Add(int64(n))
	if err != nil {
		return nil, "", err
	}
	return answer, kind, nil
}

// held is what one request takes of the memory for bodies, as it is read.
type held struct {
	of *web
	in io.Reader
	n  int64
}

func (h *held) Read(b []byte) (int, error) {
	n, err := h.in.Read(b)
	h.n += int64(n)
	if h.of.held.Add(int64(n)) > maxHeld {
		return 0, refuse(http.StatusTooManyRequests, refusedNumber, "too many requests at once; come again")
	}
	return n, err
}

func (h *held) release() { h.of.held.Add(-h.n) }

// readBody reads and unpacks the body, up to maxBody.
func readBody(out http.ResponseWriter, req *http.Request, held *held) ([]byte, error) {
	var in io.Reader = http.MaxBytesReader(out, req.Body, maxBody)
	switch encoding := req.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, refusedMalformed, "the body is no gzip: %v", err)
		}
		in = z
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, refusedMalformed, "Content-Encoding can be gzip, not %q", encoding)
	}
	held.in = io.LimitReader(in, maxBody+1)
	body, err := io.ReadAll(held)
	var large *http.MaxBytesError
	var no *refusal
	switch {
	case errors.As(err, &no):
		return nil, no
	case errors.As(err, &large), len(body) > maxBody:
		return nil, refuse(http.StatusRequestEntityTooLarge, refusedSize, "the body is larger than %d MB; send less at once", maxBody>>20)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, refusedSlow, "the body did not come within %v", slowMessage)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, refusedMalformed, "read the body: %v", err)
	}
	return body, nil
}

// envelope is a line with what its sender knows of it.
type envelope struct {
	Line   *string   `json:"line"`
	Source string    `json:"source"`
	Time   time.Time `json:"time"`
}

// readLines reads a body of lines, each as its program wrote it or as an object
// {"line":…,"source":…,"time":…}. Other objects are lines themselves: many programs
// write JSON.
func (w *web) readLines(req *http.Request, body []byte) (lines []intake.Received, answer []byte, kind string, err error) {
	peer := requestPeer(req)
	of := req.URL.Query().Get("source")
	plain := w.c.source("http", peer, []byte(of))
	for len(body) > 0 {
		var line []byte
		line, body, _ = bytes.Cut(body, []byte("\n"))
		line = trimmed(line)
		if len(line) == 0 {
			continue
		}
		source := plain
		if line[0] == '{' && bytes.Contains(line, []byte(`"line"`)) {
			var e envelope
			dec := json.NewDecoder(bytes.NewReader(line))
			dec.DisallowUnknownFields()
			if dec.Decode(&e) == nil && e.Line != nil {
				if e.Source != "" {
					source = w.c.source("http", peer, []byte(e.Source))
				}
				if line = dated([]byte(*e.Line), e.Time); len(line) == 0 {
					continue
				}
			}
		}
		if !plainLine(line) {
			line = appendPlain(nil, line)
		}
		lines = append(lines, w.c.take(source, maillog.FormatNone, line, false))
	}
	return lines, fmt.Appendf(nil, "{\"queued\":%d}\n", len(lines)), "application/json", nil
}

func requestPeer(req *http.Request) netip.Addr {
	a, _ := netip.ParseAddrPort(req.RemoteAddr)
	return a.Addr().Unmap()
}

// dated gives a line the time at which it was written, where its sender knows it
// and the line cannot be read by itself: in the form of Docker's log, which maillog
// opens.
func dated(line []byte, at time.Time) []byte {
	line = trimmed(line)
	if !plainLine(line) {
		line = appendPlain(nil, line)
	}
	if at.IsZero() || len(line) == 0 || stampLength(line) > 0 || maillog.Detect(line) != maillog.FormatNone {
		return line
	}
	out := append([]byte(nil), `{"log":`...)
	out = appendString(out, string(line)+"\n")
	out = append(out, `,"stream":"stdout","time":"`...)
	out = at.UTC().AppendFormat(out, time.RFC3339Nano)
	return append(out, `"}`...)
}

// appendString appends a text as JSON.
func appendString(out []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	return append(out, bytes.TrimRight(b.Bytes(), "\n")...)
}

func isJSON(req *http.Request) bool {
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	return kind == "application/json"
}
