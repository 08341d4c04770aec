package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"mailvigil/internal/config"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("config.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain is a file as programs other than ours see it.
func plain(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return asJSON(v)
}

// asJSON writes dates as the text they are, which YAML alone takes for times.
func asJSON(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.DateTime)
	case []any:
		for i := range v {
			v[i] = asJSON(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = asJSON(v[k])
		}
	}
	return v
}

func TestSchema(t *testing.T) {
	s := schema(t)
	example, err := os.ReadFile("mailvigil.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, yaml string
		good       bool
	}{
		{"the example", string(example), true},
		{"nothing", "", true},
		{"keys without values", "networks:\nlogs:\n", true},
		{"free keys", "aliases: {anna: [a, b]}", true},
		{"a number for a text", "country: 3", true},
		{"an unknown key", "timezon: UTC", false},
		{"an unknown key inside", "control: {sockets: x}", false},
		{"a list for a text", "timezone: [UTC]", false},
		{"a text for a list", "logs: /var/log", false},
		{"a word that is none of them", "log: {level: loud}", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.Validate(plain(t, []byte(tt.yaml)))
			if (err == nil) != tt.good {
				t.Errorf("got %v", err)
			}
			// What the schema refuses, the reader refuses.
			if _, err := config.Parse("x.yaml", []byte(tt.yaml)); err == nil && !tt.good {
				t.Error("the reader takes it")
			}
		})
	}
}

// Every key has its place in the example, whose comments describe it, and the
// reader says of every value what it takes.
func TestSchemaIsWhole(t *testing.T) {
	text, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "$comment"); n > 0 {
		t.Errorf("of %d values it is not known what they may be:\n%s", n, text)
	}
	if !strings.Contains(string(text), `"description": "The socket of the watch. It is open to its owner and group alone."`) {
		t.Errorf("the example's comments are not in it:\n%s", text)
	}
}

// Files that the reader took for bad because of their form are bad to the schema.
func TestSchemaRefuses(t *testing.T) {
	s := schema(t)
	for _, name := range []string{"unknown-key", "list-expected", "not-a-mapping", "several", "control", "aliases-list"} {
		text, err := os.ReadFile(filepath.Join("testdata/bad", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(plain(t, text)); err == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

// The socket is found in a file that is wrong elsewhere.
func TestSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mailvigil.yaml")
	for text, want := range map[string]string{
		"control: {socket: /run/a.sock}\ntimezon: x\nlogs: 3": "/run/a.sock",
		"control: {socket: run/a.sock}":                       filepath.Join(dir, "run/a.sock"),
		"control: {socket: [}":                                "",
		"timezone: UTC":                                       "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := config.Socket(path); got != want {
			t.Errorf("%s: got %q", text, got)
		}
	}
	if got := config.Socket(filepath.Join(dir, "none")); got != "" {
		t.Errorf("got %q", got)
	}
}
