package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

// forbidden are words that must not stand in any file, in two halves so that
// this file holds none of them: paths of a developer's machine lead nowhere
// elsewhere, and which registry a package comes from is the reader's choice.
var forbidden = []string{
	"/wo" + "rk/", "/tmp/" + "worlds", "/tmp/" + "brief", "/ro" + "ot/", "/ho" + "me/",
	"proxy.golang" + ".org", "sum.golang" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org",
}

// beside may be read by make, CI and tests, where it is present; the product
// and its documents know nothing of it.
const beside = "../sha" + "red"

func mayLookBeside(name string) bool {
	return name == "Makefile" || name == ".ci/run" || strings.HasPrefix(name, "tools/") || strings.HasSuffix(name, "_test.go")
}

func words(tree fs.FS, names []string) (broken []string) {
	for _, name := range names {
		data, err := fs.ReadFile(tree, name)
		if err != nil || bytes.IndexByte(data, 0) >= 0 {
			continue // deleted and not yet committed, or no text
		}
		for _, word := range forbidden {
			if bytes.Contains(data, []byte(word)) {
				broken = append(broken, fmt.Sprintf("%s holds %q", name, word))
			}
		}
		if bytes.Contains(data, []byte(beside)) && !mayLookBeside(name) {
			broken = append(broken, fmt.Sprintf("%s holds %q", name, beside))
		}
	}
	return broken
}

var (
	link      = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	attribute = regexp.MustCompile(`(?:src|href)="([^"]+)"`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	fenced    = regexp.MustCompile("(?ms)^```.*?^```")
)

// links finds those in Markdown that lead to no file or no heading. Links to
// other hosts are not followed.
func links(tree fs.FS, names []string) (broken []string) {
	for _, name := range names {
		if path.Ext(name) != ".md" {
			continue
		}
		data, err := fs.ReadFile(tree, name)
		if err != nil {
			continue
		}
		text := fenced.ReplaceAll(data, nil)
		for _, m := range append(link.FindAllSubmatch(text, -1), attribute.FindAllSubmatch(text, -1)...) {
			target := string(m[1])
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			if _, err := fs.Stat(tree, to); err != nil {
				broken = append(broken, fmt.Sprintf("%s leads to %s, which is not there", name, target))
				continue
			}
			if anchor != "" && path.Ext(to) == ".md" && !slices.Contains(anchors(tree, to), anchor) {
				broken = append(broken, fmt.Sprintf("%s leads to %s, which has no such heading", name, target))
			}
		}
	}
	return broken
}

// anchors are a document's headings as they stand in links: lower case, spaces
// as hyphens, nothing but letters, numbers, hyphens and underscores.
func anchors(tree fs.FS, name string) (found []string) {
	data, err := fs.ReadFile(tree, name)
	if err != nil {
		return nil
	}
	for _, m := range heading.FindAllSubmatch(fenced.ReplaceAll(data, nil), -1) {
		found = append(found, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, string(m[1])))
	}
	return found
}

// dependencies compares what is required with the lines of
// docs/dependencies.md: each begins with "- `module`".
func dependencies(required []string, doc string) (broken []string) {
	var listed []string
	for _, m := range regexp.MustCompile("(?m)^- `([^`]+)`").FindAllStringSubmatch(doc, -1) {
		listed = append(listed, m[1])
	}
	for _, name := range required {
		if !slices.Contains(listed, name) {
			broken = append(broken, name+" has no line in docs/dependencies.md")
		}
	}
	for _, name := range listed {
		if !slices.Contains(required, name) {
			broken = append(broken, name+" has a line in docs/dependencies.md and is not required")
		}
	}
	return broken
}

// requirements reads what modules and npm packages are asked for: all modules
// of the product, and those of the tools that are asked for by name.
func requirements(t *testing.T) (required []string) {
	for _, dir := range []string{"../..", "../../tools"} {
		var mod struct {
			Require []struct {
				Path     string
				Indirect bool
			}
			Tool []struct{ Path string }
		}
		if err := json.Unmarshal([]byte(command(t, dir, "go", "mod", "edit", "-json")), &mod); err != nil {
			t.Fatal(err)
		}
		for _, r := range mod.Require {
			named := slices.ContainsFunc(mod.Tool, func(tool struct{ Path string }) bool {
				return tool.Path == r.Path || strings.HasPrefix(tool.Path, r.Path+"/")
			})
			if dir == "../.." || named || !r.Indirect {
				required = append(required, r.Path)
			}
		}
	}
	data, err := os.ReadFile("../../package.json")
	if err != nil {
		t.Fatal(err)
	}
	var npm struct{ Dependencies, DevDependencies map[string]string }
	if err := json.Unmarshal(data, &npm); err != nil {
		t.Fatal(err)
	}
	for _, names := range []map[string]string{npm.Dependencies, npm.DevDependencies} {
		for name := range names {
			required = append(required, name)
		}
	}
	return required
}

// committed names the files that are, or would be, committed.
func committed(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed: which files are committed is not known")
	}
	if _, err := os.Stat("../../.git"); err != nil {
		t.Skip("this is no git checkout: which files are committed is not known")
	}
	return strings.Split(strings.TrimRight(command(t, "../..", "git", "ls-files", "-z", "-co", "--exclude-standard"), "\x00"), "\x00")
}

func TestTree(t *testing.T) {
	tree, names := os.DirFS("../.."), committed(t)
	t.Run("words", func(t *testing.T) { report(t, words(tree, names)) })
	t.Run("links", func(t *testing.T) { report(t, links(tree, names)) })
}

func TestDependencies(t *testing.T) {
	doc, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	report(t, dependencies(requirements(t), string(doc)))
}

func report(t *testing.T, broken []string) {
	t.Helper()
	for _, b := range broken {
		t.Error(b)
	}
}

func TestTreeRulesFail(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	tree := fstest.MapFS{
		"a.go":              file("// see " + forbidden[0] + "x\n"),
		"b.go":              file("// see " + beside + "\n"),
		"b_test.go":         file("// see " + beside + "\n"),
		"README.md":         file("# Read me: first\n[a](docs/a.md) [b](docs/none.md) [c](#read-me-first) [d](#none)\n<img src=\"docs/none.svg\">\n```\n[e](none)\n```\n"),
		"docs/a.md":         file("[home](../README.md#read-me-first) [out](https://example.org/none) [bad](../README.md#second)\n"),
		"testdata/bytes.gz": file("\x00" + forbidden[0]),
	}
	var names []string
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	tests := []struct {
		name      string
		got, want []string
	}{
		{"words", words(tree, names), []string{
			fmt.Sprintf("a.go holds %q", forbidden[0]),
			fmt.Sprintf("b.go holds %q", beside),
		}},
		{"links", links(tree, names), []string{
			"README.md leads to docs/none.md, which is not there",
			"README.md leads to #none, which has no such heading",
			"README.md leads to docs/none.svg, which is not there",
			"docs/a.md leads to ../README.md#second, which has no such heading",
		}},
		{"dependencies", dependencies([]string{"a", "b"}, "- `a`: why\n- `c`: why\n"), []string{
			"b has no line in docs/dependencies.md",
			"c has a line in docs/dependencies.md and is not required",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !slices.Equal(tt.got, tt.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(tt.got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}
