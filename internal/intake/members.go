package intake

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// errTrailing is something behind the last gzip member that is no other one.
// All that was compressed was read before it.
var errTrailing = errors.New("something else follows")

// members reads the members of a gzip file one after another, as gzip(1)
// does, to tell its end from damage: NUL bytes behind the last member are the
// padding of a tape or a block device, anything else is trailing garbage.
type members struct {
	z    *gzip.Reader
	in   *bufio.Reader
	done error
}

func newMembers(in *bufio.Reader) (*members, error) {
	z, err := gzip.NewReader(in)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return &members{z: z, in: in}, nil
}

func (m *members) Read(b []byte) (int, error) {
	if m.done != nil {
		return 0, m.done
	}
	for {
		n, err := m.z.Read(b)
		if err == io.EOF {
			err = m.next()
		}
		m.done = err
		if n > 0 || err != nil || len(b) == 0 { // a member may be empty
			return n, err
		}
	}
}

// next begins the next member; io.EOF where there is none.
func (m *members) next() error {
	head, err := m.in.Peek(2)
	if len(head) == 0 {
		return err // io.EOF, or of the disk
	}
	if len(head) == 2 && head[0] == 0x1f && head[1] == 0x8b {
		if err := m.z.Reset(m.in); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		m.z.Multistream(false)
		return nil
	}
	for {
		switch b, err := m.in.ReadByte(); {
		case err != nil:
			return err
		case b != 0:
			return errTrailing
		}
	}
}
