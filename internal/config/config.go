// Package config reads the one YAML file that says what cannot be read from
// the logs: the organisation's zone, its domains, its own networks and
// holidays, and where its logs are.
//
// It checks everything at once and names file, line and column of what is
// wrong, with what to write instead. It looks at nothing but the file: it does
// not open the logs or the networks file it names. internal/app calls it.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config is a configuration that was found to be right. The zero value is what
// holds without a file.
type Config struct {
	// Zone is the organisation's zone, nil where the file states none.
	Zone *time.Location
	// Domains are the mail domains, in lower case, the main one first.
	Domains []string
	// Aliases gives the account behind another spelling, both in lower case.
	// Where both begin with @, they are domains.
	Aliases  map[string]string
	Networks Networks
	Holidays []Date
	// Country is whose public holidays are days off too, an ISO 3166 code as
	// it was written, "" for none.
	Country string
	// Known is what people know of times that no log tells.
	Known []Known
	// Ledger is the folder of the tamper-evident record, "" for none.
	Ledger string
	// Logs are files, folders and patterns (path/filepath.Match) to read where
	// none are named on the command line.
	Logs []string
	// Data is the folder of what the watch must not lose, "" for the default.
	Data    string
	Archive Archive
	// Control is who may ask the watch, and where.
	Control Control
	// Vigilance is when the watch looks harder by itself.
	Vigilance Vigilance
	Metrics   Metrics
	// Log is what the watch writes of itself, not what it reads.
	Log Log
	// Intake is what comes over the network.
	Intake Intake
	// Probes are what the mail service is asked, nil for nothing.
	Probes *Probes
	// Notify is who is told of incidents, nil for nobody.
	Notify *Notify
	// Warnings are of what is right as it stands, and may not be meant.
	Warnings []*Problem
}

// Networks are the addresses that only the organisation can know.
type Networks struct {
	// Own are where its people sit.
	Own []netip.Prefix
	// Relays are proxies, webmail hosts and mail relays: they act for others
	// and are never a source of blame.
	Relays []netip.Prefix
	// File is the networks database, "" for the one beside the program.
	File string
}

// Date is a day of the calendar, in the organisation's zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

// Kind of what is known of a time.
type Kind string

// The kinds, under the names that the file and the command line have for them.
const (
	Announced Kind = "announced" // a change was announced
	Fine      Kind = "fine"      // what looked unusual was harmless
	Incident  Kind = "incident"  // it was none of that, and must not become normal
)

// Known is what people know of a time.
type Known struct {
	Kind        Kind
	What        string // in words: "iOS rollout"
	From, Until Moment
}

// Moment is a point in time: an instant, or what the organisation's clock
// shows, which is one once the zone is known.
type Moment struct {
	clock time.Time // in UTC where it is what a clock shows
	local bool
}

// In gives the instant, as seen in a zone.
func (m Moment) In(zone *time.Location) time.Time {
	if !m.local {
		return m.clock.In(zone)
	}
	c := m.clock
	return time.Date(c.Year(), c.Month(), c.Day(), c.Hour(), c.Minute(), c.Second(), 0, zone)
}

// ParseMoment reads RFC 3339, or a date with or without a time of day as the
// organisation's clock shows it.
func ParseMoment(text string) (Moment, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return Moment{clock: t}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return Moment{clock: t, local: true}, nil
		}
	}
	return Moment{}, fmt.Errorf("%q is no time; write 2024-04-05, \"2024-04-05 18:30\" or 2024-04-05T18:30:00+02:00", text)
}

// Problem is one thing that is wrong in a file.
type Problem struct {
	File         string
	Line, Column int // from 1; 0 where the place is not known
	Text         string
}

func (p *Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Name of a configuration that is found without being named, in the current
// folder, else in SystemFolder.
const (
	Name         = "mailvigil.yaml"
	SystemFolder = "/etc/mailvigil"
)

// Find returns the configuration to use where none is named, "" where there is
// none. One that a stranger may have put into the current folder is an error: it
// decides who is blamed.
func Find() (string, error) {
	info, err := os.Stat(Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", fmt.Errorf("look for the configuration: %w", err)
	case info.Mode().IsRegular():
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
			return "", fmt.Errorf("%s in this folder belongs to another user; if it is yours to trust, name it with --config %s; --config /dev/null goes without", Name, Name)
		}
		return Name, nil
	}
	path := filepath.Join(SystemFolder, Name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return "", nil
	} else if err != nil {
		return "", fmt.Errorf("look for the configuration: %w", err)
	}
	return path, nil
}

// Load reads the file. Relative paths in it are taken from the file's folder.
func Load(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads a file's content. The error joins a Problem for each thing that
// is wrong, in the order of the file.
func Parse(path string, data []byte) (*Config, error) {
	r := &reader{file: path, base: filepath.Dir(path)}
	cfg := &Config{Aliases: map[string]string{}}
	if doc := r.document(data); doc != nil {
		r.root(doc, cfg)
	}
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return cfg, nil
}

// Zone loads a zone by its IANA name. The error names the zone that was most
// likely meant.
func Zone(name string) (*time.Location, error) {
	// "Local" and "" mean this machine's zone to Go; the logs may come from
	// another, so a zone is always named.
	if name != "" && name != "Local" {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, nil
		}
	}
	if near := nearestZone(name); near != "" {
		return nil, fmt.Errorf("there is no time zone %q; did you mean %s?", name, near)
	}
	return nil, fmt.Errorf("there is no time zone %q; write an IANA name such as Europe/Brussels", name)
}

func nearestZone(name string) string {
	if near := Closest(name, Zones()); near != "" {
		return near
	}
	// "Brussels" is a fair way to name Europe/Brussels.
	cities := map[string]string{}
	var names []string
	for _, zone := range Zones() {
		city := zone[strings.LastIndexByte(zone, '/')+1:]
		if _, taken := cities[city]; !taken {
			cities[city] = zone
			names = append(names, city)
		}
	}
	return cities[Closest(strings.ReplaceAll(name, " ", "_"), names)]
}
