package app

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type read struct{ done, total, lines int64 }

func (r read) Stored() (int64, int64) { return r.done, r.total }
func (r read) Lines() int64           { return r.lines }

func TestProgressLine(t *testing.T) {
	tests := []struct {
		name    string
		p       read
		elapsed time.Duration
		width   int
		want    string
	}{
		{
			"half way",
			read{50e6, 100e6, 1_000_000},
			2 * time.Second, 79,
			"[===============               ]  50%  50 MB of 100 MB  500k lines/s  2s left",
		},
		{"nothing read yet", read{0, 100e6, 0}, 0, 79, "[                              ]   0%  0 B of 100 MB"},
		{"the first second promises nothing", read{50e6, 100e6, 10}, time.Second, 40, " 50%  50 MB of 100 MB  10 lines/s"},
		{"total not known", read{1500, 0, 20}, time.Second, 79, "1.5 kB  20 lines/s"},
		{"a file that grew", read{200, 100, 4}, 4 * time.Second, 44, "100%  200 B of 100 B  1 lines/s  0s left"},
		{"narrow terminal", read{50e6, 100e6, 1e7}, 2 * time.Second, 20, " 50%  50 MB of 100 M"},
		{"no room at all", read{50e6, 100e6, 1e7}, 2 * time.Second, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := progressLine(tt.p, tt.elapsed, tt.width); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestDrawWipesItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		stop := draw(context.Background(), &out, read{1, 2, 3}, func() int { return 80 }, time.Now)
		time.Sleep(time.Second) // the bubble's clock, not a real one
		synctest.Wait()
		stop()
		if n := strings.Count(out.String(), "1 B of 2 B"); n < 4 || n > 5 {
			t.Errorf("drawn %d times in a second, want 4 or 5", n)
		}
		if !strings.HasSuffix(out.String(), "\r\x1b[K") {
			t.Errorf("the line was left behind: %q", out.String())
		}
	})
}

func TestNoProgressInAPipe(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out, now: time.Now}
	a.watch(context.Background(), read{1, 2, 3})()
	if out.Len() > 0 {
		t.Errorf("drew %q on what is no terminal", out.String())
	}
}
