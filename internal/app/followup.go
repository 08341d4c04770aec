package app

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/message"
)

// plan is one of the commands that set a date.
type plan struct {
	kind, use, flag, short, long, example string
}

var (
	dueDate = plan{
		"due", "due NUMBER WHAT --by TIME", "by", "Set a date until which something is to be done",
		"When the time comes and it is not done, those who are told of incidents are reminded.",
		`  mailvigil incident due 12 "reset the password of anna" --by 18:00
  mailvigil incident due 12 "report to the data protection officer" --by "2026-03-04 12:00"`,
	}
	awaited = plan{
		"awaited", "await NUMBER WHAT --from WHO --by TIME", "by", "Say what is awaited, from whom, and until when",
		"When the time comes and it has not come, those who are told of incidents are reminded.",
		`  mailvigil incident await 12 "the list of its customers" --from "the provider" --by 2h`,
	}
	reminder = plan{
		"reminder", "remind NUMBER WHAT --at TIME", "at", "Have an incident thought of again at a time",
		"At that time those who are told of incidents are reminded.",
		`  mailvigil incident remind 12 "is anybody still locked out?" --at 30m`,
	}
)

func (a *app) incidentPlan(p plan) *cobra.Command {
	var c control
	var from, at string
	cmd := &cobra.Command{
		Use:   p.use,
		Short: p.short,
		Long: p.long + `
TIME is how long from now, as in 30m or 2h; a time of day to come, as in 18:00; or
a date with or without one, as in "2026-03-02 18:00". Clocks are those of the
organisation's zone, which the watch knows.`,
		Example: p.example,
		Args:    cobra.MatchAll(atLeast(2, "the number of the incident or what it is about"), atMost(2, "put the words in quotes")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			switch {
			case err != nil:
				return err
			case strings.TrimSpace(args[1]) == "":
				return usagef("it is not said what; write a few words")
			case at == "":
				return usagef("--%s is missing: say when, as in --%s 18:00 or --%s 2h", p.flag, p.flag, p.flag)
			case p.kind == awaited.kind && strings.TrimSpace(from) == "":
				return usagef("--from is missing: say from whom it is awaited, as in --from \"the provider\"")
			}
			ctx, client := cmd.Context(), c.client()
			s, err := client.Status(ctx)
			if err != nil {
				return err
			}
			zone, err := config.Zone(s.Timezone)
			if err != nil {
				zone = config.Local()
			}
			when, err := coming(p.flag, at, s.Time.In(zone))
			if err != nil {
				return err
			}
			in, err := client.Plan(ctx, n, api.Planning{Kind: p.kind, What: strings.TrimSpace(args[1]), From: strings.TrimSpace(from), Time: when})
			text := ""
			if err == nil && len(in.Followups) > 0 {
				f := in.Followups[len(in.Followups)-1]
				text = fmt.Sprintf("Point %d, %s (%s). \"mailvigil incident done %d %d\" when it is.", f.Number, f.Time.In(zone).Format("Mon 2 Jan 2006 15:04"), message.Zone(zone, f.Time), in.Number, f.Number)
			}
			return a.changed(&c, in, err, text)
		},
	}
	c.register(cmd, "the incident")
	cmd.Flags().StringVar(&at, p.flag, "", "`TIME`, as in 2h, 18:00 or \"2026-03-02 18:00\"")
	if p.kind == awaited.kind {
		cmd.Flags().StringVar(&from, "from", "", "from `WHO` it is awaited")
	}
	return cmd
}

// coming reads a time to come: how long from now, the next time that clocks
// show a time of day, or a date. Now is in the organisation's zone.
func coming(flag, text string, now time.Time) (time.Time, error) {
	at := now
	if d, err := time.ParseDuration(text); err == nil {
		at = now.Add(d)
	} else if t, err := time.Parse("15:04", text); err == nil {
		day := func(n int) time.Time {
			return time.Date(now.Year(), now.Month(), now.Day()+n, t.Hour(), t.Minute(), 0, 0, now.Location())
		}
		if at = day(0); !at.After(now) {
			at = day(1)
		}
	} else if at, err = moment(flag, text, now.Location()); err != nil {
		return at, usagef("--%s: %q is no time; write 2h for two hours from now, 18:00, or \"2026-03-02 18:00\"", flag, text)
	}
	if !at.After(now) {
		return at, usagef("--%s: %s has passed; name a time to come", flag, at.Format("Mon 2 Jan 2006 15:04"))
	}
	return at, nil
}

func (a *app) incidentDone() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:     "done NUMBER POINT",
		Short:   "Say that what an incident waited for was done, or came",
		Long:    `POINT is its number under "What it waits for" of "incident show".`,
		Example: "  mailvigil incident done 12 1",
		Args:    cobra.MatchAll(atLeast(2, "the number of the incident or of the point"), atMost(2, "one point is done at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			k, err := strconv.Atoi(args[1])
			if err != nil || k < 1 {
				return usagef("%q is no number of a point; \"mailvigil incident show %d\" lists what it waits for", args[1], n)
			}
			in, err := c.client().Done(cmd.Context(), n, k)
			return a.changed(&c, in, err, fmt.Sprintf("Point %d is done.", k))
		},
	}
	c.register(cmd, "the incident")
	return cmd
}

// severities are how bad an incident can be said to be.
var severities = []string{"info", "low", "medium", "high", "critical", "auto"}

func (a *app) incidentSeverity() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "severity NUMBER LEVEL",
		Short: "Say how bad an incident is",
		Long: `LEVEL is info, low, medium, high or critical. It stays, whatever is found later;
auto leaves it to the watch again. Who is told of what depends on it.`,
		Example:           "  mailvigil incident severity 12 low\n  mailvigil incident severity 12 auto",
		Args:              cobra.MatchAll(atLeast(2, "the number of the incident or the level"), atMost(2, "an incident has one severity")),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			if !slices.Contains(severities, args[1]) {
				if near := config.Closest(args[1], severities); near != "" {
					return usagef("there is no severity %q; did you mean %s?", args[1], near)
				}
				return usagef("there is no severity %q; it is one of %s", args[1], strings.Join(severities, ", "))
			}
			in, err := c.client().SetSeverity(cmd.Context(), n, args[1])
			text := ""
			if err == nil {
				text = "Its severity is " + in.Severity + "."
			}
			return a.changed(&c, in, err, text)
		},
	}
	c.register(cmd, "the incident")
	return cmd
}

func (a *app) incidentMerge() *cobra.Command {
	var c control
	var why string
	cmd := &cobra.Command{
		Use:   "merge NUMBER OTHER",
		Short: "Make one of two incidents",
		Long: `The one that was first stays and has all of both: what was found, notes, dates and
owner. This cannot be taken back.`,
		Example: "  mailvigil incident merge 14 12 --why \"the same tool\"",
		Args:    cobra.MatchAll(atLeast(2, "the number of one of the incidents"), atMost(2, "two are merged at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			other, err := incidentNumber(args[1])
			switch {
			case err != nil:
				return err
			case n == other:
				return usagef("%d is named twice; name two incidents", n)
			}
			in, err := c.client().Merge(cmd.Context(), n, api.Merging{With: other, Why: strings.TrimSpace(why)})
			return a.changed(&c, in, err, fmt.Sprintf("It has all of #%d now, which was merged into it.", max(n, other)))
		},
	}
	c.register(cmd, "the incident that stays")
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` that says why they are one")
	return cmd
}

// whyMissing says that a reason has to be given.
var whyMissing = usagef("--why is missing: say why in a few words, for those who read it later")

func (a *app) incidentReopen() *cobra.Command {
	var c control
	var why string
	cmd := &cobra.Command{
		Use:   "reopen NUMBER --why TEXT",
		Short: "Open a closed incident again",
		Long: `Takes the closing back, and what it taught. What returns by itself is opened again
without it.`,
		Example: "  mailvigil incident reopen 12 --why \"it was no proxy of ours\"",
		Args:    cobra.MatchAll(atLeast(1, numberMissing), atMost(1, "one incident is opened at a time; put the reason after --why")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			if why = strings.TrimSpace(why); why == "" {
				return whyMissing
			}
			in, err := c.client().Reopen(cmd.Context(), n, why)
			return a.changed(&c, in, err, "Open again.")
		},
	}
	c.register(cmd, "the incident")
	cmd.Flags().StringVar(&why, "why", "", "`TEXT` that says why")
	return cmd
}
