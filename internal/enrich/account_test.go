package enrich

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestAccount(t *testing.T) {
	e := New(Config{
		Domains: []string{"Parl.Example", "other.example"},
		Aliases: map[string]string{
			"A.Marin@parl.example": "anna.marin@parl.example",
			"amarin":               "anna.marin",
			"@parliament.example":  "@parl.example",
		},
	})
	for _, c := range []struct{ name, raw, want string }{
		{"as it is", "anna.marin@parl.example", "anna.marin@parl.example"},
		{"case", "Anna.Marin@PARL.example", "anna.marin@parl.example"},
		{"without the domain", "anna.marin", "anna.marin@parl.example"},
		{"Windows domain", `PARL\anna.marin`, "anna.marin@parl.example"},
		{"Windows domain and mail domain", `PARL\Anna.Marin@parl.example`, "anna.marin@parl.example"},
		{"escaped at sign", "anna.marin%40parl.example", "anna.marin@parl.example"},
		{"escaped backslash", "parl%5canna.marin", "anna.marin@parl.example"},
		{"dot after the domain", "anna.marin@parl.example.", "anna.marin@parl.example"},
		{"at sign without a domain", "anna.marin@", "anna.marin@parl.example"},
		{"spaces around", "  anna.marin@parl.example ", "anna.marin@parl.example"},
		{"alias", "a.marin@parl.example", "anna.marin@parl.example"},
		{"alias without the domain", "AMARIN", "anna.marin@parl.example"},
		{"alias of the domain", "anna.marin@parliament.example", "anna.marin@parl.example"},
		{"alias in an alias domain", "a.marin@parliament.example", "anna.marin@parl.example"},
		{"other own domain is another person", "anna.marin@other.example", "anna.marin@other.example"},
		{"stranger's domain", "anna.marin@gmail.example", "anna.marin@gmail.example"},
		{"percent that is no escape", "100%@parl.example", "100%@parl.example"},
		{"capital beyond ASCII", "ÉLISE@parl.example", "élise@parl.example"},
		{"nothing", "", ""},
		{"nobody", "-", ""},
		{"backslash alone", `\`, `\@parl.example`},
		{"invalid UTF-8", "an\xffna", "an\uFFFDna@parl.example"},
		{"terminal escape", "\x1b[31manna", "\x1b[31manna@parl.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := e.Account([]byte(c.raw)); got != c.want {
				t.Errorf("Account(%q) = %q, want %q", c.raw, got, c.want)
			}
		})
	}
	t.Run("no domain known", func(t *testing.T) {
		if got := New(Config{}).Account([]byte("Anna")); got != "anna" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("a megabyte", func(t *testing.T) {
		if got := e.Account(bytes.Repeat([]byte("é"), 1<<19)); len(got) > maxAccount || !utf8.ValidString(got) {
			t.Errorf("%d bytes, valid %v", len(got), utf8.ValidString(got))
		}
	})
}

func FuzzAccount(f *testing.F) {
	for _, s := range []string{"anna", `PARL\anna`, "anna%40parl.example", "a@", "@", "%", "\xff", strings.Repeat("%41", 300), "İ@ẞ"} {
		f.Add([]byte(s))
	}
	e := New(Config{Domains: []string{"parl.example"}, Aliases: map[string]string{"@x": "@parl.example", "b": "a"}})
	f.Fuzz(func(t *testing.T, raw []byte) {
		account := e.Account(raw)
		if len(account) > maxAccount {
			t.Errorf("%d bytes", len(account))
		}
		if !utf8.ValidString(account) {
			t.Errorf("invalid UTF-8: %q", account)
		}
	})
}
