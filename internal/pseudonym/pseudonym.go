// Package pseudonym replaces what names people and their things in a verdict —
// accounts, addresses, devices, sessions, files, raw lines — by words that say
// nothing, the same word for the same thing, and finds the names again for
// whoever holds the key.
//
// A word is made by HMAC-SHA-256 under a secret key, so that nobody can find a
// name by trying names. The key file holds the secret and the names it has
// replaced; it is as confidential as the names. The package hides no numbers,
// times or kinds of network, and it cannot hide a person whom these give away.
// internal/app calls it before anything is shown.
package pseudonym

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind of thing that a word stands for; it is the start of the word.
type Kind string

// The kinds.
const (
	Account Kind = "account"
	Address Kind = "address"
	Device  Kind = "device"
	Session Kind = "session"
	File    Kind = "file"
	Domain  Kind = "domain"
	Agent   Kind = "agent"
	URL     Kind = "url"
	Group   Kind = "group"
	hash    Kind = "hash" // its words are hashes themselves
)

// Key makes words and remembers what they stand for. It is not safe for use by
// several goroutines.
type Key struct {
	secret  []byte
	names   map[string]name      // by word
	words   map[[2]string]string // by kind and canonical name
	network func(netip.Addr) string
	fresh   []string // words that the file does not hold yet
	file    string
}

type name struct {
	kind Kind
	name string
}

// New gives a key that is forgotten with the process. network says in one word
// what is known of the network of an address ("hosting-AS14061", "" for
// nothing); it may be nil.
func New(network func(netip.Addr) string) *Key {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return newKey(secret, network)
}

func newKey(secret []byte, network func(netip.Addr) string) *Key {
	return &Key{secret: secret, names: map[string]name{}, words: map[[2]string]string{}, network: network}
}

// letters leave out those that are taken for others.
var letters = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// wordLength is in letters of five bits: among a million names, two share a
// word once in two thousand runs. They would be told apart by nobody, but none
// is given away.
const wordLength = 10

// Word is what stands for a name of a kind, and "" for "". It is the same for
// names that differ in how they are written alone.
func (k *Key) Word(kind Kind, value string) string {
	if value == "" {
		return ""
	}
	canonical, suffix := value, ""
	switch kind {
	case Account, Domain:
		canonical = strings.ToLower(value)
	case Address:
		if a, ok := parseAddress(value); ok {
			canonical = a.String()
			if k.network != nil {
				suffix = k.network(a.Addr())
			}
			if a.IsSingleIP() {
				canonical = a.Addr().String()
			}
		}
	}
	at := [2]string{string(kind), canonical}
	if w, ok := k.words[at]; ok {
		return w
	}
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(string(kind) + "\x00" + canonical))
	sum := mac.Sum(nil)
	word := string(kind) + "-" + letters.EncodeToString(sum)[:wordLength]
	if kind == hash {
		word = hex.EncodeToString(sum)
	} else if suffix != "" {
		word += "-" + suffix
	}
	k.words[at] = word
	if _, known := k.names[word]; !known {
		k.names[word] = name{kind, value}
		k.fresh = append(k.fresh, word)
	}
	return word
}

// parseAddress reads an address or a network of addresses.
func parseAddress(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	return p, err == nil
}

// scrubber replaces in text what is known to be a name, and what looks like one.
type scrubber struct {
	key     *Key
	known   map[string]name // by how it is written, in lower case
	lengths []int           // of what is known, longest first
}

// learn notes names that text may hold.
func (s *scrubber) learn(kind Kind, value string) {
	if utf8.RuneCountInString(value) < 2 {
		return
	}
	note := func(written string, n name) {
		if _, ok := s.known[strings.ToLower(written)]; !ok {
			s.known[strings.ToLower(written)] = n
		}
	}
	note(value, name{kind, value})
	local, domain, ok := strings.Cut(value, "@")
	if kind != Account || !ok {
		return
	}
	// A name of several parts is a person's also without its domain; "info" is
	// a word like any other.
	if strings.ContainsAny(local, "._-0123456789") {
		note(local, name{kind, value})
	}
	if strings.Contains(domain, ".") {
		note(domain, name{Domain, domain})
	}
}

// ready is called when all is learnt.
func (s *scrubber) ready() {
	seen := map[int]bool{}
	for n := range s.known {
		if !seen[len(n)] {
			seen[len(n)] = true
			s.lengths = append(s.lengths, len(n))
		}
	}
	slices.SortFunc(s.lengths, func(a, b int) int { return b - a })
}

// What looks like a name whoever it is. Word boundaries are left to the
// patterns' own letters.
var (
	emailLike   = regexp.MustCompile(`[^\s<>"'(),;:=|]+@[^\s<>"'(),;:=|@]*[^\s<>"'(),;:=|@.]`)
	addressLike = regexp.MustCompile(`(?i)(?:[0-9a-f]{0,4}:){2,}[0-9a-f.:]*(?:%\w+)?(?:/\d{1,3})?|\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?`)
	pathLike    = regexp.MustCompile(`(?:[A-Za-z]:\\|\\\\|~?/)[^\s"'<>|,;:]+|[\w.+-]+(?:/[\w.+-]+)+|[\w.+-]+\.(?:log|gz|zst|xz|bz2|zip|tar|json|csv|txt|db|exe|docx?|xlsx?|pdf|eml|msg)\b[\w.-]*`)
	domainLike  = regexp.MustCompile(`(?i)\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\b`)
	hashLike    = regexp.MustCompile(`\b[0-9a-f]{64}\b`)
)

// versioned is a program with its version, which looks like a path.
var versioned = regexp.MustCompile(`^[A-Za-z][\w.-]*/\d+(?:\.\d+)*$`)

// text replaces every name in a text.
func (s *scrubber) text(t string) string {
	if t == "" {
		return ""
	}
	t = s.replaceKnown(t)
	t = hashLike.ReplaceAllStringFunc(t, func(m string) string { return s.key.Word(hash, m) })
	t = emailLike.ReplaceAllStringFunc(t, func(m string) string { return s.key.Word(Account, m) })
	t = addressLike.ReplaceAllStringFunc(t, func(m string) string {
		trimmed := strings.TrimRight(m, ":.")
		if _, ok := parseAddress(trimmed); ok {
			return s.key.Word(Address, trimmed) + m[len(trimmed):]
		}
		if _, ok := parseAddress(m); ok {
			return s.key.Word(Address, m)
		}
		return m
	})
	t = pathLike.ReplaceAllStringFunc(t, func(m string) string {
		trimmed := strings.TrimRight(m, ".")
		if versioned.MatchString(trimmed) {
			return m
		}
		return s.key.Word(File, trimmed) + m[len(trimmed):]
	})
	return domainLike.ReplaceAllStringFunc(t, func(m string) string { return s.key.Word(Domain, m) })
}

// replaceKnown replaces names where they stand as words of their own.
func (s *scrubber) replaceKnown(t string) string {
	var b strings.Builder
	lower := strings.ToLower(t)
	if len(lower) != len(t) {
		lower = t // rare letters change their length: then case matters
	}
	last := 0
	inWord := false
	for i := 0; i < len(t); {
		r, n := utf8.DecodeRuneInString(t[i:])
		if !inWord {
			if length, n := s.at(lower[i:]); length > 0 {
				b.WriteString(t[last:i])
				b.WriteString(s.key.Word(n.kind, n.name))
				i += length
				last = i
				inWord = false
				continue
			}
		}
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
		i += n
	}
	if last == 0 {
		return t
	}
	b.WriteString(t[last:])
	return b.String()
}

// at is the longest known name with which t begins, and ends as a word.
func (s *scrubber) at(t string) (int, name) {
	for _, n := range s.lengths {
		if n > len(t) {
			continue
		}
		known, ok := s.known[t[:n]]
		if !ok {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(t[n:]); n < len(t) && (unicode.IsLetter(next) || unicode.IsDigit(next)) {
			continue
		}
		return n, known
	}
	return 0, name{}
}

// revealable is every word that Word makes.
var revealable = regexp.MustCompile(`\b(?:account|address|device|session|file|domain|agent|url|group)-[0-9a-hjkmnp-tv-z]{10}(?:-[a-z]+)?(?:-AS\d+)?\b|\b[0-9a-f]{64}\b`)

// Reveal puts names back where text holds their words, and says which. Words
// that the key does not know stay. escape makes a name fit for the text.
func (k *Key) Reveal(text string, escape func(string) string) (string, []string) {
	var found []string
	out := revealable.ReplaceAllStringFunc(text, func(m string) string {
		for w := m; ; {
			if n, ok := k.names[w]; ok {
				if !slices.Contains(found, w) {
					found = append(found, w)
				}
				return escape(n.name) + m[len(w):]
			}
			i := strings.LastIndexByte(w, '-')
			if i < 0 {
				return m
			}
			w = w[:i]
		}
	})
	return out, found
}

// Name is what a word stands for.
func (k *Key) Name(word string) (string, error) {
	n, ok := k.names[word]
	if !ok {
		return "", fmt.Errorf("this key does not know %q; it is of another key, or it is no word of a report", word)
	}
	return n.name, nil
}
