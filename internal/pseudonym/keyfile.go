package pseudonym

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"time"
)

// entry is a line of a key file: first the secret, then what was replaced, and
// who looked it up and why.
type entry struct {
	Secret   string    `json:"secret,omitempty"`
	Word     string    `json:"word,omitempty"`
	Kind     Kind      `json:"kind,omitempty"`
	Name     *string   `json:"name,omitempty"`
	Revealed []string  `json:"revealed,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// Open reads the key file, or makes a new one with a secret of its own where
// there is none. It refuses a file that others may read.
func Open(file string, network func(netip.Addr) string) (*Key, error) {
	data, err := read(file)
	if errors.Is(err, fs.ErrNotExist) {
		k := New(network)
		k.file = file
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make the key file: %w", err)
		}
		if err := errors.Join(writeEntries(f, entry{Secret: base64.StdEncoding.EncodeToString(k.secret)}), f.Close()); err != nil {
			return nil, fmt.Errorf("make the key file: %w", err)
		}
		return k, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(file, data, network)
}

// OpenExisting reads a key file.
func OpenExisting(file string) (*Key, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	return parse(file, data, nil)
}

func read(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key file %q can be read by others, and it tells all names: chmod 600 it, and think about who has read it", file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	return data, nil
}

func parse(file string, data []byte, network func(netip.Addr) string) (*Key, error) {
	bad := func(line int, what string) error {
		return fmt.Errorf("the key file %q is damaged in line %d: %s; take it from a backup, without it no name is found again", file, line, what)
	}
	var k *Key
	in := bufio.NewScanner(bytes.NewReader(data))
	in.Buffer(nil, 1<<20)
	for n := 1; in.Scan(); n++ {
		var e entry
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			return nil, bad(n, "it is not JSON")
		}
		switch {
		case n == 1:
			secret, err := base64.StdEncoding.DecodeString(e.Secret)
			if err != nil || len(secret) < 32 {
				return nil, bad(n, "it holds no secret of 32 bytes")
			}
			k = newKey(secret, network)
			k.file = file
		case e.Word != "" && e.Name != nil:
			k.names[e.Word] = name{e.Kind, *e.Name}
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	if k == nil {
		return nil, bad(1, "it is empty")
	}
	return k, nil
}

// Save adds to the key file what was replaced since it was read. A key without
// a file is forgotten.
func (k *Key) Save() error {
	if k.file == "" || len(k.fresh) == 0 {
		return nil
	}
	entries := make([]entry, 0, len(k.fresh))
	for _, w := range k.fresh {
		n := k.names[w]
		entries = append(entries, entry{Word: w, Kind: n.kind, Name: &n.name})
	}
	if err := k.add(entries...); err != nil {
		return err
	}
	k.fresh = nil
	return nil
}

// Record notes in the key file which words were looked up, when, and why.
func (k *Key) Record(words []string, reason string, at time.Time) error {
	return k.add(entry{Revealed: words, Reason: reason, At: at.UTC()})
}

func (k *Key) add(entries ...entry) error {
	f, err := os.OpenFile(k.file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("add to the key file: %w", err)
	}
	if err := errors.Join(writeEntries(f, entries...), f.Close()); err != nil {
		return fmt.Errorf("add to the key file: %w", err)
	}
	return nil
}

// writeEntries writes them at once, so that two runs do not mix their lines.
func writeEntries(f *os.File, entries ...entry) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range entries {
		if err := enc.Encode(e); err != nil {
			return err
		}
	}
	_, err := f.Write(b.Bytes())
	return err
}
