package baseline

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	formatMagic   = "mvbl"
	formatVersion = 2
)

// ErrFormat is returned for bytes that are no Model of this version.
var ErrFormat = errors.New("baseline: not a model of this version")

// MarshalBinary gives what the Model has learnt, without its Options.
func (m *Model) MarshalBinary() ([]byte, error) {
	b := append(make([]byte, 0, len(formatMagic)+1+binary.Size(&m.state)), formatMagic...)
	return binary.Append(append(b, formatVersion), binary.LittleEndian, &m.state)
}

// UnmarshalBinary replaces what the Model has learnt. The Options stay those
// it was made with; they must be the ones that it was learnt with. After an
// error the Model is as before.
func (m *Model) UnmarshalBinary(b []byte) error {
	b, ok := bytes.CutPrefix(b, []byte(formatMagic))
	if !ok || len(b) == 0 {
		return ErrFormat
	}
	if b[0] != formatVersion {
		return fmt.Errorf("%w: version %d, want %d", ErrFormat, b[0], formatVersion)
	}
	var s state
	if len(b)-1 != binary.Size(&s) {
		return fmt.Errorf("%w: %d bytes, want %d", ErrFormat, len(b)-1, binary.Size(&s))
	}
	if _, err := binary.Decode(b[1:], binary.LittleEndian, &s); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	m.state, m.fresh = s, false
	return nil
}
