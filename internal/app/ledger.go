package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"mailvigil/internal/ledger"
	"mailvigil/internal/message"
	"mailvigil/internal/report"
	"mailvigil/verdict"
)

func (a *app) ledgerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Keep and check the tamper-evident record of runs and decisions",
		Long: `A ledger is a folder in which every investigation is recorded: the hashes of
what it read and of its verdict, no name and no address. "investigate --ledger
FOLDER" writes to it. Nothing in it can be changed, removed or reordered without
"ledger verify" finding it; a checkpoint that is kept elsewhere makes it find a
ledger that was cut or written anew as well.`,
		Example: `  mailvigil ledger init FOLDER
  mailvigil investigate --ledger FOLDER --json verdict.json logs/
  mailvigil ledger verify FOLDER --checkpoint kept.txt --verdict verdict.json`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("there is no command \"ledger %s\"; there are init, show, verify, checkpoint, prove and record", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.ledgerInit(), a.ledgerShow(), a.ledgerVerify(), a.ledgerCheckpoint(), a.ledgerProve(), a.ledgerRecord())
	return cmd
}

const folderMissing = "the folder of the ledger"

func (a *app) ledgerInit() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "init FOLDER",
		Short: "Begin a ledger",
		Long: `Makes the folder, a key pair and the first entry. The private key, FOLDER/key, can
be read by its owner alone. Keep the public key and the checkpoint that are printed
where this host cannot reach them.`,
		Example: `  mailvigil ledger init FOLDER
  mailvigil ledger init --name mail-watch FOLDER`,
		Args: cobra.MatchAll(atLeast(1, folderMissing), atMost(1, "one ledger is begun at a time")),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := ledger.Init(args[0], name, a.now)
			if err != nil {
				return err
			}
			_, checkpoint, err := l.Entries()
			if err != nil {
				return err
			}
			key, err := os.ReadFile(l.PublicKey())
			if err != nil {
				return fmt.Errorf("read the public key: %w", err)
			}
			_, err = fmt.Fprintf(a.stdout, "The ledger is begun. Keep its public key and its checkpoint elsewhere:\n\n%s\n%s", key, checkpoint)
			return err
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the ledger in its checkpoints (default: one by chance, which tells nobody whose it is)")
	return cmd
}

func (a *app) ledgerShow() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "show FOLDER",
		Short:   "List what a ledger holds",
		Example: "  mailvigil ledger show FOLDER",
		Args:    cobra.MatchAll(atLeast(1, folderMissing), atMost(1, "one ledger is shown at a time")),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := ledger.Open(args[0], a.now)
			if err != nil {
				return err
			}
			entries, _, err := l.Entries()
			if err != nil {
				return fmt.Errorf("%w; \"mailvigil ledger verify %s\" says more", err, printable(args[0]))
			}
			if file != "" {
				if err := a.writeJSON(file, entries); err != nil || file == "-" {
					return err
				}
			}
			for _, e := range entries {
				what := "begun"
				switch {
				case e.Run != nil:
					what = fmt.Sprintf("%-12s verdict %s, of %d files", e.Run.Verdict, e.Run.SHA256, len(e.Run.Inputs))
				case e.Decision != nil:
					what = fmt.Sprintf("%-12s %s", e.Decision.ID, e.Decision.SHA256)
				}
				if _, err := fmt.Fprintf(a.stdout, "%5d  %s  %-8s  %s\n", e.N, e.Time, e.Kind, what); err != nil {
					return err
				}
			}
			return nil
		},
	}
	jsonFlag(cmd, &file, "the entries")
	return cmd
}

func (a *app) ledgerCheckpoint() *cobra.Command {
	return &cobra.Command{
		Use:     "checkpoint FOLDER",
		Short:   "Print the signed checkpoint, to be kept elsewhere",
		Example: "  mailvigil ledger checkpoint FOLDER | mail -s checkpoint auditor@parl.example",
		Args:    cobra.MatchAll(atLeast(1, folderMissing), atMost(1, "one ledger has one checkpoint")),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := ledger.Open(args[0], a.now)
			if err != nil {
				return err
			}
			_, checkpoint, err := l.Entries()
			if err != nil {
				return fmt.Errorf("%w; \"mailvigil ledger verify %s\" says more", err, printable(args[0]))
			}
			_, err = io.WriteString(a.stdout, checkpoint)
			return err
		},
	}
}

func (a *app) ledgerProve() *cobra.Command {
	var kept string
	cmd := &cobra.Command{
		Use:   "prove FOLDER [ENTRY]",
		Short: "Prove an entry, or that nothing changed since a checkpoint",
		Long: `Writes a proof for somebody who may not see the ledger: that an entry stands in
it, or with --checkpoint that it still holds, unchanged, all that an earlier
checkpoint was signed over. "ledger verify --proof" checks it with the public key
alone.`,
		Example: `  mailvigil ledger prove FOLDER 1 > proof.json
  mailvigil ledger prove FOLDER --checkpoint kept.txt > proof.json`,
		Args: cobra.MatchAll(atLeast(1, folderMissing), atMost(2, "one entry is proved at a time")),
		RunE: func(_ *cobra.Command, args []string) error {
			if (len(args) == 2) == (kept != "") {
				return usagef("name an entry by its number, or --checkpoint")
			}
			l, err := ledger.Open(args[0], a.now)
			if err != nil {
				return err
			}
			var proof *ledger.Proof
			if kept != "" {
				checkpoints, err := keptCheckpoints([]string{kept})
				if err != nil {
					return err
				}
				proof, err = l.ProveSince(checkpoints[len(checkpoints)-1])
				if err != nil {
					return err
				}
			} else {
				n, err := strconv.ParseInt(args[1], 10, 64)
				if err != nil {
					return usagef("%q is no number of an entry; \"mailvigil ledger show\" lists them", args[1])
				}
				if proof, err = l.ProveEntry(n); err != nil {
					return err
				}
			}
			return a.writeJSON("-", proof)
		},
	}
	cmd.Flags().StringVar(&kept, "checkpoint", "", "`FILE` with an earlier checkpoint")
	return cmd
}

func (a *app) ledgerRecord() *cobra.Command {
	return &cobra.Command{
		Use:   "record FOLDER ID FILE",
		Short: "Record a decision by its id and the hash of its file",
		Long: `Adds what people decided after a verdict: an id of lower-case letters, digits and
hyphens, and the SHA-256 of the file that says what was decided. The file itself
stays where it is.`,
		Example: "  mailvigil ledger record FOLDER reset-2026-03 decision.txt",
		Args:    cobra.MatchAll(atLeast(3, "the folder, the id or the file of the decision"), atMost(3, "one decision is recorded at a time")),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := ledger.Open(args[0], a.now)
			if err != nil {
				return err
			}
			data, err := os.ReadFile(args[2])
			if err != nil {
				return fmt.Errorf("read the decision: %w", err)
			}
			got, err := l.Append(ledger.Entry{
				Kind: ledger.DecisionsEntry, Program: programVersion(), Decision: &ledger.Decision{ID: args[1], SHA256: sha256Of(data)},
			})
			if err != nil {
				return err
			}
			a.tellTakenOff(got)
			_, err = fmt.Fprintf(a.stdout, "Recorded as entry %d. Keep the checkpoint elsewhere:\n\n%s", got.N, got.Checkpoint)
			return err
		},
	}
}

// tellTakenOff says that a crash had left an entry unfinished.
func (a *app) tellTakenOff(got ledger.Appended) {
	if got.TakenOff > 0 {
		fmt.Fprintf(a.stderr, "mailvigil: the ledger ended with %d bytes of an entry that had never been finished, as after a crash; they were taken off\n", got.TakenOff)
	}
}

func sha256Of(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// verification is what ledger verify was asked for.
type verification struct {
	folder   string
	kept     []string
	verdicts []string
	key      string
	proof    string
	json     string
}

func (a *app) ledgerVerify() *cobra.Command {
	var in verification
	cmd := &cobra.Command{
		Use:   "verify [FOLDER]",
		Short: "Find whatever was changed in a ledger or in a verdict",
		Long: `Holds every byte of a ledger against its signed checkpoint. With --checkpoint, one
that was kept elsewhere, as in a mail or a report, it also finds a ledger that was
cut, put back to an older state or written anew. With --verdict it holds a verdict
and its manifest against the entry that recorded it. With --proof and --key it
checks a proof, without any ledger.

Exit code: 0 nothing was changed, 10 an entry was not finished, as after a crash,
20 something was changed, 1 error, 2 wrong command line.`,
		Example: `  mailvigil ledger verify FOLDER
  mailvigil ledger verify FOLDER --checkpoint kept.txt --verdict verdict.json
  mailvigil ledger verify --key key.pub --proof proof.json`,
		Args: atMost(1, "one ledger is verified at a time"),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case in.proof != "" && (len(args) > 0 || in.key == "" || len(in.kept)+len(in.verdicts) > 0):
				return usagef("--proof needs --key and nothing else: a proof is checked without the ledger")
			case in.proof != "":
				return a.verifyProof(in)
			case len(args) == 0:
				return usagef("%s is missing", folderMissing)
			}
			in.folder = args[0]
			return a.verifyLedger(in)
		},
	}
	jsonFlag(cmd, &in.json, "what was found")
	flags := cmd.Flags()
	flags.StringArrayVar(&in.kept, "checkpoint", nil, "`FILE` that holds a checkpoint from before: a text, a mail, a report or a verdict; may be repeated")
	flags.StringArrayVar(&in.verdicts, "verdict", nil, "`FILE` of a verdict that the ledger recorded; may be repeated")
	flags.StringVar(&in.key, "key", "", "public `KEY` that was kept, or the file that holds it (default: the one in FOLDER)")
	flags.StringVar(&in.proof, "proof", "", "`FILE` of a proof that \"ledger prove\" wrote")
	return cmd
}

// publicKey reads a key from the command line or a file.
func publicKey(text string) (note.Verifier, error) {
	if text == "" {
		return nil, nil
	}
	if data, err := os.ReadFile(text); err == nil {
		text = string(data)
	}
	v, err := ledger.ParseKey(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("--key: %w; name the key.pub that was kept", err)
	}
	return v, nil
}

// tags of a page, which report writes.
var tags = regexp.MustCompile(`<[^>\n]*>`)

// keptCheckpoints finds the checkpoints in files of any kind.
func keptCheckpoints(files []string) (all []string, err error) {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--checkpoint: %w", err)
		}
		text := data
		if bytes.Contains(data, []byte("</html>")) {
			text = []byte(html.UnescapeString(tags.ReplaceAllString(string(data), "")))
		}
		found := ledger.FindCheckpoints(text)
		if _, where, err := report.Unseal(data); err == nil && where != nil {
			found = append(found, where.Checkpoint)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("--checkpoint: there is no checkpoint in %s; it is five lines, the last of which begins with —", printable(file))
		}
		all = append(all, found...)
	}
	return all, nil
}

func (a *app) verifyProof(in verification) error {
	key, err := publicKey(in.key)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(in.proof)
	if err != nil {
		return fmt.Errorf("read the proof: %w", err)
	}
	what, err := ledger.CheckProof(data, key)
	if err != nil {
		fmt.Fprintf(a.stdout, "CHANGED: %s\n", message.Safe(err.Error()))
		return &exitError{20}
	}
	_, err = fmt.Fprintf(a.stdout, "It holds: %s.\n", message.Safe(what))
	return err
}

func (a *app) verifyLedger(in verification) error {
	l, err := ledger.Open(in.folder, a.now)
	if err != nil {
		return err
	}
	key, err := publicKey(in.key)
	if err != nil {
		return err
	}
	kept, err := keptCheckpoints(in.kept)
	if err != nil {
		return err
	}
	var problems []ledger.Problem
	for _, file := range in.verdicts {
		found, checkpoint, err := verifyVerdict(l, file)
		if err != nil {
			return err
		}
		problems = append(problems, found...)
		if checkpoint != "" {
			kept = append(kept, checkpoint)
		}
	}
	r, err := l.Verify(key, kept...)
	if err != nil {
		return err
	}
	r.Problems = append(r.Problems, problems...)
	if in.json != "" {
		if err := a.writeJSON(in.json, r); err != nil {
			return err
		}
	}
	if in.json != "-" {
		if err := a.tellVerified(r, len(kept), len(in.verdicts)); err != nil {
			return err
		}
	}
	switch {
	case len(r.Problems) == 0:
		return nil
	case len(r.Problems) == 1 && r.Problems[0].Code == ledger.Unfinished:
		return &exitError{10}
	}
	return &exitError{20}
}

func (a *app) tellVerified(r ledger.Report, kept, verdicts int) error {
	var b strings.Builder
	for _, p := range r.Problems {
		word := "CHANGED"
		if p.Code == ledger.Unfinished {
			word = "UNFINISHED"
		}
		fmt.Fprintf(&b, "%s: %s\n", word, message.Safe(p.Text))
	}
	if len(r.Problems) == 0 {
		fmt.Fprintf(&b, "Nothing was changed: %d entries of %s, root %s.\n", r.Entries, message.Safe(r.Origin), r.Root)
		if verdicts > 0 {
			fmt.Fprintf(&b, "Verdicts that are as they were recorded: %d.\n", verdicts)
		}
		if kept == 0 {
			b.WriteString("Whether it was cut or written anew with its own key only a checkpoint that was kept elsewhere tells: --checkpoint FILE.\n")
		} else {
			fmt.Fprintf(&b, "Kept checkpoints that it agrees with: %d.\n", kept)
		}
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// verifyVerdict holds a verdict against the entry that recorded it. Its own
// checkpoint is one that was kept.
func verifyVerdict(l *ledger.Ledger, file string) (problems []ledger.Problem, checkpoint string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, "", fmt.Errorf("read the verdict: %w", err)
	}
	changed := func(format string, args ...any) ([]ledger.Problem, string, error) {
		return []ledger.Problem{{Code: "verdict", Text: printable(file) + ": " + fmt.Sprintf(format, args...)}}, checkpoint, nil
	}
	bare, where, err := report.Unseal(data)
	if err != nil {
		return changed("the verdict was changed: %v", err)
	}
	// What the ledger itself has wrong, Verify says.
	entries, _, err := l.Entries()
	if err != nil && !errors.Is(err, ledger.ErrChanged) {
		return nil, "", err
	}
	sum := sha256Of(bare)
	if where == nil {
		for _, e := range entries {
			if e.Run != nil && e.Run.SHA256 == sum {
				return nil, "", nil
			}
		}
		return changed("no entry of this ledger records it: it was changed, or never recorded here")
	}
	checkpoint = where.Checkpoint
	if where.Entry >= int64(len(entries)) || entries[where.Entry].Run == nil {
		return changed("entry %d, which it names, is no run of this ledger", where.Entry)
	}
	// The hash covers the manifest.
	if entries[where.Entry].Run.SHA256 != sum {
		return changed("the verdict was changed: entry %d has another hash", where.Entry)
	}
	return nil, checkpoint, nil
}

func inputsOf(v *verdict.Verdict) []ledger.Input {
	inputs := make([]ledger.Input, 0, len(v.Manifest))
	for _, u := range v.Manifest {
		inputs = append(inputs, ledger.Input{Kind: string(u.Kind), Size: u.Size, SHA256: u.SHA256})
	}
	return inputs
}

// record writes a run into the ledger, and what it signed into the verdict.
func (a *app) record(l *ledger.Ledger, v *verdict.Verdict, inputs []ledger.Input) error {
	v.Ledger = nil
	var bare bytes.Buffer
	if err := report.JSON(&bare, v); err != nil {
		return err
	}
	got, err := l.Append(ledger.Entry{
		Kind: ledger.RunEntry, Program: programVersion(),
		Run: &ledger.Run{Verdict: string(v.Verdict), SHA256: sha256Of(bare.Bytes()), Inputs: inputs},
	})
	if err != nil {
		return fmt.Errorf("the run is not in the ledger: %w", err)
	}
	a.tellTakenOff(got)
	v.Ledger = &verdict.Recorded{Entry: got.N, Checkpoint: got.Checkpoint}
	return nil
}

// programVersion is the version as a ledger may hold it.
func programVersion() string {
	v := strings.Map(func(r rune) rune {
		if r < 128 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune(".+_-", r)) {
			return r
		}
		return '_'
	}, releaseName())
	return v[:min(len(v), 64)]
}
