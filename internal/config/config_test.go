package config_test

import (
	"errors"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/config"
)

var update = flag.Bool("update", false, "write the messages of testdata/bad anew")

// Every bad file has its message: what an operator reads is part of the
// product.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(filepath.Base(file), data)
			if err == nil {
				t.Fatal("the file was taken for good")
			}
			got, golden := err.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got:\n%swant:\n%s", got, want)
			}
		})
	}
}

func TestArchive(t *testing.T) {
	for text, want := range map[string]config.Archive{
		"":                          {},
		"archive: {days: 7}":        {Days: 7},
		"archive: {bytes: 1.5 GB}":  {Bytes: 1.5e9},
		"archive: {bytes: 2GiB}":    {Bytes: 2 << 30},
		"archive: {bytes: 5000000}": {Bytes: 5e6},
	} {
		cfg, err := config.Parse("x.yaml", []byte(text))
		if err != nil || cfg.Archive != want {
			t.Errorf("%s: %+v %v", text, cfg, err)
		}
	}
	if got := (config.Archive{}).Kept(); got != 90 {
		t.Errorf("kept for %d days", got)
	}
}

func TestExample(t *testing.T) {
	cfg, err := config.Load("mailvigil.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	brussels, err := time.LoadLocation("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Zone:    brussels,
		Domains: []string{"parl.example", "members.parl.example"},
		Aliases: map[string]string{"apeeters": "anna.peeters", "president@parl.example": "anna.peeters", "helpdesk@parl.example": "tom.maes", "@old.parl.example": "@parl.example"},
		Networks: config.Networks{
			Own:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8:12::/48")},
			Relays: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("198.51.100.16/28")},
			File:   "/usr/share/mailvigil/networks.db",
		},
		Holidays: []config.Date{{Year: 2026, Month: time.July, Day: 21}, {Year: 2026, Month: time.December, Day: 25}},
		Country:  "BE",
		Known: []config.Known{
			{Kind: config.Announced, What: "iOS rollout", From: moment(t, "2026-03-02 08:00"), Until: moment(t, "2026-03-05 18:00")},
			{Kind: config.Incident, What: "passwords were tried from abroad", From: moment(t, "2026-02-10 01:30"), Until: moment(t, "2026-02-12 06:00")},
		},
		Ledger:  "/var/lib/mailvigil/ledger",
		Logs:    []string{"/var/log/nginx", "/var/log/dovecot.log"},
		Data:    "/var/lib/mailvigil",
		Archive: config.Archive{Days: 90, Bytes: 200e9},
		Control: config.Control{
			Socket: "/run/mailvigil/control.sock",
			Roles: map[string][]string{
				"administrator": {"group:mailvigil-admin"}, "responder": {"anna", "group:postmasters"}, "viewer": {"group:helpdesk"},
			},
		},
		Vigilance: config.Vigilance{Severity: "high", For: 4 * time.Hour},
		Metrics:   config.Metrics{Listen: "127.0.0.1:9464"},
		Log:       config.Log{Format: "text"},
		Intake:    exampleIntake(),
		Probes:    exampleProbes(),
		Notify:    exampleNotify(),
	}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

func exampleIntake() config.Intake {
	senders := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	return config.Intake{
		Listeners: []config.Listener{
			{Transport: config.SyslogTCP, Address: "0.0.0.0:5514", Allow: senders},
			{Transport: config.SyslogUDP, Address: "127.0.0.1:5514"},
			{
				Transport: config.SyslogTLS, Address: "0.0.0.0:6514", Allow: senders,
				Certificate: "/etc/mailvigil/tls.pem", Key: "/etc/mailvigil/tls.key", ClientCA: "/etc/mailvigil/senders.pem",
			},
			{Transport: config.HTTP, Address: "127.0.0.1:8090", TokenFile: "/etc/mailvigil/intake.tokens"},
		},
		Journal: config.Journal{Read: true, Units: []string{"dovecot.service", "postfix@*"}, Directory: "/var/log/journal"},
		Queue:   config.IntakeQueue{Folder: "/var/lib/mailvigil/queue", Limit: 1 << 30},
	}
}

func TestGoodFiles(t *testing.T) {
	tests := []struct {
		name, yaml string
		want       config.Config
	}{
		{"empty", "", config.Config{}},
		{"only comments", "# nothing yet\n", config.Config{}},
		{"keys without values", "timezone: UTC\ndomains:\nnetworks:\naliases:\nlogs:\n", config.Config{Zone: time.UTC}},
		{"a network of one address", "networks: {own: [192.0.2.5]}", config.Config{Networks: config.Networks{Own: []netip.Prefix{netip.MustParsePrefix("192.0.2.5/32")}}}},
		{"the same twice", "holidays: [2026-12-25, 2026-12-25]", config.Config{Holidays: []config.Date{{Year: 2026, Month: time.December, Day: 25}}}},
		{"domains in capitals", "domains: [Parl.Example]", config.Config{Domains: []string{"parl.example"}}},
		{"an anchor", "domains: [&d parl.example, *d]", config.Config{Domains: []string{"parl.example", "parl.example"}}},
		{"the whole journal", "intake: {journal: {units: ['*']}}", config.Config{Intake: config.Intake{Journal: config.Journal{Read: true}}}},
		{"a cluster", "intake: {queue: {url: 'nats://a:4222', replicas: 3, credentials: queue.creds}}", config.Config{Intake: config.Intake{Queue: config.IntakeQueue{URL: "nats://a:4222", Replicas: 3, Credentials: "/etc/mailvigil/queue.creds"}}}},
		{"paths beside the file", "networks: {file: networks.db}\nlogs: [../logs]", config.Config{Networks: config.Networks{File: "/etc/mailvigil/networks.db"}, Logs: []string{"/etc/logs"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := config.Parse("/etc/mailvigil/mailvigil.yaml", []byte(tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Aliases = map[string]string{}
			if !reflect.DeepEqual(*got, tt.want) {
				t.Errorf("got  %+v\nwant %+v", *got, tt.want)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"))
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}

// The list of zones is data: each of its names must be one that Go can load.
func TestZonesLoad(t *testing.T) {
	zones := config.Zones()
	if len(zones) < 500 {
		t.Fatalf("only %d zones", len(zones))
	}
	for _, name := range zones {
		if _, err := config.Zone(name); err != nil {
			t.Error(err)
		}
	}
}

func TestClosest(t *testing.T) {
	words := []string{"since", "until", "json", "quiet"}
	tests := []struct{ name, word, want string }{
		{"a letter missing", "sinc", "since"},
		{"a letter more", "untill", "until"},
		{"two swapped", "jsno", "json"},
		{"capitals", "QUIET", "quiet"},
		{"far from all", "verbose", ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := config.Closest(tt.word, words); got != tt.want {
				t.Errorf("Closest(%q) = %q, want %q", tt.word, got, tt.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, file := range append(files, "mailvigil.example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse("mailvigil.yaml", data)
		if (cfg == nil) == (err == nil) {
			t.Errorf("got %v and %v, want one of them", cfg, err)
		}
	})
}

func moment(t *testing.T, text string) config.Moment {
	t.Helper()
	m, err := config.ParseMoment(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMoment: what a clock shows is an instant once the zone is known, and an
// instant stays one.
func TestMoment(t *testing.T) {
	brussels, err := config.Zone("Europe/Brussels")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-03-02 08:00":          "2026-03-02T08:00:00+01:00",
		"2026-07-02":                "2026-07-02T00:00:00+02:00",
		"2026-03-02T08:00:00Z":      "2026-03-02T09:00:00+01:00",
		"2026-03-02T08:00:00+05:00": "2026-03-02T04:00:00+01:00",
	} {
		if got := moment(t, text).In(brussels).Format(time.RFC3339); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
