package report_test

import (
	"bytes"
	"strings"
	"testing"

	"mailvigil/internal/report"
	"mailvigil/verdict"
)

const checkpoint = "watch\n7\nmDvmeXW4lW56et3+B5nU5y/Ib1Qe3TkAmCeeG+YN9hA=\n\n— watch FcF1xe++EZLoD+L/mjvxow/s2WnrIGVkHTSCJnuXvIKg+vrWX/Oy0CVxuoxYQwoPOANDZWy622EcdPGF3AK0znKsMwc=\n"

// TestUnseal: the verdict without its ledger is what JSON writes of it, and no
// byte of the ledger's part can change unseen.
func TestUnseal(t *testing.T) {
	for name, sample := range samples {
		t.Run(name, func(t *testing.T) {
			v := sample()
			bare := asJSON(t, v)
			if got, where, err := report.Unseal([]byte(bare)); err != nil || where != nil || string(got) != bare {
				t.Fatalf("without a ledger: %+v, %v", where, err)
			}
			v.Ledger = &verdict.Recorded{Entry: 12, Checkpoint: checkpoint}
			sealed := asJSON(t, v)
			got, where, err := report.Unseal([]byte(sealed))
			if err != nil || where == nil || *where != *v.Ledger || string(got) != bare {
				t.Fatalf("%+v, %v, %d bytes, want %d", where, err, len(got), len(bare))
			}
			// Nothing passes for the same: neither the same bare verdict with
			// another ledger's part that reads alike.
			for i := range len(sealed) - len(bare) + 3 {
				changed := []byte(sealed)
				changed[len(sealed)-1-i] ^= 0x20
				got, again, err := report.Unseal(changed)
				if err == nil && again != nil && *again == *where && string(got) == bare {
					t.Fatalf("byte %d from the end changes unseen", i)
				}
			}
		})
	}
	if _, _, err := report.Unseal([]byte("{\n \"a\": 1,\n \"ledger\": {\"entry\": 1}\n}\n")); err == nil {
		t.Error("another spelling is taken")
	}
}

func TestCheckpointIsShown(t *testing.T) {
	v := spray()
	v.Ledger = &verdict.Recorded{Entry: 12, Checkpoint: checkpoint}
	for _, o := range []report.Options{{Width: 80}, {Width: 40, Color: true, Unicode: true}} {
		out := terminal(t, v, o)
		for line := range strings.Lines(checkpoint) {
			if !strings.Contains(out, strings.TrimRight("  "+line, "\n ")+"\n") {
				t.Errorf("%q is not whole in the report", line)
			}
		}
	}
	var page bytes.Buffer
	if err := report.HTML(&page, v, report.Page{Location: brussels}); err != nil {
		t.Fatal(err)
	}
	// A checkpoint is the ledger's and not a log's; what it holds is escaped all
	// the same.
	if !strings.Contains(page.String(), "watch\n7\nmDvmeXW4lW56et3&#43;B5nU5y/Ib1Qe3TkAmCeeG&#43;YN9hA=\n\n— watch ") {
		t.Error("the page does not show the checkpoint")
	}
}
