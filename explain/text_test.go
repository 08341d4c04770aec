package explain

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// phones is mail traffic by system and version, in which change decides what is
// observed of a row.
func phones(change func(system, version, service string) float64) *Table {
	t := NewTable("service", "os", "os_version")
	for _, service := range []string{"activesync", "imap", "webmail"} {
		for system, versions := range map[string][]string{
			"iOS": {"17.6", "18.2", "18.4", "18.10", "26.0"}, "Android": {"13", "14", "15"}, "Windows": {"10", "11"},
		} {
			for _, v := range versions {
				t.Add([]string{service, system, v}, 400*change(system, v, service), 400)
			}
		}
	}
	return t
}

func TestText(t *testing.T) {
	implies := map[string][]string{"os_version": {"os"}, "ip": {"asn"}}
	addresses := NewTable("asn", "ip", "service")
	for i := range 40 {
		for _, service := range []string{"imap", "webmail"} {
			observed := 100.0
			if i < 4 {
				observed = 700
			}
			asn := fmt.Sprint(64500 + i/8)
			addresses.Add([]string{asn, fmt.Sprintf("192.0.2.%d", i), service}, observed, 100)
		}
	}
	one := func(system, version, service string) float64 { return 1 }
	rng := rand.New(rand.NewPCG(1, 3))
	for _, c := range []struct {
		name  string
		table *Table
		want  string
	}{
		{"nothing", phones(one), "Nothing stands out: all is about as expected."},
		{"drift alone", phones(func(string, string, string) float64 { return 1.3 }), "Nothing sets the difference apart: everything is up by 30 %."},
		{"no rows", NewTable("a"), "Nothing was observed and nothing expected."},
		{"stopped", pack([]string{"a"}, []leaf{{[]string{"x"}, 0, 1200}}), "Nothing was observed at all where 1,200 were expected."},
		{"one version", phones(func(system, version, service string) float64 {
			if version == "26.0" {
				return 3
			}
			return 1
		}), "iOS 26.0 rose to 3.0 times what was expected, 3,600 instead of 1,200, which is all of the difference."},
		{"a version and later", phones(func(system, version, service string) float64 {
			if version == "18.4" || version == "18.10" || version == "26.0" {
				return 3
			}
			return 1
		}), "iOS 18.4 and later rose to 3.0 times what was expected, 10,800 instead of 3,600, which is all of the difference."},
		{"a version and earlier", phones(func(system, version, service string) float64 {
			if version == "17.6" || version == "18.2" {
				return 0
			}
			return 1
		}), "iOS 18.2 and earlier stopped: none instead of 2,400, which is all of the difference."},
		{"versions with a gap", phones(func(system, version, service string) float64 {
			if version == "17.6" || version == "18.4" {
				return .5
			}
			return 1
		}), "iOS 17.6 and 18.4 fell by 50 %, 1,200 instead of 2,400, which is all of the difference."},
		{"four addresses of one provider", addresses, "Four values of ip, all with asn 64500 (192.0.2.0, 192.0.2.1, …) rose to 7.0 times what was expected, 5,600 instead of 800, which is all of the difference."},
		{"two that cancel", cross(3, func(a, b, c int) float64 {
			switch a {
			case 2:
				return 1.5
			case 7:
				return .5
			}
			return 1
		}), "What rose and what fell nearly cancel each other."},
		{"on top of drift", cross(3, func(a, b, c int) float64 {
			if a == 2 && b == 4 {
				return 2.6
			}
			return 1.3
		}), "Everything else is up by 30 %."},
		{"outside what was recorded", cross(3, func(a, b, c int) float64 {
			if rng.IntN(20) == 0 {
				return 3
			}
			return 1
		}), "single rows depart by themselves; what they have in common is not among the attributes."},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := Options{Implies: implies}
			got := Text(c.table, Explain(c.table, o), o)
			if !strings.HasSuffix(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
