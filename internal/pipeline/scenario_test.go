package pipeline_test

import (
	"fmt"
	"slices"
	"testing"

	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// What was simulated is what is found, whatever the seed: the verdict, what
// sets each benign excess apart, and whom an attack took and from where.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("investigates a dozen fortnights of 400 people")
	}
	seeds := []uint64{1, 2, 3}
	for _, tc := range []struct {
		scenario simulate.Scenario
		accounts int
	}{
		{simulate.Quiet, 400},
		{simulate.PhoneStorm, 400},
		{simulate.Spray, 400},
		{simulate.Parliament, 400},
		// Fewer people, so that it does not take long.
		{simulate.OneAccount, 120},
		{simulate.Flood, 120},
		{simulate.Scan, 120},
		{simulate.PasswordDay, 120},
		{simulate.Outage, 120},
		{simulate.StolenSession, 120},
		{simulate.Monitoring, 120},
	} {
		scenario := tc.scenario
		for _, seed := range seeds {
			t.Run(fmt.Sprintf("%s/seed %d", scenario, seed), func(t *testing.T) {
				w := world(t, scenario, seed, tc.accounts, 14)
				dir := t.TempDir()
				write(t, w, dir)
				v := investigate(t, discover(t, dir), 0)
				truth := w.Truth()
				if string(v.Verdict) != truth.Verdict {
					t.Errorf("verdict %s, want %s: %s", v.Verdict, truth.Verdict, summary(v))
				}
				for _, in := range truth.Incidents {
					// What kind of network it is, only network data tells.
					delete(in.Cause, "network_kind")
					if in.Kind == "benign" && !slices.ContainsFunc(v.Incidents, func(found verdict.Incident) bool {
						return found.Kind == verdict.Benign &&
							slices.ContainsFunc(found.Cause, func(c map[string]string) bool { return includes(c, in.Cause) })
					}) {
						t.Errorf("no benign incident with the cause %v of %s: %s", in.Cause, in.Name, summary(v))
					}
				}
				attacked(t, truth, v)
			})
		}
	}
}

// What is named sets the incident apart: the client of sessions whose lines of
// signing in name none, the tool of a backup, which is no part of what webmail
// passes on, the account, the door, the service and the address of an attack.
func TestCauses(t *testing.T) {
	if testing.Short() {
		t.Skip("investigates a dozen fortnights")
	}
	for _, tc := range []struct {
		scenario simulate.Scenario
		kind     verdict.Kind
		want     func(simulate.Incident) map[string]string
	}{
		{simulate.MailProgram, verdict.Benign, func(in simulate.Incident) map[string]string {
			return map[string]string{"client_version": in.Cause["client_version"], "service": "imap"}
		}},
		{simulate.Backup, verdict.Benign, func(simulate.Incident) map[string]string {
			return map[string]string{"client": "imapsync", "service": "imap"}
		}},
		{simulate.OneAccount, verdict.Attack, func(in simulate.Incident) map[string]string { return in.Cause }},
		{simulate.PhoneDoor, verdict.Attack, func(in simulate.Incident) map[string]string { return in.Cause }},
		{simulate.Walking, verdict.Attack, func(in simulate.Incident) map[string]string { return in.Cause }},
		{simulate.Flood, verdict.Attack, func(in simulate.Incident) map[string]string { return in.Cause }},
	} {
		for seed := uint64(31); seed < 33; seed++ {
			t.Run(fmt.Sprintf("%s/seed %d", tc.scenario, seed), func(t *testing.T) {
				t.Parallel()
				w := world(t, tc.scenario, seed, 120, 14)
				v, err := pipeline.InvestigateEvents(t.Context(), streams(w), pipeline.Options{Location: brussels(t), Workers: 1, NetworksMissing: true})
				if err != nil {
					t.Fatal(err)
				}
				want := tc.want(w.Truth().Incidents[0])
				if !slices.ContainsFunc(v.Incidents, func(in verdict.Incident) bool {
					return in.Kind == tc.kind && len(in.Cause) == 1 && includes(in.Cause[0], want)
				}) {
					t.Errorf("no incident with the cause %v: %s", want, summary(v))
				}
			})
		}
	}
}

// attacked holds the attack incidents against the truth.
func attacked(t *testing.T, truth simulate.Truth, v *verdict.Verdict) {
	t.Helper()
	var wantTaken, wantFrom, taken, from []string
	for _, in := range truth.Incidents {
		if in.Kind == "attack" {
			wantTaken, wantFrom = append(wantTaken, in.Compromised...), append(wantFrom, in.Sources...)
		}
	}
	for _, in := range v.Incidents {
		if in.Kind == verdict.Attack {
			taken, from = append(taken, in.Compromised...), append(from, in.Sources...)
		}
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	if !slices.Equal(taken, wantTaken) {
		t.Errorf("accounts taken: %v, want %v", taken, wantTaken)
	}
	right := 0
	for _, s := range from {
		if slices.Contains(wantFrom, s) {
			right++
		}
	}
	if right*10 < len(from)*9 {
		t.Errorf("only %d of %d sources took part: %v", right, len(from), from)
	}
	if len(wantFrom) > 0 && right*2 < len(wantFrom) {
		t.Errorf("only %d of the %d sources that took part are named", right, len(wantFrom))
	}
}

func includes(all, some map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

func summary(v *verdict.Verdict) string {
	out := v.Text
	for _, in := range v.Incidents {
		out += fmt.Sprintf("\n  %s %q %v since %s: %s", in.Kind, in.Name, in.Cause, in.Onset.Format("02 Jan 15:04"), in.Text)
	}
	return out
}
