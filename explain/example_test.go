package explain_test

import (
	"fmt"
	"strings"

	"mailvigil/explain"
)

func Example() {
	table := explain.NewTable("service", "country", "outcome")
	for _, service := range []string{"imap", "webmail", "activesync"} {
		for _, country := range []string{"DE", "FR", "JP"} {
			for _, outcome := range []string{"success", "failure"} {
				observed, expected := 100.0, 100.0
				if service == "imap" && outcome == "failure" {
					observed = 400
				}
				table.Add([]string{service, country, outcome}, observed, expected)
			}
		}
	}
	r := explain.Explain(table, explain.Options{})
	for _, c := range r.Causes {
		var where []string
		for _, it := range c.Where {
			where = append(where, it.Attribute+"="+it.Value)
		}
		fmt.Printf("%s: %.0f where %.0f were expected\n", strings.Join(where, ", "), c.Observed, c.Expected)
	}
	// Output: outcome=failure, service=imap: 1200 where 300 were expected
}
