package pipeline_test

import (
	"encoding/json"
	"testing"
	"time"

	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// streams are a world's Events, in the order in which its files have them.
func streams(w *simulate.World) []pipeline.Stream {
	r := w.Record(nil)
	var out []pipeline.Stream
	for _, s := range simulate.Sources() {
		out = append(out, pipeline.Stream{Name: s.String(), Format: s.Format(), Events: r.Of(s)})
	}
	return out
}

// judged is what is thought of the logs, without what is said of the files and
// what is counted again in the second pass: of sessions that began the day
// before, a reader that begins with a file does not know the address.
func judged(t *testing.T, v *verdict.Verdict) string {
	t.Helper()
	type incident struct {
		Kind        verdict.Kind
		Name        string
		Onset, End  time.Time
		Interval    [2]time.Time
		Compromised []string
		Sources     []string
		Targeted    int
		Hypothesis  string // the likeliest
	}
	out := struct {
		Verdict    verdict.Kind
		Focus      verdict.Focus
		Confidence float64
		Incidents  []incident
		Findings   []verdict.Finding
		Infected   []verdict.InfectedClient
	}{Verdict: v.Verdict, Focus: v.Focus, Confidence: v.Confidence}
	for _, in := range v.Incidents {
		likeliest := ""
		if len(in.Hypotheses) > 0 {
			likeliest = in.Hypotheses[0].Name
		}
		if in.Kind == verdict.Background { // dated by its cause
			in.Onset, in.End, in.OnsetInterval = time.Time{}, time.Time{}, [2]time.Time{}
		}
		out.Incidents = append(out.Incidents, incident{
			in.Kind, in.Name, in.Onset, in.End, in.OnsetInterval, in.Compromised, in.Sources, in.Targeted, likeliest,
		})
	}
	for _, f := range v.Findings {
		f.Evidence = nil
		out.Findings = append(out.Findings, f)
	}
	for _, c := range v.Infected {
		c.Evidence = nil
		out.Infected = append(out.Infected, c)
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Whether a world's Events come out of lines or as they are, the verdict is
// the same: same kind, incidents, accounts, sources and times.
func TestEventsGiveTheVerdictOfLines(t *testing.T) {
	scenarios := simulate.Scenarios()
	if testing.Short() {
		scenarios = []simulate.Scenario{simulate.Quiet, simulate.PhoneStorm, simulate.Spray}
	}
	for i, scenario := range scenarios {
		t.Run(string(scenario), func(t *testing.T) {
			t.Parallel()
			w := world(t, scenario, 100+uint64(i), 60, 10)
			dir := t.TempDir()
			write(t, w, dir)
			want := judged(t, investigate(t, discover(t, dir), 1))
			v, err := pipeline.InvestigateEvents(t.Context(), streams(w), pipeline.Options{Location: brussels(t), Workers: 1, NetworksMissing: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := judged(t, v); got != want {
				t.Errorf("from Events:\n%s\nfrom lines:\n%s", got, want)
			}
		})
	}
}
