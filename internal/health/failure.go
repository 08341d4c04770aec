package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"mailvigil/internal/message"
)

// Failure is an answer that is none, in an operator's words.
type Failure struct {
	Kind Kind
	Text string
}

func (f *Failure) Error() string { return f.Text }

func failuref(kind Kind, format string, args ...any) *Failure {
	return &Failure{kind, fmt.Sprintf(format, args...)}
}

// saidLimit is how much of a server's own words is repeated.
const saidLimit = 160

// said makes a server's words fit to be shown: it is not known who answers, and
// some servers repeat what they were sent.
func said(text string, secrets ...string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "…")
		}
	}
	text = strings.TrimSpace(text)
	if r := []rune(text); len(r) > saidLimit {
		text = string(r[:saidLimit]) + "…"
	}
	return message.Safe(text)
}

// explain makes a Failure of what went wrong in a step ("the sign-in to IMAP at
// mail.example:993"), and tells a refused connection from a slow one.
func explain(ctx context.Context, step string, err error, secrets ...string) *Failure {
	var known *Failure
	var dns *net.DNSError
	var network net.Error
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return failuref(Timeout, "%s took too long: no answer within the time-out; look at the server's load and at what it waits for", step)
	case errors.As(err, &dns) && dns.IsNotFound:
		return failuref(Unreachable, "%s: there is no host %q; check the name and the DNS", step, dns.Name)
	case errors.As(err, &dns):
		return failuref(Unreachable, "%s: the DNS does not answer for %q; look at the resolver", step, dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return failuref(Refused, "%s was refused: nothing listens there, or a firewall rejects it; see whether the server runs", step)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return failuref(Unreachable, "%s: there is no way to the host; look at the network between here and there", step)
	case errors.As(err, &authority):
		return failuref(TLS, "%s: the certificate is from an authority that is not known here; a server may have lost its chain, an own authority needs ca_file", step)
	case errors.As(err, &host):
		return failuref(TLS, "%s: the certificate is for other names than the one it was asked by (%q)", step, said(host.Host))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failuref(TLS, "%s: the certificate is not valid now; renew it, and see that the server was reloaded", step)
	case errors.As(err, &verification), errors.As(err, &invalid):
		return failuref(TLS, "%s: the certificate is not accepted: %s", step, said(err.Error(), secrets...))
	case errors.As(err, &record):
		return failuref(TLS, "%s: the answer is not TLS; the port may speak without, or with starttls", step)
	case errors.As(err, &alert):
		return failuref(TLS, "%s: the server ended the TLS handshake: %s", step, said(alert.Error()))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed),
		strings.HasPrefix(err.Error(), "connection closed"): // of the IMAP client, which wraps nothing
		return failuref(Protocol, "%s: the server closed the connection without an answer; look at its log and its limits", step)
	case errors.As(err, &network) && network.Timeout():
		return failuref(Timeout, "%s took too long: no answer within the time-out; look at the server's load and at what it waits for", step)
	}
	return failuref(Protocol, "%s failed: %s", step, said(err.Error(), secrets...))
}
