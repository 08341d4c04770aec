package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// webserver starts a web server and puts its address in place of WEB in files:
// webserver FILE.... It has a page to sign in to with probe and "open sesame",
// takes webhooks, and writes what they bring to webhook.json.
func webserver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: webserver FILE...")
	}
	hook := ts.MkAbs("webhook.json")
	var one sync.Mutex
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<form method="post" action="/enter"><input name="user"><input type="password" name="pass"></form>`)
	})
	mux.HandleFunc("POST /enter", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("user") == "probe" && r.FormValue("pass") == "open sesame" {
			fmt.Fprint(w, "Sign out")
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, "Wrong password")
	})
	mux.HandleFunc("POST /hook", func(_ http.ResponseWriter, r *http.Request) {
		one.Lock()
		defer one.Unlock()
		body, err := io.ReadAll(r.Body)
		if err == nil && r.Header.Get("webhook-signature") != "" {
			err = os.WriteFile(hook, body, 0o600)
		}
		if err != nil {
			panic(err)
		}
	})
	server := httptest.NewServer(mux)
	ts.Defer(server.Close)
	for _, file := range args {
		data := []byte(os.Expand(ts.ReadFile(file), func(name string) string {
			if name == "WEB" {
				return server.URL
			}
			return "$" + name
		}))
		ts.Check(os.WriteFile(ts.MkAbs(file), data, 0o600))
	}
}
