// Package intake is where lines come from: log files of the past, and those
// that are being written.
//
// Follow goes on where Discover ends: a Follower hands over batches of lines
// with positions to be stored beside them, so that every line is there once.
// It is described at Follower, the rest here.
//
// Discover finds the files, tells logs from everything else by their content,
// and puts the files of one source in the order of time; File.Read hands over
// their lines. Two passes read the same files, so both must see the same
// bytes: a file is read up to the size it had when it was found, is looked up
// again where rotation renamed it in between, and standard input is kept in a
// temporary file. What cannot be read is named as a Problem while the rest
// goes on.
//
// The package reads lines; what they mean is maillog's to say. It is called
// by internal/pipeline, and by internal/app for single lines of evidence.
package intake

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"mailvigil/maillog"
)

// MaxLine is the length at which a line is cut. The longest honest lines, web
// requests with 8 KiB each of target and referrer, are far below it.
const MaxLine = 64 << 10

// Options say how files are found. All of them may be left empty.
type Options struct {
	// Location is the zone of lines that state none; nil is UTC.
	Location *time.Location
	// Now is the time that nothing can be later than; zero: not known.
	Now time.Time
	// SpoolDir holds what is read from standard input; "" is os.TempDir().
	SpoolDir string
	// Stdin is what "-" reads; nil is os.Stdin.
	Stdin io.Reader
	// Format of every file, where the operator knows it; FormatNone: told by
	// the content of each.
	Format maillog.Format
	// PipeWait is how long a named pipe waits for a writer; 0 is a minute.
	PipeWait time.Duration
	// Search, where given, is told how far Discover is.
	Search *Search
	// Places are the patterns looked at without paths; nil is UsualPlaces.
	Places []string
}

// UsualPlaces are where mail and web servers and webmail keep their logs.
//
// Debian's are those of the packages' logrotate configurations in bookworm
// (rsyslog, dovecot, exim4-base, nginx-common, apache2, lighttpd, roundcube-core,
// sogo, rspamd, haproxy) and of caddy's postinst; Postfix, Cyrus, Courier,
// OpenSMTPD, Sendmail, amavis and Debian's Dovecot write to syslog, which is
// mail.log there, maillog on Red Hat's and the BSDs, mail on SUSE's. Stalwart's
// is that of its documentation (Log file tracer), before and since 0.11. From
// memory, not checked: Red Hat's, SUSE's, FreeBSD's and cPanel's, clamav-milter's,
// Zimbra's and Kerio's, Plesk's.
//
// Left out on purpose: /var/log/syslog and /var/log/messages, which hold mail's
// lines a second time where there is mail.log, and Exim's rejectlog, which
// repeats mainlog's. mox writes to the systemd journal alone.
var UsualPlaces = []string{
	"/var/log/mail.log*",
	"/var/log/maillog*",
	"/var/log/mail",
	"/var/log/mail-20*",
	"/var/log/dovecot*",
	"/var/log/postfix*",
	"/var/log/exim4/mainlog*",
	"/var/log/exim/main*log*",
	"/var/log/exim_mainlog*",
	"/var/log/rspamd/rspamd.log*",
	"/var/log/clamav/clamav-milter*",
	"/var/log/nginx/*access*",
	"/var/log/apache2/*access*",
	"/var/log/httpd/*access*",
	"/var/log/lighttpd/*access*",
	"/var/log/haproxy.log*",
	"/var/log/caddy",
	"/var/log/sogo",
	"/var/log/roundcube*",
	"/var/lib/roundcube/logs",
	"/usr/share/roundcube/logs",
	"/opt/roundcube*/logs",
	"/var/www/roundcube*/logs",
	"/var/www/*/roundcube*/logs",
	"/srv/*/roundcube*/logs",
	"/opt/zimbra/log/audit.log*",
	"/opt/zimbra/log/mailbox.log*",
	"/opt/zimbra/log/*access*",
	"/var/log/zimbra.log*",
	"/opt/kerio/mailserver/store/logs",
	"/opt/stalwart/logs",
	"/opt/stalwart-mail/logs",
	"/usr/local/psa/var/log/maillog*",
}

// Set is the files that were found, and what was wrong with others.
type Set struct {
	// Files are grouped by source; those of one source are in order of time.
	Files []*File
	// Problems are in the order in which they were met.
	Problems []Problem

	spools []string
}

// Close removes what was kept of standard input.
func (s *Set) Close() error {
	var first error
	for _, p := range s.spools {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) && first == nil {
			first = err
		}
	}
	s.spools = nil
	return first
}

// Kind is the kind of a Problem.
type Kind string

// The kinds of problem. Of a Damaged or Changed file, the lines before the
// damage were read; of the others none.
const (
	Missing    Kind = "missing"
	Unreadable Kind = "unreadable"
	Empty      Kind = "empty"
	Binary     Kind = "binary"
	Unknown    Kind = "unknown" // text of no known format
	Twice      Kind = "twice"   // read under another name
	Damaged    Kind = "damaged" // truncated or corrupt
	Changed    Kind = "changed" // shrank, vanished or was replaced
)

// Problem is what is wrong with one file. It is an error of File.Read as well:
// one that concerns this file alone, after which the others can be read.
type Problem struct {
	Name string // the file, as shown to people
	Kind Kind
	Text string // what is wrong and what to do about it
	Err  error  // the cause, where there is one
}

func (p *Problem) Error() string { return p.Name + ": " + p.Text }
func (p *Problem) Unwrap() error { return p.Err }

// File is one log file. Its fields are not changed after Discover. It can be
// read several times, and by several readers at once.
type File struct {
	Path        string
	Name        string // as shown to people
	Format      maillog.Format
	Compression string // "plain", "gzip" or "zstd"
	Size        int64  // stored bytes, when it was found
	ModTime     time.Time
	// Reference is the Reference of maillog.Options for this file.
	Reference time.Time
	// Source is shared by the files of one log: one folder, one name before
	// rotation, one kind of format.
	Source string
	// First and Last are the times of the first and last lines that were
	// sampled. Zero: not known; so is Last of most compressed files.
	First, Last time.Time

	info os.FileInfo
	sum  atomic.Pointer[[32]byte] // of the first complete Read
}

// Line is one line of a file.
type Line struct {
	Bytes    []byte // without newline or CR; valid only during the call
	Number   int64  // from 1
	Offset   int64  // of its first byte in the decompressed stream
	Overlong bool   // cut at MaxLine
}

// ReadStats say what was read.
type ReadStats struct {
	Lines    int64
	Bytes    int64 // decompressed, newlines included
	Stored   int64 // bytes of the file as stored
	Overlong int64 // lines that were cut at MaxLine
	Skipped  int64 // bytes that were cut off them
	NUL      int64 // bytes of NUL before lines, passed over
	// SHA256 is the hash of the file as stored, up to the size it had when it
	// was found. Zero where reading ended before it.
	SHA256 [32]byte
	// Changed is true where the file grew, shrank or was replaced since it
	// was found, or reads otherwise than the first time.
	Changed bool
}

// Search counts what Discover does, for another goroutine to show.
type Search struct {
	Listed  atomic.Int64 // files that were met
	Looked  atomic.Int64 // files that were looked at
	Spooled Count        // bytes kept of standard input and pipes
	from    atomic.Pointer[string]
}

func (s *Search) wait(name string) { s.from.Store(&name) }

// Input returns the name of the pipe or standard input that is being read,
// "" where none is.
func (s *Search) Input() string {
	if p := s.from.Load(); p != nil {
		return *p
	}
	return ""
}

// Count is a writer that counts the bytes it is given.
type Count struct{ atomic.Int64 }

func (c *Count) Write(b []byte) (int, error) {
	c.Add(int64(len(b)))
	return len(b), nil
}

// Progress counts what was read, by any number of readers at once.
type Progress struct {
	Stored atomic.Int64 // bytes as stored, to be held against File.Size
	Lines  atomic.Int64
}

func (p *Progress) add(stored, lines int64) {
	if p != nil {
		p.Stored.Add(stored)
		p.Lines.Add(lines)
	}
}

// Buffers for reading are large, and a case has hundreds of files.
var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}
