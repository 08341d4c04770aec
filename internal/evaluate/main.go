// Command evaluate measures how often the verdict is right: it simulates
// organisations, has the pipeline investigate their Events, some of them as
// real lines with the program itself, and holds each verdict against what
// really happened. It prints tables and, as the last line, the same figures as
// one JSON object; with -page it writes them into a page for people.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata"

	"mailvigil/internal/enrich"
	"mailvigil/simulate"
)

// extent is how much is looked at.
type extent struct {
	Harmless int     `json:"harmless"` // worlds without an attack, at the least
	Attacks  int     `json:"attacks"`  // worlds with one, at the least
	Lines    int     `json:"lines"`    // worlds that are read as lines
	Weak     int     `json:"weak"`     // worlds of each kind and strength below 1
	Partial  int     `json:"partial"`  // worlds of each kind of which only a part of the logs is looked at
	Weakest  float64 `json:"weakest"`  // strength that is tried at the least
}

var (
	full  = extent{Harmless: 400, Attacks: 300, Lines: 50, Weak: 6, Partial: 2, Weakest: 1.0 / 64}
	quick = extent{Harmless: 40, Attacks: 30, Lines: 4, Weak: 2, Partial: 1, Weakest: 1.0 / 4}
)

func main() {
	program := flag.String("program", "", "`mailvigil` for the worlds that are read as lines; without it there are none")
	networks := flag.String("networks", "", "`FILE` with the networks database")
	dir := flag.String("dir", os.TempDir(), "`FOLDER` for lines while they are read")
	page := flag.String("page", "", "`FILE` to write for people; the plot is written beside it")
	seed := flag.Uint64("seed", 50_000, "first `NUMBER` that chance follows from")
	only := flag.String("scenarios", "", "comma-separated `NAMES`, all where empty")
	honest := flag.Int("honest", 0, "ask so `MANY` quiet organisations how surely attacks would be seen, and see, instead of all else")
	vigilance := flag.Int("vigilance", 0, "count what raised vigilance tells of so `MANY` quiet organisations, instead of all else")
	fast := flag.Bool("quick", false, "only a tenth of it")
	show := flag.Int("show", 0, "say what was simulated and what was told of so `MANY` worlds of each scenario, instead of all else")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	e := &evaluation{evaluator: evaluator{program: *program, dir: *dir}, extent: full, seed: *seed}
	if *fast {
		e.extent = quick
	}
	if *show > 0 {
		if err := e.show(context.Background(), *networks, *only, *show); err != nil {
			fmt.Fprintln(os.Stderr, "evaluate:", err)
			os.Exit(1)
		}
		return
	}
	if *vigilance > 0 {
		err := e.prepare(*networks)
		if err == nil {
			err = e.runVigilance(context.Background(), *vigilance)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "evaluate:", err)
			os.Exit(1)
		}
		return
	}
	if *honest > 0 {
		err := e.prepare(*networks)
		if err == nil {
			err = e.runHonest(context.Background(), *honest, 10, *page)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "evaluate:", err)
			os.Exit(1)
		}
		return
	}
	if err := e.run(context.Background(), *networks, *only, *page); err != nil {
		fmt.Fprintln(os.Stderr, "evaluate:", err)
		os.Exit(1)
	}
}

// evaluation is one run.
type evaluation struct {
	evaluator
	extent extent
	seed   uint64 // of the next world
	zone   *time.Location
	done   int
}

// kind is a scenario and whether it holds an attack.
type kind struct {
	name   simulate.Scenario
	attack bool
}

// kinds asks a small world of each scenario what it is.
func (e *evaluation) kinds(only string) ([]kind, error) {
	var out []kind
	for _, s := range simulate.Scenarios() {
		if only != "" && !slices.Contains(strings.Split(only, ","), string(s)) {
			continue
		}
		w, err := newWorld(e.zone, s, 1, 1)
		if err != nil {
			return nil, err
		}
		made, err := simulate.New(w.o)
		if err != nil {
			return nil, err
		}
		out = append(out, kind{s, hostile(made.Truth().Verdict)})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no scenario is called %s; there are %v", only, simulate.Scenarios())
	}
	return out, nil
}

// prepare opens what all worlds need.
func (e *evaluation) prepare(networks string) (err error) {
	// Each world holds some hundred megabytes for a second; without this the
	// collector goes over them again and again.
	debug.SetGCPercent(300)
	if e.zone, err = time.LoadLocation("Europe/Brussels"); err != nil {
		return err
	}
	if networks != "" {
		e.networks, err = enrich.OpenNetworks(networks)
	}
	return err
}

func (e *evaluation) run(ctx context.Context, networks, only, page string) error {
	if err := e.prepare(networks); err != nil {
		return err
	}
	kinds, err := e.kinds(only)
	if err != nil {
		return err
	}
	begin := time.Now()
	s := &summary{Extent: e.extent, Seed: e.seed, Networks: e.networks != nil}
	if err := e.measure(ctx, kinds, s); err != nil {
		return err
	}
	s.Worlds, s.Seconds = e.done, round(time.Since(begin).Seconds())
	fmt.Print(s.text())
	if page != "" {
		if err := s.write(page); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// measure looks at all worlds.
func (e *evaluation) measure(ctx context.Context, kinds []kind, s *summary) error {
	var attacks, harmless []kind
	for _, k := range kinds {
		if k.attack {
			attacks = append(attacks, k)
		} else {
			harmless = append(harmless, k)
		}
	}
	each := func(n, of int) int { return (n + max(of, 1) - 1) / max(of, 1) }

	// All at their usual strength.
	var jobs []*world
	for _, k := range kinds {
		n := each(e.extent.Harmless, len(harmless))
		if k.attack {
			n = each(e.extent.Attacks, len(attacks))
		}
		for range n {
			w, err := e.next(k, 1)
			if err != nil {
				return err
			}
			jobs = append(jobs, w)
		}
	}
	usual, err := e.all(ctx, jobs)
	if err != nil {
		return err
	}
	byKind := make(map[simulate.Scenario][]*result)
	var withAttack, without []*result
	for _, r := range usual {
		byKind[r.o.Scenario] = append(byKind[r.o.Scenario], r)
		if hostile(r.truth.Verdict) {
			withAttack = append(withAttack, r)
		} else {
			without = append(without, r)
		}
	}
	for _, k := range kinds {
		s.Rows = append(s.Rows, score(string(k.name), 1, byKind[k.name]))
	}
	s.Total = score("all", 1, usual)
	s.Harmless = score("without an attack", 1, without)
	s.Attacks = score("with an attack", 1, withAttack)

	// Weaker ones, until less than half of the attacks are seen. A weak cause
	// that is harmless must at least not be called an attack.
	everything := usual
	going := make(map[simulate.Scenario]bool)
	for _, k := range attacks {
		f := score(string(k.name), 1, byKind[k.name])
		s.Recall = append(s.Recall, &curve{Name: string(k.name), Points: []point{{1, f.Seen}}})
		going[k.name] = f.Seen.Share >= 0.5
	}
	for strength := 0.5; strength >= e.extent.Weakest; strength /= 2 {
		jobs = nil
		for _, k := range kinds {
			if k.name == simulate.Quiet || k.attack && !going[k.name] || !k.attack && strength < 0.25 {
				continue
			}
			for range e.extent.Weak {
				w, err := e.next(k, strength)
				if err != nil {
					return err
				}
				jobs = append(jobs, w)
			}
		}
		if len(jobs) == 0 {
			break
		}
		weak, err := e.all(ctx, jobs)
		if err != nil {
			return err
		}
		everything = append(everything, weak...)
		some := make(map[simulate.Scenario][]*result)
		for _, r := range weak {
			some[r.o.Scenario] = append(some[r.o.Scenario], r)
		}
		for _, k := range kinds {
			if len(some[k.name]) == 0 {
				continue
			}
			f := score(string(k.name), strength, some[k.name])
			s.Weak = append(s.Weak, f)
			if k.attack {
				i := slices.IndexFunc(s.Recall, func(c *curve) bool { return c.Name == string(k.name) })
				s.Recall[i].Points = append(s.Recall[i].Points, point{strength, f.Seen})
				going[k.name] = f.Seen.Share >= 0.5
			}
		}
	}
	all := score("at every strength", 0, everything)
	s.Called = all.Called
	s.Confidence = ofVerdicts(everything)
	if s.Posteriors, s.Unknown, err = ofHypotheses(everything); err != nil {
		return err
	}

	// With a part of the logs.
	for _, m := range []mode{oneService, oneDay, halfFiles} {
		jobs = nil
		for _, k := range kinds {
			for range e.extent.Partial {
				w, err := e.next(k, 1)
				if err != nil {
					return err
				}
				w.mode = m
				jobs = append(jobs, w)
			}
		}
		list, err := e.all(ctx, jobs)
		if err != nil {
			return err
		}
		s.Partial = append(s.Partial, score(string(m), 1, list))
	}

	// As lines.
	if e.program == "" {
		return nil
	}
	jobs = nil
	for i := range e.extent.Lines {
		w, err := e.next(kinds[i%len(kinds)], 1)
		if err != nil {
			return err
		}
		w.lines = true
		jobs = append(jobs, w)
	}
	list, err := e.all(ctx, jobs)
	if err != nil {
		return err
	}
	s.Lines = score("as lines", 1, list)
	return nil
}

// next is another world, with a seed that no other has.
func (e *evaluation) next(k kind, strength float64) (*world, error) {
	w, err := newWorld(e.zone, k.name, strength, e.seed)
	e.seed++
	return w, err
}

// all looks at worlds, two at a time.
func (e *evaluation) all(ctx context.Context, list []*world) ([]*result, error) {
	out := make([]*result, len(list))
	next := make(chan int, len(list))
	for i := range list {
		next <- i
	}
	close(next)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				r := &result{world: list[i]}
				var err error
				if r.truth, r.found, err = e.look(ctx, list[i]); err != nil {
					cancel(fmt.Errorf("%s: %w", list[i].command(), err))
					return
				}
				out[i] = r
				mu.Lock()
				e.done++
				if e.done%50 == 0 {
					fmt.Fprintf(os.Stderr, "%d worlds\n", e.done)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return out, context.Cause(ctx)
}
