package app

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
	"mailvigil/internal/report"
)

func (a *app) incidentCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "incident",
		Short: "Show an incident, write notes, set dates, take it, close it",
		Example: `  mailvigil incident show 12
  mailvigil incident note 12 "the address is our new proxy"
  mailvigil incident assign 12
  mailvigil incident due 12 "reset the password of anna" --by 18:00
  mailvigil incident close 12 --as benign --why "our new proxy"`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command \"incident %s\"; there are show, note, assign, due, await, remind, done, severity, merge, close and reopen", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.incidentShow(), a.incidentNote(), a.incidentAssign(), a.incidentClose())
	cmd.AddCommand(a.incidentPlan(dueDate), a.incidentPlan(awaited), a.incidentPlan(reminder), a.incidentDone())
	cmd.AddCommand(a.incidentSeverity(), a.incidentMerge(), a.incidentReopen())
	return cmd
}

const numberMissing = "the number of the incident"

func (a *app) incidentShow() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "show NUMBER",
		Short: "Tell all that is known of an incident",
		Long: `Since when, what sets it apart, whom it concerns, what speaks for which
explanation, the lines behind it, and what people wrote.`,
		Example: `  mailvigil incident show 12
  mailvigil incident show 12 --json incident.json`,
		Args: cobra.MatchAll(atLeast(1, numberMissing), atMost(1, "one incident is shown at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			in, err := c.client().Incident(cmd.Context(), n)
			if err != nil {
				return err
			}
			if all, err := a.told(&c, in); all || err != nil {
				return err
			}
			return report.Incident(a.stdout, in, a.now(), a.reportOptions(config.Local()))
		},
	}
	c.register(cmd, "the incident")
	return cmd
}

// longestNote is what the watch takes, in bytes.
const longestNote = 8000

func (a *app) incidentNote() *cobra.Command {
	var c control
	cmd := &cobra.Command{
		Use:   "note NUMBER TEXT",
		Short: "Write a note to an incident",
		Long:  `Write - for TEXT to take it from standard input.`,
		Example: `  mailvigil incident note 12 "the address is our new proxy"
  echo "asked the help desk" | mailvigil incident note 12 -`,
		Args: cobra.MatchAll(atLeast(2, "the number of the incident or the text"), atMost(2, "put the text in quotes")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			text := args[1]
			if text == "-" {
				data, err := io.ReadAll(io.LimitReader(a.stdin, longestNote+1))
				if err != nil {
					return fmt.Errorf("read the note: %w", err)
				}
				text = string(data)
			}
			text = strings.TrimSpace(text)
			switch {
			case text == "":
				return usagef("the note has no words; write some")
			case len(text) > longestNote:
				return usagef("the note is longer than %d bytes; say it shorter, or write where more can be read", longestNote)
			}
			in, err := c.client().Note(cmd.Context(), n, text)
			return a.changed(&c, in, err, "Noted.")
		},
	}
	c.register(cmd, "the incident")
	return cmd
}

func (a *app) incidentAssign() *cobra.Command {
	var c control
	var nobody bool
	cmd := &cobra.Command{
		Use:   "assign NUMBER [NAME]",
		Short: "Make somebody responsible for an incident, or yourself",
		Example: `  mailvigil incident assign 12
  mailvigil incident assign 12 tom
  mailvigil incident assign 12 --nobody`,
		Args: cobra.MatchAll(atLeast(1, numberMissing), atMost(2, "one person has an incident")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			owner := ""
			switch {
			case nobody && len(args) == 2:
				return usagef("--nobody and %s: say which", args[1])
			case nobody:
			case len(args) == 2:
				owner = args[1]
			default:
				if owner, err = self(); err != nil {
					return err
				}
			}
			text := "It is with " + printable(owner) + " now."
			if owner == "" {
				text = "Nobody has it now."
			}
			in, err := c.client().Assign(cmd.Context(), n, owner)
			return a.changed(&c, in, err, text)
		},
	}
	c.register(cmd, "the incident")
	cmd.Flags().BoolVar(&nobody, "nobody", false, "take it from whoever has it")
	return cmd
}

// closings are what an incident may have been.
var closings = []string{"attack", "fault", "benign", "false_alarm"}

func (a *app) incidentClose() *cobra.Command {
	var c control
	var in api.Closing
	cmd := &cobra.Command{
		Use:   "close NUMBER --as WHAT --why TEXT",
		Short: "Close an incident and say what it was",
		Long: `What it was teaches what is normal: an attack or a fault never becomes normal,
what was benign or a false alarm may.`,
		Example: `  mailvigil incident close 12 --as attack --why "two passwords were guessed and reset"
  mailvigil incident close 13 --as benign --why "the iOS update"`,
		Args: cobra.MatchAll(atLeast(1, numberMissing), atMost(1, "one incident is closed at a time; put the reason after --why")),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := incidentNumber(args[0])
			if err != nil {
				return err
			}
			in.As = strings.ReplaceAll(in.As, "-", "_")
			if !slices.Contains(closings, in.As) {
				near := config.Closest(in.As, closings)
				switch {
				case in.As == "":
					return usagef("--as is missing: attack, fault, benign or false_alarm; it teaches what is normal")
				case near != "":
					return usagef("--as cannot be %q; did you mean %s?", in.As, near)
				}
				return usagef("--as cannot be %q; it is one of %s", in.As, strings.Join(closings, ", "))
			}
			if in.Why = strings.TrimSpace(in.Why); in.Why == "" {
				return whyMissing
			}
			closed, err := c.client().Close(cmd.Context(), n, in)
			return a.changed(&c, closed, err, "Closed as "+strings.ReplaceAll(in.As, "_", " ")+".")
		},
	}
	c.register(cmd, "the incident")
	cmd.Flags().StringVar(&in.As, "as", "", "what it was: `WHAT` is attack, fault, benign or false_alarm")
	cmd.Flags().StringVar(&in.Why, "why", "", "`TEXT` that says why, for those who read it later")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(closings, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// changed tells what became of an incident.
func (a *app) changed(c *control, in *api.Incident, err error, text string) error {
	if err != nil {
		return err
	}
	if all, err := a.told(c, in); all || err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "#%d: %s\n", in.Number, text)
	return err
}
