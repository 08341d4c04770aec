package app

import (
"bytes"
"slices"
"maps"
"fmt"
	"testing"
	"time"

	"mailvigil/internal/health"
	"mailvigil/simulate"
)

func (o *organisation) dump(what string) {
	for _, in := range o.incidents() {
		o.t.Logf("%s %s: #%d %s %s sev %s onset %s end %s ongoing %v: %s", what, o.clock.Format("02 15:04:05"), in.Number, in.Status, in.Kind, in.Severity, in.Onset.Format("02 15:04"), in.End.Format("02 15:04"), in.Ongoing, in.Text)
		for _, e := range o.incident(in.Number).History {
			o.t.Logf("     %s %s %s", e.Time.Format("02 15:04"), e.What, e.Text)
		}
	}
}

func TestWatchX(t *testing.T) {
	t.Run("outage", func(t *testing.T) {
		l := worldOf(t, simulate.Outage, 60)
		in := l.truth.Incidents[0]
		t.Logf("%+v", l.truth)
		o := organise(t, l, in.Onset.Add(-5*time.Minute).Truncate(time.Minute), `
probes:
  checks:
    - name: imap
      probe: imap
      server: 127.0.0.1:1
      security: tls
      account: probe@parl.example
      password_file: /nowhere
`)
		o.begin()
		o.answers("imap", "imap", "", "")
		o.until(in.Onset.Add(30*time.Minute), 5*time.Minute, func() {
			k := health.Kind("")
			if o.clock.After(in.Onset) {
				k = health.Unreachable
			}
			o.answers("imap", "imap", k, "no answer")
			o.dump("o")
		})
		o.until(in.Onset.Add(5*time.Hour), 15*time.Minute, func() {
			k := health.Kind("")
			if o.clock.Before(in.Onset.Add(3 * time.Hour)) {
				k = health.Unreachable
			}
			o.answers("imap", "imap", k, "no answer")
		})
		o.dump("p")
	})
	t.Run("single", func(t *testing.T) {
		l := worldOf(t, simulate.Quiet, 60)
		o := organise(t, l, l.truth.Start.AddDate(0, 0, 11).Add(10 * time.Hour), "")
		o.begin()
		names := map[string]bool{}
		for _, x := range l.lines {
			if i := bytes.Index(x.text, []byte(": Login: user=<")); i > 0 {
				names[string(x.text[i+15:i+bytes.IndexByte(x.text[i:], '>')])] = true
			}
		}
		all := slices.Sorted(maps.Keys(names))
		t.Log(len(all), all[:3])
		for _, x := range l.lines[:3000] {
			if bytes.Contains(x.text, []byte("imap-login")) {
				t.Logf("%s", x.text)
				break
			}
		}
		stamp := func() string { return o.clock.Format("Jan 02 15:04:05") }
		for i, n := range all[:30] {
			o.append("dovecot/dovecot.log", fmt.Appendf(nil, "%s imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<%s>, method=PLAIN, rip=203.0.113.66, lip=198.51.100.1, TLS, session=<f%d>\n", stamp(), n, i))
			o.written++
			o.pass(20 * time.Second)
			if len(o.incidents()) > 0 {
				o.dump(fmt.Sprint("f", i))
				break
			}
		}
		o.append("dovecot/dovecot.log", fmt.Appendf(nil, "%s imap-login: Info: Login: user=<%s>, method=PLAIN, rip=203.0.113.66, lip=198.51.100.1, mpid=7, TLS, session=<g>\n", stamp(), all[31]))
		o.written++
		closed := o.w.live.Closed()
		for range 3 {
		o.pass(time.Second)
		t.Log(closed, o.w.live.Closed(), o.clock)
		o.dump("g")
		}
		o.whole()
	})
}
