package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"mailvigil/verdict"
)

// seal is where JSON puts the ledger, at the end: no string holds a newline.
const (
	seal = ",\n \"ledger\": "
	tail = "\n}\n"
)

// Unseal takes what JSON wrote apart: the verdict without its ledger, byte for
// byte as JSON writes it, and where the ledger recorded it, nil where none did.
// It is an error where the ledger's part is not as JSON writes it, so that no
// byte can change unseen.
func Unseal(data []byte) (bare []byte, where *verdict.Recorded, err error) {
	at := bytes.LastIndex(data, []byte(seal))
	if at < 0 {
		return data, nil, nil
	}
	odd := errors.New("its ledger is not written as verdicts are")
	part, ok := bytes.CutSuffix(data[at+len(seal):], []byte(tail))
	if !ok {
		return nil, nil, odd
	}
	where = &verdict.Recorded{}
	if err := json.Unmarshal(part, where); err != nil {
		return nil, nil, odd
	}
	var again bytes.Buffer
	if err := JSON(&again, &verdict.Verdict{Ledger: where}); err != nil {
		return nil, nil, err
	}
	if i := bytes.LastIndex(again.Bytes(), []byte(seal)); i < 0 || !bytes.Equal(again.Bytes()[i:], data[at:]) {
		return nil, nil, odd
	}
	return append(bytes.Clone(data[:at]), tail...), where, nil
}

// ledger prints the checkpoint, to be kept elsewhere: what was signed cannot
// change unseen from then on.
func (p *printer) ledger(v *verdict.Verdict) {
	if v.Ledger == nil {
		return
	}
	p.heading("Recorded in the ledger")
	p.paragraph("", "", none, "Keep these lines where this host cannot reach them: with them \"mailvigil ledger verify\" finds whatever is changed or taken away later.")
	for line := range strings.Lines(v.Ledger.Checkpoint) {
		p.verbatim("  ", strings.TrimSuffix(line, "\n"))
	}
}
