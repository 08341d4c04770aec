package pipeline

import (
	"testing"
	"unique"

	"mailvigil/maillog"
	"mailvigil/traffic"
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
