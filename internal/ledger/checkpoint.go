package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is the state of a ledger that somebody signed.
type Checkpoint struct {
	Origin string
	Size   int64 // entries
	Root   tlog.Hash
}

// checkpointText is the form that the transparency logs of others use too
// (c2sp.org/tlog-checkpoint): origin, size, root.
func checkpointText(origin string, size int64, root tlog.Hash) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)
}

// openCheckpoint reads a signed checkpoint. Every byte counts: what a signer
// would not have written is an error, even where the signature holds.
func openCheckpoint(data []byte, v note.Verifier) (Checkpoint, error) {
	var c Checkpoint
	n, err := note.Open(data, note.VerifierList(v))
	if err != nil {
		var unknown *note.UnverifiedNoteError
		var invalid *note.InvalidSignatureError
		switch {
		case errors.As(err, &unknown):
			return c, errors.New("it is signed with another key")
		case errors.As(err, &invalid):
			return c, errors.New("its signature does not hold")
		}
		return c, errors.New("it is no signed checkpoint")
	}
	if len(n.Sigs) != 1 {
		return c, errors.New("it is not signed once")
	}
	sig := n.Sigs[0]
	raw, err := base64.StdEncoding.Strict().DecodeString(sig.Base64)
	if err != nil || !bytes.Equal(data, []byte(n.Text+"\n— "+sig.Name+" "+base64.StdEncoding.EncodeToString(raw)+"\n")) {
		return c, errors.New("it is not written as checkpoints are")
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 {
		return c, errors.New("it is no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return c, errors.New("it states no number of entries")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return c, errors.New("it states no root")
	}
	c = Checkpoint{lines[0], size, root}
	if c.Origin != v.Name() || checkpointText(c.Origin, c.Size, c.Root) != n.Text {
		return c, errors.New("it is not written as checkpoints are")
	}
	return c, nil
}

// FindCheckpoints are the checkpoints in a text: a file of its own, a mail, a
// report. Quoting and indentation are taken off.
func FindCheckpoints(text []byte) (found []string) {
	const mark = "— "
	lines := strings.Split(string(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(lines[i]), ">|"))
	}
	for i := 0; i+4 < len(lines); i++ {
		if lines[i] == "" || lines[i+3] != "" || !strings.HasPrefix(lines[i+4], mark) {
			continue
		}
		if _, err := strconv.ParseInt(lines[i+1], 10, 64); err != nil {
			continue
		}
		if _, err := tlog.ParseHash(lines[i+2]); err != nil {
			continue
		}
		found = append(found, strings.Join(lines[i:i+5], "\n")+"\n")
	}
	return found
}

// ParseKey reads a public key as it stands in a ledger's folder, in its one
// form.
func ParseKey(text string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(text, "+")
	_, key64, _ := strings.Cut(rest, "+")
	v, err := note.NewVerifier(text)
	if err != nil {
		return nil, errors.New("it is no public key of a ledger")
	}
	if text != fmt.Sprintf("%s+%08x+%s", name, v.KeyHash(), key64) || !originForm.MatchString(name) {
		return nil, errors.New("it is not written as keys are")
	}
	return v, nil
}
