package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// reader walks the nodes of a file rather than decoding into structs: every
// value keeps its place, and all problems are told at once.
type reader struct {
	file, base string
	problems   []error
	// described is what each node stands for while the schema is made (see
	// describe), nil while a file is read.
	described map[*yaml.Node]*shape
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, &Problem{File: r.file, Line: n.Line, Column: n.Column, Text: fmt.Sprintf(format, args...)})
}

// document returns the root of the file, nil where the file is empty or no
// YAML.
func (r *reader) document(data []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data))
	var docs [2]yaml.Node
	n := 0
	for n < len(docs) && err == nil {
		if err = loader.Load(&docs[n]); err == nil {
			n++
		}
	}
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		r.syntax(err, data)
		return nil
	case n == 0 || len(docs[0].Content) == 0:
		return nil
	case n == 2:
		r.fail(&docs[1], "a second document starts here; keep all in one, without \"---\"")
	}
	return docs[0].Content[0]
}

// syntax words the YAML library's errors as ours.
func (r *reader) syntax(err error, data []byte) {
	p := &Problem{File: r.file, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	var at *yaml.LoadError
	if errors.As(err, &at) {
		p.Line, p.Column, p.Text = at.Mark.Line, at.Mark.Column, at.Message
	}
	p.Text = "this is not YAML: " + p.Text
	// The commonest mistake has the library's least helpful message.
	if lines := bytes.Split(data, []byte("\n")); p.Line > 0 && p.Line <= len(lines) && bytes.HasPrefix(bytes.TrimLeft(lines[p.Line-1], " "), []byte("\t")) {
		p.Text += "; indent with spaces, not with tabs"
	}
	r.problems = append(r.problems, p)
}

// field reads one key's value.
type field struct {
	key  string
	read func(*yaml.Node)
}

func (r *reader) root(n *yaml.Node, cfg *Config) {
	r.mapping(n, "the file", []field{
		{"timezone", func(n *yaml.Node) {
			name, ok := r.text(n, "timezone")
			if !ok {
				return
			}
			zone, err := Zone(name)
			if err != nil {
				r.fail(n, "%v", err)
				return
			}
			cfg.Zone = zone
		}},
		{"domains", func(n *yaml.Node) { cfg.Domains = r.domains(n) }},
		{"aliases", func(n *yaml.Node) { r.aliases(n, cfg.Aliases) }},
		{"networks", func(n *yaml.Node) {
			r.mapping(n, "networks", []field{
				{"own", func(n *yaml.Node) { cfg.Networks.Own = r.prefixes(n, "networks.own") }},
				{"relays", func(n *yaml.Node) { cfg.Networks.Relays = r.prefixes(n, "networks.relays") }},
				{"file", func(n *yaml.Node) {
					if path, ok := r.text(n, "networks.file"); ok {
						cfg.Networks.File = r.path(path)
					}
				}},
			})
		}},
		{"holidays", func(n *yaml.Node) { cfg.Holidays = r.dates(n) }},
		{"country", func(n *yaml.Node) { cfg.Country, _ = r.text(n, "country") }},
		{"known", func(n *yaml.Node) {
			for _, item := range r.list(n, "known") {
				if k, ok := r.known(item); ok {
					cfg.Known = append(cfg.Known, k)
				}
			}
		}},
		{"ledger", func(n *yaml.Node) {
			if path, ok := r.text(n, "ledger"); ok {
				cfg.Ledger = r.path(path)
			}
		}},
		{"data", func(n *yaml.Node) {
			if path, ok := r.text(n, "data"); ok {
				if path == "" {
					r.fail(n, "data must be a folder, as in /var/lib/mailvigil")
					return
				}
				cfg.Data = r.path(path)
			}
		}},
		{"archive", func(n *yaml.Node) { cfg.Archive = r.archive(n) }},
		{"control", func(n *yaml.Node) { cfg.Control = r.control(n) }},
		{"vigilance", func(n *yaml.Node) { cfg.Vigilance = r.vigilance(n) }},
		{"metrics", func(n *yaml.Node) { cfg.Metrics = r.metrics(n) }},
		{"log", func(n *yaml.Node) { cfg.Log = r.log(n) }},
		{"intake", func(n *yaml.Node) { r.intake(n, &cfg.Intake) }},
		{"probes", func(n *yaml.Node) { cfg.Probes = r.probes(n) }},
		{"notify", func(n *yaml.Node) {
			var warnings []*Problem
			cfg.Notify, warnings = r.notify(n)
			cfg.Warnings = append(cfg.Warnings, warnings...)
		}},
		{"logs", func(n *yaml.Node) {
			for _, item := range r.list(n, "logs") {
				if path, ok := r.text(item, "a log"); ok {
					cfg.Logs = append(cfg.Logs, r.path(path))
				}
			}
		}},
	})
}

// mapping reads "key: value" lines with known keys, each at most once.
func (r *reader) mapping(n *yaml.Node, what string, fields []field) {
	if s := r.described[n]; s != nil {
		s.kind, s.props = "mapping", map[string]*shape{}
		for _, f := range fields {
			value, of := r.stand()
			s.keys, s.props[f.key] = append(s.keys, f.key), of
			f.read(value)
		}
		return
	}
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be lines of the form \"key: value\", not %s", what, kind(n))
		return
	}
	for key, value := range r.pairs(n) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key.Value })
		if i < 0 {
			r.unknown(key, what, fields)
			continue
		}
		fields[i].read(value)
	}
}

func (r *reader) unknown(key *yaml.Node, what string, fields []field) {
	var known []string
	for _, f := range fields {
		known = append(known, f.key)
	}
	if near := Closest(key.Value, known); near != "" {
		r.fail(key, "%s has no key %q; did you mean %q?", what, key.Value, near)
		return
	}
	r.fail(key, "%s has no key %q; the keys are %s", what, key.Value, strings.Join(known, ", "))
}

// pairs yields a mapping's keys and values, and complains of a key that comes
// twice: the YAML library looks for those only when it decodes into maps.
func (r *reader) pairs(n *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if s := r.described[n]; s != nil {
			value, of := r.stand()
			s.kind, s.item = "mapping", of
			yield(&yaml.Node{Kind: yaml.ScalarNode, Value: "name"}, value)
			return
		}
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], resolve(n.Content[i+1])
			if line, twice := first[key.Value]; twice {
				r.fail(key, "%q stands here again, it was given on line %d; keep one", key.Value, line)
				continue
			}
			first[key.Value] = key.Line
			if !yield(key, value) {
				return
			}
		}
	}
}

func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	if s := r.described[n]; s != nil {
		item, of := r.stand()
		s.kind, s.item = "list", of
		return []*yaml.Node{item}
	}
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list, one \"- value\" a line, not %s", what, kind(n))
		return nil
	}
	items := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		items[i] = resolve(item)
	}
	return items
}

func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	if s := r.described[n]; s != nil {
		s.kind = "text"
		return "", false
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		r.fail(n, "%s must be a text, not %s", what, kind(n))
		return "", false
	}
	return n.Value, true
}

// domainName is wider than the DNS's rules, which logs do not follow either:
// it is there to catch an address or a URL in a domain's place.
var domainName = regexp.MustCompile(`^[\pL\pN_-]+(\.[\pL\pN_-]+)*$`)

func (r *reader) domains(n *yaml.Node) (domains []string) {
	for _, item := range r.list(n, "domains") {
		name, ok := r.text(item, "a domain")
		if !ok {
			continue
		}
		name = strings.ToLower(name)
		if !domainName.MatchString(name) {
			r.fail(item, "%q is no domain; write it as in parl.example, without @ or http", name)
			continue
		}
		domains = append(domains, name)
	}
	return domains
}

func (r *reader) aliases(n *yaml.Node, aliases map[string]string) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode && r.described[n] == nil {
		r.fail(n, "aliases must be lines of the form \"account: [other, spellings]\", not %s", kind(n))
		return
	}
	for key, value := range r.pairs(n) {
		account := strings.ToLower(key.Value)
		for _, item := range r.list(value, "the aliases of "+account) {
			alias, ok := r.text(item, "an alias")
			if !ok {
				continue
			}
			alias = strings.ToLower(alias)
			if other, taken := aliases[alias]; taken && other != account {
				r.fail(item, "%q cannot stand for both %s and %s; an alias belongs to one account", alias, other, account)
				continue
			}
			aliases[alias] = account
		}
	}
}

func (r *reader) prefixes(n *yaml.Node, what string) (prefixes []netip.Prefix) {
	for _, item := range r.list(n, what) {
		text, ok := r.text(item, "a network")
		if !ok {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil || addr.Zone() != "" {
				r.fail(item, "%q is no network; write it as in 192.0.2.0/24, 2001:db8::/32 or 192.0.2.5", text)
				continue
			}
			prefix = netip.PrefixFrom(addr, addr.BitLen())
		}
		// A network of everybody would silently excuse every attacker.
		if prefix.Bits() == 0 {
			r.fail(item, "%s is the whole Internet; name the networks that are yours", text)
			continue
		}
		if masked := prefix.Masked(); masked != prefix {
			r.fail(item, "%s has bits set after its first %d; did you mean %s?", text, prefix.Bits(), masked)
			continue
		}
		prefixes = append(prefixes, prefix)
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	return slices.Compact(prefixes)
}

func (r *reader) dates(n *yaml.Node) (dates []Date) {
	for _, item := range r.list(n, "holidays") {
		text, ok := r.text(item, "a holiday")
		if !ok {
			continue
		}
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			r.fail(item, "%q is no date; write it as in 2024-12-25", text)
			continue
		}
		dates = append(dates, Date{t.Year(), t.Month(), t.Day()})
	}
	slices.SortFunc(dates, func(a, b Date) int {
		return cmp.Or(cmp.Compare(a.Year, b.Year), cmp.Compare(a.Month, b.Month), cmp.Compare(a.Day, b.Day))
	})
	return slices.Compact(dates)
}

// known reads what is known of one time.
func (r *reader) known(n *yaml.Node) (k Known, ok bool) {
	before := len(r.problems)
	var from, until bool
	kind := func(kind Kind) field {
		return field{string(kind), func(n *yaml.Node) {
			text, ok := r.text(n, string(kind))
			if !ok {
				return
			}
			if k.Kind != "" {
				r.fail(n, "this is %s already; write another entry for what is %s", k.Kind, kind)
			}
			k.Kind, k.What = kind, text
		}}
	}
	moment := func(name string, to *Moment, seen *bool) field {
		return field{name, func(n *yaml.Node) {
			*seen = true
			text, ok := r.text(n, name)
			if !ok {
				return
			}
			m, err := ParseMoment(text)
			if err != nil {
				r.fail(n, "%v", err)
			}
			*to = m
		}}
	}
	r.mapping(n, "an entry of known", []field{
		kind(Announced), kind(Fine), kind(Incident), moment("from", &k.From, &from), moment("until", &k.Until, &until),
	})
	switch {
	case len(r.problems) > before:
	case k.Kind == "":
		r.fail(n, "it does not say what is known; add announced, fine or incident with a few words, as in \"announced: iOS rollout\"")
	case !from || !until:
		r.fail(n, "%s %q needs from and until, as in 2024-04-05 18:30", k.Kind, k.What)
	case !k.From.In(time.UTC).Before(k.Until.In(time.UTC)):
		r.fail(n, "%s %q ends before it begins", k.Kind, k.What)
	}
	return k, len(r.problems) == before
}

func (r *reader) path(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.base, path)
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kind(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "nothing"
	case n.Kind == yaml.MappingNode:
		return "\"key: value\" lines"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%q", n.Value)
}
