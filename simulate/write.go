package simulate

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(b, n, 10) }

// Write writes the lines as the real software's logs: one file a day and
// source, named as logrotate names them with the date of their lines. It
// opens each file once and closes it before the same source's next.
func (w *World) Write(open func(name string) (io.WriteCloser, error)) (err error) {
	var files [sourceEnd]io.WriteCloser
	var out [sourceEnd]*bufio.Writer
	closeAll := func() {
		for i, f := range files {
			if f == nil {
				continue
			}
			if e := out[i].Flush(); err == nil && e != nil {
				err = fmt.Errorf("simulate: write %v: %w", Source(i), e)
			}
			if e := f.Close(); err == nil && e != nil {
				err = fmt.Errorf("simulate: close %v: %w", Source(i), e)
			}
			files[i] = nil
		}
	}
	today := -1
	w.run(false, w.habits, w.stories, func(d *day, it *Item) bool {
		if d.index != today {
			if closeAll(); err != nil {
				return false
			}
			today = d.index
		}
		src := it.Source
		if files[src] == nil {
			name := fmt.Sprintf("%v-%04d%02d%02d", src, d.year, d.month, d.date)
			if files[src], err = open(name); err != nil {
				files[src] = nil
				err = fmt.Errorf("simulate: open %s: %w", name, err)
				return false
			}
			if out[src] == nil {
				out[src] = bufio.NewWriterSize(nil, 1<<16)
			}
			out[src].Reset(files[src])
		}
		// A bufio.Writer keeps its first error for Flush.
		_, _ = out[src].Write(it.Line)
		_ = out[src].WriteByte('\n')
		return true
	})
	closeAll()
	return err
}
