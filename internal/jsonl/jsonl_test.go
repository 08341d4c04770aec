package jsonl

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"
)

func TestWriter(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	tests := []struct {
		name  string
		write func(*Writer)
		want  string
	}{
		{"nothing", func(*Writer) {}, "{}\n"},
		{"values", func(w *Writer) {
			w.Int("n", -7)
			w.String("s", "")
			w.Bytes("b", []byte("x"))
			w.Literal("l", "[]")
			w.Time("t", time.Date(2024, 4, 5, 9, 30, 0, 120e6, zone))
			w.Addr("a", netip.MustParseAddr("fe80::1%eth0"))
		}, `{"n":-7,"s":"","b":"x","l":[],"t":"2024-04-05T09:30:00.12+02:00","a":"fe80::1"}` + "\n"},
		{"what is empty", func(w *Writer) {
			w.Text("s", "")
			w.TextBytes("b", nil)
			w.True("f", false)
			w.True("t", true)
		}, `{"t":true}` + "\n"},
		{"objects", func(w *Writer) {
			w.Open("a")
			w.Open("b")
			w.Close()
			w.Int("c", 1)
			w.Close()
			w.Int("d", 2)
		}, `{"a":{"b":{},"c":1},"d":2}` + "\n"},
	}
	var w Writer // one for all: what was written before must not show
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w.Begin()
			tt.write(&w)
			if got := string(w.End()); got != tt.want {
				t.Errorf("got  %swant %s", got, tt.want)
			}
		})
	}
}

func TestNoAllocation(t *testing.T) {
	var w Writer
	text := []byte("a \x1b[31m \xff “quoted”")
	write := func() {
		w.Begin()
		w.Bytes("a", text)
		w.Int("n", 1)
		_ = w.End()
	}
	write()
	if n := testing.AllocsPerRun(100, write); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// What encoding/json writes is what readers were tested with.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "anna", `"\`, "\x00\b\f\n\r\t\x1b\x7f", "\xff\xc3", "\u2028\u2029\ufffd", "é漢🙂", "<a&b>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(string(s)); err != nil {
			t.Fatal(err)
		}
		for _, got := range [][]byte{quote(nil, s), quote(nil, string(s))} {
			if string(got) != string(bytes.TrimSuffix(want.Bytes(), []byte("\n"))) {
				t.Errorf("%q: got %s, want %s", s, got, want.Bytes())
			}
		}
	})
}
