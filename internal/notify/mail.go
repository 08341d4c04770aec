package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"mailvigil/internal/message"
	"mailvigil/internal/secret"
)

// Mail sends e-mail through a server that takes it.
type Mail struct {
	Server string // host:port
	// Security is tls, starttls, or none, which the configuration allows on
	// loopback alone.
	Security string
	// Account and PasswordFile sign in; both are "" for a server that takes
	// mail without.
	Account, PasswordFile string
	CAFile                string // "" for the system's authorities
	From                  string
	To                    []string
}

// Send implements Sender. Messages about one incident hang together as a
// thread, and one that is sent again has the same Message-ID.
func (s *Mail) Send(ctx context.Context, m Message) error {
	msg, err := s.message(&m)
	if err != nil {
		return Permanent(err)
	}
	host, portText, err := net.SplitHostPort(s.Server)
	if err != nil {
		return Permanent(fmt.Errorf("%q is no server; write host:port", s.Server))
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return Permanent(fmt.Errorf("%q is no server; write host:port", s.Server))
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return fmt.Errorf("read the authorities for e-mail: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("%s holds no certificate", s.CAFile)
		}
	}
	options := []mail.Option{
		mail.WithPort(port), mail.WithTLSConfig(config), mail.WithTimeout(sendTime), mail.WithoutNoop(),
	}
	// A server further on may not know SMTPUTF8; without need it is not asked for.
	if isASCII(s.From) && isASCII(strings.Join(s.To, "")) {
		options = append(options, mail.WithoutSMTPUTF8())
	}
	switch s.Security {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	var password string
	if s.Account != "" {
		if password, err = secret.Read(s.PasswordFile); err != nil {
			return err
		}
		kind := mail.SMTPAuthAutoDiscover
		if s.Security == "none" {
			kind = mail.SMTPAuthPlainNoEnc // the configuration allows it on loopback alone
		}
		options = append(options, mail.WithSMTPAuth(kind), mail.WithUsername(s.Account), mail.WithPassword(password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return Permanent(fmt.Errorf("prepare e-mail: %w", err))
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		text := message.Safe(err.Error())
		if password != "" {
			text = strings.ReplaceAll(text, password, "…")
		}
		refused := fmt.Errorf("%s did not take the e-mail: %s", s.Server, text)
		var one *mail.SendError
		if errors.As(err, &one) && !one.IsTemp() && one.ErrorCode() >= 500 {
			return Permanent(refused)
		}
		return refused
	}
	return nil
}

func (s *Mail) message(m *Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := msg.From(s.From); err != nil {
		return nil, fmt.Errorf("the sender %q is no address: %w", s.From, err)
	}
	if err := msg.To(s.To...); err != nil {
		return nil, fmt.Errorf("a receiver of %q is no address: %w", s.To, err)
	}
	domain := s.From[strings.LastIndexByte(s.From, '@')+1:]
	domain = strings.TrimRight(domain, ">")
	msg.Subject("[Mailvigil] " + m.Subject())
	msg.SetMessageIDWithValue(m.Key + "@" + domain)
	msg.SetDateWithValue(m.newest())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All") // Exchange answers with absences otherwise
	if incidents := m.incidents(); len(incidents) == 1 && incidents[0] > 0 {
		thread := fmt.Sprintf("<mailvigil.incident.%d@%s>", incidents[0], domain)
		msg.SetGenHeader("In-Reply-To", thread)
		msg.SetGenHeader("References", thread)
		msg.SetGenHeader("X-Mailvigil-Incident", strconv.FormatInt(incidents[0], 10))
	}
	for _, n := range m.Notices {
		if n.Severity >= Critical && !n.Change.over() {
			msg.SetImportance(mail.ImportanceHigh)
		}
	}
	page, err := m.HTML()
	if err != nil {
		return nil, err
	}
	msg.SetBodyString(mail.TypeTextPlain, m.Text())
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	for i, section := range m.sections() {
		if section.CID == "" {
			continue
		}
		name := "plot.png"
		if i > 0 {
			name = fmt.Sprintf("plot-%d.png", i+1)
		}
		if err := msg.EmbedReader(name, bytes.NewReader(section.png), mail.WithFileContentID("<"+section.CID+">"), mail.WithFileContentType("image/png")); err != nil {
			return nil, fmt.Errorf("put in a plot: %w", err)
		}
	}
	return msg, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// newest is when the newest change was; a message that waited says so by its
// Date.
func (m *Message) newest() time.Time { return m.Notices[len(m.Notices)-1].Time }
