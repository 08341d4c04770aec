package pipeline

import (
	"maps"
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

// The share of a fault's cause is counted, never taken for granted.
func TestFaultCause(t *testing.T) {
	errors := func(status uint16, n, past float64) row {
		return row{leafKey: leafKey{Leaf: traffic.Leaf{
			Outcome: maillog.Error, Status: status,
			Agent: unique.Make(traffic.Agent{}), Network: unique.Make(traffic.Network{}),
		}}, n: n, past: past}
	}
	for _, tc := range []struct {
		name   string
		rows   []row
		status string
		share  float64
	}{
		{"all of one status", []row{errors(502, 100, 0)}, "502", 1},
		{"most of one status", []row{errors(502, 90, 0), errors(0, 10, 0)}, "502", 0.9},
		{"what is usual does not count", []row{errors(502, 100, 10), errors(500, 60, 50)}, "502", 0.9},
		{"no status stands out", []row{errors(500, 40, 0), errors(502, 30, 0), errors(504, 30, 0)}, "", 1},
		{"no status at all", []row{errors(0, 50, 0)}, "", 1},
	} {
		cause, share := (&run{}).faultCause(&window{rows: tc.rows})
		if len(cause) != 1 || cause[0]["outcome"] != "error" || cause[0]["status"] != tc.status || share != tc.share {
			t.Errorf("%s: %v, share %v; want status %q, share %v", tc.name, cause, share, tc.status, tc.share)
		}
	}
}

// What is aimed at is named where nearly all of those that take part have it in
// common, whatever the Internet tries beside them.
func TestNameAim(t *testing.T) {
	try := func(account, ip string, service maillog.Service, n float64) row {
		k := session(account, ip, "", maillog.Login, n, 0)
		k.Service, k.Outcome = service, maillog.Failure
		return k
	}
	part := map[string]bool{"192.0.2.1": true, "192.0.2.2": true}
	everyday := try("root", "198.51.100.9", maillog.Submission, 500)
	for _, tc := range []struct {
		name  string
		rows  []row
		cause map[string]string
		want  map[string]string
	}{
		{
			"one account",
			[]row{try("anna", "192.0.2.1", maillog.IMAP, 40), try("anna", "192.0.2.2", maillog.Submission, 40), everyday},
			map[string]string{"outcome": "failure"},
			map[string]string{"outcome": "failure", "account": "anna"},
		},
		{
			"one service",
			[]row{try("anna", "192.0.2.1", maillog.IMAP, 40), try("bert", "192.0.2.2", maillog.IMAP, 40), everyday},
			map[string]string{"outcome": "failure"},
			map[string]string{"outcome": "failure", "service": "imap"},
		},
		{
			"neither",
			[]row{try("anna", "192.0.2.1", maillog.IMAP, 40), try("bert", "192.0.2.2", maillog.Submission, 10), everyday},
			map[string]string{"outcome": "failure"},
			map[string]string{"outcome": "failure"},
		},
		{"nobody takes part", []row{everyday}, map[string]string{"outcome": "failure"}, map[string]string{"outcome": "failure"}},
		{
			"one source says more",
			[]row{try("anna", "192.0.2.1", maillog.IMAP, 40)},
			map[string]string{"outcome": "failure", "ip": "192.0.2.1"},
			map[string]string{"outcome": "failure", "ip": "192.0.2.1"},
		},
	} {
		e := &verdict.Excess{Cause: []map[string]string{tc.cause}}
		(&run{}).nameAim(&window{rows: tc.rows}, part, e)
		if !maps.Equal(e.Cause[0], tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, e.Cause[0], tc.want)
		}
	}
}

// A host of our own is named for its network where it makes nearly all of it.
func TestNameHost(t *testing.T) {
	inside := func(ip string, n, past float64) row {
		k := session("anna", ip, "", maillog.Login, n, past)
		k.Network = unique.Make(traffic.Network{Kind: traffic.KindInternal})
		return k
	}
	for _, tc := range []struct {
		name string
		rows []row
		want map[string]string
	}{
		{"one host", []row{inside("10.1.1.7", 500, 0), inside("10.1.1.8", 210, 200)}, map[string]string{"ip": "10.1.1.7"}},
		{"two hosts", []row{inside("10.1.1.7", 500, 0), inside("10.1.1.8", 500, 200)}, map[string]string{"network_kind": "internal"}},
		{"a host that is not known", []row{inside("", 500, 0)}, map[string]string{"network_kind": "internal"}},
		{"less than usual", []row{inside("10.1.1.7", 100, 200)}, map[string]string{"network_kind": "internal"}},
	} {
		m := map[string]string{"network_kind": "internal"}
		(&run{}).nameHost(&window{rows: tc.rows}, m)
		if !maps.Equal(m, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, m, tc.want)
		}
	}
}

// A device that has the mailboxes of several people is named, a person's is not.
func TestNameDevice(t *testing.T) {
	of := func(account, device string, n float64) row {
		k := session(account, "192.0.2.1", "", maillog.Request, n, 0)
		k.device = device
		return k
	}
	for _, tc := range []struct {
		name string
		rows []row
		want string
	}{
		{"of three people", []row{of("anna", "X", 50), of("bert", "X", 50), of("cleo", "X", 50)}, "X"},
		{"of one person", []row{of("anna", "X", 150)}, ""},
		{"three people's", []row{of("anna", "X", 50), of("bert", "Y", 50), of("cleo", "Z", 50)}, ""},
		{"none is stated", []row{of("anna", "", 50), of("bert", "", 50), of("cleo", "", 50)}, ""},
	} {
		e := &verdict.Excess{Cause: []map[string]string{{"action": "request"}}}
		w := &window{rows: tc.rows, excess: &excess{series: &series{}}}
		(&run{}).nameDevice(w, e, &accepted{})
		if got := e.Cause[0]["device"]; got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Webmail opens mailboxes for those who ask it to: what it passes on is theirs,
// but no more than so much for each request. A backup that runs beside is another
// matter, though no address of its own is known either.
func TestPassedOn(t *testing.T) {
	for _, tc := range []struct {
		name     string
		opened   float64
		absorbed bool
	}{
		{"as much as was asked for", 600, true},
		{"far more than was asked for", 6000, false},
	} {
		w := &window{
			excess: &excess{series: &series{service: maillog.IMAP, family: everyday}, up: true, intervals: []interval{{100, 200}}},
			rows:   []row{session("anna", "", "", maillog.Login, tc.opened, 0)},
		}
		webmail := &accepted{
			Excess: &verdict.Excess{Family: string(everyday), Up: true, Observed: 300, Expected: 100},
			series: &series{service: maillog.Webmail, family: everyday}, span: interval{90, 210},
		}
		if of, passedOn := (&run{}).absorb(w, []*accepted{webmail}); (of != nil) != tc.absorbed || passedOn != tc.absorbed {
			t.Errorf("%s: absorbed %v, passed on %v, want %v", tc.name, of != nil, passedOn, tc.absorbed)
		}
	}
}
