package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"mailvigil/internal/secret"
)

// Security is how a connection is secured.
type Security string

// The ways. Plain is for loopback and for tests alone: the configuration
// refuses it elsewhere.
const (
	Implicit Security = "tls"
	StartTLS Security = "starttls"
	Plain    Security = "none"
)

// Server is where a probe asks.
type Server struct {
	Address  string // host:port
	Security Security
	// Name is what the certificate must be for, "" for the host of Address.
	Name string
	// CAFile holds the authorities to trust in place of the system's, "" for
	// those.
	CAFile string
}

func (s Server) host() string {
	host, _, err := net.SplitHostPort(s.Address)
	if err != nil {
		return s.Address
	}
	return host
}

// tls gives what secures a connection, and writes down when the certificate
// ends.
func (s Server) tls(certificate *time.Time) (*tls.Config, error) {
	c := &tls.Config{ServerName: s.Name, MinVersion: tls.VersionTLS12, VerifyConnection: func(state tls.ConnectionState) error {
		*certificate = ends(state)
		return nil
	}}
	if c.ServerName == "" {
		c.ServerName = s.host()
	}
	if s.CAFile == "" {
		return c, nil
	}
	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, failuref(Setup, "the authorities cannot be read: %s; correct ca_file", plainError(err))
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, failuref(Setup, "%s holds no certificate; ca_file must name a PEM file", s.CAFile)
	}
	return c, nil
}

// connection is a connection that ends with its context.
type connection struct {
	net.Conn
	step string // "IMAP at mail.example:993"
	stop func() bool
	ends time.Time // of the certificate
}

func (c *connection) Close() error {
	c.stop()
	return c.Conn.Close()
}

// dial connects, and secures the connection where that is done at once.
func dial(ctx context.Context, what string, s Server) (*connection, error) {
	c := &connection{step: what + " at " + s.Address}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return nil, explain(ctx, "the connection to "+c.step, err)
	}
	c.use(ctx, raw)
	if s.Security == Implicit {
		if err := c.secure(ctx, s); err != nil {
			c.Close()
			return nil, err
		}
	}
	return c, nil
}

func (c *connection) use(ctx context.Context, conn net.Conn) {
	c.Conn = conn
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that cannot is closed below
	}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
}

// secure makes TLS of the connection.
func (c *connection) secure(ctx context.Context, s Server) error {
	config, err := s.tls(&c.ends)
	if err != nil {
		return err
	}
	secured := tls.Client(c.Conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return explain(ctx, "the TLS handshake with "+c.step, err)
	}
	c.stop()
	c.use(ctx, secured)
	return nil
}

// ends is when the first certificate of the chain ends.
func ends(state tls.ConnectionState) (first time.Time) {
	for _, cert := range state.PeerCertificates {
		if first.IsZero() || cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first
}

// source is the probe's own address.
func source(conn net.Conn) string {
	a, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return ""
	}
	return a.Addr().Unmap().String()
}

func (c *connection) answer() Answer {
	if c.Conn == nil {
		return Answer{}
	}
	return Answer{Ends: c.ends, Source: source(c.Conn)}
}

// Login is an account with its password, which stands in a file.
type Login struct {
	Account      string
	PasswordFile string
}

// password reads the file anew each time, so that a changed password needs no
// restart.
func (l Login) password() (string, error) {
	password, err := secret.Read(l.PasswordFile)
	if err != nil {
		return "", failuref(Setup, "%v; correct password_file", err)
	}
	return password, nil
}

// plainError says a file's error without Go's name of the operation.
func plainError(err error) string {
	var path *fs.PathError
	if !errors.As(err, &path) {
		return err.Error()
	}
	if errors.Is(err, syscall.ENOENT) {
		return fmt.Sprintf("there is no file %s", path.Path)
	}
	return fmt.Sprintf("%s: %v", path.Path, path.Err)
}
