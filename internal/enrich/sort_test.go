package enrich

import (
	"testing"

	"mailvigil/traffic"
)

// Every family that the tables name has a sort, but for those that say nothing.
func TestSorts(t *testing.T) {
	for word, f := range families {
		if SortOf(traffic.Agent{Client: f.client}) == "" {
			t.Errorf("%s (%s) has no sort", f.client, word)
		}
	}
	for name, c := range imapClients {
		if SortOf(traffic.Agent{Client: c.client}) == "" {
			t.Errorf("%s (%s) has no sort", c.client, name)
		}
	}
	for token, p := range products {
		if SortOf(traffic.Agent{Client: p.client}) == "" {
			t.Errorf("%s (%s) has no sort", p.client, token)
		}
	}
	for agent, want := range map[string]string{
		"Apple-iPhone15C2/2301.341": sortPhone,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0": sortBrowser,
		"check_http/v2.3.3 (monitoring-plugins 2.3.3)":                                     sortMonitoring,
		"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)":           sortMonitoring,
		"feroxbuster/2.10.1":            sortTool,
		"python-requests/2.31.0":        sortLibrary,
		"name=imapsync, version=2.229":  sortSync,
		"name=Thunderbird, version=128": sortDesktop,
		"something nobody has heard of": "",
	} {
		if got := SortOf(ParseAgent(agent)); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
}
