package simulate_test

import (
	"testing"
	"time"

	"mailvigil/maillog"
	"mailvigil/simulate"
)

// Each kind shows what it is for, and by which it can be told from others.
func TestStories(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many fortnights")
	}
	type seen struct {
		n        map[maillog.Outcome]int
		actions  map[maillog.Action]int
		sources  map[string]int
		people   map[string]int
		messages int32
		hours    map[int]int
		services map[maillog.Service]int
		agents   map[string]int
	}
	for _, c := range []struct {
		scenario simulate.Scenario
		label    string
		check    func(t *testing.T, s *seen)
	}{
		{simulate.ProxySpray, "proxy-spray", func(t *testing.T, s *seen) {
			for ip, n := range s.sources {
				if n > 8 { // one of those whose password fitted
					t.Errorf("%s is used %d times", ip, n)
				}
			}
			if len(s.people) < 50 || s.n[maillog.Failure] < 150 {
				t.Errorf("%d people are tried %d times", len(s.people), s.n[maillog.Failure])
			}
		}},
		{simulate.Reading, "reading", func(t *testing.T, s *seen) {
			if s.n[maillog.Failure] > 0 || s.actions[maillog.Search] < 50 || s.actions[maillog.Read] < 50 || len(s.people) != 3 {
				t.Errorf("%+v", s)
			}
			if s.hours[12] > 0 {
				t.Error("it reads at noon")
			}
		}},
		{simulate.ImpossibleTravel, "impossible-travel", func(t *testing.T, s *seen) {
			if s.n[maillog.Failure] > 0 || s.hours[3] > 0 || s.hours[11]+s.hours[14] == 0 || len(s.people) != 2 {
				t.Errorf("%+v", s)
			}
		}},
		{simulate.Download, "download", func(t *testing.T, s *seen) {
			if s.messages < 10_000 || len(s.sources) > 2 {
				t.Errorf("%d messages are fetched from %d addresses", s.messages, len(s.sources))
			}
		}},
		{simulate.Forwarding, "forwarding", func(t *testing.T, s *seen) {
			if s.actions[maillog.Forward] != 3 || s.actions[maillog.Rule] != 6 || s.actions[maillog.Read] > 0 {
				t.Errorf("%v", s.actions)
			}
		}},
		{simulate.PhoneDoor, "phone-door", func(t *testing.T, s *seen) {
			if len(s.services) != 1 || s.services[maillog.ActiveSync] == 0 || s.n[maillog.Failure] < 300 || s.n[maillog.Success] < 100 || s.actions[maillog.Ping] > 0 {
				t.Errorf("%v, %v", s.services, s.n)
			}
		}},
		{simulate.CrisisNight, "crisis-night", func(t *testing.T, s *seen) {
			if s.hours[22] < 100 || s.hours[10] > 0 || len(s.people) < 40 || s.services[maillog.Webmail] == 0 || s.services[maillog.ActiveSync] == 0 {
				t.Errorf("hours %v, %d people, %v", s.hours, len(s.people), s.services)
			}
		}},
		{simulate.AwaySession, "away-session", func(t *testing.T, s *seen) {
			if len(s.sources) > 6 || len(s.people) < 30 || s.hours[3] > 0 {
				t.Errorf("%d people from %d addresses, hours %v", len(s.people), len(s.sources), s.hours)
			}
		}},
		{simulate.Backup, "backup", func(t *testing.T, s *seen) {
			if len(s.sources) != 1 || s.sources["10.12.1.70"] == 0 || len(s.people) != 80 {
				t.Errorf("%v, %d people", s.sources, len(s.people))
			}
		}},
		{simulate.Growth, "growth", func(t *testing.T, s *seen) {
			if len(s.people) < 10 || len(s.people) > 35 || len(s.services) < 3 {
				t.Errorf("%d people, %v", len(s.people), s.services)
			}
		}},
		{simulate.MailProgram, "mail-program", func(t *testing.T, s *seen) {
			if len(s.agents) != 1 || len(s.people) < 3 || s.services[maillog.IMAP] < 1000 {
				t.Errorf("%v, %d people, %v", s.agents, len(s.people), s.services)
			}
		}},
		{simulate.OfficeLine, "office-line", func(t *testing.T, s *seen) {
			if len(s.sources) > 4 || len(s.people) < 20 {
				t.Errorf("%v, %d people", s.sources, len(s.people))
			}
		}},
		{simulate.WebmailFault, "webmail-fault", func(t *testing.T, s *seen) {
			if s.n[maillog.Error] == 0 || len(s.services) != 1 {
				t.Errorf("%v, %v", s.n, s.services)
			}
		}},
		{simulate.AuthFault, "auth-fault", func(t *testing.T, s *seen) {
			if s.n[maillog.Error] < 50 || s.n[maillog.Failure] > 0 || s.services[maillog.IMAP] == 0 {
				t.Errorf("%v, %v", s.n, s.services)
			}
		}},
	} {
		t.Run(string(c.scenario), func(t *testing.T) {
			s := &seen{
				map[maillog.Outcome]int{},
				map[maillog.Action]int{},
				map[string]int{},
				map[string]int{},
				0,
				map[int]int{},
				map[maillog.Service]int{},
				map[string]int{},
			}
			zone := brussels(t)
			for it := range world(t, simulate.Options{Seed: 17, Accounts: 80, Days: 12, Scenario: c.scenario}).Events {
				if it.Label != c.label {
					continue
				}
				e := &it.Event
				s.n[e.Outcome]++
				s.actions[e.Action]++
				s.messages += e.Messages
				s.hours[time.Unix(0, e.Time).In(zone).Hour()]++
				s.services[e.Service]++
				if e.ClientIP.IsValid() && (!e.ClientIP.IsPrivate() || c.scenario == simulate.Backup) {
					s.sources[e.ClientIP.String()]++
				}
				if it.Person != "" {
					s.people[it.Person]++
				}
				if len(e.UserAgent) > 0 {
					s.agents[string(e.UserAgent)]++
				}
			}
			c.check(t, s)
		})
	}
}

// When the line to the Internet is down, only what is inside goes on.
func TestNetworkFault(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates many fortnights")
	}
	w := world(t, simulate.Options{Seed: 17, Accounts: 80, Days: 12, Scenario: simulate.NetworkFault})
	onset := w.Truth().Incidents[0].Onset.UnixNano()
	inside, outside, before := 0, 0, 0
	for it := range w.Events {
		switch e := &it.Event; {
		case !e.ClientIP.IsValid():
		case e.Time >= onset && e.Time < onset+int64(2*time.Hour):
			if e.ClientIP.IsPrivate() {
				inside++
			} else {
				outside++
			}
		case e.Time >= onset-int64(2*time.Hour) && e.Time < onset && !e.ClientIP.IsPrivate():
			before++
		}
	}
	if outside > 0 || inside < 20 || before < 500 {
		t.Errorf("%d events from outside, %d from inside, %d from outside in the two hours before", outside, inside, before)
	}
}
