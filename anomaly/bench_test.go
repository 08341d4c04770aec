package anomaly_test

import (
	"testing"
	"unsafe"

	"mailvigil/anomaly"
	"mailvigil/baseline"
	"mailvigil/traffic"
)

func BenchmarkStep(b *testing.B) {
	w := world{start: monday, days: 16, peak: 100, phi: 2, weekend: 0.3, night: 0.05}
	counts := w.counts(1)
	d := anomaly.NewDetector(w.options())
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		d.Step(w.slot(0)+traffic.Slot(i), counts[i%(14*1440)])
	}
	b.ReportMetric(float64(unsafe.Sizeof(anomaly.Detector{})+unsafe.Sizeof(baseline.Model{})), "B/series")
}

func BenchmarkScan(b *testing.B) {
	w := world{start: monday, days: 16, peak: 100, phi: 2, weekend: 0.3, night: 0.05}
	counts := w.counts(1)
	b.ReportAllocs()
	for range b.N {
		anomaly.Scan(w.slot(0), counts, w.options())
	}
}
