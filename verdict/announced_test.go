package verdict_test

import (
	"testing"

	"mailvigil/verdict"
)

// A change that was announced, an attack under its cover, and the same day
// without a word.
func TestAnnouncedChange(t *testing.T) {
	phones := verdict.Makeup{Events: 9000, Accounts: 150, KnownAccounts: 150, Sources: 170, FamiliarSource: 0.9, Named: 1, Existing: 1}
	said := func(x *verdict.Excess) { x.Announced = "iOS rollout" }
	rise := excess(t, "traffic", "activesync", "Tue 08:00", "Tue 18:00", 27000, 9000, 9000, phones)
	guessed := excess(t, "failures", "", "Tue 02:00", "Tue 05:00", 4000, 40, 100, verdict.Makeup{Events: 4000, Hostile: 0.9, Named: 0.9, Existing: 0.9})
	guessed.Sources, guessed.Usual, guessed.Targets = addresses(300), 10, 150
	for _, tc := range []struct {
		name string
		x    verdict.Excess
		want verdict.Kind
	}{
		{"announced", with(rise, said), verdict.Background},
		{"nobody said a word", rise, verdict.Benign},
		{"passwords tried under its cover", with(guessed, said), verdict.Attack},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := verdict.Judge(world(t, tc.x))
			if v.Incidents[0].Kind != tc.want {
				t.Errorf("%s, want %s: %+v", v.Incidents[0].Kind, tc.want, v.Incidents[0].Hypotheses)
			}
		})
	}
}
