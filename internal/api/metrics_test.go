package api

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	n := func(v float64) *float64 { return &v }
	s := &Status{
		Since: time.Unix(1000, 0), LastSlot: time.Unix(2000, 0),
		Incidents: []Summary{{Status: StatusOpen, Kind: "attack", Severity: "high", Text: "anna@parl.example"}, {Status: StatusOpen, Kind: "attack", Severity: "high"}, {Status: StatusQuiet, Kind: "attack"}, {Status: StatusOpen, Kind: "fault", Severity: "low"}},
		Services:  []Service{{Service: "imap", State: ServiceFault, Observed: n(3), Unusual: true}, {Service: "imap"}},
		Intake:    []Source{{Name: "/var/log/\xffmail.log", Kind: "file", Lines: 7, Lost: 2, Behind: 9}, {Name: "/var/log/\xffmail.log", Kind: "file"}},
		Archive:   Archive{Bytes: 5}, Vigilance: Vigilance{Raised: true},
		Probes:   []Probe{{Name: "p", Service: "imap", State: "failed", Duration: 0.5}, {Name: "p"}},
		Problems: []Problem{{Code: "disk", Grave: true}, {Code: "disk", Grave: true}},
	}
	r := prometheus.NewPedanticRegistry()
	var err error
	r.MustRegister(NewCollector(func(context.Context) (*Status, error) { return s, err }))
	want := `
# HELP mailvigil_incidents_open Open incidents.
# TYPE mailvigil_incidents_open gauge
mailvigil_incidents_open{kind="attack",severity="high"} 2
mailvigil_incidents_open{kind="fault",severity="low"} 1
# HELP mailvigil_intake_lost_lines_total Lines that are known to be lost.
# TYPE mailvigil_intake_lost_lines_total counter
mailvigil_intake_lost_lines_total{kind="file",source="/var/log/` + "\uFFFD" + `mail.log"} 2
# HELP mailvigil_last_slot_time_seconds Start of the last minute of event time that was judged.
# TYPE mailvigil_last_slot_time_seconds gauge
mailvigil_last_slot_time_seconds 2000
# HELP mailvigil_problems What is wrong with the watch itself.
# TYPE mailvigil_problems gauge
mailvigil_problems{code="disk",grave="yes"} 2
# HELP mailvigil_service_state 1 for the state that a service is in.
# TYPE mailvigil_service_state gauge
mailvigil_service_state{service="imap",state="fault"} 1
# HELP mailvigil_up 1 where the watch could say how it does.
# TYPE mailvigil_up gauge
mailvigil_up 1
`
	if got := testutil.GatherAndCompare(r, strings.NewReader(want), "mailvigil_incidents_open", "mailvigil_intake_lost_lines_total",
		"mailvigil_last_slot_time_seconds", "mailvigil_problems", "mailvigil_service_state", "mailvigil_up"); got != nil {
		t.Error(got)
	}
	all, gerr := r.Gather()
	if gerr != nil || len(all) < 20 {
		t.Errorf("%d metrics, %v", len(all), gerr)
	}
	for _, m := range all {
		if strings.Contains(m.String(), "anna") {
			t.Errorf("a metric names an account: %s", m)
		}
	}
	err = errors.New("no")
	if got := testutil.GatherAndCompare(r, strings.NewReader("# HELP mailvigil_up 1 where the watch could say how it does.\n# TYPE mailvigil_up gauge\nmailvigil_up 0\n")); got != nil {
		t.Error(got)
	}
}
