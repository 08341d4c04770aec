package app

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) queryCommand() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "query SQL",
		Short: "Ask the archive of the watch in SQL",
		Long: `Answers a question in the SQL of DuckDB about the tables events (what happened)
and lines (every line, also those that state no event, with why). "-" reads the
question from standard input. "SHOW TABLES" and "DESCRIBE events" say what there
is to ask about; docs/archive.md says what the columns mean.

A question reads and changes nothing: no file but the segments of the archive can
be reached from it. Who asked what and when is recorded before it is answered, in
the data folder and, by its hash, in the ledger.`,
		Example: `  mailvigil query "SELECT outcome, count(*) FROM events WHERE action='login' GROUP BY ALL"
  mailvigil query --since 2026-03-02 --csv failures.csv "SELECT * FROM events WHERE outcome='failure'"
  mailvigil query --data mail.parquet "SELECT account, count(DISTINCT client_ip) AS n FROM events GROUP BY ALL ORDER BY n DESC LIMIT 20"`,
		Args: cobra.MatchAll(atLeast(1, "the question in SQL (- for standard input)"), atMost(1, "put the question into quotation marks, so that it is one word")),
		RunE: func(cmd *cobra.Command, args []string) error {
			sql := args[0]
			if sql == "-" {
				data, err := io.ReadAll(io.LimitReader(a.stdin, 1<<20))
				if err != nil {
					return fmt.Errorf("read the question: %w", err)
				}
				sql = string(data)
			}
			if strings.TrimSpace(sql) == "" {
				return usagef("the question is empty; as in: SELECT account, count(*) FROM events GROUP BY account")
			}
			return a.answer(cmd.Context(), &q, "query", sql)
		},
	}
	q.register(cmd)
	return cmd
}
