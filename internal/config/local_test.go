package config

import "testing"

func TestLocal(t *testing.T) {
	for _, tc := range []struct{ tz, want string }{
		{"Europe/Brussels", "Europe/Brussels"},
		{":America/New_York", "America/New_York"},
	} {
		t.Setenv("TZ", tc.tz)
		if got := Local().String(); got != tc.want {
			t.Errorf("TZ=%s: %s, want %s", tc.tz, got, tc.want)
		}
	}
	t.Setenv("TZ", "No/Such_Zone")
	if got := Local(); got == nil {
		t.Error("a wrong TZ must fall back to the machine's zone")
	}
}
