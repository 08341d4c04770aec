package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/parquet-go/parquet-go"
)

// List finds the segments of a folder of which there is no list, such as a copy
// for an analyst, by the ends of their files. Their hashes are not known. A file
// that cannot be read is returned as a problem.
func List(ctx context.Context, folder string) (segments []Segment, problems []*Problem, err error) {
	paths, err := filepath.Glob(filepath.Join(globSafe(folder), "????-??-??", "*.parquet"))
	if err != nil {
		return nil, nil, fmt.Errorf("list the segments of %s: %w", folder, err)
	}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return nil, nil, fmt.Errorf("list the segments of %s: %w", folder, err)
		}
		seg := Segment{Name: filepath.ToSlash(name), Day: filepath.Base(filepath.Dir(path))}
		if !segmentName.MatchString(seg.Name) {
			continue
		}
		if err := describe(path, &seg); err != nil {
			problems = append(problems, &Problem{seg, err})
			continue
		}
		segments = append(segments, seg)
	}
	return segments, problems, nil
}

// globSafe escapes what means something in a pattern.
func globSafe(path string) string {
	var out []byte
	for i := range len(path) {
		switch path[i] {
		case '*', '?', '[', '\\':
			out = append(out, '\\')
		}
		out = append(out, path[i])
	}
	return string(out)
}

// Describe says what a Parquet file holds that Writer wrote, wherever it is.
func Describe(path string) (Segment, error) {
	seg := Segment{Name: filepath.Base(path)}
	if err := describe(path, &seg); err != nil {
		return seg, fmt.Errorf("read %s: %w; name a file that \"mailvigil parse --to parquet\" wrote, or a data folder", path, err)
	}
	return seg, nil
}

func describe(path string, seg *Segment) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return reason(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return reason(err)
	}
	p, err := openParquet(f, info.Size())
	if err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it is damaged: %v", v)
		}
	}()
	seg.Rows, seg.Bytes = p.NumRows(), info.Size()
	leaf, ok := p.Schema().Lookup("time")
	if !ok || leaf.Node.Type().Kind() != parquet.Int64 {
		return errors.New("it has no column time")
	}
	for _, g := range p.RowGroups() {
		first, last, ok := g.ColumnChunks()[leaf.ColumnIndex].(*parquet.FileColumnChunk).Bounds()
		if !ok {
			return errors.New("it does not say of which times it is")
		}
		// The nanoseconds below are not in it.
		from, to := time.UnixMicro(first.Int64()).UTC(), time.UnixMicro(last.Int64()).Add(time.Microsecond-1).UTC()
		if seg.First.IsZero() || from.Before(seg.First) {
			seg.First = from
		}
		if to.After(seg.Last) {
			seg.Last = to
		}
	}
	name := filepath.Base(path)
	for s := range services {
		if len(name) > len(s) && name[:len(s)] == s && name[len(s)] == '-' && len(s) > len(seg.Service) {
			seg.Service = s
		}
	}
	return nil
}

// Readable returns the paths of segments that hold rows from one time until
// another, the latest written first, and those that cannot be opened as
// problems. A zero time leaves that end open.
func Readable(folder string, segments []Segment, from, to time.Time) (paths []string, problems []*Problem) {
	latest := slices.SortedStableFunc(slices.Values(segments), func(a, b Segment) int { return b.written().Compare(a.written()) })
	for _, seg := range latest {
		if !from.IsZero() && seg.Last.Before(from) || !to.IsZero() && !seg.First.Before(to) {
			continue
		}
		if err := check(folder, seg); err != nil {
			problems = append(problems, &Problem{seg, err})
			continue
		}
		paths = append(paths, filepath.Join(folder, filepath.FromSlash(seg.Name)))
	}
	return paths, problems
}
