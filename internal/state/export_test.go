package state

import (
	"context"
	"strconv"
	"strings"
)

// LimitPages makes the database seem to be on a disk of so many pages.
func (s *Store) LimitPages(ctx context.Context, n int) error {
	var got int
	return s.write.QueryRowContext(ctx, "PRAGMA max_page_count = "+strconv.Itoa(n)).Scan(&got)
}

// Pages is how many pages there are.
func (s *Store) Pages(ctx context.Context) (n int, err error) {
	return n, s.write.QueryRowContext(ctx, "PRAGMA page_count").Scan(&n)
}

// Forbid makes the writer find the database read-only, as it does on a disk
// that the system has mounted so after an error.
func (s *Store) Forbid(ctx context.Context, on bool) error {
	word := "0"
	if on {
		word = "1"
	}
	_, err := s.write.ExecContext(ctx, "PRAGMA query_only = "+word)
	return err
}

// Setting is a pragma of the writer's connection.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	return value, s.write.QueryRowContext(ctx, "PRAGMA "+name).Scan(&value)
}

// Tables is what the database is made of, for people.
func (s *Store) Tables(ctx context.Context) (string, error) {
	var out strings.Builder
	rows, err := s.read.QueryContext(ctx, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return "", err
		}
		out.WriteString(text + ";\n")
	}
	return out.String(), rows.Err()
}
