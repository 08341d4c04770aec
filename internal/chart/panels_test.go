package chart

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPanels(t *testing.T) {
	svg := Panels("Seen <by> strength\x1b[31m", []Panel{
		{"spray & more", []Point{{1, 1, 0.9, 1}, {0.5, 0.75, 0.5, 0.9}, {0.25, 0.25, 0.1, 0.5}}},
		{"takeover", []Point{{1, 0.5, 0.2, 0.8}}},
		{"never", nil},
	})
	d := xml.NewDecoder(strings.NewReader(svg))
	circles := 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v\n%s", err, svg)
		}
		if e, ok := tok.(xml.StartElement); ok && e.Name.Local == "circle" {
			circles++
		}
	}
	if circles != 4 {
		t.Errorf("%d points are drawn, want 4", circles)
	}
	for _, want := range []string{"spray &amp; more: 100 % at 1, 75 % at 0.5, 25 % at 0.25.", "takeover: 50 % at 1.", "Seen &lt;by&gt; strength"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	if strings.ContainsRune(svg, 0x1b) {
		t.Error("an escape of the terminal is in the picture")
	}
	// The weakest is at the left edge, half of it in the middle.
	if !strings.Contains(svg, `cx="48"`) || !strings.Contains(svg, `cx="136"`) || !strings.Contains(svg, `cx="224"`) {
		t.Errorf("points are not spread by doublings:\n%s", svg)
	}
	if got := Panels("none", nil); got != "" {
		t.Errorf("nothing is drawn as %s", got)
	}
}
