package pseudonym_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/pseudonym"
	"mailvigil/internal/report"
	"mailvigil/verdict"
)

func network(a netip.Addr) string {
	if a == netip.MustParseAddr("203.0.113.9") {
		return "hosting-AS64500"
	}
	return ""
}

func TestWord(t *testing.T) {
	k := pseudonym.New(network)
	account := k.Word(pseudonym.Account, "Anna.Berg@Assembly.example")
	if !regexp.MustCompile(`^account-[0-9a-z]{10}$`).MatchString(account) {
		t.Errorf("the word is %q", account)
	}
	for _, same := range [][2]string{
		{account, k.Word(pseudonym.Account, "anna.berg@assembly.example")},
		{k.Word(pseudonym.Address, "2001:db8::1"), k.Word(pseudonym.Address, "2001:0DB8:0:0::1")},
		{k.Word(pseudonym.Address, "::ffff:203.0.113.9"), k.Word(pseudonym.Address, "203.0.113.9")},
		{k.Word(pseudonym.Address, "2001:db8::/64"), k.Word(pseudonym.Address, "2001:db8::/64")},
		{"", k.Word(pseudonym.Device, "")},
	} {
		if same[0] != same[1] {
			t.Errorf("one thing has the words %q and %q", same[0], same[1])
		}
	}
	for _, other := range []string{k.Word(pseudonym.Account, "anna.berg@assembly.exampl"), k.Word(pseudonym.Device, "anna.berg@assembly.example"), pseudonym.New(nil).Word(pseudonym.Account, "anna.berg@assembly.example")} {
		if strings.TrimLeft(other, "acountdevi-") == strings.TrimLeft(account, "acountdevi-") {
			t.Errorf("another thing, kind or key has the word %q too", other)
		}
	}
	if w := k.Word(pseudonym.Address, "203.0.113.9"); !strings.HasSuffix(w, "-hosting-AS64500") {
		t.Errorf("the word %q does not keep the network", w)
	}
}

// named is a verdict with names in every place, also in sentences.
func named() *verdict.Verdict {
	at := time.Date(2025, 11, 3, 1, 17, 20, 0, time.UTC)
	ev := []verdict.Evidence{{ID: "line-1", File: "logs/dovecot.log", Line: 7, Offset: 99, SHA256: strings.Repeat("ab", 32), Text: "Login: user=<anna.berg@assembly.example>"}}
	return &verdict.Verdict{
		SchemaVersion: verdict.SchemaVersion, Verdict: verdict.Attack, Focus: verdict.Targeted, Timezone: "Europe/Brussels", Confidence: 0.9,
		Text: "Attack: a stranger used the account anna.berg@assembly.example since Monday 3 November 01:17.",
		Next: []string{"Ask anna.berg and CARLA@assembly.example; have the machine at 198.51.100.7 (bob) cleaned.", "Read /var/log/mail.log and C:\\Users\\anna\\x.exe.", "Refuse 2001:db8:3::1 and 2001:db8:3::/64."},
		Incidents: []verdict.Incident{{
			ID: "incident-1", Kind: verdict.Attack, Name: "a stranger is in the accounts", Onset: at, End: at, OnsetInterval: [2]time.Time{at, at},
			Services: []string{"imap"}, Compromised: []string{"anna.berg@assembly.example", "bob"}, Sources: []string{"203.0.113.9", "2001:db8:3::1"}, Stolen: []string{"s3ss10n/=="},
			Cause:      []map[string]string{{"device": "ApplF9FXQ1XKJF8J", "service": "imap", "asn": "64500", "url": "/owa/anna", "user_agent": "Bob's iPhone"}},
			Extent:     []verdict.Extent{{Account: "bob", Sources: []string{"203.0.113.9"}, Clients: []string{"Thunderbird/128.0", "iPhone of bob"}, Evidence: ev}},
			Hypotheses: []verdict.Hypothesis{{Name: "x", For: []string{"bob signed in from device ApplF9FXQ1XKJF8J; bobsled did not"}, Against: []string{"the session s3ss10n/== is known"}}},
			Evidence:   ev,
		}},
		Findings: []verdict.Finding{
			{ID: "finding-1", Code: "T1078", Title: "signed in from 203.0.113.9 at 01:17", Severity: verdict.High, Account: "bob", ClientIP: "203.0.113.9", Device: "ApplF9FXQ1XKJF8J", Session: "s3ss10n/==", Evidence: ev},
			{ID: "finding-2", Code: "imported", Title: "Sentry: bill of Anna's.docm on DESKTOP-ANNA", Severity: verdict.High, Evidence: ev, Against: []string{verdict.AgainstImported}},
		},
		Infected: []verdict.InfectedClient{{Account: "bob", IP: "198.51.100.7", Evidence: ev}},
		Manifest: []verdict.Used{{Kind: verdict.UsedConfiguration, File: "/etc/bob.yaml", Size: 1, SHA256: strings.Repeat("ef", 32)}},
		Ledger:   &verdict.Recorded{Entry: 3, Checkpoint: "bob\n"},
		Coverage: verdict.Coverage{
			Files: 1, Lines: 7, From: at, To: at,
			Assumed:  []string{"other.example is taken as the mail domain", "assembly.example is taken as the mail domain: 25 of 25 successes that name a domain name it", "198.51.100.0/24 is taken as the organisation's own network"},
			Problems: []string{"logs/von bob.log.9.gz: damaged after 1.2 MB"},
			Inputs:   []verdict.Input{{File: "logs/dovecot.log", Format: "dovecot", Lines: 7, From: at, To: at, SHA256: strings.Repeat("cd", 32)}},
			Samples:  []verdict.Rejected{{Evidence: ev[0], Why: "cut off"}},
		},
	}
}

var secrets = []string{
	"anna", "berg", "assembly.example", "other.example", "CARLA", "198.51.100", "203.0.113", "2001:db8", "var/log", "C:\\", "exe", "s3ss10n", "ApplF9", "/owa", "Bob's",
	"DESKTOP", "docm", "Sentry", "dovecot.log", "von bob", "iPhone of bob", "bob ", "(bob)", "ababab", "cdcdcd", "efefef", "bob.yaml", "Login:",
}

// outputs are all that a verdict is shown as.
func outputs(t *testing.T, v *verdict.Verdict) map[string]string {
	t.Helper()
	var j, h, c, text bytes.Buffer
	for _, err := range []error{
		report.JSON(&j, v), report.HTML(&h, v, report.Page{Pseudonyms: true}), report.CSV(&c, v), report.Terminal(&text, v, report.Options{Width: 120, Unicode: true}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return map[string]string{"JSON": j.String(), "HTML": h.String(), "CSV": c.String(), "text": text.String()}
}

func TestVerdictHidesNames(t *testing.T) {
	v := named()
	before := outputs(t, v)
	shown, err := pseudonym.New(network).Verdict(v)
	if err != nil {
		t.Fatal(err)
	}
	for what, text := range outputs(t, shown) {
		// What a word of ours stands for cannot be seen from it, but it may look like a name.
		text = regexp.MustCompile(`\b(account|address|device|session|file|domain|agent|url|group)-[0-9a-z]{10}`).ReplaceAllString(text, "$1")
		text = regexp.MustCompile(`(?s)<style>.*?</style>`).ReplaceAllString(text, "")
		for _, s := range secrets {
			if i := strings.Index(text, s); i >= 0 {
				t.Errorf("%s tells %q: %.160q", what, s, text[max(0, i-80):])
			}
		}
	}
	// What is no name stays: times, sizes, words, networks.
	j := outputs(t, shown)["JSON"]
	for _, want := range []string{"at 01:17", "bobsled did not", "Thunderbird/128.0", "-hosting-AS64500", `"asn": "64500"`, "since Monday 3 November 01:17", "damaged after 1.2 MB", "is taken as the organisation's own network", "T1078"} {
		if !strings.Contains(j, want) {
			t.Errorf("%q is lost:\n%s", want, j)
		}
	}
	if after := outputs(t, v); after["JSON"] != before["JSON"] {
		t.Error("the verdict itself was changed")
	}
	// The test of the test.
	for _, s := range secrets[:5] {
		if !strings.Contains(before["JSON"], s) {
			t.Errorf("%q was never in it", s)
		}
	}
}

// One thing has one word, in fields and in sentences.
func TestVerdictIsConsistent(t *testing.T) {
	k := pseudonym.New(nil)
	v, err := k.Verdict(named())
	if err != nil {
		t.Fatal(err)
	}
	anna, bob, device := k.Word(pseudonym.Account, "anna.berg@assembly.example"), k.Word(pseudonym.Account, "bob"), k.Word(pseudonym.Device, "ApplF9FXQ1XKJF8J")
	in := v.Incidents[0]
	if !strings.Contains(v.Text, anna) || !strings.Contains(v.Next[0], anna) || !slices.Contains(in.Compromised, anna) {
		t.Errorf("%s is not everywhere: %q, %q, %q", anna, v.Text, v.Next[0], in.Compromised)
	}
	if in.Extent[0].Account != bob || v.Infected[0].Account != bob || !strings.Contains(in.Hypotheses[0].For[0], bob) || v.Findings[0].Account != bob {
		t.Errorf("%s is not everywhere: %+v", bob, in)
	}
	if in.Cause[0]["device"] != device || v.Findings[0].Device != device || !strings.Contains(in.Hypotheses[0].For[0], device) {
		t.Errorf("%s is not everywhere: %+v", device, in)
	}
	if in.Evidence[0].File != v.Coverage.Inputs[0].File || in.Evidence[0].File == "" {
		t.Errorf("one file is %q and %q", in.Evidence[0].File, v.Coverage.Inputs[0].File)
	}
	if !slices.IsSorted(in.Compromised) || !slices.IsSorted(in.Sources) {
		t.Error("the order of names tells of them")
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "names.key")
	k, err := pseudonym.Open(file, network)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key file is %v, %v", info.Mode(), err)
	}
	shown, err := k.Verdict(named())
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Save(); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	once := size()
	again, err := pseudonym.Open(file, network)
	if err != nil {
		t.Fatal(err)
	}
	same, err := again.Verdict(named())
	if err != nil {
		t.Fatal(err)
	}
	if outputs(t, same)["JSON"] != outputs(t, shown)["JSON"] {
		t.Error("the same key makes other words")
	}
	if err := again.Save(); err != nil {
		t.Fatal(err)
	}
	if size() != once {
		t.Error("names are written down twice")
	}
	// All names come back but raw lines and the words of others.
	k, err = pseudonym.OpenExisting(file)
	if err != nil {
		t.Fatal(err)
	}
	text, words := k.Reveal(outputs(t, shown)["text"], func(s string) string { return s })
	if len(words) < 5 || !strings.Contains(text, "a stranger used the account anna.berg@assembly.example since") || regexp.MustCompile(`(account|address|file|device)-[0-9a-z]{10}`).MatchString(text) {
		t.Errorf("%d words were found again:\n%s", len(words), text)
	}
	if err := k.Record(words[:1], "a test", time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(data, []byte(`{"revealed":["`+words[0]+`"],"reason":"a test","at":"1970-01-01T00:00:01Z"}`)) {
		t.Errorf("nothing records what was looked up: %v", err)
	}
	if _, err := pseudonym.OpenExisting(file); err != nil {
		t.Errorf("after a record: %v", err)
	}
	if _, err := k.Name("account-0000000000"); err == nil {
		t.Error("a word that was never made has a name")
	}
}

func TestKeyFileRefused(t *testing.T) {
	secret := `{"secret":"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}` + "\n"
	for name, tc := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"read by others": {secret, 0o640, "chmod 600"},
		"empty":          {"", 0o600, "damaged in line 1: it is empty"},
		"no secret":      {`{"word":"account-0","name":"x"}`, 0o600, "damaged in line 1: it holds no secret"},
		"short secret":   {`{"secret":"MDEy"}`, 0o600, "damaged in line 1: it holds no secret"},
		"cut off":        {secret + `{"word":"acc`, 0o600, "damaged in line 2: it is not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(file, []byte(tc.text), tc.mode); err != nil {
				t.Fatal(err)
			}
			if _, err := pseudonym.Open(file, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if _, err := pseudonym.OpenExisting(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a key that is not there is read")
	}
}

// Texts of any form are scrubbed, and only names go.
func FuzzVerdict(f *testing.F) {
	f.Add("anna.berg", "x anna.berg y")
	f.Add("İ", "İİ is a letter that grows")
	f.Add("a:b", "::1 a:b 1.2.3.4.5 ff::/129")
	f.Fuzz(func(t *testing.T, account, text string) {
		v := &verdict.Verdict{SchemaVersion: 1, Text: text, Timezone: "UTC", Findings: []verdict.Finding{{Account: account}}}
		shown, err := pseudonym.New(nil).Verdict(v)
		if err != nil {
			t.Skip(err)
		}
		if account != "" && shown.Findings[0].Account == account {
			t.Errorf("the account %q is told", account)
		}
	})
}

func BenchmarkVerdict(b *testing.B) {
	v := named()
	for i := range 10_000 {
		v.Findings = append(v.Findings, verdict.Finding{ID: fmt.Sprint("f", i), Title: "signed in from an address that had failed 8 times before", Account: fmt.Sprintf("p%d.q@parl.example", i), ClientIP: fmt.Sprintf("10.0.%d.%d", i>>8, i&255)})
	}
	for b.Loop() {
		if _, err := pseudonym.New(nil).Verdict(v); err != nil {
			b.Fatal(err)
		}
	}
}
