package pipeline

import (
	"math"
	"net/netip"
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
)

func session(account, ip, client string, action maillog.Action, n, past float64) row {
	k := leafKey{Leaf: traffic.Leaf{
		Service: maillog.IMAP, Action: action, Outcome: maillog.Success,
		Agent: unique.Make(traffic.Agent{Client: client}), Network: unique.Make(traffic.Network{}),
	}, account: account}
	if ip != "" {
		k.addr = netip.MustParseAddr(ip)
	}
	return row{leafKey: k, n: n, past: past}
}

// What signs in without a name goes to the clients that named themselves, by
// their number, in whole events, and nothing is lost or made.
func TestJoinClients(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []row
		want map[string][2]float64 // of sign-ins, by client: now, past
	}{
		{"one client", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 30, 3),
			session("anna", "192.0.2.1", "", maillog.Login, 30, 3),
		}, map[string][2]float64{"Thunderbird": {30, 3}}},
		{"two clients", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 20, 0),
			session("anna", "192.0.2.1", "K-9 Mail", maillog.Request, 10, 4),
			session("anna", "192.0.2.1", "", maillog.Login, 30, 4),
		}, map[string][2]float64{"Thunderbird": {20, 0}, "K-9 Mail": {10, 4}}},
		{"one names itself, another does not", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 20, 5),
			session("anna", "192.0.2.1", "", maillog.Login, 50, 5),
		}, map[string][2]float64{"Thunderbird": {20, 5}, "": {30, 0}}},
		{"it named itself in the past only", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 0, 5),
			session("anna", "192.0.2.1", "", maillog.Login, 50, 5),
		}, map[string][2]float64{"Thunderbird": {0, 5}, "": {50, 0}}},
		{"from another address", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 20, 5),
			session("anna", "192.0.2.2", "", maillog.Login, 20, 5),
		}, map[string][2]float64{"": {20, 5}}},
		{"another account", []row{
			session("anna", "192.0.2.1", "Thunderbird", maillog.Request, 20, 5),
			session("bert", "192.0.2.1", "", maillog.Login, 20, 5),
		}, map[string][2]float64{"": {20, 5}}},
		{"nobody signed in", []row{
			session("", "192.0.2.1", "Thunderbird", maillog.Request, 20, 5),
			session("", "192.0.2.1", "", maillog.Login, 20, 5),
		}, map[string][2]float64{"": {20, 5}}},
	} {
		got := make(map[string][2]float64)
		for _, k := range joinClients(c.rows) {
			if k.n != math.Trunc(k.n) {
				t.Errorf("%s: %v events are not whole", c.name, k.n)
			}
			if k.Action == maillog.Login {
				name := k.Agent.Value().Client
				got[name] = [2]float64{got[name][0] + k.n, got[name][1] + k.past}
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		for name, want := range c.want {
			if got[name] != want {
				t.Errorf("%s: %q has %v, want %v", c.name, name, got[name], want)
			}
		}
	}
}
