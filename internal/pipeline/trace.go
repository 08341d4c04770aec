package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"mailvigil/abuse"
	"mailvigil/internal/intake"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

// Stage is what a line became at one stage of the path.
type Stage struct {
	Name   string // "line", "format", "event", "enrichment", "cell", "findings"
	Fields []Field
}

// Field is one fact of a stage.
type Field struct{ Name, Value string }

// Trace follows one line of the first file of the set through every stage.
// The lines before it are read too, since facts are joined over several; what
// is found rests on that file alone.
func Trace(ctx context.Context, set *intake.Set, number int64, o Options) ([]Stage, error) {
	r, err := first(ctx, set, o)
	if err != nil && !errors.Is(err, ErrNoEvents) {
		return nil, err
	}
	f := set.Files[0]
	p := maillog.NewParser(maillog.Options{Format: f.Format, Location: r.opt.Location, Reference: f.Reference})
	w := r.enricher.Worker()
	var stages []Stage
	var total int64
	_, err = f.Read(ctx, nil, func(l intake.Line) error {
		total = l.Number
		var ev maillog.Event
		res := p.Parse(l.Bytes, &ev)
		if l.Number != number {
			return nil
		}
		stages = append(stages, Stage{"line", []Field{
			{"file", f.Name},
			{"line", fmt.Sprint(l.Number)},
			{"offset", fmt.Sprint(l.Offset)},
			{"sha256", hash(l.Bytes)},
			{"text", string(l.Bytes)},
		}})
		format := Stage{Name: "format", Fields: []Field{{"format", f.Format.String()}}}
		switch res.Kind {
		case maillog.Ignored:
			format.Fields = append(format.Fields, Field{"result", "understood, and no event"})
			stages = append(stages, format)
			return errEnough
		case maillog.Rejected:
			format.Fields = append(format.Fields, Field{"result", "rejected: " + res.Why})
			stages = append(stages, format)
			return errEnough
		}
		format.Fields = append(format.Fields, Field{"result", "an event"})
		rec := traffic.Record{Event: &ev, Ref: traffic.Ref{Line: l.Number, Offset: l.Offset}}
		w.Enrich(&ev, &rec)
		stages = append(stages, format, r.traceEvent(&ev), traceEnrichment(&rec), r.traceCell(&rec), r.traceFindings(&rec))
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	if stages == nil {
		return nil, fmt.Errorf("%s has %d lines; there is no line %d", f.Name, total, number)
	}
	return stages, nil
}

// some keeps the fields that say something.
func some(fields ...Field) []Field {
	return slices.DeleteFunc(fields, func(f Field) bool { return f.Value == "" })
}

func number[T int64 | int32 | uint16 | uint32](n T) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (r *run) traceEvent(e *maillog.Event) Stage {
	joined := ""
	if e.Joined {
		joined = "yes: some fields come from earlier lines"
	}
	return Stage{"event", some(
		Field{"time", time.Unix(0, e.Time).In(r.opt.Location).Format(time.RFC3339)},
		Field{"service", e.Service.String()},
		Field{"action", e.Action.String()},
		Field{"outcome", e.Outcome.String()},
		Field{"reason", e.Reason},
		Field{"account", string(e.Account)},
		Field{"client_ip", address(e.ClientIP)},
		Field{"user_agent", string(e.UserAgent)},
		Field{"device", string(e.Device)},
		Field{"session", string(e.Session)},
		Field{"mechanism", string(e.Mechanism)},
		Field{"status", number(e.Status)},
		Field{"bytes", number(e.Bytes)},
		Field{"messages", number(e.Messages)},
		Field{"joined", joined},
	)}
}

func traceEnrichment(rec *traffic.Record) Stage {
	n, g := rec.Network.Value(), rec.Agent.Value()
	source := address(rec.Addr)
	if rec.Relay {
		source = "none: the address belongs to a relay or proxy of our own"
	}
	asn := number(n.ASN)
	if n.ASName != "" {
		asn += " (" + n.ASName + ")"
	}
	return Stage{"enrichment", some(
		Field{"account", rec.Account},
		Field{"source", source},
		Field{"asn", asn},
		Field{"country", n.Country},
		Field{"network_kind", string(n.Kind)},
		Field{"client", g.Client},
		Field{"client_version", g.Version},
		Field{"os", g.OS},
		Field{"os_version", g.OSVersion},
	)}
}

func (r *run) traceCell(rec *traffic.Record) Stage {
	k := leafKey{Leaf: traffic.LeafOf(rec)}
	s := traffic.SlotOf(rec.Event.Time)
	fields := []Field{{"slot", r.time(s).Format("Monday 2006-01-02 15:04 MST")}}
	for _, a := range attributes {
		fields = append(fields, Field{a.name, a.of(&k)})
	}
	return Stage{"cell", some(fields...)}
}

func (r *run) traceFindings(rec *traffic.Record) Stage {
	out := Stage{Name: "findings"}
	add := func(f abuse.Finding) {
		mine := f.Account != "" && f.Account == rec.Account ||
			rec.Addr.IsValid() && slices.Contains(f.Sources, abuse.SourceKey(rec.Addr))
		if mine {
			who := f.Account
			if who == "" {
				who = f.Source.String()
			}
			out.Fields = append(out.Fields, Field{string(f.Code), who + " " + f.Title})
		}
	}
	for _, s := range r.profiles.HostileSources() {
		for _, f := range r.profiles.SuccessAfterFailures(s) {
			add(f)
		}
	}
	for _, f := range slices.Concat(r.profiles.Takeovers(), r.profiles.Guessing(), r.profiles.Stale()) {
		add(f)
	}
	if len(out.Fields) == 0 {
		out.Fields = []Field{{"none", "nothing is held against this account or source in this file"}}
	}
	return out
}
