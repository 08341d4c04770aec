package notify_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mailvigil/internal/notify"
)

// desk is a receiver that writes down what it is sent.
type desk struct {
	mu    sync.Mutex
	began time.Time
	got   []notify.Message
	at    []time.Duration
	fail  func(try int) error
	tries int
}

func (d *desk) Send(ctx context.Context, m notify.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.fail != nil {
		if err := d.fail(d.tries); err != nil {
			return err
		}
	}
	d.got = append(d.got, m)
	d.at = append(d.at, time.Since(d.began))
	return nil
}

// story is when what was told: "0s 1 opened", "2m0s 1 updated+closed".
func (d *desk) story() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, m := range d.got {
		var parts []string
		for _, n := range m.Notices {
			parts = append(parts, fmt.Sprintf("%d %s", n.Incident, n.Change))
		}
		out = append(out, d.at[i].String()+" "+strings.Join(parts, "+"))
	}
	return out
}

func receiver(d *desk, name string, set func(*notify.Receiver)) notify.Receiver {
	d.began = time.Now()
	r := notify.Receiver{Name: name, Sender: d}
	if set != nil {
		set(&r)
	}
	return r
}

func notice(incident int64, change notify.Change, severity notify.Severity) notify.Notice {
	return notify.Notice{Incident: incident, Change: change, Severity: severity, Kind: "attack", Time: time.Now(), Sentence: "Passwords are tried.", Services: []string{"imap"}}
}

type world struct {
	t *testing.T
	d *notify.Dispatcher
	o notify.Options
}

// run plays steps, each at its time from the beginning, and looks until the
// end.
func run(t *testing.T, o notify.Options, end time.Duration, steps map[time.Duration]func(w *world)) {
	t.Helper()
	if o.Outbox == nil {
		o.Outbox = notify.NewMemory()
	}
	o.Jitter = func() float64 { return 0 }
	w := &world{t: t, o: o, d: notify.New(o)}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { w.d.Run(ctx) })
	began := time.Now()
	times := make([]time.Duration, 0, len(steps))
	for at := range steps {
		times = append(times, at)
	}
	slices.Sort(times)
	for _, at := range times {
		time.Sleep(at - time.Since(began))
		synctest.Wait()
		steps[at](w)
	}
	time.Sleep(end - time.Since(began))
	synctest.Wait()
	cancel()
	wg.Wait()
}

func (w *world) tell(n notify.Notice) {
	w.t.Helper()
	if err := w.d.Tell(w.t.Context(), n); err != nil {
		w.t.Fatal(err)
	}
}

func want(t *testing.T, d *desk, story ...string) {
	t.Helper()
	if got := d.story(); !slices.Equal(got, story) {
		t.Errorf("told %q, want %q", got, story)
	}
}

func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", nil)}, Group: 2 * time.Minute}, time.Hour, map[time.Duration]func(*world){
			0:                  func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) },
			10 * time.Second:   func(w *world) { w.tell(notice(1, notify.Updated, notify.High)) },
			40 * time.Second:   func(w *world) { w.tell(notice(1, notify.Updated, notify.High)) },
			70 * time.Second:   func(w *world) { w.tell(notice(2, notify.Opened, notify.Low)) },
			20 * time.Minute:   func(w *world) { w.tell(notice(1, notify.Quiet, notify.High)) },
			30 * time.Minute:   func(w *world) { w.tell(notice(1, notify.Reopened, notify.High)) },
			31 * time.Minute:   func(w *world) { w.tell(notice(1, notify.Updated, notify.Critical)) }, // graver
			32 * time.Minute:   func(w *world) { w.tell(notice(1, notify.Closed, notify.Critical)) },
			3300 * time.Second: func(w *world) { w.tell(notice(3, notify.Closed, notify.Critical)) }, // never told of
		})
		want(t, d, "0s 1 opened", "1m10s 2 opened", "2m10s 1 updated+1 updated", "22m0s 1 quiet", "30m0s 1 reopened", "31m0s 1 updated", "34m0s 1 closed")
	})
}

// TestTwice: what is told again after a crash is told once.
func TestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", nil)}, Remind: time.Hour}, 10*time.Minute, map[time.Duration]func(*world){
			0: func(w *world) {
				n := notice(1, notify.Opened, notify.High)
				w.tell(n)
				w.tell(n)
				synctest.Wait()
				w.tell(n)
			},
		})
		want(t, d, "0s 1 opened")
	})
}

func TestWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, high, faults, webmail := &desk{}, &desk{}, &desk{}, &desk{}
		run(t, notify.Options{Receivers: []notify.Receiver{
			receiver(all, "all", nil),
			receiver(high, "high", func(r *notify.Receiver) { r.From = notify.High }),
			receiver(faults, "faults", func(r *notify.Receiver) { r.Kinds = []string{"fault"} }),
			receiver(webmail, "webmail", func(r *notify.Receiver) { r.Services = []string{"webmail"} }),
		}}, time.Hour, map[time.Duration]func(*world){
			0: func(w *world) { w.tell(notice(1, notify.Opened, notify.Low)) },
			time.Minute: func(w *world) {
				n := notice(2, notify.Opened, notify.High)
				n.Kind, n.Services = "fault", []string{"webmail", "imap"}
				w.tell(n)
			},
			// It is graver than it was: now it is told to those as well.
			2 * time.Minute: func(w *world) { w.tell(notice(1, notify.Updated, notify.High)) },
			3 * time.Minute: func(w *world) { w.tell(notice(1, notify.Closed, notify.High)) },
		})
		want(t, all, "0s 1 opened", "1m0s 2 opened", "2m0s 1 updated", "3m0s 1 closed")
		want(t, high, "1m0s 2 opened", "2m0s 1 updated", "3m0s 1 closed")
		want(t, faults, "1m0s 2 opened")
		want(t, webmail, "1m0s 2 opened")
	})
}

func TestEscalates(t *testing.T) {
	options := func(first, chief *desk) notify.Options {
		return notify.Options{
			Receivers: []notify.Receiver{
				receiver(first, "first", nil),
				receiver(chief, "chief", func(r *notify.Receiver) { r.Late = true }),
			},
			Steps: []notify.Step{{After: 15 * time.Minute, To: []string{"chief"}}}, EscalateFrom: notify.High, Remind: 40 * time.Minute,
		}
	}
	opened := func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) }
	tests := []struct {
		name         string
		steps        map[time.Duration]func(*world)
		first, chief []string
	}{
		{
			"nobody answers",
			map[time.Duration]func(*world){0: opened},
			[]string{"0s 1 opened", "40m0s 1 reminder", "1h20m0s 1 reminder"},
			[]string{"15m0s 1 escalation"},
		},
		{"acknowledged", map[time.Duration]func(*world){0: opened, 10 * time.Minute: func(w *world) {
			n := notice(1, notify.Updated, notify.High)
			n.Acknowledged = true
			w.tell(n)
		}}, []string{"0s 1 opened", "10m0s 1 updated"}, nil},
		{"over before that", map[time.Duration]func(*world){0: opened, 10 * time.Minute: func(w *world) { w.tell(notice(1, notify.Quiet, notify.High)) }}, []string{"0s 1 opened", "10m0s 1 quiet"}, nil},
		{"over after that", map[time.Duration]func(*world){0: opened, 20 * time.Minute: func(w *world) { w.tell(notice(1, notify.Quiet, notify.High)) }}, []string{"0s 1 opened", "20m0s 1 quiet"}, []string{"15m0s 1 escalation", "20m0s 1 quiet"}},
		{"too small", map[time.Duration]func(*world){0: func(w *world) { w.tell(notice(1, notify.Opened, notify.Medium)) }}, []string{"0s 1 opened"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, chief := &desk{}, &desk{}
				run(t, options(first, chief), 90*time.Minute, tt.steps)
				want(t, first, tt.first...)
				want(t, chief, tt.chief...)
			})
		})
	}
}

// TestFailing: a receiver that fails is tried again ever less often, with the
// same key; the others notice nothing; who comes next is told at once.
func TestFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good, chief := &desk{}, &desk{}, &desk{}
		bad.fail = func(try int) error {
			if try < 5 {
				return errors.New("no")
			}
			return nil
		}
		var problems []string
		run(t, notify.Options{
			Receivers: []notify.Receiver{receiver(bad, "bad", nil), receiver(good, "good", func(r *notify.Receiver) { r.From = notify.Critical }), receiver(chief, "chief", func(r *notify.Receiver) { r.Late = true })},
			Steps:     []notify.Step{{After: time.Hour, To: []string{"chief"}}},
			Problem:   func(name string, _ notify.Item, err error) { problems = append(problems, name+": "+err.Error()) },
		}, 50*time.Minute, map[time.Duration]func(*world){
			0: func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) },
			// Meanwhile it ends: one message tells both, and the end does not
			// come before the beginning.
			5 * time.Minute: func(w *world) { w.tell(notice(1, notify.Quiet, notify.High)) },
			6 * time.Minute: func(w *world) { w.tell(notice(2, notify.Opened, notify.Critical)) },
		})
		// 30 s, 1 min, 2 min between the tries; the fourth is at 3 min 30 s.
		want(t, bad, "5m0s 1 opened+1 quiet", "6m0s 2 opened")
		want(t, good, "6m0s 2 opened")
		want(t, chief, "1m30s 1 escalation", "5m0s 1 quiet")
		if len(problems) != 4 {
			t.Errorf("%q", problems)
		}
	})
}

func TestGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, chief := &desk{}, &desk{}
		bad.fail = func(int) error { return notify.Permanent(errors.New("no such mailbox")) }
		outbox := notify.NewMemory()
		run(t, notify.Options{
			Receivers: []notify.Receiver{receiver(bad, "bad", nil), receiver(chief, "chief", func(r *notify.Receiver) { r.Late = true })},
			Steps:     []notify.Step{{After: time.Hour, To: []string{"chief"}}}, Outbox: outbox,
		}, 10*time.Minute, map[time.Duration]func(*world){0: func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) }})
		want(t, chief, "0s 1 escalation")
		items, err := outbox.Of(t.Context(), 1)
		if err != nil || bad.tries != 1 {
			t.Fatal(err, bad.tries)
		}
		for _, i := range items {
			if i.Receiver == "bad" && (i.Status != notify.Failed || !strings.Contains(i.Problem, "no such mailbox")) {
				t.Errorf("%+v", i)
			}
		}
	})
}

func TestAskedToWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{fail: func(try int) error {
			if try == 1 {
				return notify.Later(errors.New("too many"), 7*time.Minute)
			}
			return nil
		}}
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", nil)}}, time.Hour, map[time.Duration]func(*world){
			0: func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) },
		})
		want(t, d, "7m0s 1 opened")
	})
}

// TestRate: beyond the rate one message says what many would have said, and
// what is critical comes at once.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		steps := map[time.Duration]func(*world){}
		for i := range 8 {
			steps[time.Duration(i)*time.Minute] = func(w *world) { w.tell(notice(int64(i+1), notify.Opened, notify.Medium)) }
		}
		steps[30*time.Minute] = func(w *world) { w.tell(notice(99, notify.Opened, notify.Critical)) }
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", func(r *notify.Receiver) { r.Hourly = 3 })}}, 3*time.Hour, steps)
		got := d.story()
		if len(got) != 5 || got[3] != "30m0s 99 opened" || strings.Count(got[4], "opened") != 5 {
			t.Errorf("%q, want three, the critical one, and one for the other five", got)
		}
		if !strings.Contains(d.got[4].Subject(), "5 incidents changed") {
			t.Errorf("%q", d.got[4].Subject())
		}
	})
}

// TestQuietHours, over the nights on which clocks change: what is not critical
// waits for the end of the quiet hours as the receiver's clock shows it.
func TestQuietHours(t *testing.T) {
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	night := notify.Hours{From: 22 * 60, Until: 7 * 60, Zone: brussels}
	early := notify.Hours{From: 60, Until: 150, Zone: brussels} // 01:00 to 02:30
	tests := []struct {
		name        string
		hours       notify.Hours
		told, comes string
	}{
		{"an evening", night, "2026-11-24T23:00:00+01:00", "2026-11-25T07:00:00+01:00"},
		{"a morning", night, "2026-11-24T06:59:30+01:00", "2026-11-24T07:00:00+01:00"},
		{"a day", night, "2026-11-24T07:00:00+01:00", "2026-11-24T07:00:00+01:00"},
		{"its last minute", night, "2026-11-24T21:59:59+01:00", "2026-11-24T21:59:59+01:00"},
		{"the spring night is shorter", night, "2026-03-28T22:00:00+01:00", "2026-03-29T07:00:00+02:00"},
		{"the autumn night is longer", night, "2026-10-24T22:00:00+02:00", "2026-10-25T07:00:00+01:00"},
		{"an end that the spring night leaves out", early, "2026-03-29T01:10:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"an end that the autumn night has twice", early, "2026-10-25T01:10:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"and its second half is quiet again", early, "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"},
		{"no hours", notify.Hours{}, "2026-11-24T03:00:00+01:00", "2026-11-24T03:00:00+01:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told, _ := time.Parse(time.RFC3339, tt.told)
				comes, _ := time.Parse(time.RFC3339, tt.comes)
				time.Sleep(time.Until(told))
				d := &desk{}
				run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", func(r *notify.Receiver) { r.Quiet = tt.hours })}}, 12*time.Hour, map[time.Duration]func(*world){
					0: func(w *world) {
						w.tell(notice(1, notify.Opened, notify.High))
						w.tell(notice(2, notify.Opened, notify.Critical))
					},
				})
				story := d.story()
				one := comes.Sub(told).String() + " 1 opened"
				if !slices.Contains(story, one) || !slices.Contains(story, "0s 2 opened") || len(story) != 2 {
					t.Errorf("%q, want %q and the critical one at once", story, one)
				}
			})
		})
	}
}

// TestMailDown: where mail is down, other ways go first, and receivers of other
// kinds are told where there is none but e-mail.
func TestMailDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mail, chat, hook := &desk{}, &desk{}, &desk{}
		down := func(w *world) {
			n := notice(1, notify.Opened, notify.High)
			n.Kind, n.MailDown = "fault", true
			w.tell(n)
		}
		byMail := func(r *notify.Receiver) { r.Mail = true }
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(mail, "mail", byMail), receiver(chat, "chat", nil)}}, time.Hour, map[time.Duration]func(*world){0: down})
		want(t, mail, "30s 1 opened")
		want(t, chat, "0s 1 opened")
		mail = &desk{}
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(mail, "mail", byMail), receiver(hook, "hook", func(r *notify.Receiver) { r.Kinds = []string{"attack"} })}}, time.Hour, map[time.Duration]func(*world){0: down})
		want(t, hook, "0s 1 opened")
	})
}

// crash is an outbox that ends the process, so to say, at its nth call.
type crash struct {
	notify.Outbox
	left int
}

var errCrash = errors.New("the process is dead")

func (c *crash) Put(ctx context.Context, items ...notify.Item) error {
	if c.left--; c.left < 0 {
		return errCrash
	}
	return c.Outbox.Put(ctx, items...)
}

// TestKilled: wherever the process dies, what was told is sent at least once,
// and what is sent again has the key it had.
func TestKilled(t *testing.T) {
	for left := range 12 {
		t.Run(fmt.Sprint(left), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &desk{}
				outbox := notify.NewMemory()
				notices := []notify.Notice{notice(1, notify.Opened, notify.High), notice(2, notify.Opened, notify.Low)}
				later := notice(1, notify.Closed, notify.High)
				later.Time = later.Time.Add(time.Minute)
				notices = append(notices, later)
				live := func(o notify.Outbox) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					r := receiver(d, "desk", nil)
					n := notify.New(notify.Options{Receivers: []notify.Receiver{r}, Outbox: o, Remind: 24 * time.Hour, EscalateFrom: notify.High, Jitter: func() float64 { return 0 }})
					var wg sync.WaitGroup
					wg.Go(func() { n.Run(ctx) })
					for _, note := range notices {
						// The caller keeps what it could not tell, and tells it again.
						if err := n.Tell(ctx, note); err != nil && !errors.Is(err, errCrash) {
							t.Error(err)
						}
						synctest.Wait()
					}
					time.Sleep(time.Minute)
					synctest.Wait()
					cancel()
					wg.Wait()
				}
				live(&crash{outbox, left})
				live(outbox)
				time.Sleep(time.Second)
				keys, told := map[string]string{}, map[string]bool{}
				for _, m := range d.got {
					content := fmt.Sprint(len(m.Notices))
					for _, n := range m.Notices {
						content += fmt.Sprintf(" %d %s", n.Incident, n.Change)
						told[fmt.Sprintf("%d %s", n.Incident, n.Change)] = true
					}
					if other, seen := keys[m.Key]; seen && other != content {
						t.Errorf("the key %s is of %q and of %q", m.Key, other, content)
					}
					keys[m.Key] = content
				}
				if len(told) != 3 {
					t.Errorf("told only %v", told)
				}
				waiting, err := outbox.Waiting(t.Context())
				if err != nil || len(waiting) != 0 {
					t.Errorf("%d still wait, %v", len(waiting), err)
				}
			})
		})
	}
}

// TestReceiverGone: what waits for somebody who is no receiver any more is not
// kept for ever, and what waits for others is still sent.
func TestReceiverGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, desk2 := &desk{fail: func(int) error { return errors.New("no") }}, &desk{fail: func(try int) error {
			if try == 1 {
				return errors.New("no")
			}
			return nil
		}}
		outbox := notify.NewMemory()
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(old, "old", nil), receiver(desk2, "desk", nil)}, Outbox: outbox}, 10*time.Second, map[time.Duration]func(*world){
			0: func(w *world) { w.tell(notice(1, notify.Opened, notify.High)) },
		})
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(desk2, "desk", nil)}, Outbox: outbox}, time.Hour, nil)
		want(t, desk2, "20s 1 opened")
		if waiting, err := outbox.Waiting(t.Context()); err != nil || len(waiting) != 0 {
			t.Errorf("%+v still wait, %v", waiting, err)
		}
	})
}

// TestOutboxFails: a disk that is full is told, and once it is not, what waits
// is sent.
func TestOutboxFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &desk{}
		full := &full{Outbox: notify.NewMemory()}
		problems := 0
		run(t, notify.Options{Receivers: []notify.Receiver{receiver(d, "desk", nil)}, Outbox: full, Problem: func(_ string, _ notify.Item, err error) {
			if errors.Is(err, errFull) {
				problems++
			}
		}}, time.Hour, map[time.Duration]func(*world){
			0: func(w *world) {
				w.tell(notice(1, notify.Opened, notify.High))
				full.set(true) // right after it was kept
			},
			time.Minute: func(w *world) {
				if err := w.d.Tell(t.Context(), notice(2, notify.Opened, notify.High)); !errors.Is(err, errFull) {
					t.Errorf("told into a full disk: %v", err)
				}
			},
			5 * time.Minute: func(*world) { full.set(false) },
		})
		if len(d.got) == 0 || d.got[0].Notices[0].Incident != 1 || problems == 0 {
			t.Errorf("%q, %d problems", d.story(), problems)
		}
	})
}

var errFull = errors.New("no space left on device")

type full struct {
	notify.Outbox
	mu sync.Mutex
	is bool
}

func (f *full) set(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.is = is
}

func (f *full) Put(ctx context.Context, items ...notify.Item) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.is {
		return errFull
	}
	return f.Outbox.Put(ctx, items...)
}

// TestSenderBreaks: a sender that panics is a failed one.
func TestSenderBreaks(t *testing.T) {
	r := notify.Receiver{Name: "x", Sender: sender(func() error { panic("oh") })}
	if err := notify.SendOnce(t.Context(), r, notice(0, notify.Test, notify.Info), nil); err == nil || !strings.Contains(err.Error(), "broke") {
		t.Error(err)
	}
}

type sender func() error

func (s sender) Send(context.Context, notify.Message) error { return s() }
