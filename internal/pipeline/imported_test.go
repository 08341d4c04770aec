package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"mailvigil/internal/pipeline"
)

// Every bad file has its message, and what is bad in one leaves nothing behind.
func TestImport(t *testing.T) {
	for _, tc := range []struct {
		name, file, err string
	}{
		{"commas", "time,title,account\n2025-09-16T11:20:00Z,Trojan,anna\n", ""},
		{"semicolons, other names, a byte order mark", "\xef\xbb\xbfDetection Time;Threat Name;User Name;Computer\n2025-09-16 11:20:00;Trojan;PARL\\anna;PC-1\n", ""},
		{"tabs", "title\thost\nTrojan\tPC-1\n", ""},
		{"a quoted line break", "title,account\n\"Trojan\nof two lines\",anna\n", ""},
		{"an array", `[{"threat_name":"Trojan","client_ip":"198.51.100.9","severity":3}]`, ""},
		{"an object a line", "{\"title\":\"a\",\"account\":\"anna\"}\n{\"title\":\"b\",\"account\":\"bert\"}\n", ""},
		{"nothing was found", "", ""},
		{"only the names", "time,title,account\n", ""},
		{"no column for the title", "when,whom\nnow,anna\n", "names no column for what was found"},
		{"a row without a title", "title,account\n,anna\n", "line 2: nothing says what was found"},
		{"nobody's", "title,account\nTrojan,\n", "line 2: nothing says on whose machine"},
		{"no such time", "title,account,time\nTrojan,anna,yesterday\n", `line 2: no such time: "yesterday"; write it as`},
		{"an address that is none, and nobody", "title,ip\nTrojan,PC-1\n", "nothing says on whose machine"},
		{"cut short", `[{"title":"Trojan","account":"anna"},{"title":`, "unexpected EOF"},
		{"an array of numbers", `[1,2]`, "cannot unmarshal number"},
		{"a quote that does not end", "title,account\n\"Trojan,anna\n", `extraneous or missing " in quoted-field`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var im pipeline.Import
			err := im.AddFile("av.csv", strings.NewReader(tc.file), time.UTC)
			switch {
			case tc.err == "" && err != nil:
				t.Error(err)
			case tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err) || !strings.Contains(err.Error(), "av.csv")):
				t.Errorf("%v, want %q", err, tc.err)
			case tc.err != "" && len(im.Files) > 0:
				t.Errorf("%q were read", im.Files)
			}
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add("time,title,account\n2025-09-16T11:20:00Z,Trojan,anna\n")
	f.Add(`[{"title":"Trojan","ip":"198.51.100.9"}]`)
	f.Fuzz(func(_ *testing.T, file string) {
		var im pipeline.Import
		_ = im.AddFile("x", strings.NewReader(file), time.UTC)
	})
}
