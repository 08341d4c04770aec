package pseudonym

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

// Verdict gives v with every name replaced, and leaves v as it is. Raw lines are
// left out: they hold more than anybody can list. Every text is searched for
// names, also those of fields that this package has never heard of.
func (k *Key) Verdict(v *verdict.Verdict) (*verdict.Verdict, error) {
	var b bytes.Buffer
	if err := report.JSON(&b, v); err != nil {
		return nil, err
	}
	out, err := report.Read(&b)
	if err != nil {
		return nil, fmt.Errorf("copy the verdict: %w", err)
	}
	// A ledger that recorded v did not record this.
	out.Ledger = nil
	s := &scrubber{key: k, known: map[string]name{}}
	s.learnAll(reflect.ValueOf(out).Elem())
	s.ready()
	s.replace(reflect.ValueOf(out).Elem())
	out.Ledger = nil // it holds the hash of the verdict with names
	// The order of names would tell of them.
	for i := range out.Incidents {
		in := &out.Incidents[i]
		slices.Sort(in.Compromised)
		slices.Sort(in.Sources)
		slices.Sort(in.Stolen)
		slices.SortStableFunc(in.Extent, func(a, b verdict.Extent) int { return strings.Compare(a.Account, b.Account) })
		for k := range in.Extent {
			slices.Sort(in.Extent[k].Sources)
		}
	}
	return out, nil
}

// fields are those that hold a name and nothing else.
var fields = map[reflect.Type]map[string]Kind{
	reflect.TypeFor[verdict.Incident]():       {"Compromised": Account, "Sources": Address, "Stolen": Session},
	reflect.TypeFor[verdict.Extent]():         {"Account": Account, "Sources": Address},
	reflect.TypeFor[verdict.Evidence]():       {"File": File, "SHA256": hash},
	reflect.TypeFor[verdict.Finding]():        {"Account": Account, "ClientIP": Address, "Device": Device, "Session": Session},
	reflect.TypeFor[verdict.InfectedClient](): {"Account": Account, "IP": Address},
	reflect.TypeFor[verdict.Input]():          {"File": File, "SHA256": hash},
	reflect.TypeFor[verdict.Used]():           {"File": File, "SHA256": hash},
}

// kept are those whose values are ours.
var kept = map[reflect.Type]map[string]bool{
	reflect.TypeFor[verdict.Verdict]():  {"Verdict": true, "Focus": true, "Timezone": true},
	reflect.TypeFor[verdict.Incident](): {"ID": true, "Kind": true, "Services": true, "Findings": true},
	reflect.TypeFor[verdict.Evidence](): {"ID": true},
	reflect.TypeFor[verdict.Finding]():  {"ID": true, "Code": true, "Severity": true},
	reflect.TypeFor[verdict.Gap]():      {"Format": true},
	reflect.TypeFor[verdict.Input]():    {"Format": true},
	reflect.TypeFor[verdict.Used]():     {"Kind": true},
}

// attributes of a cause that name somebody or something.
var attributes = map[string]Kind{
	"account": Account, "account_group": Group, "ip": Address, "prefix": Address, "device": Device, "url": URL, "user_agent": Agent,
}

func (s *scrubber) learnAll(v reflect.Value) {
	s.walk(v, func(kind Kind, of reflect.Value) { s.learn(kind, of.String()) }, func(m map[string]string) {
		for attribute, value := range m {
			if kind, ok := attributes[attribute]; ok {
				s.learn(kind, value)
			}
		}
	}, func(reflect.Value) {}, func(reflect.Value) {})
}

func (s *scrubber) replace(v reflect.Value) {
	s.walk(v, func(kind Kind, of reflect.Value) { of.SetString(s.key.Word(kind, of.String())) }, func(m map[string]string) {
		for attribute, value := range m {
			if kind, ok := attributes[attribute]; ok {
				m[attribute] = s.key.Word(kind, value)
			} else {
				m[attribute] = s.text(value)
			}
		}
	}, func(of reflect.Value) { of.SetString(s.text(of.String())) }, s.special)
}

// walk calls enter for every struct before its fields, named for strings that are
// a name, cause for causes, and text for all other strings that are not ours
// alone.
func (s *scrubber) walk(v reflect.Value, named func(Kind, reflect.Value), cause func(map[string]string), text, enter func(reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.walk(v.Elem(), named, cause, text, enter)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			s.walk(v.Index(i), named, cause, text, enter)
		}
	case reflect.Map:
		if m, ok := v.Interface().(map[string]string); ok {
			cause(m)
		}
	case reflect.String:
		text(v)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		enter(v)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || kept[v.Type()][f.Name] {
				continue
			}
			kind, only := fields[v.Type()][f.Name]
			switch field := v.Field(i); {
			case !only:
				s.walk(field, named, cause, text, enter)
			case field.Kind() == reflect.String:
				named(kind, field)
			default:
				for j := range field.Len() {
					named(kind, field.Index(j))
				}
			}
		}
	}
}

// special leaves out what no search of ours makes safe: raw lines, and the
// words of others.
func (s *scrubber) special(v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *verdict.Evidence:
		x.Text = ""
	case *verdict.Finding:
		for _, a := range x.Against {
			if a == verdict.AgainstImported {
				x.Title = "a finding of another tool, whose words are left out"
			}
		}
	case *verdict.Coverage:
		for i, p := range x.Problems {
			// A problem begins with the name of the file.
			if file, rest, ok := strings.Cut(p, ": "); ok {
				x.Problems[i] = s.key.Word(File, file) + ": " + rest
			}
		}
	}
}
