package app

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/explain"
	"mailvigil/internal/chart"
)

func (a *app) explainCommand() *cobra.Command {
	var file string
	var top int
	var contrast, plot bool
	cmd := &cobra.Command{
		Use:   "explain FILE.csv",
		Short: "Say what sets an excess in a table apart",
		Long: `Reads a table with a header: the attributes, then the columns real,predict (or
count,baseline, or observed,expected), one row for each combination of values.
Names the smallest set of attribute values that accounts for the difference
between the two, in a sentence and a table. "-" reads standard input.

SURE is how likely the description is right, STABLE how often it comes again when
the counts are drawn anew with the noise that was found in them.

With --contrast it reads two tables of the same attributes, each with a last
column count, and says what sets the first apart from the second; their sizes
may differ.`,
		Example: `  mailvigil explain requests.csv
  mailvigil explain --json - requests.csv
  mailvigil explain --plot requests.csv
  mailvigil explain --contrast these.csv those.csv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if contrast {
				return cobra.MatchAll(atLeast(2, "two tables to contrast"), atMost(2, "two tables to contrast"))(cmd, args)
			}
			return cobra.MatchAll(atLeast(1, "the table to explain"), atMost(1, "one table at a time"))(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 0 {
				return usagef("the flag --top cannot be %d: it is how many causes to show", top)
			}
			options := explain.Options{Workers: runtime.GOMAXPROCS(0)}
			var result explain.Result
			var table *explain.Table
			var err error
			if contrast {
				if table, err = a.readContrast(args[0], args[1]); err != nil {
					return err
				}
				result = explain.Contrast(table, options)
			} else {
				if table, err = a.readTable(args[0]); err != nil {
					return err
				}
				result = explain.Explain(table, options)
			}
			text := explain.Text(table, result, options)
			if top > 0 && len(result.Causes) > top {
				result.Causes = result.Causes[:top]
			}
			if file != "" {
				if err := a.writeJSON(file, explanationOf(result, text)); err != nil || file == "-" {
					return err
				}
			}
			if plot {
				return a.plotExplanation(result, text)
			}
			return writeExplanation(a.stdout, result, text)
		},
	}
	jsonFlag(cmd, &file, "the causes")
	cmd.Flags().IntVar(&top, "top", 0, "show the `N` strongest causes only; 0 shows all")
	cmd.Flags().BoolVar(&plot, "plot", false, "draw the causes as bars in the terminal instead of the table")
	cmd.Flags().BoolVar(&contrast, "contrast", false, "say what sets the first of two tables apart from the second")
	return cmd
}

func (a *app) readTable(path string) (*explain.Table, error) {
	in, name := a.stdin, "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		defer f.Close()
		in, name = f, path
	}
	table, err := explain.ReadCSV(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return table, nil
}

func (a *app) readContrast(first, second string) (*explain.Table, error) {
	f, err := os.Open(first)
	if err != nil {
		return nil, fmt.Errorf("read the first table: %w", err)
	}
	defer f.Close()
	g, err := os.Open(second)
	if err != nil {
		return nil, fmt.Errorf("read the second table: %w", err)
	}
	defer g.Close()
	return explain.ReadContrast(f, g)
}

// explanation is the machine-readable form of a result.
type explanation struct {
	Text             string  `json:"text"`
	Observed         float64 `json:"observed"`
	Expected         float64 `json:"expected"`
	Drift            float64 `json:"drift"`
	Localised        bool    `json:"localised"`
	Causes           []cause `json:"causes"`
	Unexplained      float64 `json:"unexplained"`
	UnexplainedShare float64 `json:"unexplained_share"`
	Heterogeneity    float64 `json:"heterogeneity"`
	ScatteredRows    int     `json:"scattered_rows"`
	Scattered        float64 `json:"scattered"`
	Uneven           bool    `json:"uneven"`
}

type cause struct {
	Where      map[string]string `json:"where"`
	Observed   float64           `json:"observed"`
	Expected   float64           `json:"expected"`
	Excess     float64           `json:"excess"`
	Lift       *float64          `json:"lift"` // null where nothing was expected
	Share      float64           `json:"share"`
	Score      float64           `json:"score"`
	Confidence float64           `json:"confidence"`
	Stability  float64           `json:"stability"`
}

func explanationOf(r explain.Result, text string) explanation {
	e := explanation{
		Text: text, ScatteredRows: r.ScatteredRows, Scattered: r.Scattered, Uneven: r.Uneven,
		Observed: r.Observed, Expected: r.Expected, Drift: r.Drift, Localised: r.Localised,
		Causes: []cause{}, Unexplained: r.Unexplained, UnexplainedShare: r.UnexplainedShare, Heterogeneity: r.Heterogeneity,
	}
	for _, c := range r.Causes {
		out := cause{
			Where: map[string]string{}, Observed: c.Observed, Expected: c.Expected,
			Excess: c.Excess, Share: c.Share, Score: c.Score, Confidence: c.Confidence, Stability: c.Stability,
		}
		for _, item := range c.Where {
			out.Where[item.Attribute] = item.Value
		}
		if lift := c.Lift; !math.IsInf(lift, 0) {
			out.Lift = &lift
		}
		e.Causes = append(e.Causes, out)
	}
	return e
}

// sentence says what was found, in words.
func sentence(w io.Writer, r explain.Result, text string) {
	fmt.Fprintf(w, "Observed %.0f, expected %.0f; everything moved by a factor of %.2f.\n", r.Observed, r.Expected, r.Drift)
	// Names and values come from a file that anybody may have written.
	fmt.Fprintln(w, printable(text))
}

func nameOf(c explain.Cause) string {
	where := make([]string, len(c.Where))
	for i, item := range c.Where {
		where[i] = printable(item.Attribute) + "=" + printable(item.Value)
	}
	return strings.Join(where, " & ")
}

func writeExplanation(w io.Writer, r explain.Result, text string) error {
	sentence(w, r, text)
	if !r.Localised {
		return nil
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CAUSE\tOBSERVED\tEXPECTED\tEXCESS\tSHARE\tSURE\tSTABLE")
	for _, c := range r.Causes {
		fmt.Fprintf(table, "%s\t%.0f\t%.0f\t%+.0f\t%.0f%%\t%.0f%%\t%.0f%%\n",
			nameOf(c), c.Observed, c.Expected, c.Excess, 100*c.Share, 100*c.Confidence, 100*c.Stability)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nNot explained: %+.0f (%.0f%% of all departures).\n", r.Unexplained, 100*r.UnexplainedShare)
	return err
}

// plotExplanation draws each cause as a bar.
func (a *app) plotExplanation(r explain.Result, text string) error {
	sentence(a.stdout, r, text)
	if !r.Localised {
		return nil
	}
	fmt.Fprintln(a.stdout)
	bars := make([]chart.Bar, len(r.Causes))
	for i, c := range r.Causes {
		bars[i] = chart.Bar{Name: nameOf(c), Observed: c.Observed, Expected: c.Expected}
	}
	o := a.reportOptions(time.UTC)
	_, err := io.WriteString(a.stdout, chart.Bars(bars, chart.Options{Width: o.Width, Color: o.Color, Unicode: o.Unicode}))
	return err
}
