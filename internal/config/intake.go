package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Intake is what is taken in over the network, and where it waits.
type Intake struct {
	Queue     IntakeQueue
	Listeners []Listener
	Journal   Journal
}

// IntakeQueue is where lines from the network wait for the archive.
type IntakeQueue struct {
	// Folder, "" for the one of the data.
	Folder string
	// Limit in bytes, 0 for the queue's own.
	Limit int64
	// URL of a NATS cluster to use instead of the folder, "" for none, with the
	// file of its credentials and the number of copies.
	URL, Credentials string
	Replicas         int
}

// Transport is how lines come.
type Transport string

// The transports, under the names that the file has for them.
const (
	SyslogUDP Transport = "udp"
	SyslogTCP Transport = "tcp"
	SyslogTLS Transport = "tls"
	HTTP      Transport = "http"
)

// Listener is one address that is listened on.
type Listener struct {
	Transport Transport
	// Address is "host:port"; an empty host is all addresses of the machine.
	Address string
	// Allow are the networks that may send. Empty: this machine alone, or
	// everybody who shows what TokenFile or ClientCA ask for.
	Allow []netip.Prefix
	// Certificate and Key are files; ClientCA, "" for none, signs the
	// certificates that senders must show.
	Certificate, Key, ClientCA string
	// TokenFile has a token a line, one of which senders over HTTP must show; ""
	// for none.
	TokenFile string
}

// Journal is whether and what is read of systemd's journal.
type Journal struct {
	Read bool
	// Units, as patterns; empty where one of them was "*", which is all.
	Units []string
	// Directory of the journal's files, "" for the machine's own.
	Directory string
}

func (r *reader) intake(n *yaml.Node, in *Intake) {
	listeners := func(section string, transports ...Transport) field {
		return field{section, func(n *yaml.Node) {
			for _, item := range r.list(n, "intake."+section) {
				r.listener(item, section, transports, in)
			}
		}}
	}
	r.mapping(n, "intake", []field{
		listeners("syslog", SyslogUDP, SyslogTCP, SyslogTLS),
		listeners("http", HTTP),
		{"journal", func(n *yaml.Node) { r.journal(n, &in.Journal) }},
		{"queue", func(n *yaml.Node) { r.queue(n, &in.Queue) }},
	})
}

func (r *reader) listener(n *yaml.Node, section string, transports []Transport, in *Intake) {
	before := len(r.problems)
	var l Listener
	var at *yaml.Node // of the transport
	file := func(key string, to *string) field {
		return field{key, func(n *yaml.Node) {
			if path, ok := r.text(n, key); ok {
				*to = r.path(path)
			}
		}}
	}
	var names []string
	fields := []field{
		{"allow", func(n *yaml.Node) { l.Allow = r.prefixes(n, "allow") }},
		file("certificate", &l.Certificate), file("key", &l.Key), file("client_ca", &l.ClientCA),
	}
	if section == "http" {
		fields = append(fields, file("token_file", &l.TokenFile))
		transports, names = []Transport{"address"}, []string{"address"}
	}
	for _, t := range transports {
		if section != "http" {
			names = append(names, string(t))
		}
		fields = append(fields, field{string(t), func(n *yaml.Node) {
			text, ok := r.text(n, string(t))
			if !ok {
				return
			}
			if at != nil {
				r.fail(n, "this is %s already; write another entry for %s", l.Transport, t)
				return
			}
			at = n
			if l.Transport = t; section == "http" {
				l.Transport = HTTP
			}
			if err := checkAddress(text); err != nil {
				r.fail(n, "%v", err)
			}
			l.Address = text
		}})
	}
	r.mapping(n, "an entry of intake."+section, fields)
	switch secure := l.Transport == SyslogTLS; {
	case len(r.problems) > before:
		return
	case at == nil:
		r.fail(n, "it does not say where to listen; add one of %s, as in \"%s: 127.0.0.1:5514\"", strings.Join(names, ", "), names[0])
	case secure && (l.Certificate == "" || l.Key == ""):
		r.fail(n, "tls needs certificate and key, the files of both as PEM")
	case (l.Certificate == "") != (l.Key == ""):
		r.fail(n, "certificate and key belong together; name both files")
	case l.ClientCA != "" && l.Certificate == "":
		r.fail(n, "client_ca needs TLS; add certificate and key")
	case l.Certificate != "" && !secure && l.Transport != HTTP:
		r.fail(at, "%s has no TLS; write \"tls: %s\" or leave out the certificate", l.Transport, l.Address)
	}
	for _, other := range in.Listeners {
		if other.Address == l.Address && (other.Transport == SyslogUDP) == (l.Transport == SyslogUDP) && at != nil {
			r.fail(at, "%s is listened on by another entry already; give this one another port", l.Address)
		}
	}
	in.Listeners = append(in.Listeners, l)
}

func checkAddress(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("%q is no address to listen on; write host and port, as in 127.0.0.1:5514 or \"[::]:5514\"", text)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q has no port from 1 to 65535; write it as in 127.0.0.1:5514", text)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" {
		return fmt.Errorf("%q is no address of this machine; write an IP address, as in 127.0.0.1:5514", host)
	}
	return nil
}

var unitName = regexp.MustCompile(`^[A-Za-z0-9:_.\\@*?\[\]-]+$`)

func (r *reader) journal(n *yaml.Node, j *Journal) {
	r.mapping(n, "journal", []field{
		{"units", func(n *yaml.Node) {
			for _, item := range r.list(n, "journal.units") {
				name, ok := r.text(item, "a unit")
				if !ok {
					continue
				}
				j.Read = true
				if name == "*" {
					continue
				}
				// journalctl gets it as an argument.
				if !unitName.MatchString(name) || strings.HasPrefix(name, "-") {
					r.fail(item, "%q is no unit; write it as in dovecot.service or postfix@*", name)
					continue
				}
				j.Units = append(j.Units, name)
			}
		}},
		{"directory", func(n *yaml.Node) {
			if path, ok := r.text(n, "journal.directory"); ok {
				j.Directory = r.path(path)
			}
		}},
	})
	if j.Directory != "" && !j.Read {
		r.fail(n, "it does not say which units; add \"units: [dovecot.service, postfix@*]\", or \"*\" for all")
	}
}

// minimumQueue is the least that internal/intake/queue takes.
const minimumQueue = 8 << 20

func (r *reader) queue(n *yaml.Node, q *IntakeQueue) {
	var folder *yaml.Node
	sound := len(r.problems)
	r.mapping(n, "queue", []field{
		{"folder", func(n *yaml.Node) {
			folder = n
			if path, ok := r.text(n, "queue.folder"); ok {
				q.Folder = r.path(path)
			}
		}},
		{"limit", func(n *yaml.Node) {
			text, ok := r.text(n, "queue.limit")
			if !ok {
				return
			}
			before := len(r.problems)
			if q.Limit = r.size(n, "queue.limit", text); q.Limit < minimumQueue && len(r.problems) == before {
				r.fail(n, "%s is too small for a queue; give it at least 10 MB", text)
			}
		}},
		{"url", func(n *yaml.Node) {
			text, ok := r.text(n, "queue.url")
			if !ok {
				return
			}
			for one := range strings.SplitSeq(text, ",") {
				u, err := url.Parse(strings.TrimSpace(one))
				if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
					r.fail(n, "%q is no NATS server; write it as in nats://queue1.example:4222", one)
					return
				}
				if u.User != nil {
					r.fail(n, "the URL holds a password; keep it in a file and name that with credentials")
					return
				}
			}
			q.URL = text
		}},
		{"credentials", func(n *yaml.Node) {
			if path, ok := r.text(n, "queue.credentials"); ok {
				q.Credentials = r.path(path)
			}
		}},
		{"replicas", func(n *yaml.Node) {
			text, ok := r.text(n, "queue.replicas")
			if !ok {
				return
			}
			copies, err := strconv.Atoi(text)
			if err != nil || !slices.Contains([]int{1, 3, 5}, copies) {
				r.fail(n, "%q copies cannot be kept; write 1, 3 or 5", text)
			}
			q.Replicas = copies
		}},
	})
	switch {
	case len(r.problems) > sound:
	case q.URL != "" && q.Folder != "":
		r.fail(folder, "the queue is either in a folder or at a URL; leave out one of them")
	case q.URL == "" && (q.Credentials != "" || q.Replicas > 1):
		r.fail(n, "credentials and replicas are of a cluster; add its url")
	}
}

// Name is how people are shown where a listener listens.
func (l *Listener) Name() string {
	return cmp.Or(string(l.Transport), "?") + " " + l.Address
}

// Files are those that the section names, for whoever checks that they are there.
func (in *Intake) Files() (files []string) {
	for _, l := range in.Listeners {
		for _, f := range []string{l.Certificate, l.Key, l.ClientCA, l.TokenFile} {
			if f != "" {
				files = append(files, filepath.Clean(f))
			}
		}
	}
	if in.Queue.Credentials != "" {
		files = append(files, in.Queue.Credentials)
	}
	return files
}
