package enrich

import (
	"strings"
	"testing"

	"mailvigil/traffic"
)

func TestObserved(t *testing.T) {
	table := func(k traffic.Kind, c float64) Judged { return Judged{k, c, "it is in the reviewed table"} }
	nothing := Judged{}
	for name, c := range map[string]struct {
		table Judged
		use   Use
		want  traffic.Kind
		above float64
		below float64
	}{
		"carrier nobody knows":             {nothing, Use{40, 30, 260, 38, 2}, traffic.KindMobile, 0.9, 1},
		"homes nobody knows":               {nothing, Use{60, 66, 70, 12, 48}, traffic.KindResidential, 0.7, 1},
		"a carrier in the table, as used":  {table(traffic.KindMobile, 0.8), Use{40, 30, 260, 38, 2}, traffic.KindMobile, 0.95, 1},
		"sold to both, used by homes":      {table(traffic.KindResidential, 0.65), Use{60, 66, 70, 12, 48}, traffic.KindResidential, 0.8, 1},
		"said to be homes, used by phones": {table(traffic.KindResidential, 0.65), Use{50, 20, 300, 50, 0}, traffic.KindMobile, 0.8, 1},
		"an office nobody knows":           {nothing, Use{40, 2, 60, 0, 40}, traffic.KindOffice, 0.8, 1},
		"too few to say":                   {table(traffic.KindResidential, 0.65), Use{3, 3, 30, 3, 0}, traffic.KindResidential, 0.65, 0.65},
		"use does not tell it apart":       {table(traffic.KindEducation, 0.97), Use{40, 2, 60, 0, 40}, traffic.KindEducation, 0.97, 0.97},
		"nothing seen":                     {nothing, Use{}, traffic.KindUnknown, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.table.Observed(c.use)
			if got.Kind != c.want || got.Confidence < c.above || got.Confidence > c.below {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestKindTable(t *testing.T) {
	table, err := readKinds(kindText)
	if err != nil {
		t.Fatal(err)
	}
	if len(table.byASN) < 1400 || len(table.phrases) < 100 {
		t.Errorf("%d networks, %d phrases", len(table.byASN), len(table.phrases))
	}
	for line, want := range map[string]string{
		"64500 hosting":                            "is not",
		"AS64500 hosting 0.9 x":                    "no number",
		"64500 hosting 1.9 x":                      "no number",
		"64500 hosting 0 x":                        "no number",
		"64500 company 0.9 x":                      "no number",
		"64500 castle 0.9 x":                       "no kind",
		"\"state of\" castle 0.9":                  "no kind",
		"\"\" hosting 0.9":                         "is not",
		"\"state of":                               "is not",
		"64500 hosting 0.9 x\n64500 hosting 0.8 x": "twice",
	} {
		if _, err := readKinds(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", line, err)
		}
	}
	// Sold under one number to homes, phones and servers: shown, not counted.
	if j := JudgeNetwork(3320, "Deutsche Telekom AG"); j.Kind != traffic.KindResidential || kindOf(3320, "") != traffic.KindUnknown {
		t.Errorf("got %+v, and %q counts", j, kindOf(3320, ""))
	}
	if j := JudgeNetwork(64500, "Example University"); j.Kind != traffic.KindEducation || j.Confidence < sure {
		t.Errorf("got %+v", j)
	}
}
