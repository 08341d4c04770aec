package state

import (
	"context"
	"path/filepath"
)

// ReadSegments reads which segments there are in a data folder that another
// process may be keeping watch over: nothing is locked or changed, and what was
// last committed is seen.
func ReadSegments(ctx context.Context, dir string) ([]Segment, error) {
	path := filepath.Join(dir, File)
	db, err := connect(path, "ro", 1)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.PingContext(ctx); err != nil {
		return nil, opening(err, path)
	}
	s := &Store{dir: dir, read: db}
	return s.Segments(ctx)
}
