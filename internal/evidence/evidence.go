// Package evidence follows the statements of a verdict back to the raw lines:
// it reads them from the files that the verdict names, and says of each whether
// it is what it was, stands elsewhere now, or is gone.
//
// What decides is the hash: a line is shown only where it is the one that the
// verdict cites, byte for byte. So a verdict that somebody made up cannot have
// other files read out. It judges no line, and is called by internal/app.
package evidence

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mailvigil/internal/intake"
	"mailvigil/verdict"
)

// Status says what became of a line or of a file.
type Status string

// The statuses. Grown is said of files only, Unhashed where the verdict itself
// has no hash to compare with.
const (
	Unchanged  Status = "unchanged"
	Grown      Status = "grown"
	Moved      Status = "moved"
	Changed    Status = "changed"
	Gone       Status = "gone"
	Unreadable Status = "unreadable"
	Unhashed   Status = "unhashed"
)

// Lost says whether what was cited cannot be had any more.
func (s Status) Lost() bool { return s == Changed || s == Gone || s == Unreadable || s == Unhashed }

// Line is one cited line as it was found.
type Line struct {
	verdict.Evidence
	Status Status
	Raw    []byte // the line, where it was found
	// Path, Number and Offset are where it was found. Number is 0 where only
	// the offset is known.
	Path   string
	Number int64
	Offset int64
	Note   string // what is wrong, or where it went
}

// File is one file of the manifest as it was found.
type File struct {
	verdict.Used
	Status Status
	Path   string // where it was found
	Note   string
}

// Options say where to look.
type Options struct {
	// Folder is the verdict's: file names that are relative may start there.
	Folder string
	// Logs are files and folders to look in instead of where the verdict says.
	Logs []string
}

// finder keeps what was found out about files.
type finder struct {
	ctx      context.Context
	o        Options
	manifest map[string]verdict.Used // by name
	below    []string                // files below Options.Logs
	digests  map[string]digest       // by path and limit
}

type digest struct {
	intake.Digest
	err error
}

func newFinder(ctx context.Context, v *verdict.Verdict, o Options) (*finder, error) {
	f := &finder{ctx: ctx, o: o, manifest: make(map[string]verdict.Used), digests: make(map[string]digest)}
	for _, u := range v.Manifest {
		f.manifest[u.File] = u
	}
	for _, root := range o.Logs {
		if _, err := os.Stat(root); err != nil {
			return nil, fmt.Errorf("--logs: %w; name a file or a folder", err)
		}
		// What cannot be listed is passed over: the line may stand elsewhere.
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
					f.below = append(f.below, path)
				}
			}
			return ctx.Err()
		})
	}
	return f, ctx.Err()
}

// candidates are the paths at which a file may be found, the likeliest first:
// under its own name, then under names that rotation gives it. Where
// Options.Logs says where to look, all files there follow.
func (f *finder) candidates(name string) (paths []string) {
	stem := intake.Stem(filepath.Base(name))
	add := func(path string) {
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	if len(f.o.Logs) > 0 {
		// The more of the path agrees, the likelier; an own name before a
		// rotated one before any.
		rank := func(path string) int {
			n := 3 * common(path, name)
			switch {
			case filepath.Base(path) == filepath.Base(name):
				n += 2000
			case intake.Stem(filepath.Base(path)) == stem:
				n += 1000
			}
			return n
		}
		ranked := slices.Clone(f.below)
		slices.SortStableFunc(ranked, func(a, b string) int { return cmp.Compare(rank(b), rank(a)) })
		return ranked
	}
	places := []string{name}
	if !filepath.IsAbs(name) && f.o.Folder != "" {
		places = append(places, filepath.Join(f.o.Folder, name))
	}
	for _, p := range places {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			add(p)
		}
	}
	for _, p := range places {
		entries, _ := os.ReadDir(filepath.Dir(p))
		for _, e := range entries {
			if intake.Stem(e.Name()) == stem && !e.IsDir() {
				add(filepath.Join(filepath.Dir(p), e.Name()))
			}
		}
	}
	return paths
}

// common is how many folders and names two paths share at their ends.
func common(a, b string) int {
	x, y := strings.Split(filepath.ToSlash(a), "/"), strings.Split(filepath.ToSlash(b), "/")
	n := 0
	for n < len(x) && n < len(y) && x[len(x)-1-n] == y[len(y)-1-n] {
		n++
	}
	return n
}

// Find looks for cited lines, in their order. The error is the context's, or
// of Options.Logs.
func Find(ctx context.Context, v *verdict.Verdict, cited []verdict.Evidence, o Options) ([]Line, error) {
	f, err := newFinder(ctx, v, o)
	if err != nil {
		return nil, err
	}
	lines := make([]Line, len(cited))
	byFile := make(map[string][]*Line)
	var order []string
	for i, e := range cited {
		lines[i].Evidence = e
		if byFile[e.File] == nil {
			order = append(order, e.File)
		}
		byFile[e.File] = append(byFile[e.File], &lines[i])
	}
	for _, name := range order {
		f.file(name, byFile[name])
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

// file looks for the cited lines of one file.
func (f *finder) file(name string, lines []*Line) {
	var missing []*Line
	for _, l := range lines {
		if len(l.SHA256) != 2*sha256.Size {
			l.Status, l.Note = Unhashed, "the verdict has no hash of it: it could not be read again when the verdict was made"
			continue
		}
		missing = append(missing, l)
	}
	paths := f.candidates(name)
	var problem error
	for _, path := range paths {
		if len(missing) == 0 || f.ctx.Err() != nil {
			return
		}
		var err error
		if f.manifest[name].Kind == verdict.UsedFindings {
			missing, err = f.rows(path, name, missing)
		} else if missing, err = f.atPlace(path, name, missing); err == nil {
			missing, err = f.anywhere(path, missing)
		}
		if err != nil && problem == nil {
			problem = err
		}
	}
	if len(missing) > 0 {
		f.lost(name, missing, paths, problem)
	}
}

// atPlace looks for lines where the verdict says they stand.
func (f *finder) atPlace(path, name string, lines []*Line) (missing []*Line, err error) {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b *Line) int { return cmp.Compare(a.Evidence.Offset, b.Evidence.Offset) })
	next := 0
	for next < len(lines) && f.ctx.Err() == nil {
		begin := next
		e := intake.ReadLines(f.ctx, path, lines[next].Evidence.Offset, func(got intake.Line) error {
			for next < len(lines) && lines[next].Evidence.Offset <= got.Offset {
				if l := lines[next]; l.Evidence.Offset == got.Offset && sum(got.Bytes) == l.SHA256 {
					f.found(l, path, name, got, l.Evidence.Line)
				}
				next++
			}
			// A plain file can be entered anew where the next line stands, a
			// packed one is read on.
			const far = 1 << 20
			if next == len(lines) || got.Number == 0 && lines[next].Evidence.Offset-got.Offset > far {
				return errEnough
			}
			return nil
		})
		if e != nil && !errors.Is(e, errEnough) {
			err = e
			break
		}
		if next == begin || e == nil {
			break // the file ends before
		}
	}
	for _, l := range lines {
		if l.Status == "" {
			missing = append(missing, l)
		}
	}
	return missing, err
}

var errEnough = errors.New("enough")

// anywhere looks for lines in all of a file.
func (f *finder) anywhere(path string, lines []*Line) (missing []*Line, err error) {
	if len(lines) == 0 {
		return nil, nil
	}
	wanted := make(map[string][]*Line, len(lines))
	for _, l := range lines {
		wanted[l.SHA256] = append(wanted[l.SHA256], l)
	}
	err = intake.ReadLines(f.ctx, path, 0, func(got intake.Line) error {
		hash := sum(got.Bytes)
		for _, l := range wanted[hash] {
			f.found(l, path, "", got, got.Number)
		}
		delete(wanted, hash)
		if len(wanted) == 0 {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	for _, l := range lines {
		if l.Status == "" {
			missing = append(missing, l)
		}
	}
	return missing, err
}

// rows looks for what was imported: parts of a file that may be several lines,
// or less than one.
func (f *finder) rows(path, name string, lines []*Line) (missing []*Line, err error) {
	file, err := os.Open(path)
	if err != nil {
		return lines, err
	}
	defer func() { _ = file.Close() }()
	for _, l := range lines {
		raw := make([]byte, len(l.Text))
		if _, err := io.ReadFull(io.NewSectionReader(file, l.Evidence.Offset, int64(len(raw))), raw); err == nil && sum(raw) == l.SHA256 {
			f.found(l, path, name, intake.Line{Bytes: raw, Offset: l.Evidence.Offset}, l.Evidence.Line)
			continue
		}
		missing = append(missing, l)
	}
	return missing, nil
}

// found notes where a line is. It is unchanged where it stands in its place in
// the file that the verdict names.
func (f *finder) found(l *Line, path, name string, got intake.Line, number int64) {
	l.Raw, l.Path, l.Number, l.Offset = bytes.Clone(got.Bytes), path, number, got.Offset
	l.Status = Moved
	if name != "" && f.named(path, name) {
		l.Status = Unchanged
	}
}

// named says whether a path is that of the verdict's file, or its copy below
// the folders that were named.
func (f *finder) named(path, name string) bool {
	if len(f.o.Logs) > 0 {
		return filepath.Base(path) == filepath.Base(name)
	}
	return path == name || path == filepath.Join(f.o.Folder, name)
}

// lost says why lines were not found.
func (f *finder) lost(name string, lines []*Line, paths []string, problem error) {
	status, note := Gone, "the file is not there any more: name its copy or its folder with --logs"
	switch own := f.own(name, paths); {
	case len(f.o.Logs) > 0 && own == "":
		note = "no file below --logs holds it"
	case own == "" && len(paths) > 0:
		note = "the file is not there any more, and what it was rotated to does not hold the line: name a copy with --logs"
	case own == "" && name == "standard input":
		note = "it came from standard input: name the file that was piped in with --logs"
	case own == "":
	case problem != nil:
		status, note = Unreadable, problem.Error()
	default:
		status, note = Changed, f.changed(own, name)
	}
	for _, l := range lines {
		l.Status, l.Note = status, note
	}
}

// own is the path among candidates that has the file's own name.
func (f *finder) own(name string, paths []string) string {
	for _, p := range paths {
		if f.named(p, name) {
			return p
		}
	}
	return ""
}

// changed says what is known of a file that no longer holds what was cited.
func (f *finder) changed(path, name string) string {
	u, ok := f.manifest[name]
	if !ok || u.SHA256 == "" {
		return "the file is there and holds no such line"
	}
	switch d := f.digest(path, u.Size); {
	case d.err != nil:
		return d.err.Error()
	case hex.EncodeToString(d.SHA256[:]) == u.SHA256:
		return "the file is the one that was read, byte for byte, and holds no such line: the verdict was changed"
	default:
		return "the file is another than the one that was read: its first " + fmt.Sprint(u.Size) + " bytes have another hash"
	}
}

func (f *finder) digest(path string, limit int64) digest {
	key := fmt.Sprint(limit, " ", path)
	d, ok := f.digests[key]
	if !ok {
		d.Digest, d.err = intake.DigestFile(f.ctx, path, limit)
		f.digests[key] = d
	}
	return d
}

// Check compares every file of the manifest with what is there now.
func Check(ctx context.Context, v *verdict.Verdict, o Options) ([]File, error) {
	f, err := newFinder(ctx, v, o)
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(v.Manifest))
	for _, u := range v.Manifest {
		files = append(files, f.check(u))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (f *finder) check(u verdict.Used) File {
	out := File{Used: u}
	if len(u.SHA256) != 2*sha256.Size {
		out.Status, out.Note = Unhashed, "the verdict has no hash of it: it could not be read to its end"
		return out
	}
	paths := f.candidates(u.File)
	own := f.own(u.File, paths)
	for _, path := range paths {
		if intake.Stem(filepath.Base(path)) != intake.Stem(filepath.Base(u.File)) {
			// Under another name, only a file of the same size is looked into.
			if info, err := os.Stat(path); err != nil || info.Size() != u.Size {
				continue
			}
		}
		d := f.digest(path, u.Size)
		if d.err != nil {
			continue
		}
		stored, unpacked := hex.EncodeToString(d.SHA256[:]) == u.SHA256, hex.EncodeToString(d.Unpacked[:]) == u.SHA256
		switch {
		case stored && path == own && d.Size == u.Size:
			out.Status = Unchanged
		case stored && path == own:
			out.Status, out.Note = Grown, fmt.Sprintf("by %d bytes; what was read is unchanged", d.Size-u.Size)
		case stored || unpacked && d.Compression != "plain":
			out.Status, out.Note = Moved, "now "+path
		default:
			continue
		}
		out.Path = path
		return out
	}
	switch {
	case own == "" && u.File == "standard input":
		out.Status, out.Note = Gone, "it came from standard input: name the file that was piped in with --logs"
	case own == "":
		out.Status, out.Note = Gone, "name a copy or its folder with --logs"
	default:
		out.Path, out.Status = own, Changed
		if d := f.digest(own, u.Size); d.err != nil {
			out.Status, out.Note = Unreadable, d.err.Error()
		} else if d.Size < u.Size {
			out.Note = fmt.Sprintf("shrank from %d to %d bytes", u.Size, d.Size)
		}
	}
	return out
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
