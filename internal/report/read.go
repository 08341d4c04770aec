package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mailvigil/verdict"
)

// Read reads what JSON wrote.
func Read(r io.Reader) (*verdict.Verdict, error) {
	var v verdict.Verdict
	d := json.NewDecoder(r)
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("this is no verdict (%w); name a file that mailvigil investigate --json wrote", err)
	}
	switch {
	case v.SchemaVersion == 0:
		return nil, errors.New("this JSON is no verdict; name a file that mailvigil investigate --json wrote")
	case v.SchemaVersion != verdict.SchemaVersion:
		return nil, fmt.Errorf("this verdict has schema version %d, and this program reads %d: use the program that wrote it", v.SchemaVersion, verdict.SchemaVersion)
	}
	return &v, nil
}
