package config_test

import (
	"slices"
	"strings"
	"testing"

	"mailvigil/internal/config"
)

// TestDraftIsRead: whatever was found, the file that is written is right, and
// says what was found. Text from logs stays within its line.
func TestDraftIsRead(t *testing.T) {
	for name, d := range map[string]config.Draft{
		"nothing": {},
		"all": {
			Zone: "Europe/Brussels", ZoneWhy: "this machine's", Domains: []string{"parl.example", "Members.parl.example"}, DomainsWhy: "most name it",
			Country: "BE", Logs: []string{"/var/log/mail.log*", "/var/log/nginx"}, Found: []string{"10.0.0.1 is a relay"},
		},
		"hostile": {
			Zone: "Europe/Brussels", Domains: []string{"a: b", "null", "true", "x\ny: 1", "parl.example", "\x1b[31m"}, DomainsWhy: "x\nlogs: [/etc]",
			Country: "BE\nlogs: [/etc]", Logs: []string{"/var/log/a \"b\"\t\n: #*", "/var/log/é", "/bad\xff"}, Found: []string{"\x1b[2J\nlogs: [/etc]"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			data := d.YAML()
			cfg, err := config.Parse("mailvigil.yaml", data)
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
			if d.Zone != "" && cfg.Zone.String() != d.Zone {
				t.Errorf("zone %v", cfg.Zone)
			}
			wantDomains, wantLogs := d.Domains, d.Logs
			if name == "all" {
				wantDomains = []string{"parl.example", "members.parl.example"}
			}
			if name == "hostile" {
				wantDomains, wantLogs = []string{"null", "true", "parl.example"}, d.Logs[:2]
			}
			if !slices.Equal(cfg.Domains, wantDomains) || !slices.Equal(cfg.Logs, wantLogs) || cfg.Country != "" || len(cfg.Networks.Own) > 0 {
				t.Errorf("domains %q, logs %q, country %q", cfg.Domains, cfg.Logs, cfg.Country)
			}
			if strings.Contains(string(data), "\x1b") {
				t.Error("an escape reaches the file")
			}
			if name == "all" {
				// Each commented key is right too, once its # is taken away.
				var all []string
				for line := range strings.Lines(string(data)) {
					key := strings.TrimPrefix(line, "# ")
					if word, _, ok := strings.Cut(key, ":"); ok && !strings.Contains(word, " ") || strings.HasPrefix(key, "  ") {
						line = key
					}
					all = append(all, line)
				}
				text := strings.ReplaceAll(strings.Join(all, ""), "GUESSED:", "# GUESSED:")
				text = strings.ReplaceAll(text, "Found:", "# Found:")
				cfg, err := config.Parse("mailvigil.yaml", []byte(text))
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				if len(cfg.Aliases) != 2 || len(cfg.Networks.Own) != 1 || len(cfg.Holidays) != 1 || len(cfg.Known) != 1 || cfg.Ledger == "" || cfg.Country != "BE" {
					t.Errorf("with every key: %+v", cfg)
				}
			}
		})
	}
}
