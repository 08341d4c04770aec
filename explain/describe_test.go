package explain

import (
	"fmt"
	"testing"
)

// A delegation connects from a network of which one address had been seen
// before, with one system: that address and that system are no causes.
func TestNetworkHardlyUsedBefore(t *testing.T) {
	table := NewTable("os", "asn", "ip")
	systems := []string{"Windows", "iOS", "macOS", "Android", "Linux"}
	for i, ip := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"} {
		for j, os := range systems {
			expected := 0.0
			if i == 1 && j == 4 {
				expected = 20
			}
			table.Add([]string{os, "64500", ip}, float64(3000/(j+1)), expected)
		}
	}
	for i := range 200 {
		n := float64(3 + i%7)
		table.Add([]string{systems[i%5], fmt.Sprint(64501 + i%4), fmt.Sprintf("198.51.100.%d", i)}, n, n)
	}
	got := Explain(table, Options{Windows: 4, Implies: map[string][]string{"ip": {"asn"}}})
	if len(got.Causes) != 1 || fmt.Sprint(got.Causes[0].Where) != "[{asn 64500}]" {
		t.Errorf("causes %+v, want asn=64500 alone", got.Causes)
	}
}
