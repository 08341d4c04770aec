package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	const path = "../../docs/verdict.schema.json"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:mailvigil:verdict:1", doc); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("urn:mailvigil:verdict:1")
}

func asJSON(t *testing.T, v *verdict.Verdict) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.JSON(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestJSONFollowsSchema(t *testing.T) {
	s := schema(t)
	all := map[string]func() *verdict.Verdict{"hostile": hostile}
	for name, sample := range samples {
		all[name] = sample
	}
	for name, sample := range all {
		t.Run(name, func(t *testing.T) {
			out := asJSON(t, sample())
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(out))
			if err != nil {
				t.Fatalf("not JSON: %v\n%s", err, out)
			}
			for _, r := range out {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%U reaches the terminal of --json -", r)
				}
			}
			if err := s.Validate(doc); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSchemaRefuses shows that the schema is no empty promise.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	for name, spoil := range map[string]func(v *verdict.Verdict){
		"an unknown verdict":                 func(v *verdict.Verdict) { v.Verdict = "odd" },
		"a verdict that only incidents have": func(v *verdict.Verdict) { v.Verdict = verdict.Background },
		"certainty above one":                func(v *verdict.Verdict) { v.Confidence = 1.2 },
		"an incident of a verdict's kind":    func(v *verdict.Verdict) { v.Incidents[0].Kind = verdict.Mixed },
		"an attribute without a word":        func(v *verdict.Verdict) { v.Incidents[0].Cause = []map[string]string{{"colour": "red"}} },
		"sources of a fault":                 func(v *verdict.Verdict) { v.Incidents[0].Kind = verdict.Fault },
		"evidence without a line":            func(v *verdict.Verdict) { v.Incidents[0].Evidence[0].Line = 0 },
		"evidence without a hash":            func(v *verdict.Verdict) { v.Incidents[0].Evidence[0].SHA256 = "" },
		"nothing that would decide it":       func(v *verdict.Verdict) { v.Verdict = verdict.Undetermined },
		"a quiet verdict with a target":      func(v *verdict.Verdict) { v.Verdict = verdict.Quiet },
	} {
		t.Run(name, func(t *testing.T) {
			v := spray()
			spoil(v)
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(asJSON(t, v)))
			if err != nil {
				t.Fatal(err)
			}
			if s.Validate(doc) == nil {
				t.Error("the schema accepts it")
			}
		})
	}
}

// TestContractFields holds the names that the contract promises to others.
func TestContractFields(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal([]byte(asJSON(t, mixed())), &doc); err != nil {
		t.Fatal(err)
	}
	need := func(where string, of any, fields string) {
		t.Helper()
		if list, ok := of.([]any); ok {
			if len(list) == 0 {
				t.Errorf("%s is empty in the sample", where)
				return
			}
			of = list[0]
		}
		for _, f := range strings.Fields(fields) {
			if _, ok := of.(map[string]any)[f]; !ok {
				t.Errorf("%s has no %q", where, f)
			}
		}
	}
	incident := doc["incidents"].([]any)[0].(map[string]any)
	need("verdict", doc, "schema_version verdict missing focus confidence text incidents findings infected_clients sensitivity coverage")
	need("incidents", incident, "id kind name text onset onset_interval end services cause share_explained observed expected excess_events accounts_compromised accounts_targeted sources sessions_stolen findings hypotheses evidence")
	need("hypotheses", incident["hypotheses"], "name probability for against")
	need("evidence", incident["evidence"], "id file line offset sha256")
	need("findings", doc["findings"].([]any)[1], "id code title severity client_ip evidence against")
	need("infected_clients", doc["infected_clients"], "account ip evidence")
	need("sensitivity", doc["sensitivity"], "attack detected_share interval injections")
	need("coverage", doc["coverage"], "files lines parsed rejected from to gaps cannot_tell")
}

func TestJSONTimes(t *testing.T) {
	v := spray()
	v.Incidents = v.Incidents[:1]
	inc := &v.Incidents[0]
	inc.Onset = time.Date(2025, 11, 3, 0, 17, 20, 250_000_000, time.UTC)
	inc.End = time.Time{}
	out := asJSON(t, v)
	for _, want := range []string{
		`"onset": "2025-11-03T01:17:20.250000+01:00"`,
		`"end": null`,
		`"2025-11-03T01:10:00+01:00",`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%.1500s", want, out)
		}
	}
	inc.OnsetInterval[0] = time.Time{}
	if out := asJSON(t, v); !strings.Contains(out, `"onset_interval": null`) {
		t.Error("half an interval is shown as one")
	}
}

func TestJSONNumbers(t *testing.T) {
	v := phoneStorm()
	p := v.Incidents[0].Plot
	p.Observed[0], p.Upper[1] = math.NaN(), math.Inf(1)
	var doc struct{ Incidents []struct{ Plot verdict.Plot } }
	if err := json.Unmarshal([]byte(asJSON(t, v)), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Incidents[0].Plot; got.Observed[0] != -1 || got.Upper[1] != -1 {
		t.Errorf("unknown counts are %v and %v, want -1", got.Observed[0], got.Upper[1])
	}
	if !math.IsNaN(p.Observed[0]) {
		t.Error("JSON changed the verdict it was given")
	}
	v.Incidents[0].Share = math.NaN()
	if err := report.JSON(&bytes.Buffer{}, v); err == nil || !strings.Contains(err.Error(), "share_explained") {
		t.Errorf("a share that is no number: %v, want an error that names it", err)
	}
}

// broken is a disk that is full.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriteErrorsAreReturned(t *testing.T) {
	if err := report.JSON(broken{}, quiet()); err == nil {
		t.Error("JSON hides that nothing was written")
	}
	if err := report.Terminal(broken{}, quiet(), report.Options{}); err == nil {
		t.Error("Terminal hides that nothing was written")
	}
}
