package receive

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"mailvigil/internal/config"
	"mailvigil/internal/intake"
)

// bodies fuzzes what reads a request: it answers or refuses, and a line is one
// line of at most MaxLine.
func bodies(f *testing.F, kind string, read func(*web, *http.Request, []byte) ([]intake.Received, error)) {
	f.Fuzz(func(t *testing.T, body []byte) {
		w := &web{c: &counters{}, l: config.Listener{}}
		req := httptest.NewRequest(http.MethodPost, "/", nil)
		req.Header.Set("Content-Type", kind)
		lines, err := read(w, req, body)
		if err != nil {
			return
		}
		for _, l := range lines {
			if !plainLine(l.Bytes) || len(l.Bytes) > intake.MaxLine || l.Source == "" {
				t.Errorf("%q of %q", l.Bytes, l.Source)
			}
		}
	})
}

func otlp(w *web, req *http.Request, body []byte) ([]intake.Received, error) {
	lines, _, _, err := w.readOTLP(req, body)
	return lines, err
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("one\ntwo\x00\r\n{\"line\":\"a\\nb\",\"source\":\"../x\",\"time\":\"2026-02-21T00:03:02Z\"}"))
	bodies(f, "text/plain", func(w *web, req *http.Request, body []byte) ([]intake.Received, error) {
		lines, _, _, err := w.readLines(req, body)
		return lines, err
	})
}

func FuzzOTLP(f *testing.F) {
	f.Add([]byte("\x0a\x10\x12\x0e\x12\x0c\x2a\x0a\x0a\x08one\ntwo\x00"))
	bodies(f, "application/x-protobuf", otlp)
}

func FuzzOTLPJSON(f *testing.F) {
	f.Add([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"1","body":{"kvlistValue":{"values":[{"key":"MESSAGE","value":{"stringValue":"a\nb"}},{"key":"_SYSTEMD_UNIT","value":{"stringValue":"c"}}]}}}]}]}]}`))
	bodies(f, "application/json", otlp)
}
