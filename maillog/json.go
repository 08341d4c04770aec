package maillog

import (
	"bytes"
	"net/netip"
	"unicode/utf8"
)

// jsonFields are the scalars of one line of JSON, as views into it. The line
// is walked once; what is not asked for costs no more than its length.
//
// Fields of the outermost object and those further in have room of their own,
// so that a long list within (the messages that were read) does not push out
// what the line is about.
type jsonFields struct {
	top, nested       [maxJSONFields]jsonField
	topLen, nestedLen int
	text              []byte // strings with their escapes undone
}

const (
	maxJSONFields = 96
	maxJSONDepth  = 24
)

// jsonField is one scalar. Strings that stand in an array carry the array's
// key; an array of numbers is one field.
type jsonField struct {
	parent, key, value []byte // key and value as written, without their quotes
	object             uint16 // the number of the object that holds it, 0 the outermost
	depth              uint8  // of that object
	kind               byte   // '"', '[' or the first byte of a number, true, false, null
	escaped            bool
}

// jsonFrame is an object or an array that is open. An array's object, its
// name and depth are those of the object that holds it.
type jsonFrame struct {
	key    []byte // it is the value of
	name   []byte // the key of the object
	object uint16
	depth  uint8
	array  bool
	slot   *jsonField // of an array
	start  int
}

func jsonSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// scan walks a line that is one JSON object. It is as strict as it takes to
// tell a whole line from a cut one; it returns why the line is Rejected.
func (j *jsonFields) scan(line []byte) string {
	j.topLen, j.nestedLen, j.text = 0, 0, j.text[:0]
	var stack [maxJSONDepth]jsonFrame
	depth, objects := -1, uint16(0)
	var key []byte // of the value that comes next
	wantKey := false
	for i := 0; i < len(line); {
		c := line[i]
		if c == ',' || jsonSpace(c) {
			i++
			continue
		}
		if depth < 0 && c != '{' {
			return whyUnknown
		}
		switch c {
		case '{', '[':
			if wantKey {
				return whyCut
			}
			if depth++; depth == maxJSONDepth {
				return whyUnknown
			}
			f := &stack[depth]
			*f = jsonFrame{key: key, name: key, array: c == '[', start: i}
			if depth > 0 {
				holder := &stack[depth-1]
				if f.array {
					f.name, f.object, f.depth = holder.name, holder.object, holder.depth
					f.slot = j.add(holder, key)
				} else {
					objects++
					f.object, f.depth = objects, holder.depth+1
				}
			}
			wantKey = c == '{'
			i++
			continue
		case '}', ']':
			f := &stack[depth]
			if f.array != (c == ']') {
				return whyCut
			}
			i++
			if f.slot != nil && f.slot.kind == 0 {
				f.slot.kind, f.slot.value = '[', line[f.start:i]
			}
			if depth--; depth < 0 {
				if len(bytes.TrimLeft(line[i:], " \t\r\n")) > 0 {
					return whyGlued
				}
				return ""
			}
		case '"':
			end, escaped := closingQuote(line, i+1)
			if end < 0 {
				return whyCut
			}
			s := line[i+1 : end]
			i = end + 1
			if wantKey {
				key, wantKey = s, false
				for i < len(line) && jsonSpace(line[i]) {
					i++
				}
				if i+1 >= len(line) || line[i] != ':' || line[i+1] == ',' || line[i+1] == ':' {
					return whyCut
				}
				i++
				continue
			}
			f := stack[depth].slot
			if f == nil || f.kind != 0 { // the first string of an array takes its place
				f = j.add(&stack[depth], key)
			}
			if f != nil {
				f.kind, f.value, f.escaped = '"', s, escaped
			}
		default:
			end := i
			for end < len(line) && isJSONWord(line[end]) {
				end++
			}
			if end == i || wantKey {
				return whyCut
			}
			if !stack[depth].array {
				if f := j.add(&stack[depth], key); f != nil {
					f.kind, f.value = c, line[i:end]
				}
			}
			i = end
		}
		// A value has ended: in an object a key comes next, in an array the
		// key stays that of the array.
		if wantKey = !stack[depth].array; !wantKey {
			key = stack[depth].key
		}
	}
	return whyCut
}

func isJSONWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// closingQuote finds the quote that ends a string which begins at i.
func closingQuote(b []byte, i int) (end int, escaped bool) {
	for start := i; ; {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1, false
		}
		i += n
		k := i
		for k > start && b[k-1] == '\\' {
			k--
		}
		if (i-k)%2 == 0 {
			return i, bytes.IndexByte(b[start:i], '\\') >= 0
		}
		i++
	}
}

// add takes room for a value in an open object or array; nil where there is
// none left.
func (j *jsonFields) add(in *jsonFrame, key []byte) *jsonField {
	var f *jsonField
	switch {
	case in.depth == 0 && j.topLen < maxJSONFields:
		f = &j.top[j.topLen]
		j.topLen++
	case in.depth > 0 && j.nestedLen < maxJSONFields:
		f = &j.nested[j.nestedLen]
		j.nestedLen++
	default:
		return nil
	}
	f.parent, f.key, f.value, f.object, f.depth, f.kind, f.escaped = in.name, key, nil, in.object, in.depth, 0, false
	return f
}

// field returns a field of the outermost object; nil where there is none. The
// first of a name counts.
func (j *jsonFields) field(key string) *jsonField {
	for i := range j.top[:j.topLen] {
		if f := &j.top[i]; string(f.key) == key && f.kind != 0 {
			return f
		}
	}
	return nil
}

func (j *jsonFields) has(key string) bool { return j.field(key) != nil }

// in returns a field of the object that stands under the name parent, at that
// depth.
func (j *jsonFields) in(depth uint8, parent, key string) *jsonField {
	for i := range j.nested[:j.nestedLen] {
		if f := &j.nested[i]; f.depth == depth && string(f.key) == key && string(f.parent) == parent && f.kind != 0 {
			return f
		}
	}
	return nil
}

// pair returns the value of an array of objects with a name and a value each:
//
//	"list":[{"name":"n","value":"v"}, …]
func (j *jsonFields) pair(depth uint8, list, nameKey, n, valueKey string) *jsonField {
	for i := range j.nested[:j.nestedLen] {
		f := &j.nested[i]
		if f.depth != depth || string(f.value) != n || string(f.key) != nameKey || string(f.parent) != list {
			continue
		}
		for k := range j.nested[:j.nestedLen] {
			if v := &j.nested[k]; v.object == f.object && string(v.key) == valueKey && v.kind != 0 {
				return v
			}
		}
	}
	return nil
}

// is compares a field as it is written, without undoing escapes.
func (f *jsonField) is(s string) bool { return f != nil && string(f.value) == s }

// raw returns a field as it is written; nil where there is none.
func (f *jsonField) raw() []byte {
	if f == nil || f.kind == 'n' || f.kind == '[' {
		return nil
	}
	return f.value
}

// textOf returns the text of a field with its escapes undone, into memory of
// the Parser if there are any. Numbers are returned as they are written.
func (j *jsonFields) textOf(f *jsonField) []byte {
	b := f.raw()
	if b == nil || !f.escaped {
		return b
	}
	return j.undo(b)
}

// undo undoes the escapes of a string into memory of the Parser.
func (j *jsonFields) undo(b []byte) []byte {
	j.room(len(b)) // undone escapes are never longer
	start := len(j.text)
	j.text = unescapeJSON(j.text, b)
	return j.text[start:len(j.text):len(j.text)]
}

// room makes sure that n bytes can be added without moving what is there.
func (j *jsonFields) room(n int) {
	if cap(j.text)-len(j.text) < n {
		j.text = make([]byte, 0, 2*cap(j.text)+n)
	}
}

// unescapeJSON undoes the escapes of a JSON string (RFC 8259, section 7).
func unescapeJSON(out, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		i++
		switch b[i] {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'u':
			r := hex4(b[i+1:])
			if r < 0 {
				out = append(out, '\\', 'u')
				continue
			}
			i += 4
			if 0xd800 <= r && r < 0xdc00 && i+2 < len(b) && b[i+1] == '\\' && b[i+2] == 'u' {
				if low := hex4(b[i+3:]); 0xdc00 <= low && low < 0xe000 {
					r = (r-0xd800)<<10 | (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			out = utf8.AppendRune(out, r) // half a pair becomes U+FFFD
		case 'x': // Go's, in logfmt
			if i+2 >= len(b) || unhex(b[i+1]) < 0 || unhex(b[i+2]) < 0 {
				out = append(out, 'x')
				continue
			}
			out = append(out, byte(unhex(b[i+1])<<4|unhex(b[i+2])))
			i += 2
		default:
			out = append(out, b[i])
		}
	}
	return out
}

func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		d := unhex(c)
		if d < 0 {
			return -1
		}
		r = r<<4 | rune(d)
	}
	return r
}

// jsonFormats says which formats are JSON: how their lines are known by their
// names, and how they are read. A format is added here; more particular names
// come first.
var jsonFormats = [...]struct {
	format Format
	knows  func(j *jsonFields) bool
	read   func(p *Parser, ev *Event) Result
}{
	{Journald, knowsJournald, (*Parser).journald},
	{Docker, knowsDocker, (*Parser).docker},
	{Caddy, knowsCaddy, (*Parser).caddy},
	{Traefik, knowsTraefik, (*Parser).traefik},
	{DovecotEvents, knowsDovecotEvents, (*Parser).dovecotEvents},
	{Stalwart, knowsStalwart, (*Parser).stalwart},
	{Microsoft365, knowsMicrosoft365, (*Parser).microsoft365},
	{GoogleWorkspace, knowsGoogle, (*Parser).google},
	{Nextcloud, knowsNextcloud, (*Parser).nextcloud},
	{Keycloak, knowsKeycloak, (*Parser).keycloak},
	{Authentik, knowsAuthentik, (*Parser).authentik},
	{Authelia, knowsAuthelia, (*Parser).authelia},
}

func jsonFormat(j *jsonFields) int {
	for i := range jsonFormats {
		if jsonFormats[i].knows(j) {
			return i
		}
	}
	return -1
}

func isJSON(f Format) bool {
	for i := range jsonFormats {
		if jsonFormats[i].format == f {
			return true
		}
	}
	return false
}

func beginsJSON(line []byte) bool { return line[0] == '{' }

// tellJSON names the format of a line for Detect.
func tellJSON(line []byte) Format {
	var j jsonFields
	if j.scan(line) == "" {
		if i := jsonFormat(&j); i >= 0 {
			return jsonFormats[i].format
		}
	}
	return FormatNone
}

// jsonLine reads a line that is one JSON object.
func (p *Parser) jsonLine(line []byte, ev *Event) Result {
	if beginsCombined(line) { // Traefik's other form
		return p.combined(line, ev)
	}
	if why := p.json.scan(line); why != "" {
		return rejected(why)
	}
	i := p.lastJSON // a file is of one format, mostly
	if !jsonFormats[i].knows(&p.json) {
		if i = jsonFormat(&p.json); i < 0 {
			return rejected(whyUnknown)
		}
		p.lastJSON = i
	}
	ev.Format = jsonFormats[i].format
	return jsonFormats[i].read(p, ev)
}

// jsonTime reads a time that a field states: RFC 3339, or seconds since 1970
// with a fraction. utc: a time without zone is UTC, not local.
func (p *Parser) jsonTime(f *jsonField, utc bool, ev *Event) bool {
	if f == nil {
		return false
	}
	if f.kind != '"' {
		var ok bool
		ev.Time, ok = epoch(f.value)
		return ok
	}
	s, _, ok := parseStamp(f.value)
	s.zoned = s.zoned || utc
	return ok && p.time(&s, ev)
}

// jsonAddr reads the address of a field, with or without a port, into ev. It
// reports false where the field holds something else; nothing at all, null
// and a Unix socket are no address and no fault.
func (p *Parser) jsonAddr(f *jsonField, ev *Event) bool {
	b := f.raw()
	if len(b) == 0 || string(b) == "@" || string(b) == "-" {
		return true
	}
	var ok bool
	ev.ClientIP, ok = addrPort(b)
	return ok
}

// addrPort reads "192.0.2.1", "192.0.2.1:25", "2001:db8::1", "[2001:db8::1]"
// or "[2001:db8::1]:25".
func addrPort(b []byte) (a netip.Addr, ok bool) {
	if len(b) > 1 && b[0] == '[' {
		i := bytes.IndexByte(b, ']')
		if i < 0 {
			return a, false
		}
		return parseAddr(b[1:i])
	}
	if i := bytes.IndexByte(b, ':'); i >= 0 && i == bytes.LastIndexByte(b, ':') {
		b = b[:i]
	}
	return parseAddr(b)
}

// epoch reads seconds since 1970 with an optional fraction as nanoseconds.
func epoch(b []byte) (nanos int64, ok bool) {
	sec, rest, ok := digits(b)
	if !ok || sec >= 1<<33 {
		return 0, false
	}
	nanos = sec * 1e9
	if len(rest) > 1 && rest[0] == '.' {
		unit := int64(1e8)
		for rest = rest[1:]; len(rest) > 0 && isDigit(rest[0]); rest = rest[1:] {
			nanos += int64(rest[0]-'0') * unit
			unit /= 10
		}
	}
	return nanos, len(rest) == 0
}
