package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

// browse loads a page in a browser without a screen, and gives what became of
// it once its scripts have run.
func browse(t *testing.T, page string, flags ...string) string {
	t.Helper()
	browser, err := report.Browser()
	if err != nil {
		t.Skip("no browser is installed (Debian: apt install chromium), so pages are not looked at in one")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	args := append(report.Headless(filepath.Join(dir, "profile")), "--virtual-time-budget=60000", "--dump-dom")
	cmd := exec.CommandContext(ctx, browser, append(append(args, flags...), "file://"+file)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, said.String())
	}
	return string(out)
}

const policy = `<meta http-equiv="Content-Security-Policy"`

// withAxe is a page that checks itself by axe-core: it allows itself scripts,
// and shows what is hidden.
func withAxe(t *testing.T, page string, dark bool) string {
	t.Helper()
	axe, err := os.ReadFile("../../node_modules/axe-core/axe.min.js")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("axe-core is not installed (npm ci), so pages are not checked for what shuts people out")
	}
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(page, policy) {
		t.Fatal("the page has no policy to take off")
	}
	page = strings.Replace(page, policy, `<meta name="was-policy"`, 1)
	page = strings.ReplaceAll(page, "<details", "<details open")
	const scheme = "@media screen and (prefers-color-scheme:dark)"
	if !strings.Contains(page, scheme) {
		t.Fatal("the page has no dark colours")
	}
	if dark {
		page = strings.ReplaceAll(page, scheme, "@media all")
	}
	script := "<script>" + strings.ReplaceAll(string(axe), "</script", `<\/script`) + `</script><script>
axe.run(document,{resultTypes:["violations"]}).then(r=>{
 const out={passes:r.passes.length,pwned:window.pwned===1,background:getComputedStyle(document.body).backgroundColor,
  violations:r.violations.map(v=>({id:v.id,help:v.help,nodes:v.nodes.slice(0,5).map(n=>n.html.slice(0,300)+" :: "+n.failureSummary)}))};
 const p=document.createElement("pre");p.id="axe-result";p.textContent=JSON.stringify(out);document.body.replaceChildren(p);
},e=>{document.body.textContent="axe failed: "+e});
</script></body>`
	return strings.Replace(page, "</body>", script, 1)
}

// Nobody is shut out of a report: axe-core finds nothing, in light and in dark,
// with all tables open, whatever logs hold.
func TestHTMLAccessible(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	attack := `"><img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`
	for _, tc := range []struct {
		name string
		v    *verdict.Verdict
		o    report.Page
		dark bool
	}{
		{"everything", full(), report.Page{Pseudonyms: true}, false},
		{"everything in the dark", full(), report.Page{}, true},
		{"an attacker's words", poison(full(), attack), report.Page{}, false},
		{"a fault", outage(), report.Page{For: report.Analyst}, true},
		{"quiet", quiet(), report.Page{}, false},
		{"undetermined", undetermined(), report.Page{For: report.Director}, false},
		{"benign", phoneStorm(), report.Page{For: report.Postmaster}, true},
		{"empty", empty(), report.Page{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := check(t, withAxe(t, page(t, tc.v, tc.o), tc.dark))
			if got.Passes < 15 {
				t.Errorf("axe-core passed %d rules, too few to show anything", got.Passes)
			}
			if want := map[bool]string{true: "rgb(18, 23, 30)", false: "rgb(255, 255, 255)"}[tc.dark]; got.Background != want {
				t.Errorf("the page stands on %s, not on %s", got.Background, want)
			}
			if got.Pwned {
				t.Error("a script from a log ran")
			}
			for _, v := range got.Violations {
				t.Errorf("%s: %s\n  %s", v.ID, v.Help, strings.Join(v.Nodes, "\n  "))
			}
		})
	}
	t.Run("the test of the test", func(t *testing.T) {
		bad := strings.Replace(page(t, quiet(), report.Page{}), "</main>", `<p style="color:#eee;background:#fff">pale</p><img src="x" onerror="window.pwned=1"></main>`, 1)
		if got := check(t, withAxe(t, bad, false)); len(got.Violations) < 2 || !got.Pwned {
			t.Errorf("axe-core finds nothing wrong with pale text and a picture without words: %+v", got)
		}
	})
}

type axeResult struct {
	Passes     int
	Pwned      bool
	Background string
	Violations []struct {
		ID, Help string
		Nodes    []string
	}
}

func check(t *testing.T, page string) (r axeResult) {
	t.Helper()
	dom := browse(t, page)
	m := regexp.MustCompile(`(?s)<pre id="axe-result">(.*?)</pre>`).FindStringSubmatch(dom)
	if m == nil {
		t.Fatalf("axe-core gave no answer:\n%.2000s", dom[max(0, len(dom)-2000):])
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// The director's part is one sheet of paper, whatever the verdict.
func TestPDF(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	if _, err := report.Browser(); err != nil {
		t.Skip("no browser is installed (Debian: apt install chromium), so no PDF is made")
	}
	long := poison(full(), strings.Repeat("many words of a log ", 40))
	long.Ledger = full().Ledger // it is not from logs
	for name, v := range map[string]*verdict.Verdict{"everything": full(), "undetermined": undetermined(), "long": long} {
		var pdf bytes.Buffer
		if err := report.PDF(t.Context(), &pdf, []byte(page(t, v, report.Page{For: report.Director}))); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(pdf.Bytes(), []byte("%PDF-")) {
			t.Fatalf("%s: %.20q is no PDF", name, pdf.Bytes())
		}
		if n := len(regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf.Bytes(), -1)); n != 1 {
			t.Errorf("%s: the director's part has %d pages", name, n)
		}
		if m := regexp.MustCompile(`/MediaBox\s*\[\s*0 0 (\d+)[.\d]* (\d+)`).FindSubmatch(pdf.Bytes()); m == nil || string(m[1]) != "594" || string(m[2]) != "841" {
			t.Errorf("%s: the paper is %q, not A4", name, m)
		}
	}
}

func TestPDFNeedsBrowser(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := report.PDF(t.Context(), &bytes.Buffer{}, []byte("x"))
	if !errors.Is(err, report.ErrNoBrowser) || !strings.Contains(err.Error(), "apt install chromium") {
		t.Errorf("without a browser: %v, want what to do", err)
	}
	// One that does nothing is named.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "chromium"), []byte("#!/bin/sh\nexit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if err := report.PDF(t.Context(), &bytes.Buffer{}, []byte("x")); err == nil || !strings.Contains(err.Error(), "wrote no PDF") {
		t.Errorf("with a browser that does nothing: %v", err)
	}
}
