package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"mailvigil/internal/access"
)

type server struct {
	watch Watch
	log   *slog.Logger
}

type answer[T any] struct{ Body T }

// read registers an operation that changes nothing.
func read[I, T any](a huma.API, id, path, summary string, needs access.Role, run func(context.Context, *I) (*T, error)) {
	huma.Register(a, operation(http.MethodGet, id, path, summary, needs), func(ctx context.Context, in *I) (*answer[*T], error) {
		out, err := run(ctx, in)
		if err != nil {
			return nil, problem(err)
		}
		return &answer[*T]{whole(out)}, nil
	})
}

// act registers an operation that does something, and logs who did it.
func act[I, T any](s *server, a huma.API, id, path, summary string, needs access.Role, run func(ctx context.Context, by string, in *I) (*T, error)) {
	huma.Register(a, operation(http.MethodPost, id, path, summary, needs), func(ctx context.Context, in *I) (*answer[*T], error) {
		by := who(ctx)
		out, err := run(ctx, by.Name, in)
		if err != nil {
			s.log.Warn("not done", "operation", id, "by", by.Name, "role", by.Role.String(), "error", err)
			return nil, problem(err)
		}
		s.log.Info("done", "operation", id, "by", by.Name, "role", by.Role.String())
		return &answer[*T]{whole(out)}, nil
	})
}

func operation(method, id, path, summary string, needs access.Role) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		Description:   "Needs the role " + needs.String() + ", or a higher one.",
		Metadata:      map[string]any{role: needs},
		Extensions:    map[string]any{"x-role": needs.String()},
		DefaultStatus: http.StatusOK,
		Errors:        []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusInternalServerError, http.StatusServiceUnavailable},
		MaxBodyBytes:  64 << 10,
	}
}

type none struct{}

// Numbered is exported because huma fills no embedded field that is not.
type Numbered struct {
	Number int64 `path:"number" minimum:"1" doc:"Number of the incident."`
}

func (s *server) register(a huma.API) {
	w := s.watch
	read(a, "status", "/status", "How the service and the watch do", access.Viewer, func(ctx context.Context, _ *none) (*Status, error) {
		return w.Status(ctx)
	})
	read(a, "incidents", "/incidents", "List incidents, the newest first", access.Viewer, func(ctx context.Context, in *struct {
		Status []string `query:"status" enum:"open,quiet,closed,merged" doc:"Any of these; all where it is missing."`
		Before int64    `query:"before" minimum:"0" doc:"Only numbers below this."`
		Limit  int      `query:"limit" minimum:"1" maximum:"500" default:"50"`
	},
	) (*Page, error) {
		q := Query{Before: in.Before, Limit: in.Limit}
		for _, s := range in.Status {
			q.Status = append(q.Status, IncidentStatus(s))
		}
		return w.Incidents(ctx, q)
	})
	read(a, "incident", "/incidents/{number}", "All that is known of an incident", access.Viewer, func(ctx context.Context, in *Numbered) (*Incident, error) {
		return w.Incident(ctx, in.Number)
	})
	act(s, a, "incident-note", "/incidents/{number}/notes", "Write a note", access.Analyst, func(ctx context.Context, by string, in *struct {
		Numbered
		Body struct {
			Text string `json:"text" minLength:"1" maxLength:"8000"`
		}
	},
	) (*Incident, error) {
		if strings.TrimSpace(in.Body.Text) == "" {
			return nil, &Refusal{http.StatusUnprocessableEntity, "the note has no words; write some"}
		}
		return w.Note(ctx, by, in.Number, in.Body.Text)
	})
	act(s, a, "incident-assign", "/incidents/{number}/owner", "Make somebody responsible", access.Analyst, func(ctx context.Context, by string, in *struct {
		Numbered
		Body struct {
			Owner string `json:"owner" maxLength:"200" doc:"Empty for nobody."`
		}
	},
	) (*Incident, error) {
		return w.Assign(ctx, by, in.Number, strings.TrimSpace(in.Body.Owner))
	})
	act(s, a, "incident-close", "/incidents/{number}/closing", "Close an incident and say what it was", access.Responder, func(ctx context.Context, by string, in *struct {
		Numbered
		Body Closing
	},
	) (*Incident, error) {
		return w.Close(ctx, by, in.Number, in.Body)
	})
	act(s, a, "incident-plan", "/incidents/{number}/followups", "Set what is due, awaited, or to be thought of", access.Analyst, func(ctx context.Context, by string, in *struct {
		Numbered
		Body Planning
	},
	) (*Incident, error) {
		p := in.Body
		if p.From != "" && p.Kind != "awaited" {
			return nil, &Refusal{http.StatusUnprocessableEntity, "from says from whom something is awaited; leave it out, or make the kind awaited"}
		}
		return w.Plan(ctx, by, in.Number, Followup{Kind: p.Kind, What: p.What, From: p.From, Time: p.Time})
	})
	act(s, a, "incident-done", "/incidents/{number}/followups/{followup}/done", "Say that what it waited for was done, or came", access.Analyst, func(ctx context.Context, by string, in *struct {
		Numbered
		Followup int `path:"followup" minimum:"1" doc:"Number of the followup in the incident."`
	},
	) (*Incident, error) {
		return w.Done(ctx, by, in.Number, in.Followup)
	})
	act(s, a, "incident-reopen", "/incidents/{number}/reopening", "Take the closing of an incident back, and what it taught", access.Responder, func(ctx context.Context, by string, in *struct {
		Numbered
		Body struct {
			Why string `json:"why" minLength:"1" maxLength:"4000"`
		}
	},
	) (*Incident, error) {
		return w.Reopen(ctx, by, in.Number, in.Body.Why)
	})
	act(s, a, "incident-merge", "/incidents/{number}/merging", "Make one of two incidents; the lower number stays and is returned", access.Responder, func(ctx context.Context, by string, in *struct {
		Numbered
		Body Merging
	},
	) (*Incident, error) {
		return w.Merge(ctx, by, in.Number, in.Body)
	})
	act(s, a, "incident-severity", "/incidents/{number}/severity", "Say how bad an incident is", access.Responder, func(ctx context.Context, by string, in *struct {
		Numbered
		Body struct {
			Severity string `json:"severity" enum:"info,low,medium,high,critical,auto" doc:"auto leaves it to the watch again."`
		}
	},
	) (*Incident, error) {
		severity := in.Body.Severity
		if severity == "auto" {
			severity = ""
		}
		return w.SetSeverity(ctx, by, in.Number, severity)
	})
	act(s, a, "expect", "/expected", "Announce a change", access.Analyst, func(ctx context.Context, by string, in *struct{ Body Expect }) (*Expect, error) {
		e := in.Body
		e.ID, e.By = "", by
		switch {
		case !e.From.Before(e.Until):
			return nil, &Refusal{http.StatusUnprocessableEntity, "the change ends before it begins; swap from and until"}
		case e.Until.Sub(e.From) > 31*24*time.Hour:
			return nil, &Refusal{http.StatusUnprocessableEntity, "the change lasts longer than 31 days, in which an attack would pass unseen; announce the days on which it really happens"}
		case strings.TrimSpace(e.What) == "":
			return nil, &Refusal{http.StatusUnprocessableEntity, "it is not said what is expected; write a few words"}
		}
		return w.Expect(ctx, by, e)
	})
	act(s, a, "vigilance-raise", "/vigilance/raise", "Look harder for a stated time", access.Responder, func(ctx context.Context, by string, in *struct{ Body Raise }) (*Vigilance, error) {
		return w.Raise(ctx, by, in.Body)
	})
	act(s, a, "vigilance-lower", "/vigilance/lower", "Look as usual again", access.Responder, func(ctx context.Context, by string, in *struct {
		Body struct {
			Reason string `json:"reason,omitempty" maxLength:"400"`
		}
	},
	) (*Vigilance, error) {
		return w.Lower(ctx, by, in.Body.Reason)
	})
	act(s, a, "reload", "/reload", "Read the configuration anew", access.Administrator, func(ctx context.Context, by string, _ *none) (*Reloaded, error) {
		return w.Reload(ctx, by)
	})
	act(s, a, "backup", "/backup", "Copy the state to a file on the watch's host", access.Administrator, func(ctx context.Context, by string, in *struct {
		Body struct {
			Path string `json:"path" minLength:"1" maxLength:"4000" doc:"An absolute path that is not there yet."`
		}
	},
	) (*Backup, error) {
		if !filepath.IsAbs(in.Body.Path) {
			return nil, &Refusal{http.StatusUnprocessableEntity, "the path must be absolute: it is one on the watch's host, whatever folder you are in"}
		}
		return w.Backup(ctx, by, filepath.Clean(in.Body.Path))
	})

	// The description itself, made once all operations are known.
	op := operation(http.MethodGet, "openapi", "/openapi.json", "This description", access.Viewer)
	huma.Register(a, op, func(context.Context, *none) (*answer[json.RawMessage], error) {
		doc, err := json.Marshal(a.OpenAPI())
		if err != nil {
			return nil, problem(err)
		}
		return &answer[json.RawMessage]{doc}, nil
	})
}
