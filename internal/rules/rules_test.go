// Package rules holds the rules of this repository that a compiler does not
// know, as tests: which package may import which, what a pure package must not
// touch, that documents lead somewhere, that dependencies are accounted for.
//
// It has no code but tests. Each rule states its reason, and each has a case
// that shows it can fail.
package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "mailvigil"

// roots are the packages at the root, in the order of the product's sentence:
// a package may import those above it.
var roots = []string{
	"maillog", "traffic", "baseline", "anomaly", "explain", "abuse",
	"verdict", "restrict", "linkage", "simulate",
}

// rootLibraries are the libraries that root packages may import besides the
// standard library: small ones of mathematics or data structures, each with
// its line in docs/dependencies.md.
var rootLibraries = []string{}

// pkg is a package as the rules see it. Test files of the package itself are
// in tests; external test packages are exempt from the rules.
type pkg struct {
	path         string // relative to the module: "maillog", "internal/app"
	files, tests []*ast.File
}

func (p pkg) isRoot() bool { return slices.Contains(roots, p.path) }

// imports returns the import paths; ours are relative to the module.
func imports(files []*ast.File) (ours, others []string) {
	for _, f := range files {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
			if rel, found := strings.CutPrefix(path, module+"/"); found {
				ours = append(ours, rel)
			} else {
				others = append(others, path)
			}
		}
	}
	slices.Sort(ours)
	slices.Sort(others)
	return slices.Compact(ours), slices.Compact(others)
}

func (p pkg) ours() []string {
	ours, _ := imports(slices.Concat(p.files, p.tests))
	return ours
}

// rule returns what is wrong with a package.
type rule struct {
	name, reason string
	broken       func(pkg) []string
}

// only makes a rule on which of our packages a package may import.
func only(allowed func(path string) bool) func(p pkg) []string {
	return func(p pkg) (broken []string) {
		for _, path := range p.ours() {
			if !allowed(path) {
				broken = append(broken, "imports "+path)
			}
		}
		return broken
	}
}

func in(paths ...string) func(string) bool {
	return func(path string) bool { return slices.Contains(paths, path) }
}

func isInternal(path string) bool { return strings.HasPrefix(path, "internal/") }

var packageRules = []rule{
	{
		"a root package imports only root packages above it",
		"the root is one sentence, read from top to bottom: what comes later builds on what comes first, and nothing pure leans on what touches the world",
		func(p pkg) []string {
			if !p.isRoot() {
				return nil
			}
			above := roots[:slices.Index(roots, p.path)]
			return only(in(above...))(p)
		},
	},
	{
		"a root package imports no library",
		"whoever wants to use or check the method reads this repository alone",
		func(p pkg) (broken []string) {
			if !p.isRoot() {
				return nil
			}
			_, others := imports(p.files)
			for _, path := range others {
				first, _, _ := strings.Cut(path, "/")
				if strings.Contains(first, ".") && !slices.Contains(rootLibraries, path) || path == "C" {
					broken = append(broken, "imports "+path)
				}
			}
			return broken
		},
	},
	{
		"a root package is pure",
		"the same events must give the same verdict, on any machine and on any day; what depends on files, clocks, zones or chance cannot be checked again",
		impure,
	},
	{
		"a root package has no mutable state",
		"two investigations in one process must not know of each other",
		mutable,
	},
	{
		"intake and enrich import only maillog and traffic of the root",
		"they hand events over and must not know what is thought of them",
		func(p pkg) []string {
			if p.path != "internal/intake" && !strings.HasPrefix(p.path, "internal/intake/") && p.path != "internal/enrich" {
				return nil
			}
			return only(func(path string) bool { return isInternal(path) || in("maillog", "traffic")(path) })(p)
		},
	},
	{
		"archive, ocsf and jsonl import only maillog of the root, and no package that reads",
		"they write down what a line states: what is thought of it is not theirs to say, and a segment must not depend on who reads the logs",
		func(p pkg) []string {
			switch p.path {
			case "internal/archive":
				return only(in("maillog"))(p)
			case "internal/archive/duck":
				return only(in("maillog", "internal/archive"))(p) // its tests
			case "internal/ocsf":
				return only(in("maillog", "internal/jsonl"))(p)
			case "internal/jsonl":
				return only(in())(p)
			}
			return nil
		},
	},
	{
		"DuckDB is imported by archive/duck alone, and that by app alone",
		"its SQL reaches every file of the host, and it is C++: there is one place that locks it down, and what does not ask is built and tested without it",
		func(p pkg) (broken []string) {
			ours, others := imports(slices.Concat(p.files, p.tests))
			for _, path := range others {
				if strings.HasPrefix(path, "github.com/duckdb/") && p.path != "internal/archive/duck" {
					broken = append(broken, "imports "+path)
				}
			}
			if slices.Contains(ours, "internal/archive/duck") && p.path != "internal/app" {
				broken = append(broken, "imports internal/archive/duck")
			}
			return broken
		},
	},
	{
		"incident imports only verdict, and is pure",
		"what becomes of incidents must be the same when it is replayed after a crash, and be tested without a clock or a disk",
		func(p pkg) []string {
			if p.path != "internal/incident" {
				return nil
			}
			return append(only(in("verdict"))(p), reaches(p)...)
		},
	},
	{
		"state imports only incident of ours",
		"it keeps what others say in transactions: positions and models are opaque to it, and it must not depend on who reads logs or who asks",
		func(p pkg) []string {
			if p.path != "internal/state" {
				return nil
			}
			return only(in("internal/incident"))(p)
		},
	},
	{
		"SQLite is imported by state alone",
		"what must not be lost is written in one place, by one writer; and the driver takes a minute to compile, which packages without it are spared",
		func(p pkg) (broken []string) {
			_, others := imports(slices.Concat(p.files, p.tests))
			for _, path := range others {
				if strings.HasPrefix(path, "modernc.org/sqlite") && p.path != "internal/state" {
					broken = append(broken, "imports "+path)
				}
			}
			return broken
		},
	},
	{
		"NATS is known to the queue alone, and the queue to app",
		"its server is a large library: what does not queue builds without it, and another queue would change one package",
		func(p pkg) (broken []string) {
			ours, others := imports(slices.Concat(p.files, p.tests))
			if p.path != "internal/intake/queue" {
				for _, path := range others {
					if strings.HasPrefix(path, "github.com/nats-io/") {
						broken = append(broken, "imports "+path)
					}
				}
			}
			if slices.Contains(ours, "internal/intake/queue") && p.path != "internal/app" {
				broken = append(broken, "imports internal/intake/queue")
			}
			return broken
		},
	},
	{
		"gate imports only restrict, maillog, enrich, config and message",
		"the doors stay up when everything else falls: they hold no database, no pipeline and no page",
		func(p pkg) []string {
			if p.path != "internal/gate" {
				return nil
			}
			return only(in("restrict", "maillog", "internal/enrich", "internal/config", "internal/message"))(p)
		},
	},
	{
		"console and api import only chart, message and access of internal",
		"pages see the rest through interfaces that they declare, so that they can be tested and replaced; who may do what is part of every operation",
		func(p pkg) []string {
			if p.path != "internal/console" && p.path != "internal/api" {
				return nil
			}
			return only(func(path string) bool {
				return !isInternal(path) || in("internal/chart", "internal/message", "internal/access")(path)
			})(p)
		},
	},
	{
		"access and daemon import none of ours",
		"who may do what, and how a service of a host behaves, must not depend on what this one does",
		func(p pkg) []string {
			if p.path != "internal/access" && p.path != "internal/daemon" {
				return nil
			}
			return only(in())(p)
		},
	},
	{
		"health and notify import only secret and message of ours, and secret nothing",
		"what asks the service and what tells people must work when all else is in trouble, and must not know what is thought of the logs",
		func(p pkg) []string {
			switch p.path {
			case "internal/health", "internal/notify":
				return only(in("internal/secret", "internal/message"))(p)
			case "internal/secret":
				return only(in())(p)
			}
			return nil
		},
	},
	{
		"pipeline is imported by app alone, and by evaluate, which measures it",
		"there is one way of an event, and one place that wires it",
		func(p pkg) []string {
			if p.path == "internal/app" || p.path == "internal/evaluate" {
				return nil
			}
			return only(func(path string) bool { return path != "internal/pipeline" })(p)
		},
	},
	{
		"app is imported by cmd alone, and cmd imports nothing else",
		"only app knows everything; a package that knew app would know everything too",
		func(p pkg) []string {
			if strings.HasPrefix(p.path, "cmd/") {
				return only(in("internal/app"))(p)
			}
			return only(func(path string) bool { return path != "internal/app" })(p)
		},
	},
	{
		"simulate is imported under internal alone",
		"nothing that judges may know how the simulated logs were made",
		func(p pkg) []string {
			if isInternal(p.path) {
				return nil
			}
			return only(func(path string) bool { return path != "simulate" })(p)
		},
	},
	{
		"a package has exactly one comment",
		"it is the only place that says what the package is, what it is not, and who calls it; two of them disagree in time",
		uncommented,
	},
}

// worldly are packages of the standard library that reach out of the process.
var worldly = []string{"database/sql", "embed", "io/ioutil", "log", "os", "plugin", "syscall", "testing", "unsafe"}

// moments are functions of package time that ask the clock or the system's
// zones.
var moments = []string{
	"After", "AfterFunc", "LoadLocation", "Local", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until",
}

// seeded are the functions of math/rand that make a source of one's own; the
// others draw from the process's.
var seeded = []string{"New", "NewChaCha8", "NewPCG", "NewSource", "NewZipf", "ChaCha8", "PCG", "Rand", "Source", "Source64", "Zipf"}

func impure(p pkg) (broken []string) {
	if !p.isRoot() {
		return nil
	}
	return reaches(p)
}

// reaches finds what reaches out of the process, or depends on chance.
func reaches(p pkg) (broken []string) {
	for _, f := range p.files {
		alias := map[string]string{} // name in the file → path
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			name := path[strings.LastIndexByte(path, '/')+1:]
			if name == "v2" {
				name = "rand" // math/rand/v2 is the one package so called
			}
			if spec.Name != nil {
				name = spec.Name.Name
			}
			alias[name] = path
			first, _, _ := strings.Cut(path, "/")
			if slices.Contains(worldly, path) || first == "os" || first == "log" ||
				first == "net" && path != "net/netip" && path != "net/url" {
				broken = append(broken, "imports "+path)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if !ok {
				return true
			}
			switch alias[x.Name] {
			case "time":
				if slices.Contains(moments, sel.Sel.Name) {
					broken = append(broken, "uses time."+sel.Sel.Name)
				}
			case "math/rand", "math/rand/v2":
				if !slices.Contains(seeded, sel.Sel.Name) {
					broken = append(broken, "draws from the process's rand."+sel.Sel.Name)
				}
			}
			return true
		})
	}
	return broken
}

// mutable finds package variables that a function writes to, or whose type is
// made to be written to. It goes by names: a local variable of the same name
// hides the package's for the whole function.
func mutable(p pkg) (broken []string) {
	if !p.isRoot() {
		return nil
	}
	vars := map[string]bool{}
	for _, f := range p.files {
		for _, d := range f.Decls {
			decl, ok := d.(*ast.GenDecl)
			if !ok || decl.Tok != token.VAR {
				continue
			}
			for _, s := range decl.Specs {
				spec := s.(*ast.ValueSpec)
				for _, name := range spec.Names {
					vars[name.Name] = true
				}
				if made := writable(spec); made != "" {
					broken = append(broken, fmt.Sprintf("holds %s in the variable %s", made, spec.Names[0].Name))
				}
			}
		}
	}
	for _, f := range p.files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			local := locals(fn)
			write := func(e ast.Expr) {
				if name := base(e); vars[name] && !local[name] {
					broken = append(broken, fmt.Sprintf("%s writes to the variable %s", fn.Name.Name, name))
				}
			}
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.AssignStmt:
					if n.Tok != token.DEFINE {
						for _, e := range n.Lhs {
							write(e)
						}
					}
				case *ast.IncDecStmt:
					write(n.X)
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "delete" || f.Name == "clear") && len(n.Args) > 0 {
						write(n.Args[0])
					}
				}
				return true
			})
		}
	}
	return broken
}

// writable names the type of a variable that is made to be written to.
func writable(spec *ast.ValueSpec) (name string) {
	for _, e := range append([]ast.Expr{spec.Type}, spec.Values...) {
		if lit, ok := e.(*ast.CompositeLit); ok {
			e = lit.Type
		}
		if sel, ok := e.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
				return x.Name + "." + sel.Sel.Name
			}
		}
	}
	return ""
}

// base is the variable that an expression such as a.b[c] is a part of.
func base(e ast.Expr) string {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x.Name
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return ""
		}
	}
}

// locals are the names that a function declares anywhere.
func locals(fn *ast.FuncDecl) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			for _, name := range n.Names {
				names[name.Name] = true
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				names[name.Name] = true
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					names[base(e)] = true
				}
			}
		case *ast.RangeStmt:
			if n.Tok == token.DEFINE {
				for _, e := range []ast.Expr{n.Key, n.Value} {
					names[base(e)] = true
				}
			}
		}
		return true
	})
	return names
}

func uncommented(p pkg) []string {
	files := p.files
	if len(files) == 0 {
		files = p.tests // a package of tests alone, such as this one
	}
	var comments []string
	for _, f := range files {
		if f.Doc != nil {
			comments = append(comments, f.Doc.Text())
		}
	}
	if len(comments) != 1 {
		return []string{fmt.Sprintf("has %d comments", len(comments))}
	}
	want := "Package " + files[0].Name.Name + " "
	if files[0].Name.Name == "main" {
		want = "Command " + p.path[strings.LastIndexByte(p.path, '/')+1:] + " "
	}
	if !strings.HasPrefix(comments[0], want) {
		return []string{fmt.Sprintf("has a comment that does not begin with %q", want)}
	}
	return nil
}

func TestPackages(t *testing.T) {
	packages := load(t, "../..")
	if len(packages) < 3 {
		t.Fatalf("only %d packages were found", len(packages))
	}
	for _, r := range packageRules {
		t.Run(r.name, func(t *testing.T) {
			for _, p := range packages {
				for _, broken := range r.broken(p) {
					t.Errorf("%s %s; the rule: %s, because %s", p.path, broken, r.name, r.reason)
				}
			}
		})
	}
}

// Each rule must be able to fail, and must let pass what it allows.
func TestPackageRulesFail(t *testing.T) {
	type cases struct{ good, bad []pkg }
	all := map[string]cases{
		"a root package imports only root packages above it": {
			good: []pkg{source("traffic", `import "mailvigil/maillog"`), source("internal/app", `import "mailvigil/verdict"`)},
			bad: []pkg{
				source("maillog", `import "mailvigil/traffic"`),
				source("verdict", `import "mailvigil/verdict"`),
				source("explain", `import "mailvigil/internal/config"`),
				inTest(source("maillog", `import "mailvigil/simulate"`)),
			},
		},
		"a root package imports no library": {
			good: []pkg{source("maillog", `import "strings"`), source("internal/app", `import "example.com/x"`), inTest(source("maillog", `import "example.com/x"`))},
			bad:  []pkg{source("maillog", `import "example.com/x"`), source("maillog", `import "C"`)},
		},
		"a root package is pure": {
			good: []pkg{
				source("maillog", `import ("net/netip"; "time"); var _ = time.Unix`),
				source("simulate", `import "math/rand/v2"; func f() { rand.New(rand.NewPCG(1, 2)) }`),
				source("internal/app", `import ("os"; "time"); var _ = time.Now`),
				inTest(source("maillog", `import "os"`)),
				source("maillog", `type clock struct{ Now int }; func f(time clock) int { return time.Now }`),
			},
			bad: []pkg{
				source("maillog", `import "os"`),
				source("maillog", `import "os/exec"`),
				source("maillog", `import "net"`),
				source("maillog", `import "net/http"`),
				source("maillog", `import "log/slog"`),
				source("maillog", `import "time"; var _ = time.Now`),
				source("maillog", `import t "time"; var _ = t.LoadLocation`),
				source("maillog", `import "time"; var _ = time.Local`),
				source("simulate", `import "math/rand"; func f() { rand.Intn(3) }`),
				source("simulate", `import "math/rand/v2"; func f() { rand.IntN(3) }`),
			},
		},
		"a root package has no mutable state": {
			good: []pkg{
				source("maillog", `var table = []int{1}; func f() { table := 1; table++ }`),
				source("maillog", `var n int; func f(n int) { n = 2 }`),
				source("maillog", `var x = 1; type t struct{ x int }; func (v *t) f() { v.x = 2 }`),
				source("internal/app", `var n int; func f() { n++ }`),
			},
			bad: []pkg{
				source("maillog", `var n int; func f() { n++ }`),
				source("maillog", `var n int; func f() { n = 2 }`),
				source("maillog", `var m = map[int]int{}; func f() { m[1] = 2 }`),
				source("maillog", `var m = map[int]int{}; func f() { delete(m, 1) }`),
				source("maillog", `var s struct{ n int }; func f() { s.n += 2 }`),
				source("maillog", `import "sync"; var once sync.Once`),
				source("maillog", `import "sync"; var pool = sync.Pool{}`),
			},
		},
		"intake and enrich import only maillog and traffic of the root": {
			good: []pkg{source("internal/enrich", `import ("mailvigil/maillog"; "mailvigil/internal/config")`), source("internal/report", `import "mailvigil/verdict"`)},
			bad:  []pkg{source("internal/enrich", `import "mailvigil/verdict"`), source("internal/intake", `import "mailvigil/abuse"`), source("internal/intake/receive", `import "mailvigil/verdict"`)},
		},
		"archive, ocsf and jsonl import only maillog of the root, and no package that reads": {
			good: []pkg{source("internal/archive", `import ("mailvigil/maillog"; "example.com/parquet")`), source("internal/ocsf", `import "mailvigil/internal/jsonl"`)},
			bad:  []pkg{source("internal/archive", `import "mailvigil/internal/intake"`), source("internal/ocsf", `import "mailvigil/verdict"`), source("internal/jsonl", `import "mailvigil/maillog"`)},
		},
		"DuckDB is imported by archive/duck alone, and that by app alone": {
			good: []pkg{source("internal/archive/duck", `import "github.com/duckdb/duckdb-go/v2"`), source("internal/app", `import "mailvigil/internal/archive/duck"`)},
			bad:  []pkg{source("internal/archive", `import "github.com/duckdb/duckdb-go/v2"`), source("internal/gate", `import "mailvigil/internal/archive/duck"`), inTest(source("internal/app", `import "github.com/duckdb/duckdb-go/v2"`))},
		},
		"incident imports only verdict, and is pure": {
			good: []pkg{source("internal/incident", `import ("mailvigil/verdict"; "time"); var _ = time.Unix`), source("internal/health", `import "time"; var _ = time.Now`)},
			bad: []pkg{
				source("internal/incident", `import "mailvigil/internal/state"`), source("internal/incident", `import "mailvigil/traffic"`),
				source("internal/incident", `import "time"; var _ = time.Now`), source("internal/incident", `import "os"`),
			},
		},
		"state imports only incident of ours": {
			good: []pkg{source("internal/state", `import ("mailvigil/internal/incident"; "database/sql")`)},
			bad:  []pkg{source("internal/state", `import "mailvigil/internal/intake"`), source("internal/state", `import "mailvigil/verdict"`)},
		},
		"SQLite is imported by state alone": {
			good: []pkg{source("internal/state", `import ("database/sql"; _ "modernc.org/sqlite")`), source("internal/app", `import "mailvigil/internal/state"`)},
			bad: []pkg{
				source("internal/archive", `import "modernc.org/sqlite"`), source("internal/api", `import "modernc.org/sqlite/lib"`), inTest(source("internal/app", `import _ "modernc.org/sqlite"`)),
			},
		},
		"NATS is known to the queue alone, and the queue to app": {
			good: []pkg{source("internal/intake/queue", `import "github.com/nats-io/nats.go"`), source("internal/app", `import "mailvigil/internal/intake/queue"`)},
			bad:  []pkg{source("internal/app", `import "github.com/nats-io/nats.go/jetstream"`), source("internal/intake/receive", `import "mailvigil/internal/intake/queue"`)},
		},
		"gate imports only restrict, maillog, enrich, config and message": {
			good: []pkg{source("internal/gate", `import ("mailvigil/restrict"; "mailvigil/internal/enrich")`)},
			bad:  []pkg{source("internal/gate", `import "mailvigil/internal/state"`), source("internal/gate", `import "mailvigil/verdict"`)},
		},
		"console and api import only chart, message and access of internal": {
			good: []pkg{source("internal/console", `import ("mailvigil/verdict"; "mailvigil/internal/chart")`), source("internal/api", `import "mailvigil/internal/access"`)},
			bad:  []pkg{source("internal/console", `import "mailvigil/internal/state"`), source("internal/api", `import "mailvigil/internal/pipeline"`)},
		},
		"health and notify import only secret and message of ours, and secret nothing": {
			good: []pkg{source("internal/health", `import ("mailvigil/internal/secret"; "mailvigil/internal/message")`), source("internal/notify", `import "mailvigil/internal/secret"`)},
			bad:  []pkg{source("internal/health", `import "mailvigil/internal/config"`), source("internal/notify", `import "mailvigil/internal/incident"`), source("internal/secret", `import "mailvigil/internal/message"`)},
		},
		"access and daemon import none of ours": {
			good: []pkg{source("internal/access", `import "os/user"`), source("internal/api", `import "mailvigil/internal/access"`)},
			bad:  []pkg{source("internal/daemon", `import "mailvigil/internal/api"`), source("internal/access", `import "mailvigil/internal/config"`)},
		},
		"pipeline is imported by app alone, and by evaluate, which measures it": {
			good: []pkg{source("internal/app", `import "mailvigil/internal/pipeline"`), source("internal/evaluate", `import "mailvigil/internal/pipeline"`)},
			bad:  []pkg{source("internal/report", `import "mailvigil/internal/pipeline"`)},
		},
		"app is imported by cmd alone, and cmd imports nothing else": {
			good: []pkg{source("cmd/mailvigil", `import "mailvigil/internal/app"`)},
			bad:  []pkg{source("cmd/mailvigil", `import "mailvigil/maillog"`), source("internal/report", `import "mailvigil/internal/app"`)},
		},
		"simulate is imported under internal alone": {
			good: []pkg{source("internal/app", `import "mailvigil/simulate"`)},
			bad:  []pkg{source("linkage", `import "mailvigil/simulate"`), source("cmd/mailvigil", `import "mailvigil/simulate"`)},
		},
		"a package has exactly one comment": {
			good: []pkg{source("maillog", ``), source("cmd/mailvigil", ``), inTest(source("internal/rules", ``))},
			bad: []pkg{
				{path: "maillog", files: []*ast.File{parse("package maillog")}},
				{path: "maillog", files: []*ast.File{parse("// Package maillog is.\npackage maillog"), parse("// Package maillog is more.\npackage maillog")}},
				{path: "maillog", files: []*ast.File{parse("// It reads.\npackage maillog")}},
				{path: "cmd/mailvigil", files: []*ast.File{parse("// Package main is.\npackage main")}},
			},
		},
	}
	for _, r := range packageRules {
		t.Run(r.name, func(t *testing.T) {
			c := all[r.name]
			if len(c.bad) == 0 {
				t.Fatal("nothing shows that this rule can fail")
			}
			for i, p := range c.good {
				if broken := r.broken(p); len(broken) > 0 {
					t.Errorf("good case %d (%s) is refused: %v", i, p.path, broken)
				}
			}
			for i, p := range c.bad {
				if len(r.broken(p)) == 0 {
					t.Errorf("bad case %d (%s) is not seen", i, p.path)
				}
			}
		})
	}
}

// source makes a package of one file.
func source(path, body string) pkg {
	name, kind := path[strings.LastIndexByte(path, '/')+1:], "Package"
	clause := name
	if strings.HasPrefix(path, "cmd/") {
		kind, clause = "Command", "main"
	}
	return pkg{path: path, files: []*ast.File{parse(fmt.Sprintf("// %s %s is.\npackage %s\n%s", kind, name, clause, body))}}
}

func inTest(p pkg) pkg { return pkg{path: p.path, tests: p.files} }

func parse(src string) *ast.File {
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", src, parser.ParseComments)
	if err != nil {
		panic(err)
	}
	return f
}

// load parses the module's packages.
func load(t *testing.T, dir string) []pkg {
	t.Helper()
	list := command(t, dir, "go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,TestGoFiles", "./...")
	dec := json.NewDecoder(strings.NewReader(list))
	var packages []pkg
	for {
		var found struct {
			ImportPath, Dir                string
			GoFiles, CgoFiles, TestGoFiles []string
		}
		if err := dec.Decode(&found); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		p := pkg{path: strings.TrimPrefix(found.ImportPath, module+"/")}
		for _, name := range append(found.GoFiles, found.CgoFiles...) {
			p.files = append(p.files, parseFile(t, filepath.Join(found.Dir, name)))
		}
		for _, name := range found.TestGoFiles {
			p.tests = append(p.tests, parseFile(t, filepath.Join(found.Dir, name)))
		}
		// An external test package alone is nobody's package.
		if len(p.files)+len(p.tests) > 0 {
			packages = append(packages, p)
		}
	}
}

func parseFile(t *testing.T, path string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}
