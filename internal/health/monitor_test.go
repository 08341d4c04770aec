package health_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mailvigil/internal/health"
)

// TestMonitorKeepsTime: a probe asks once an interval, the first time within
// the first one, and a slow one leaves out what it missed instead of piling up.
func TestMonitorKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var running, most atomic.Int32
		slow := func(ctx context.Context) (health.Answer, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer running.Add(-1)
			select {
			case <-time.After(150 * time.Second):
			case <-ctx.Done():
			}
			return health.Answer{}, ctx.Err()
		}
		quick := func(context.Context) (health.Answer, error) { return health.Answer{}, nil }
		m := health.NewMonitor([]health.Probe{
			{Name: "quick", Interval: time.Minute, Timeout: time.Second, Ask: quick},
			{Name: "slow", Interval: time.Minute, Timeout: time.Hour, Slow: time.Second, Ask: slow},
		}, health.Options{Jitter: func() float64 { return 0.5 }})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+5*time.Second)
		defer cancel()
		asked := map[string][]time.Duration{}
		m.Run(ctx, func(r health.Result) {
			asked[r.Probe] = append(asked[r.Probe], r.Time.Sub(began))
			if want := map[string]health.Kind{"quick": health.OK, "slow": health.Slow}[r.Probe]; r.Kind != want {
				t.Errorf("%s: %q, want %q", r.Probe, r.Kind, want)
			}
		})
		if n := len(asked["quick"]); n != 10 || asked["quick"][0] != 30*time.Second || asked["quick"][9] != 9*time.Minute+30*time.Second {
			t.Errorf("quick was asked at %v", asked["quick"])
		}
		if want := []time.Duration{30 * time.Second, 210 * time.Second, 390 * time.Second}; !slices.Equal(asked["slow"], want) {
			t.Errorf("slow was asked at %v, want %v", asked["slow"], want)
		}
		if most.Load() != 1 {
			t.Errorf("%d at a time", most.Load())
		}
	})
}

// TestMonitorAtOnce: no more than so many ask side by side, and the time that
// one waits for its turn is no part of its answer.
func TestMonitorAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		ask := func(context.Context) (health.Answer, error) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(10 * time.Second)
			running.Add(-1)
			return health.Answer{}, nil
		}
		var list []health.Probe
		for range 6 {
			list = append(list, health.Probe{Interval: time.Hour, Timeout: 11 * time.Second, Ask: ask})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		n := 0
		health.NewMonitor(list, health.Options{Atonce: 2, Jitter: func() float64 { return 0 }}).Run(ctx, func(r health.Result) {
			n++
			if r.Kind != health.OK || r.Duration != 10*time.Second {
				t.Errorf("%+v", r)
			}
		})
		if n < 6 || most.Load() != 2 {
			t.Errorf("%d answers, %d at a time", n, most.Load())
		}
	})
}

func TestAsk(t *testing.T) {
	soon := func(d time.Duration) func(context.Context) (health.Answer, error) {
		return func(context.Context) (health.Answer, error) {
			return health.Answer{Ends: time.Now().Add(d)}, nil
		}
	}
	tests := []struct {
		name string
		ask  func(context.Context) (health.Answer, error)
		want health.Kind
		text string
	}{
		{"well", func(context.Context) (health.Answer, error) { return health.Answer{}, nil }, health.OK, ""},
		{"never answers", func(ctx context.Context) (health.Answer, error) { <-ctx.Done(); return health.Answer{}, ctx.Err() }, health.Timeout, "took too long"},
		{"breaks", func(context.Context) (health.Answer, error) { panic("index out of range") }, health.Setup, "broke on an answer"},
		{"an error of no kind", func(context.Context) (health.Answer, error) { return health.Answer{}, errors.New("what\x1b[2J") }, health.Protocol, `what\x1b`},
		{"no such host", func(context.Context) (health.Answer, error) {
			return health.Answer{}, &net.DNSError{Name: "mial.parl.example", IsNotFound: true}
		}, health.Unreachable, `there is no host "mial.parl.example"`},
		{"no way there", func(context.Context) (health.Answer, error) {
			return health.Answer{}, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}
		}, health.Unreachable, "no way to the host"},
		{"slow", func(context.Context) (health.Answer, error) { time.Sleep(6 * time.Second); return health.Answer{}, nil }, health.Slow, "6.0 seconds, more than 5.0 seconds"},
		{"a certificate of a month", soon(30 * 24 * time.Hour), health.OK, ""},
		{"a certificate of a week", soon(8 * 24 * time.Hour), health.Expiring, "ends in 8 days"},
		{"a queue", func(context.Context) (health.Answer, error) { return health.Answer{Queued: 12, Most: 10}, nil }, health.Backlog, "12 messages wait"},
		{"no queue", func(context.Context) (health.Answer, error) { return health.Answer{Queued: 0, Most: 10}, nil }, health.OK, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := health.Ask(t.Context(), health.Probe{Name: "p", Timeout: 20 * time.Second, Slow: 5 * time.Second, Ask: tt.ask})
				if r.Kind != tt.want || !strings.Contains(r.Text, tt.text) || (r.Text == "") != (tt.text == "") {
					t.Errorf("%q %q", r.Kind, r.Text)
				}
			})
		})
	}
}

// TestStopped: an answer that was cut off by the end of the watch is no outage.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var once sync.Once
		ask := func(ctx context.Context) (health.Answer, error) {
			once.Do(cancel)
			<-ctx.Done()
			return health.Answer{}, ctx.Err()
		}
		health.NewMonitor([]health.Probe{{Interval: time.Minute, Timeout: time.Minute, Ask: ask}}, health.Options{}).Run(ctx, func(r health.Result) {
			t.Errorf("%+v was told", r)
		})
	})
}
