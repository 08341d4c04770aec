package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// part is the share of the processor's time that one part of the program took.
type part struct {
	Part  string  `json:"part"`
	Share float64 `json:"share"`
}

// profiled investigates a file under the profiler of the Go runtime and says
// where the time went: by package, most first.
func (c *comparison) profiled(path string) ([]part, error) {
	file := filepath.Join(c.folder, "cpu.out")
	r := c.mailvigil(0, path)
	r.argv = slices.Insert(r.argv, 2, "--cpuprofile", file)
	if _, _, _, err := measure(r); err != nil {
		return nil, fmt.Errorf("%v: %w", exec.Command(r.argv[0], r.argv[1:]...), err)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	total, by := int64(0), map[string]int64{}
	for _, s := range p.Sample {
		n := s.Value[len(s.Value)-1] // nanoseconds
		total += n
		by[partOf(s)] += n
	}
	var parts []part
	for name, n := range by {
		parts = append(parts, part{name, float64(n) / float64(max(total, 1))})
	}
	slices.SortFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Part, b.Part))
	})
	return parts, nil
}

// partOf says to what a sample belongs: the innermost of our packages on its
// stack, or what that package had done for it where this is a part of its own.
func partOf(s *profile.Sample) string {
	for _, loc := range s.Location { // innermost first
		for _, line := range loc.Line {
			name := line.Function.Name
			for _, of := range []struct{ prefix, part string }{
				{"crypto/", "SHA-256"},
				{"github.com/klauspost/compress/", "decompression"},
				{"runtime.gcBgMarkWorker", "garbage collection"},
				{"runtime.bgsweep", "garbage collection"},
				{"runtime.gcAssistAlloc", "garbage collection"},
				{"syscall.", "the kernel: reading files"},
			} {
				if strings.HasPrefix(name, of.prefix) {
					return of.part
				}
			}
			if name, found := strings.CutPrefix(name, "mailvigil/"); found {
				return packageOf(name)
			}
		}
	}
	return "the Go runtime: scheduling, start and end"
}

// packageOf takes the function, the method or the type's parameters off:
// "internal/enrich.(*Worker).Enrich", "abuse.keep[go.shape.struct {…}]".
func packageOf(name string) string {
	name, _, _ = strings.Cut(name, "[")
	folder, last := "", name
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		folder, last = name[:i+1], name[i+1:]
	}
	last, _, _ = strings.Cut(last, ".")
	return folder + last
}
