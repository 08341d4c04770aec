package simulate

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// Forge writes Dovecot's lines of so many login failures as there are names,
// no name twice, out of so many IPv6 addresses in turn. It is what somebody
// does who wants to choose how much memory a reader needs. perSecond of them
// happen in a second of the log, from start on; memory does not grow.
func Forge(w io.Writer, names, sources, perSecond int, start time.Time) error {
	if names < 0 || sources < 1 || perSecond < 1 {
		return fmt.Errorf("%w: cannot forge %d names from %d sources, %d a second", ErrOptions, names, sources, perSecond)
	}
	server := netip.MustParseAddr("10.12.1.40")
	var from [16]byte
	copy(from[:], []byte{0x20, 0x01, 0x0d, 0xb8})
	var line []byte
	for i := range names {
		binary.BigEndian.PutUint64(from[4:], mix(uint64(i%sources))&^0xffffffff|uint64(i%sources))
		at := start.Add(time.Duration(i/perSecond) * time.Second)
		line = at.AppendFormat(line[:0], "Jan 02 15:04:05")
		line = append(line, " imap-login: Info: Disconnected: Connection closed (auth failed, 1 attempts in 2 secs): user=<u"...)
		line = appendInt(line, int64(i))
		line = append(line, "@parl.example>, method=PLAIN, rip="...)
		line = netip.AddrFrom16(from).AppendTo(line)
		line = append(line, ", lip="...)
		line = server.AppendTo(line)
		line = append(line, ", TLS, session=<"...)
		line = fmt.Appendf(line, "%016x", mix(uint64(i)))
		line = append(line, ">\n"...)
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("simulate: forge: %w", err)
		}
	}
	return nil
}
