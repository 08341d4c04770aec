package receive_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake/queue"
	"mailvigil/internal/intake/receive"
)

var benchLine = "<22>Feb 21 00:03:02 mx1 dovecot: " + strings.Replace(login, "Info: ", "", 1) + "\n"

func benchQueue(b *testing.B) *queue.Queue {
	b.Helper()
	q, err := queue.Open(b.Context(), queue.Options{Folder: b.TempDir(), Limit: 32 << 30, Reserve: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = q.Close() })
	return q
}

// BenchmarkSyslogTCP: lines from four connections, until they are flushed to the
// disk; the senders share the machine.
func BenchmarkSyslogTCP(b *testing.B) {
	r, addr := open(b, benchQueue(b), config.Listener{Transport: config.SyslogTCP})
	b.ReportAllocs()
	b.SetBytes(int64(len(benchLine)))
	b.ResetTimer()
	const senders = 4
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer c.Close()
			const each = 64
			chunk := bytes.Repeat([]byte(benchLine), each)
			for n := (b.N + s) / senders; n > 0; n -= each {
				if _, err := c.Write(chunk[:min(n, each)*len(benchLine)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	until(b, r, func(s receive.ListenerStatus) bool { return s.Queued == int64(b.N) })
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkSyslogUDP: one sender as fast as it can; lost is what found no room,
// all of it counted.
func BenchmarkSyslogUDP(b *testing.B) {
	r, addr := open(b, benchQueue(b), config.Listener{Transport: config.SyslogUDP})
	c, err := net.Dial("udp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	b.ReportAllocs()
	b.SetBytes(int64(len(benchLine)))
	b.ResetTimer()
	sent := int64(0)
	for range b.N {
		if _, err := c.Write([]byte(benchLine)); err == nil {
			sent++
		}
	}
	s := until(b, r, func(s receive.ListenerStatus) bool {
		return s.Queued+s.Lost["kernel"]+s.Lost["memory"] == sent
	})
	b.ReportMetric(float64(s.Queued)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(100*float64(sent-s.Queued)/float64(sent), "%lost")
}

// BenchmarkHTTPLines: requests of a thousand lines, each answered after the flush.
func BenchmarkHTTPLines(b *testing.B) {
	_, addr := open(b, benchQueue(b), config.Listener{Transport: config.HTTP})
	const each = 1000
	body := strings.Repeat(benchLine, each)
	client := &http.Client{Timeout: time.Minute}
	defer client.CloseIdleConnections()
	b.ReportAllocs()
	b.SetBytes(int64(len(benchLine)))
	b.ResetTimer()
	for n := 0; n < b.N; n += each {
		if res := post(b, client, fmt.Sprintf("http://%s/v1/lines", addr), body[:min(each, b.N-n)*len(benchLine)], nil); res.StatusCode != http.StatusOK {
			b.Fatal(res.Status)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
