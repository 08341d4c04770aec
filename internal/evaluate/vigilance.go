package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"

	"mailvigil/internal/enrich"
	"mailvigil/internal/pipeline"
	"mailvigil/simulate"
	"mailvigil/verdict"
)

// vigilant is what one way of looking told of quiet organisations.
type vigilant struct {
	Alarms   float64 `json:"alarms_per_month"` // that are accepted
	Detailed bool    `json:"detailed"`
	Days     int     `json:"days"`
	// Told are incidents that a watch would open: all but everyday noise. Grave
	// are those of them that wake somebody: attacks and faults, and what is
	// undetermined.
	Told   int     `json:"told"`
	Grave  int     `json:"grave"`
	PerDay float64 `json:"told_per_day"`
	Graver float64 `json:"grave_per_day"`
	Upper  float64 `json:"told_per_day_upper_95"`
	// Seen is of how many weak attacks an attack was told.
	Seen fraction `json:"weak_attacks_seen"`
}

// runVigilance looks at quiet organisations as usual, with the threshold of
// raised vigilance, and with its parts of services besides.
func (e *evaluation) runVigilance(ctx context.Context, worlds int) error {
	ways := []*vigilant{{Alarms: 1}, {Alarms: pipeline.VigilantAlarms}, {Alarms: pipeline.VigilantAlarms, Detailed: true}}
	kinds, err := e.kinds("")
	if err != nil {
		return err
	}
	type job struct {
		scenario simulate.Scenario
		strength float64
		seed     uint64
	}
	var jobs []job
	for range worlds {
		jobs = append(jobs, job{simulate.Quiet, 1, e.seed + uint64(len(jobs))})
	}
	for i := range worlds {
		var attacks []simulate.Scenario
		for _, k := range kinds {
			if k.attack {
				attacks = append(attacks, k.name)
			}
		}
		strength := []float64{1.0 / 4, 1.0 / 16, 1.0 / 64}[i/len(attacks)%3]
		jobs = append(jobs, job{attacks[i%len(attacks)], strength, e.seed + uint64(len(jobs))})
	}
	next := make(chan job, len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for j := range next {
				err := e.vigilance(ctx, j.scenario, j.strength, j.seed, ways, &mu)
				mu.Lock()
				if err != nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	fmt.Printf("Quiet organisations: %d, of %d days. Attacks of a quarter, a sixteenth and a sixty-fourth of their usual strength: %d.\n\n", worlds, ways[0].Days, ways[0].Seen.Of)
	fmt.Println("| alarms accepted a month | parts of services | told a day | upper end, 95 % | of these attack, fault or undetermined | weak attacks told as attacks |\n|---:|---|---:|---:|---:|---:|")
	for _, v := range ways {
		days := float64(v.Days)
		v.PerDay, v.Graver, v.Upper = float64(v.Told)/days, float64(v.Grave)/days, poissonUpper(v.Told)/days
		v.Seen.finish()
		fmt.Printf("| %g | %v | %.3f | %.3f | %.3f | %d of %d |\n", v.Alarms, v.Detailed, v.PerDay, v.Upper, v.Graver, v.Seen.Part, v.Seen.Of)
	}
	return json.NewEncoder(os.Stdout).Encode(ways)
}

// vigilance looks at one of them in all ways.
func (e *evaluation) vigilance(ctx context.Context, scenario simulate.Scenario, strength float64, seed uint64, ways []*vigilant, mu *sync.Mutex) error {
	w, err := newWorld(e.zone, scenario, strength, seed)
	if err != nil {
		return err
	}
	made, err := simulate.New(w.o)
	if err != nil {
		return err
	}
	recorded := made.Record(nil)
	for _, v := range ways {
		var streams []pipeline.Stream
		for _, source := range simulate.Sources() {
			if recorded.Len(source) > 0 {
				streams = append(streams, pipeline.Stream{Name: source.String(), Format: source.Format(), Events: recorded.Of(source)})
			}
		}
		found, err := pipeline.InvestigateEvents(ctx, streams, pipeline.Options{
			Location: w.o.Location, Workers: 1, Enrich: enrich.Config{Networks: e.networks}, NetworksMissing: e.networks == nil,
			AlarmsPerMonth: v.Alarms, Detailed: v.Detailed,
		})
		if err != nil {
			return err
		}
		mu.Lock()
		if scenario != simulate.Quiet {
			v.Seen.add(hostile(string(found.Verdict)))
			mu.Unlock()
			continue
		}
		v.Days += w.o.Days
		for i := range found.Incidents {
			switch found.Incidents[i].Kind {
			case verdict.Background:
			case verdict.Benign:
				v.Told++
			default:
				v.Told++
				v.Grave++
			}
		}
		mu.Unlock()
	}
	return nil
}
