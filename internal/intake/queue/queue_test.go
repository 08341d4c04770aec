package queue

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mailvigil/internal/intake"
	"mailvigil/maillog"
)

func open(tb testing.TB, o Options) *Queue {
	tb.Helper()
	if o.Reserve == 0 {
		o.Reserve = 1
	}
	q, err := Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = q.Close() })
	return q
}

func lines(source string, texts ...string) []intake.Received {
	var out []intake.Received
	for _, t := range texts {
		out = append(out, intake.Received{Source: source, Format: maillog.Syslog, Bytes: []byte(t)})
	}
	return out
}

func put(tb testing.TB, q *Queue, l []intake.Received) {
	tb.Helper()
	if n, err := q.Put(tb.Context(), l); err != nil || n != len(l) {
		tb.Fatalf("put %d of %d: %v", n, len(l), err)
	}
}

// take returns the next n lines as "source text", and their numbers.
func take(tb testing.TB, q *Queue, n int, ack bool) (texts []string, numbers []int64) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second)
	defer cancel()
	for len(texts) < n {
		b, err := q.Next(ctx)
		if err != nil {
			tb.Fatalf("after %d of %d lines: %v", len(texts), n, err)
		}
		for _, l := range b.Lines {
			texts = append(texts, b.Source+" "+string(l.Bytes))
			numbers = append(numbers, l.Number)
		}
		if ack {
			if err := b.Ack(); err != nil {
				tb.Fatal(err)
			}
		}
	}
	return texts, numbers
}

func TestLinesComeOutAsTheyWentIn(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	q := open(t, Options{Folder: t.TempDir(), Now: func() time.Time { return at }})
	in := lines("tcp/192.0.2.1", "one", "two\xff", "")
	in = append(in, intake.Received{Source: "http/192.0.2.2", Bytes: []byte("three"), Overlong: true})
	in = append(in, lines("tcp/192.0.2.1", "four")...)
	put(t, q, in)
	first, err := q.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := q.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %s %v:", first.Source, first.Format, first.Reference.UTC())
	for _, l := range first.Lines {
		got += fmt.Sprintf(" %q", l.Bytes)
	}
	if want := `tcp/192.0.2.1 syslog 2026-03-01 10:00:00 +0000 UTC: "one" "two\xff" "" "four"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if l := second.Lines[0]; second.Source != "http/192.0.2.2" || second.Format != maillog.FormatNone || string(l.Bytes) != "three" || !l.Overlong {
		t.Errorf("the second batch is %s %v %q overlong %v", second.Source, second.Format, l.Bytes, l.Overlong)
	}
	if !first.Begins || !second.Begins {
		t.Error("the first batch of a source does not say that it begins")
	}
	put(t, q, lines("tcp/192.0.2.1", "five"))
	if third, err := q.Next(t.Context()); err != nil || third.Begins {
		t.Errorf("the next batch of a source begins anew, %v", err)
	}
	seen := map[int64]bool{}
	for _, b := range []*intake.Batch{first, second} {
		for _, l := range b.Lines {
			if seen[l.Number] || l.Number <= 0 || l.Number >= 1<<53 {
				t.Errorf("line number %d", l.Number)
			}
			seen[l.Number] = true
		}
	}
}

// What was not acknowledged comes again with the numbers it had; what was does
// not; new lines have new numbers, also when the queue had run empty.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Folder: dir})
	put(t, q, lines("a", "1"))
	put(t, q, lines("a", "2"))
	_, numbers := take(t, q, 1, true)
	_, unacked := take(t, q, 1, false)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Put(t.Context(), lines("a", "x")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed queue answers %v", err)
	}
	q = open(t, Options{Folder: dir})
	texts, again := take(t, q, 1, true)
	if texts[0] != "a 2" || again[0] != unacked[0] {
		t.Errorf("got %q number %d, want \"a 2\" number %d", texts, again[0], unacked[0])
	}
	_ = q.Close() // it is empty now
	q = open(t, Options{Folder: dir})
	put(t, q, lines("a", "3"))
	texts, fresh := take(t, q, 1, true)
	if texts[0] != "a 3" || fresh[0] <= again[0] || fresh[0] <= numbers[0] {
		t.Errorf("got %q number %d after %d", texts, fresh[0], again[0])
	}
}

func TestANewQueueRepeatsNoNumbers(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	var last int64
	for range 2 {
		q := open(t, Options{Folder: t.TempDir(), Now: func() time.Time { return at }})
		put(t, q, lines("a", "1"))
		_, numbers := take(t, q, 1, true)
		if numbers[0] <= last {
			t.Errorf("number %d comes after %d", numbers[0], last)
		}
		last = numbers[0]
		at = at.Add(time.Second)
		_ = q.Close()
	}
}

func TestAcknowledgedInAnyOrder(t *testing.T) {
	dir := t.TempDir()
	q := open(t, Options{Folder: dir})
	var batches []*intake.Batch
	for i := range 3 {
		put(t, q, lines("a", strconv.Itoa(i)))
		b, err := q.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		batches = append(batches, b)
	}
	_, _ = batches[2].Ack(), batches[0].Ack()
	_ = batches[0].Ack() // twice does no harm
	_ = q.Close()
	q = open(t, Options{Folder: dir})
	if texts, _ := take(t, q, 2, true); strings.Join(texts, ",") != "a 1,a 2" {
		t.Errorf("got %q", texts)
	}
}

func TestFullQueueRefusesAndKeeps(t *testing.T) {
	q := open(t, Options{Folder: t.TempDir(), Limit: MinimumLimit})
	big := strings.Repeat("x", 60_000)
	kept := 0
	for {
		n, err := q.Put(t.Context(), lines("a", big, big, big))
		kept += n
		if errors.Is(err, intake.ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if kept > 1000 {
			t.Fatal("the queue never fills")
		}
	}
	s := q.Status(t.Context())
	if s.Full != fullLimit || s.Refused == 0 || s.Queued != int64(kept) || s.Bytes > MinimumLimit || !q.Full() {
		t.Errorf("%d kept, status %+v", kept, s)
	}
	if _, err := q.Put(t.Context(), lines("a", "small")); !errors.Is(err, intake.ErrFull) {
		t.Errorf("a full queue answers %v", err)
	}
	room := make(chan error, 1)
	go func() { room <- q.Room(context.Background()) }()
	take(t, q, kept, true)
	if err := <-room; err != nil {
		t.Error(err)
	}
	for q.Full() {
		if err := q.Room(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	put(t, q, lines("a", "small"))
	if texts, _ := take(t, q, 1, true); texts[0] != "a small" {
		t.Errorf("got %q", texts)
	}
}

func TestFullDisk(t *testing.T) {
	var mu sync.Mutex
	left := int64(0)
	q := open(t, Options{Folder: t.TempDir(), Reserve: 100 << 20, Free: func(string) (int64, error) {
		mu.Lock()
		defer mu.Unlock()
		return left, nil
	}})
	if _, err := q.Put(t.Context(), lines("a", "1")); !errors.Is(err, intake.ErrFull) {
		t.Fatalf("without room on the disk: %v", err)
	}
	if s := q.Status(t.Context()); s.Full != fullDisk || !strings.Contains(s.Error, "make room") {
		t.Errorf("status %+v", s)
	}
	mu.Lock()
	left = 1 << 30
	mu.Unlock()
	put(t, q, lines("a", "2"))
	if texts, _ := take(t, q, 1, true); texts[0] != "a 2" {
		t.Errorf("got %q", texts)
	}
}

// A stream whose disk failed takes nothing until it is opened anew, which the
// queue does by itself.
func TestMends(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	q := open(t, Options{Folder: t.TempDir(), Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	put(t, q, lines("a", "1"))
	q.mu.Lock()
	l := q.link
	q.mu.Unlock()
	l.close() // as if it had fallen over
	if _, err := q.Put(t.Context(), lines("a", "lost")); !errors.Is(err, intake.ErrFull) {
		t.Fatalf("a broken queue answers %v", err)
	}
	if s := q.Status(t.Context()); s.Full != fullFailed || s.Error == "" {
		t.Errorf("status %+v", s)
	}
	mu.Lock()
	now = now.Add(mendAfter)
	mu.Unlock()
	put(t, q, lines("a", "2"))
	if texts, _ := take(t, q, 2, true); strings.Join(texts, ",") != "a 1,a 2" {
		t.Errorf("got %q", texts)
	}
	if s := q.Status(t.Context()); s.Mended != 1 || s.Full != "" {
		t.Errorf("status %+v", s)
	}
}

func TestOneProcessOnly(t *testing.T) {
	dir := t.TempDir()
	open(t, Options{Folder: dir})
	if _, err := Open(t.Context(), Options{Folder: dir}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second process is told %v", err)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		o          Options
	}{
		{"no folder", "name one with intake.queue.folder", Options{}},
		{"a file", "make the queue's folder", Options{Folder: file}},
		{"too small", "at least 8388608", Options{Folder: t.TempDir(), Limit: 1}},
		{"no cluster", "check the address", Options{URL: "nats://127.0.0.1:1"}},
	} {
		if _, err := Open(t.Context(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The helper process of TestKilled: it writes and says what was answered for.
func TestMain(m *testing.M) {
	dir := os.Getenv("MAILVIGIL_QUEUE_KILLED")
	if dir == "" {
		os.Exit(m.Run())
	}
	q, err := Open(context.Background(), Options{Folder: dir, Reserve: 1})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	if os.Getenv("MAILVIGIL_QUEUE_TAKE") != "" {
		go func() {
			for {
				b, err := q.Next(context.Background())
				if err != nil {
					return
				}
				for _, l := range b.Lines {
					fmt.Printf("got %s %d\n", l.Bytes, l.Number)
				}
				_ = b.Ack()
			}
		}()
	}
	start := time.Now().UnixNano()
	if os.Getenv("MAILVIGIL_QUEUE_EMPTY") != "" {
		_, _ = q.Put(context.Background(), lines("a", "one"))
		for q.Status(context.Background()).Packs > 0 {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("empty")
		select {}
	}
	for i := 0; ; i++ {
		text := fmt.Sprintf("%d-%d", start, i)
		if _, err := q.Put(context.Background(), lines("a", text)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		fmt.Println("put", text)
	}
}

// Every line that was answered for is delivered, whenever the process is killed,
// and a line keeps its number. What dies is the process: nothing here can show
// what a power cut would do, for which every write is flushed.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	answered := map[string]bool{}
	number := map[string]int64{}
	text := map[int64]string{}
	seen := func(s string, n int64) {
		if was, again := number[s]; again && was != n {
			t.Errorf("line %s has the numbers %d and %d", s, was, n)
		}
		if was, again := text[n]; again && was != s {
			t.Errorf("the number %d is of the lines %s and %s", n, was, s)
		}
		number[s], text[n] = n, s
	}
	for round := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "MAILVIGIL_QUEUE_KILLED="+dir)
		if round%2 == 1 {
			cmd.Env = append(cmd.Env, "MAILVIGIL_QUEUE_TAKE=1")
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		puts := 0
		for in.Scan() {
			f := strings.Fields(in.Text())
			switch {
			case len(f) == 2 && f[0] == "put":
				answered[f[1]] = true
				if puts++; puts == 40+17*round {
					_ = cmd.Process.Kill()
				}
			case len(f) == 3 && f[0] == "got":
				n, _ := strconv.ParseInt(f[2], 10, 64)
				seen(f[1], n)
			case len(f) > 0 && f[0] == "error":
				t.Fatal(in.Text())
			}
		}
		_ = cmd.Wait()
	}
	q := open(t, Options{Folder: dir})
	missing := 0
	for s := range answered {
		if number[s] == 0 {
			missing++
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for missing > 0 {
		b, err := q.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d lines that were answered for are lost: %v", missing, len(answered), err)
		}
		for _, l := range b.Lines {
			s := string(l.Bytes)
			if number[s] == 0 && answered[s] {
				missing--
			}
			seen(s, l.Number)
		}
	}
	if len(answered) < 200 {
		t.Errorf("only %d lines were written", len(answered))
	}
}

// A queue that is killed once it ran empty gives no number twice either.
func TestKilledWhenEmpty(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	last := int64(0)
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "MAILVIGIL_QUEUE_KILLED="+dir, "MAILVIGIL_QUEUE_TAKE=1", "MAILVIGIL_QUEUE_EMPTY=1")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		for in.Scan() {
			f := strings.Fields(in.Text())
			if len(f) == 3 && f[0] == "got" {
				n, _ := strconv.ParseInt(f[2], 10, 64)
				if n <= last {
					t.Errorf("number %d comes after %d", n, last)
				}
				last = n
			}
			if in.Text() == "empty" {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
	}
	if last == 0 {
		t.Error("no line came")
	}
}

func TestUnreadableMessageIsPassedOver(t *testing.T) {
	q := open(t, Options{Folder: t.TempDir()})
	if err := q.link.publish(t.Context(), []byte("what is this")); err != nil {
		t.Fatal(err)
	}
	put(t, q, lines("a", "1"))
	if texts, _ := take(t, q, 1, true); texts[0] != "a 1" {
		t.Errorf("got %q", texts)
	}
	if s := q.Status(t.Context()); s.Unreadable != 1 || !strings.Contains(s.Error, "passed over") {
		t.Errorf("status %+v", s)
	}
}

func FuzzDecode(f *testing.F) {
	p := packer{groups: map[string]int{}}
	for _, l := range lines("a", "one", "two") {
		p.add(&l)
	}
	f.Add(p.encode(time.Unix(0, 0)))
	f.Add([]byte{packVersion, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decode(1, data)
		if err != nil {
			return
		}
		n := 0
		for _, b := range got {
			for _, l := range b.Lines {
				n += len(l.Bytes)
			}
		}
		if n > len(data) {
			t.Errorf("%d bytes of lines out of a message of %d", n, len(data))
		}
	})
}

// BenchmarkPut writes lines as one busy connection does, 256 at a time, with a
// flush to the disk for each pack.
func BenchmarkPut(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			q := open(b, Options{Folder: b.TempDir(), Limit: 32 << 30})
			const each = 256
			chunk := make([]intake.Received, each)
			for i := range chunk {
				chunk[i] = lines("tcp/192.0.2.1", strings.Repeat("x", 150))[0]
			}
			b.ReportAllocs()
			b.SetBytes(150)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := w * each; i < b.N; i += writers * each {
						if _, err := q.Put(context.Background(), chunk[:min(each, b.N-i)]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}

// BenchmarkThrough writes, reads and acknowledges.
func BenchmarkThrough(b *testing.B) {
	q := open(b, Options{Folder: b.TempDir(), Limit: 4 << 30})
	chunk := make([]intake.Received, 1000)
	for i := range chunk {
		chunk[i] = lines("tcp/192.0.2.1", strings.Repeat("x", 150))[0]
	}
	b.ReportAllocs()
	b.SetBytes(150)
	b.ResetTimer()
	go func() {
		for i := 0; i < b.N; i += len(chunk) {
			if _, err := q.Put(context.Background(), chunk[:min(len(chunk), b.N-i)]); err != nil {
				b.Error(err)
				return
			}
		}
	}()
	for n := 0; n < b.N; {
		batch, err := q.Next(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		n += len(batch.Lines)
		_ = batch.Ack()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
