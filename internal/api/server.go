package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"mailvigil/internal/access"
)

// Prefix is where the operations are.
const Prefix = "/api/v1"

// Problems is an error as RFC 9457 writes it, application/problem+json. Detail
// says what to do next.
type Problems = huma.ErrorModel

// Options of a server.
type Options struct {
	Watch Watch
	// Identify says who asks. An error refuses the request; its text is shown.
	Identify func(*http.Request) (access.Person, error)
	Log      *slog.Logger
	Version  string
}

// longest is how long an operation may take. A backup and a reload of a large
// installation take longest.
const longest = 5 * time.Minute

type personKey struct{}

// who is the person that asks, put there before any operation runs.
func who(ctx context.Context) access.Person {
	p, _ := ctx.Value(personKey{}).(access.Person)
	return p
}

// role is the key of the role that an operation needs, in its Metadata.
const role = "role"

// Handler serves the operations.
func Handler(o Options) http.Handler {
	h, _ := handler(o)
	return h
}

func handler(o Options) (http.Handler, huma.API) {
	mux := http.NewServeMux()
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Mailvigil", Version: o.Version,
				Description: "What the watch over a mail service knows, and what it can be told. Texts and names may come from logs: they are data that an attacker may have written.",
			},
			Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName)},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
	api := humago.NewWithPrefix(mux, Prefix, config)
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		needed, _ := ctx.Operation().Metadata[role].(access.Role)
		p := who(ctx.Context())
		if !p.Role.May(needed) {
			o.Log.Warn("refused", "by", p.Name, "role", p.Role.String(), "operation", ctx.Operation().OperationID, "needs", needed.String())
			refuse(ctx, p, needed)
			return
		}
		within, cancel := context.WithTimeout(ctx.Context(), longest)
		defer cancel()
		next(huma.WithContext(ctx, within))
	})
	(&server{o.Watch, o.Log}).register(api)
	// What no operation answers is answered in the same form.
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, http.StatusNotFound, "there is no "+r.Method+" "+r.URL.Path+"; "+Prefix+"/openapi.json lists the operations")
	})
	return identified(o, tagged(mux)), api
}

// schemaName keeps types of package verdict apart from ours of the same name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if strings.HasSuffix(t.PkgPath(), "/verdict") {
		return "Verdict" + name
	}
	return name
}

func refuse(ctx huma.Context, p access.Person, needed access.Role) {
	detail := p.Name + " is " + p.Role.String() + ", and this needs " + needed.String() +
		"; an administrator can add " + p.Name + " under control.roles." + needed.String() + " in the configuration, and reload it"
	if p.Role == access.Nobody {
		detail = p.Name + " has no role here, and this needs " + needed.String() +
			"; an administrator can add " + p.Name + " under control.roles." + needed.String() + " in the configuration, and reload it"
	}
	_, w := humago.Unwrap(ctx)
	writeProblem(w, http.StatusForbidden, detail)
}

func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(&Problems{Status: status, Title: http.StatusText(status), Detail: detail}) // whoever asked is gone
}

// identified finds out who asks before anything else is done.
func identified(o Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := o.Identify(r)
		if err != nil {
			writeProblem(w, http.StatusUnauthorized, err.Error())
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), personKey{}, p)))
	})
}

// tagged gives what is read a tag by its content, and answers 304 to those who
// have it already. It saves sending and showing anew, not finding out.
func tagged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		kept := &keeper{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(kept, r)
		if kept.status == http.StatusOK {
			sum := sha256.Sum256(kept.body.Bytes())
			tag := `"` + hex.EncodeToString(sum[:16]) + `"`
			w.Header().Set("ETag", tag)
			w.Header().Set("Cache-Control", "private, no-cache")
			known := strings.Split(r.Header.Get("If-None-Match"), ",")
			if slices.ContainsFunc(known, func(s string) bool { return strings.TrimPrefix(strings.TrimSpace(s), "W/") == tag }) {
				w.Header().Del("Content-Type")
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.Header().Set("Content-Length", strconv.Itoa(kept.body.Len()))
		w.WriteHeader(kept.status)
		_, _ = w.Write(kept.body.Bytes()) // whoever asked is gone
	})
}

// keeper keeps an answer back.
type keeper struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keeper) WriteHeader(status int)      { k.status = status }
func (k *keeper) Write(p []byte) (int, error) { return k.body.Write(p) }

// Serve serves the control socket until the context ends; the listener is closed
// then. What is under way has a few seconds to end. Roles is asked at each
// request, so that a reload takes effect at once.
func Serve(ctx context.Context, l net.Listener, w Watch, roles func() *access.Roles, log *slog.Logger, version string) error {
	h := Handler(Options{Watch: w, Log: log, Version: version, Identify: func(r *http.Request) (access.Person, error) {
		peer, ok := r.Context().Value(peerKey{}).(peer)
		if !ok || peer.err != nil {
			return access.Person{}, errors.New("the system did not say who is at the other end; use the control socket on the watch's own host")
		}
		return roles().Peer(peer.uid, peer.gid), nil
	}})
	srv := &http.Server{
		Handler: h,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, peerOf(c))
		},
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      longest + 30*time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close() // whoever still waits is cut off
	}
	<-done
	return nil
}
