package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"mailvigil/internal/intake"
	"mailvigil/traffic"
	"mailvigil/verdict"
)

func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// cite fills in the lines behind the statements: one more read of the files
// that are cited, up to the last line needed.
func (r *run) cite(ctx context.Context, v *verdict.Verdict) error {
	wanted := make(map[traffic.Ref]string)
	v.Cite(func(ref traffic.Ref, _ *verdict.Evidence) { wanted[ref] = "" })
	refs := make([]traffic.Ref, 0, len(wanted))
	for ref := range wanted {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b traffic.Ref) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	var files [][]traffic.Ref // by file
	if r.opt.live != nil && len(refs) > 0 {
		files, refs = append(files, refs), nil // the archive is asked once
	}
	for len(refs) > 0 {
		n := 1
		for n < len(refs) && refs[n].File == refs[0].File {
			n++
		}
		files = append(files, refs[:n])
		refs = refs[n:]
	}
	lost := make([]error, len(files))
	texts := make([]map[traffic.Ref]string, len(files))
	r.each(len(files), func(i int) {
		texts[i], lost[i] = r.lines(ctx, files[i])
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range files {
		if lost[i] != nil {
			v.Coverage.Problems = append(v.Coverage.Problems, lost[i].Error())
		}
		for ref, text := range texts[i] {
			wanted[ref] = text
		}
	}
	ids := make(map[traffic.Ref]string)
	v.Cite(func(ref traffic.Ref, e *verdict.Evidence) {
		if ids[ref] == "" {
			ids[ref] = fmt.Sprintf("line-%d", len(ids)+1)
		}
		e.ID = ids[ref]
		if r.opt.live != nil {
			e.File, e.Line = r.opt.live.files[ref.File].Name, ref.Line
		} else {
			u := &r.units[ref.File]
			e.File, e.Line = u.Name, u.before+ref.Line
		}
		if text := wanted[ref]; text != "" {
			e.Text, e.SHA256 = text, hash([]byte(text))
		}
	})
	return nil
}

// lines reads the cited lines of one unit.
func (r *run) lines(ctx context.Context, refs []traffic.Ref) (map[traffic.Ref]string, error) {
	out := make(map[traffic.Ref]string, len(refs))
	if r.opt.streams != nil {
		return out, nil // there are none
	}
	if r.opt.live != nil {
		return r.archived(ctx, refs)
	}
	u := &r.units[refs[0].File]
	if u.Compression == "plain" {
		for _, ref := range refs {
			_, err := u.Stretch(ctx, ref.Offset, u.To, func(l intake.Line) error {
				out[ref] = string(l.Bytes)
				return errEnough
			})
			if err != nil && !errors.Is(err, errEnough) {
				return out, err
			}
		}
		return out, nil
	}
	i := 0
	_, err := u.Peek(ctx, func(l intake.Line) error {
		if l.Number == refs[i].Line {
			out[refs[i]] = string(l.Bytes)
			if i++; i == len(refs) {
				return errEnough
			}
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return out, err
}

// manifest is the files that were read, by what they are known by.
func (r *run) manifest() []verdict.Used {
	out := make([]verdict.Used, 0, len(r.tallies))
	for i, t := range r.tallies {
		f := r.set.Files[i]
		u := verdict.Used{Kind: verdict.UsedLog, File: f.Name, Size: f.Size}
		// Of a file that shrank the hash is of what was left.
		if t.read.SHA256 != [32]byte{} && t.read.Stored >= f.Size {
			u.SHA256 = hex.EncodeToString(t.read.SHA256[:])
		}
		out = append(out, u)
	}
	return out
}
