package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

// A million findings and ten thousand addresses do not make a report: what
// matters stands on a screen or two, and the rest is counted.
func TestScale(t *testing.T) {
	const sources, findings, accounts = 10_000, 1_000_000, 5_000
	v := &verdict.Verdict{
		SchemaVersion: verdict.SchemaVersion, Verdict: verdict.Attack, Focus: verdict.Targeted, Confidence: 0.99,
		Text: "Attack: somebody guessed passwords.", Next: []string{"Keep these log files: they are the evidence."}, Timezone: "Europe/Brussels",
	}
	for i := range 40 {
		in := verdict.Incident{ID: fmt.Sprintf("incident-%d", i+1), Kind: verdict.Attack, Name: "somebody is guessing passwords", Text: "A text.", Onset: at("2025-03-11 00:10:00"), End: at("2025-03-12 00:10:00")}
		if i == 0 {
			for k := range sources {
				in.Sources = append(in.Sources, fmt.Sprintf("198.%d.%d.%d", 18+k>>16, k>>8&255, k&255))
			}
			for k := range accounts {
				name := fmt.Sprintf("p%d@parl.example", k)
				in.Compromised = append(in.Compromised, name)
				in.Extent = append(in.Extent, verdict.Extent{Account: name, From: in.Onset, To: in.End, Sources: in.Sources[k : k+1], Fetched: int64(k) + 1, Forwards: 1})
			}
		}
		v.Incidents = append(v.Incidents, in)
	}
	titles := []string{"tried the passwords of many accounts", "tried many passwords on few accounts", "a device to be updated: it keeps failing with an old password"}
	for i := range findings {
		f := verdict.Finding{ID: fmt.Sprintf("finding-%d", i+1), Code: "T1110.003", Title: titles[i%3], Severity: verdict.Low, ClientIP: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255)}
		if i%1000 == 999 { // and many that are each told in words of their own
			f.Title = fmt.Sprintf("signed in %d times from a network new to the account", i)
			f.Severity = verdict.Critical
		}
		v.Findings = append(v.Findings, f)
	}
	var out bytes.Buffer
	if err := report.Terminal(&out, v, report.Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if n := strings.Count(text, "\n"); n > 100 {
		t.Errorf("%d lines, more than anybody reads", n)
	}
	for _, want := range []string{
		"10,000 addresses", "5,000 accounts in other hands", "p4999@parl.example", "1 change of forwarding, 5,000 messages fetched", "4,996 more accounts",
		"34 more incidents", "995 more in the JSON file", "Keep these log files",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if t.Failed() {
		t.Log(text[:min(len(text), 6000)])
	}
}
