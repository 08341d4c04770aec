package enrich

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"mailvigil/traffic"
)

// Judged is what kind of network something is, how surely, and why.
type Judged struct {
	Kind       traffic.Kind
	Confidence float64 // of the addresses judged so, the share that are of that kind
	Why        string
}

// sure is the confidence from which a kind counts. What is less sure is shown
// where it is asked for, and held against nobody.
const sure = 0.8

// JudgeNetwork says what kind of network an ASN is: from the reviewed table,
// and from the words of its name where it is not in it.
func JudgeNetwork(asn uint32, name string) Judged {
	t := kindTable()
	if j, ok := t.byASN[asn]; ok {
		return j
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for _, p := range t.phrases {
		if said := p.in(words); said != "" {
			why := fmt.Sprintf("its name says %q", said)
			if p.kind == traffic.KindUnknown {
				why += ": a company's own network, which has no kind of its own"
			}
			return Judged{p.kind, p.confidence, why}
		}
	}
	return Judged{Kind: traffic.KindUnknown, Why: "not in the table, and its name does not say"}
}

// kindOf is the kind that counts. Most large providers sell lines to homes, to
// phones and to servers under one number: they stay unknown.
func kindOf(asn uint32, name string) traffic.Kind {
	if j := JudgeNetwork(asn, name); j.Confidence >= sure {
		return j.Kind
	}
	return traffic.KindUnknown
}

//go:embed kinds.txt
var kindText string

// kindTable reads the reviewed table once. That it can be read is tested.
var kindTable = sync.OnceValue(func() kinds {
	table, err := readKinds(kindText)
	if err != nil {
		panic(err) // a slip in the embedded file
	}
	return table
})

// kinds is the table: networks by number, and the phrases that decide by name,
// the first that fits.
type kinds struct {
	byASN   map[uint32]Judged
	phrases []phrase
}

// phrase is one word of a name or several that stand together, in lower case;
// a star is any beginning or end of a word.
type phrase struct {
	words      []string
	kind       traffic.Kind
	confidence float64
}

// in returns the words that p fits, "" where it fits none.
func (p phrase) in(words []string) string {
next:
	for i := 0; i+len(p.words) <= len(words); i++ {
		for j, w := range p.words {
			if !fits(w, words[i+j]) {
				continue next
			}
		}
		return strings.Join(words[i:i+len(p.words)], " ")
	}
	return ""
}

func fits(pattern, word string) bool {
	if stem, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(word, stem)
	}
	if stem, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(word, stem)
	}
	return word == pattern
}

// reviewedUnknown says why a network that was looked at has no kind.
var reviewedUnknown = map[string]string{
	"company": "in the reviewed table as a company's own network, which has no kind of its own",
	"carrier": "in the reviewed table as a carrier that sells lines to companies and networks",
}

func readKinds(text string) (kinds, error) {
	table := kinds{byASN: make(map[uint32]Judged)}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		var words []string
		rest := line
		if line[0] == '"' {
			said, after, ok := strings.Cut(line[1:], "\" ")
			if words = strings.Fields(said); !ok || len(words) == 0 {
				return kinds{}, fmt.Errorf("kinds.txt, line %d: %q is not \"words\" kind confidence", i+1, line)
			}
			rest = "0 " + after
		}
		fields := strings.SplitN(rest, " ", 4)
		if len(fields) < 3 {
			return kinds{}, fmt.Errorf("kinds.txt, line %d: %q is not \"AS kind confidence name\"", i+1, line)
		}
		asn, err := strconv.ParseUint(fields[0], 10, 32)
		confidence, err2 := strconv.ParseFloat(fields[2], 64)
		j := Judged{traffic.Kind(fields[1]), confidence, "in the reviewed table"}
		why, unknown := reviewedUnknown[fields[1]]
		if unknown {
			j = Judged{Kind: traffic.KindUnknown, Why: why}
		}
		switch {
		case err != nil || err2 != nil || confidence > 1 || confidence < 0 || (confidence == 0) != unknown:
			return kinds{}, fmt.Errorf("kinds.txt, line %d: no number where one belongs in %q", i+1, line)
		case !unknown && !storedKind(j.Kind):
			return kinds{}, fmt.Errorf("kinds.txt, line %d: there is no kind %q", i+1, j.Kind)
		}
		if words != nil {
			table.phrases = append(table.phrases, phrase{words, j.Kind, confidence})
			continue
		}
		if _, twice := table.byASN[uint32(asn)]; twice {
			return kinds{}, fmt.Errorf("kinds.txt, line %d: AS%d stands there twice", i+1, asn)
		}
		table.byASN[uint32(asn)] = j
	}
	return table, nil
}

// storedKind says whether networks.db can hold a kind.
func storedKind(k traffic.Kind) bool {
	for _, known := range fileKinds[1:] {
		if k == known {
			return true
		}
	}
	return false
}
