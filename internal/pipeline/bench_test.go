package pipeline_test

import (
	"runtime"
	"testing"

	"mailvigil/internal/intake"
	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
)

// BenchmarkInvestigate is the whole path over a week of an organisation of 400
// whose phones begin to storm, with as many readers as there are cores.
func BenchmarkInvestigate(b *testing.B) {
	dir := b.TempDir()
	write(b, world(b, simulate.PhoneStorm, 1, 400, 7), dir)
	o := pipeline.Options{Location: brussels(b), NetworksMissing: true}
	for _, bc := range []struct {
		name string
		run  func(*intake.Set) (int64, error)
	}{
		{"first pass", func(set *intake.Set) (int64, error) { return pipeline.First(b.Context(), set, o) }},
		{"verdict", func(set *intake.Set) (int64, error) {
			v, err := pipeline.Investigate(b.Context(), set, o)
			if err != nil {
				return 0, err
			}
			return v.Coverage.Lines, nil
		}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			set := discover(b, dir)
			var before, after runtime.MemStats
			var lines int64
			runtime.ReadMemStats(&before)
			for b.Loop() {
				n, err := bc.run(set)
				if err != nil {
					b.Fatal(err)
				}
				lines += n
			}
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(lines)/b.Elapsed().Seconds(), "lines/s")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(lines), "allocs/line")
		})
	}
}
