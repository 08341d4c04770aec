package main

import (
	"bufio"
	"bytes"
	"embed"
	"fmt"
	"os"
	"runtime"
	"strings"
	"text/template"
	"time"
)

//go:embed page.md
var pageText embed.FS

// machine is what the figures were measured on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	System string `json:"system"`
	Go     string `json:"go"`
	Date   string `json:"date"`
}

func thisMachine(now time.Time) machine {
	m := machine{
		CPU: field("/proc/cpuinfo", "model name", ":"), Cores: runtime.NumCPU(), Go: runtime.Version(),
		System: strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`), Date: now.Format("2 January 2006"),
	}
	var kb float64
	if _, err := fmt.Sscan(field("/proc/meminfo", "MemTotal", ":"), &kb); err == nil {
		m.Memory = fmt.Sprintf("%.0f GB", kb/1024/1024)
	}
	return m
}

// field is the value of the first line of a file that begins with a key.
func field(path, key, sep string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		if k, v, found := strings.Cut(in.Text(), sep); found && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// figures are all that one run measured.
type figures struct {
	Machine    machine    `json:"machine"`
	Benchmarks []result   `json:"benchmarks"`
	Contests   []*contest `json:"comparison,omitempty"`
	Profile    []part     `json:"profile,omitempty"` // of the first contest
}

var page = template.Must(template.New("page.md").Funcs(template.FuncMap{
	"median": median,
	"times":  times,
	"percent": func(x float64) string {
		if x < 0.005 {
			return "below 1"
		}
		return fmt.Sprintf("%.0f", 100*x)
	},
	"count": func(x float64) string { return grouped(fmt.Sprintf("%.0f", x)) },
	"lines": func(n int64) string { return grouped(fmt.Sprint(n)) },
	"ratio": func(c *contest, r *runner) string {
		if r == c.Runners[0] {
			return ""
		}
		return times(c.Runners[0].speed() / r.speed())
	},
	"cell":    func(text string) string { return strings.ReplaceAll(text, "|", `\|`) },
	"speed":   (*runner).speed,
	"verdict": goal.verdict,
	"short":   func(pkg string) string { return strings.TrimPrefix(pkg, "mailvigil/") },
	"bench":   func(name string) string { return strings.TrimPrefix(name, "Benchmark") },
	"metric": func(r result, unit string) string {
		v, ok := r.Metrics[unit]
		switch {
		case !ok:
			return ""
		case v != 0 && v < 100:
			return fmt.Sprintf("%.3g", v)
		}
		return grouped(fmt.Sprintf("%.0f", v))
	},
}).ParseFS(pageText, "page.md"))

// grouped puts commas between the thousands of a whole number.
func grouped(digits string) string {
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func writePage(path string, f figures) error {
	var b bytes.Buffer
	if err := page.Execute(&b, f); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
