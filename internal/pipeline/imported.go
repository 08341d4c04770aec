package pipeline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"mailvigil/verdict"
)

// Import is what antivirus, EDR and mail filters found, read from their exports.
// Its rows are told as findings, and a machine of one of our people that is in
// them is told as infected. It makes no attack by itself: whoever wrote the file
// has judged, and we have not seen on what.
type Import struct {
	Files []string // as they were named
	rows  []imported
}

type imported struct {
	verdict.Imported
	addr netip.Addr
}

// Bounds of an import.
const (
	maxImport     = 64 << 20 // bytes of a file
	maxImported   = 100_000  // rows of all files
	maxImportText = 400      // bytes of a title
)

// importFields are the names that exports use for each field, in lower case and
// without separators; the first that a row has counts.
var importFields = map[string][]string{
	"time":     {"time", "timestamp", "date", "datetime", "detectiontime", "detectedat", "detected", "eventtime", "createdat", "created", "firstseen"},
	"title":    {"title", "threat", "threatname", "signature", "malware", "malwarename", "virus", "virusname", "detection", "detectionname", "rule", "rulename", "name", "alert", "alertname", "message", "description"},
	"severity": {"severity", "level", "risk", "risklevel", "priority"},
	"account":  {"account", "accountname", "user", "username", "email", "mailbox", "upn", "userprincipalname", "recipient", "owner"},
	"ip":       {"ip", "clientip", "ipaddress", "sourceip", "srcip", "address", "remoteip", "hostip", "localip", "source"},
	"device":   {"device", "devicename", "host", "hostname", "computer", "computername", "machine", "machinename", "endpoint", "agent"},
	"tool":     {"tool", "product", "engine", "scanner", "vendor", "sensor", "provider"},
	"code":     {"code", "technique", "techniqueid", "attack", "mitre", "mitretechnique"},
}

// AddFile adds a file of findings: CSV with a line of names (comma, semicolon or
// tab), a JSON array of objects, or one JSON object a line. Names decide what a
// field is, whatever their spelling; a row must have a title and one of account,
// address and device. zone is that of times without one.
func (im *Import) AddFile(name string, r io.Reader, zone *time.Location) error {
	data, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return fmt.Errorf("read the findings in %s: %w", name, err)
	}
	if len(data) > maxImport {
		return fmt.Errorf("the findings in %s take more than %d MB; export a shorter time", name, maxImport>>20)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	body := bytes.TrimSpace(data)
	before := len(im.rows)
	switch {
	case len(body) == 0:
		// An export without a row: that nothing was found is what it says.
	case body[0] == '[' || body[0] == '{':
		err = im.addJSON(name, data, zone)
	default:
		err = im.addCSV(name, data, zone)
	}
	if err != nil {
		im.rows = im.rows[:before]
		return fmt.Errorf("read the findings in %s: %w", name, err)
	}
	im.Files = append(im.Files, name)
	return nil
}

func (im *Import) addJSON(name string, data []byte, zone *time.Location) error {
	take := func(raw json.RawMessage, offset int64) error {
		var fields map[string]any
		if err := json.Unmarshal(raw, &fields); err != nil {
			return fmt.Errorf("at byte %d: %w", offset, err)
		}
		row := make(map[string]string, len(fields))
		for k, v := range fields {
			switch v := v.(type) {
			case string:
				row[plain(k)] = v
			case float64, bool:
				row[plain(k)] = fmt.Sprint(v)
			}
		}
		start := int(offset)
		return im.add(row, name, int64(bytes.Count(data[:start], []byte("\n")))+1, offset, string(raw), zone)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	array := bytes.TrimSpace(data)[0] == '['
	if array {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
		if err := take(raw, d.InputOffset()-int64(len(raw))); err != nil {
			return err
		}
	}
	if array {
		if _, err := d.Token(); err != nil {
			return fmt.Errorf("at byte %d: %w", d.InputOffset(), err)
		}
	}
	return nil
}

func (im *Import) addCSV(name string, data []byte, zone *time.Location) error {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	c := csv.NewReader(bytes.NewReader(data))
	for _, comma := range ";\t" {
		if bytes.Count(first, []byte(string(comma))) > bytes.Count(first, []byte(string(c.Comma))) {
			c.Comma = comma
		}
	}
	c.FieldsPerRecord = -1
	head, err := c.Read()
	if err != nil {
		return err
	}
	for i := range head {
		head[i] = plain(head[i])
	}
	if !slices.ContainsFunc(importFields["title"], func(f string) bool { return slices.Contains(head, f) }) {
		return fmt.Errorf("line 1 names no column for what was found; name one %q", "title")
	}
	for {
		begin := c.InputOffset()
		cells, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		row := make(map[string]string, len(head))
		for i, v := range cells {
			if i < len(head) {
				row[head[i]] = v
			}
		}
		line, _ := c.FieldPos(0)
		text := bytes.TrimRight(data[begin:c.InputOffset()], "\r\n")
		if err := im.add(row, name, int64(line), begin, string(text), zone); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// plain is a field's name without case and separators.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '_', '-', '.':
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

var importTimes = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"}

func (im *Import) add(row map[string]string, file string, line, offset int64, text string, zone *time.Location) error {
	get := func(field string) string {
		for _, name := range importFields[field] {
			if v := strings.TrimSpace(row[name]); v != "" {
				return v
			}
		}
		return ""
	}
	x := imported{Imported: verdict.Imported{
		Title: clipText(get("title")), Account: get("account"), Device: clipText(get("device")), Tool: clipText(get("tool")),
		Code: clipText(get("code")), Severity: severityOf(get("severity")),
		Evidence: verdict.Evidence{File: file, Line: line, Offset: offset, Text: text, SHA256: hash([]byte(text))},
	}}
	if s := get("ip"); s != "" {
		if a, err := netip.ParseAddr(s); err == nil {
			x.addr = a.Unmap().WithZone("")
			x.ClientIP = x.addr.String()
		}
	}
	if x.Title == "" {
		return fmt.Errorf("nothing says what was found; fill %q", "title")
	}
	if x.Account == "" && x.ClientIP == "" && x.Device == "" {
		return fmt.Errorf("nothing says on whose machine; fill %q, %q or %q", "account", "ip", "device")
	}
	if s := get("time"); s != "" {
		for _, layout := range importTimes {
			if t, err := time.ParseInLocation(layout, s, zone); err == nil {
				x.At = t
				break
			}
		}
		if x.At.IsZero() {
			return fmt.Errorf("no such time: %q; write it as 2024-04-05T18:30:00+02:00", s)
		}
	}
	if len(im.rows) >= maxImported {
		return fmt.Errorf("there are more than %d findings; export a shorter time, or the severe ones", maxImported)
	}
	x.Evidence.ID = fmt.Sprintf("imported-%d", len(im.rows)+1)
	im.rows = append(im.rows, x)
	return nil
}

func clipText(s string) string {
	if len(s) <= maxImportText {
		return s
	}
	s = s[:maxImportText]
	for len(s) > 0 && !utf8.ValidString(s[max(0, len(s)-utf8.UTFMax):]) && !utf8.RuneStart(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// severityOf puts the words and numbers of others in ours. What is not known is
// medium: somebody thought it worth a row.
func severityOf(s string) verdict.Severity {
	switch strings.ToLower(s) {
	case "info", "informational", "information", "none", "0":
		return verdict.Info
	case "low", "minor", "1":
		return verdict.Low
	case "high", "major", "severe", "error", "3":
		return verdict.High
	case "critical", "fatal", "emergency", "4", "5":
		return verdict.Critical
	}
	return verdict.Medium
}

// imports puts what was imported beside what the logs show: the account in our
// spelling, whose machine an address is, and of an account the address it
// belongs to.
func (r *run) imports() []verdict.Imported {
	if r.opt.Import == nil {
		return nil
	}
	var out []verdict.Imported
	for _, x := range r.opt.Import.rows {
		if x.At.IsZero() || x.At.UnixNano() >= r.since && x.At.UnixNano() < r.until {
			v := x.Imported
			if v.Account != "" {
				v.Account = r.enricher.Account([]byte(v.Account))
			}
			if malware(v.Title) {
				v.Owners = r.owners(v.Account, x.addr)
			}
			out = append(out, v)
		}
	}
	return out
}

// malware tells findings on a machine from those on a message, where a mail
// filter caught it before anybody opened it.
func malware(title string) bool {
	t := strings.ToLower(title)
	for _, s := range []string{"spam", "phish", "quarantined message", "bulk"} {
		if strings.Contains(t, s) {
			return false
		}
	}
	return true
}

// owners are the accounts whose machine it is: the one that is stated, else
// those that belong at the address.
func (r *run) owners(account string, addr netip.Addr) []verdict.InfectedClient {
	if account != "" {
		ip := ""
		if addr.IsValid() {
			ip = addr.String()
		}
		return []verdict.InfectedClient{{Account: account, IP: ip}}
	}
	if !addr.IsValid() {
		return nil
	}
	var out []verdict.InfectedClient
	for _, name := range r.profiles.Residents(addr) {
		out = append(out, verdict.InfectedClient{Account: name, IP: addr.String()})
	}
	return out
}

// lookedAt says what was looked at for signs of malware, so that "none" can be
// weighed.
func (r *run) lookedAt() []string {
	homes, people := 0, make(map[string]bool)
	for s := range r.profiles.Sources() {
		names := r.profiles.Residents(s.Addr)
		if len(names) > 0 {
			homes++
		}
		for _, n := range names {
			people[n] = true
		}
	}
	out := []string{fmt.Sprintf("whether any of the %d usual addresses of %d accounts also tried the passwords of others", homes, len(people))}
	if im := r.opt.Import; im != nil {
		out = append(out, fmt.Sprintf("%d findings of antivirus, EDR or mail filters in %s", len(im.rows), strings.Join(im.Files, ", ")))
	} else {
		out = append(out, "no findings of antivirus, EDR or mail filters: none were given (--findings)")
	}
	return out
}
