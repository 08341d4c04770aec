package config

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Draft is a configuration to begin with: what was found, to be looked over by
// a person. Whatever was guessed says so in the file.
type Draft struct {
	// Zone is an IANA name, "" where none is known; ZoneWhy is how it was
	// guessed, "" where a person named it.
	Zone, ZoneWhy string
	// Domains, the main one first, with why.
	Domains    []string
	DomainsWhy string
	// Country is whose holidays may be meant, "" for no idea.
	Country string
	// Logs are files, folders and patterns.
	Logs []string
	// Found is what the logs show of the organisation, in sentences. It is
	// found at every run, and stands in the file to be contradicted.
	Found []string
}

// YAML writes the draft, as Parse reads it. What cannot stand in such a file (a
// domain with odd letters, a path that is no text) is left out.
func (d Draft) YAML() []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# What Mailvigil cannot read from the logs. Every key may be left out.")
	line("# Written by \"mailvigil init\". What is marked as guessed wants a look.")
	line("")
	line("# Zone in which the servers write their local time, as an IANA name.")
	switch {
	case d.Zone == "":
		line("# It is not known; without it this machine's is taken.")
		line("# timezone: Europe/Brussels")
	case d.ZoneWhy != "":
		line("# GUESSED: %s.", comment(d.ZoneWhy))
		fallthrough
	default:
		line("timezone: %s", strconv.Quote(d.Zone))
	}
	line("")
	line("# Mail domains, the main one first: a name without a domain belongs to it.")
	var domains []string
	for _, name := range d.Domains {
		if name = strings.ToLower(name); domainName.MatchString(name) {
			domains = append(domains, name)
		}
	}
	if len(domains) == 0 {
		line("# None was found in the logs.")
		line("# domains: [parl.example]")
	} else {
		if d.DomainsWhy != "" {
			line("# GUESSED: %s.", comment(d.DomainsWhy))
		}
		line("domains:")
		for _, name := range domains {
			line("  - %s", strconv.Quote(name))
		}
	}
	line("")
	line("# Other spellings of an account. They matter most: one person with two names")
	line("# looks like two people.")
	line("# aliases:")
	line("#   anna.peeters: [apeeters, president@parl.example]")
	line("")
	line("# Networks of the offices; proxies, webmail hosts and relays. They are found in")
	line("# the logs at every run. Write down what is missing or wrong.")
	for _, f := range d.Found {
		line("# Found: %s.", comment(f))
	}
	line("# networks:")
	line("#   own: [192.0.2.0/24]")
	line("#   relays: [198.51.100.7]")
	line("")
	line("# Whose public holidays are days off, and others besides.")
	if d.Country != "" {
		line("# GUESSED from the domain; take the # away if it is right.")
		line("# country: %s", comment(d.Country))
	} else {
		line("# country: DE-BY")
	}
	line("# holidays: [2026-12-24]")
	line("")
	line("# What people know of a time and no log tells: announced, fine or incident.")
	line("# known:")
	line("#   - announced: iOS rollout")
	line("#     from: 2026-03-02 08:00")
	line("#     until: 2026-03-05 18:00")
	line("")
	line("# The tamper-evident record of every run; \"mailvigil ledger init FOLDER\" begins it.")
	line("# ledger: /var/lib/mailvigil/ledger")
	line("")
	line("# Read where no path is given on the command line: files, folders, and patterns")
	line("# with * and ?. Without this key the usual places of mail and web servers are.")
	var logs []string
	for _, path := range d.Logs {
		if utf8.ValidString(path) {
			logs = append(logs, path)
		}
	}
	if len(logs) == 0 {
		line("# logs: [/var/log/mail.log*]")
		return b.Bytes()
	}
	line("logs:")
	for _, path := range logs {
		line("  - %s", strconv.Quote(path))
	}
	return b.Bytes()
}

// comment is a text that ends where the line does.
func comment(s string) string {
	q := strconv.Quote(strings.TrimSuffix(s, "."))
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}
