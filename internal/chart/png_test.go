package chart_test

import (
	"bytes"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailvigil/internal/chart"
)

// TestPNG: pictures are as large as they are asked for, light enough for a
// message, and show what the counts do: red where there is more than expected
// and nowhere else.
func TestPNG(t *testing.T) {
	red := map[string]bool{"storm": true, "few": true}
	for name, s := range samples(t) {
		t.Run(name, func(t *testing.T) {
			data, err := chart.PNG(s, chart.Options{Location: zone(t, "Europe/Brussels")})
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > 100<<10 {
				t.Errorf("%d bytes are too many for a message", len(data))
			}
			if dir := os.Getenv("MAILVIGIL_PICTURES"); dir != "" { // to look at them
				if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			m, err := png.Decode(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if b := m.Bounds(); b.Dx() != 1600 || b.Dy() != 600 {
				t.Errorf("%v, want 1600 × 600", b)
			}
			has := map[color.Color]int{}
			for y := 96; y < 468; y++ { // where the counts stand
				for x := 104; x < 1572; x++ {
					has[m.At(x, y)]++
				}
			}
			if got := has[color.RGBA{0xc6, 0x28, 0x28, 0xff}] > 0; got != red[name] {
				t.Errorf("red is %v, want %v", got, red[name])
			}
		})
	}
}

func TestPNGOfOddSeries(t *testing.T) {
	for _, s := range []chart.Series{{}, {Observed: []float64{1}}} {
		if data, err := chart.PNG(s, chart.Options{}); data != nil || err != nil {
			t.Errorf("%d bytes, %v; want nothing", len(data), err)
		}
		if text := chart.Describe(s, chart.Options{}); text != "" {
			t.Errorf("%q of nothing", text)
		}
	}
	s := samples(t)["few"]
	s.Title = "\x1b[2J\u202egpj.exe" + strings.Repeat("long ", 100)
	s.Observed[0] = math.Inf(1)
	if data, err := chart.PNG(s, chart.Options{Width: 1e9, Height: 1e9}); err != nil || len(data) > 200<<10 {
		t.Errorf("%d bytes, %v; want a picture of bounded size", len(data), err)
	}
	if text := chart.Describe(samples(t)["storm"], chart.Options{}); !strings.Contains(text, "Onset") {
		t.Errorf("%q does not tell the onset", text)
	}
}

func BenchmarkPNG(b *testing.B) {
	s := samples(b)["storm"]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := chart.PNG(s, chart.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
