package health

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/textproto"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// IMAP signs in and opens the inbox, as a phone does.
func IMAP(s Server, l Login) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		client, conn, err := imapOpen(ctx, s, l)
		if err != nil {
			return conn.answer(), err
		}
		defer client.Close()
		if _, err := client.Select("INBOX", nil).Wait(); err != nil {
			return conn.answer(), conn.imapFailure(ctx, "opening the inbox by", err, "")
		}
		answer := conn.answer()
		_ = client.Logout().Wait() // what was asked has been answered
		return answer, nil
	}
}

// imapOpen signs in. The connection is never nil; the client is, with an error.
func imapOpen(ctx context.Context, s Server, l Login) (*imapclient.Client, *connection, error) {
	none := &connection{}
	password, err := l.password()
	if err != nil {
		return nil, none, err
	}
	conn, err := dial(ctx, "IMAP", s)
	if err != nil {
		return nil, none, err
	}
	var client *imapclient.Client
	if s.Security == StartTLS {
		config, err := s.tls(&conn.ends)
		if err == nil {
			client, err = imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: config})
		}
		if err != nil {
			conn.Close()
			return nil, conn, explain(ctx, "securing "+conn.step+" by STARTTLS", err)
		}
	} else {
		client = imapclient.New(conn, nil)
		if err := client.WaitGreeting(); err != nil {
			client.Close()
			return nil, conn, explain(ctx, "the greeting of "+conn.step, err)
		}
	}
	if err := client.Login(l.Account, password).Wait(); err != nil {
		client.Close()
		return nil, conn, conn.imapFailure(ctx, "the sign-in to", err, password)
	}
	return client, conn, nil
}

// imapFailure tells a refused sign-in from a server in trouble (RFC 5530).
func (c *connection) imapFailure(ctx context.Context, what string, err error, password string) error {
	step := what + " " + c.step
	var refused *imap.Error
	if !errors.As(err, &refused) || ctx.Err() != nil {
		return explain(ctx, step, err, password)
	}
	text := said(refused.Text, password)
	switch {
	case refused.Code == imap.ResponseCodeUnavailable || refused.Code == imap.ResponseCodeServerBug:
		return failuref(Protocol, "%s: the server is not able to now (%s); look at what it asks in turn, such as the directory or the storage", step, text)
	case password != "" && refused.Type == imap.StatusResponseTypeNo:
		return failuref(Auth, "%s was refused (%s); either the probe's account or password was changed, or what checks passwords is out of order", step, text)
	}
	return failuref(Protocol, "%s: the server refused (%s)", step, text)
}

// POP3 signs in and asks how many messages there are.
func POP3(s Server, l Login) func(context.Context) (Answer, error) {
	return func(ctx context.Context) (Answer, error) {
		password, err := l.password()
		if err != nil {
			return Answer{}, err
		}
		conn, err := dial(ctx, "POP3", s)
		if err != nil {
			return Answer{}, err
		}
		defer conn.Close()
		p := &pop{conn: conn, r: popReader(conn)}
		if err := p.expect(ctx, "the greeting of", "", ""); err != nil {
			return conn.answer(), err
		}
		if s.Security == StartTLS {
			if err := p.expect(ctx, "securing", "STLS", ""); err != nil {
				return conn.answer(), err
			}
			if p.r.R.Buffered() > 0 {
				return conn.answer(), failuref(TLS, "securing %s: the server sent more before the TLS handshake than it may; somebody may stand between", conn.step)
			}
			if err := conn.secure(ctx, s); err != nil {
				return conn.answer(), err
			}
			p.r = popReader(conn)
		}
		if strings.ContainsAny(l.Account, "\r\n") {
			return conn.answer(), failuref(Setup, "the account has a line break in it")
		}
		if err := p.expect(ctx, "the sign-in to", "USER "+l.Account, password); err != nil {
			return conn.answer(), err
		}
		if err := p.expect(ctx, "the sign-in to", "PASS "+password, password); err != nil {
			return conn.answer(), err
		}
		if err := p.expect(ctx, "asking for the messages of", "STAT", ""); err != nil {
			return conn.answer(), err
		}
		answer := conn.answer()
		_ = p.expect(ctx, "the end of", "QUIT", "")
		return answer, nil
	}
}

// pop speaks the few words of RFC 1939 that a sign-in needs.
type pop struct {
	conn *connection
	r    *textproto.Reader
}

// lineLimit is how much is read before a line has to end.
const lineLimit = 64 << 10

func popReader(conn *connection) *textproto.Reader {
	return textproto.NewReader(bufio.NewReader(io.LimitReader(conn, lineLimit)))
}

func (p *pop) expect(ctx context.Context, what, command, password string) error {
	step := what + " " + p.conn.step
	if command != "" {
		if _, err := io.WriteString(p.conn, command+"\r\n"); err != nil {
			return explain(ctx, step, err, password)
		}
	}
	line, err := p.r.ReadLine()
	if err != nil {
		return explain(ctx, step, err, password)
	}
	if strings.HasPrefix(line, "+OK") {
		return nil
	}
	text, isError := strings.CutPrefix(line, "-ERR")
	switch {
	case !isError:
		return failuref(Protocol, "%s: the answer is not POP3 (%s); see which service listens there", step, said(line, password))
	case strings.HasPrefix(strings.TrimSpace(text), "[SYS/") || strings.HasPrefix(strings.TrimSpace(text), "[IN-USE]"):
		return failuref(Protocol, "%s: the server is not able to now (%s)", step, said(text, password))
	case password != "":
		return failuref(Auth, "%s was refused (%s); either the probe's account or password was changed, or what checks passwords is out of order", step, said(text, password))
	}
	return failuref(Protocol, "%s: the server refused (%s)", step, said(text, password))
}

// RoundTrip submits a message to the account's own address and waits until it
// is in its inbox, where it deletes it, with those of its own that came late.
// The mailbox should be the probe's alone.
func RoundTrip(name string, submission, arrival Server, l Login, address string) func(context.Context) (Answer, error) {
	// Probes that share a mailbox leave each other's messages alone.
	sum := fnv.New32a()
	io.WriteString(sum, name)
	mark := fmt.Sprintf("%08x.", sum.Sum32())
	return func(ctx context.Context) (Answer, error) {
		token := mark + fresh()
		answer, err := submit(ctx, submission, l, address, token)
		if err != nil {
			return answer, err
		}
		client, conn, err := imapOpen(ctx, arrival, l)
		if err != nil {
			return answer, err
		}
		defer client.Close()
		if _, err := client.Select("INBOX", nil).Wait(); err != nil {
			return answer, conn.imapFailure(ctx, "opening the inbox by", err, "")
		}
		if err := await(ctx, client, conn, token); err != nil {
			return answer, err
		}
		if err := remove(client, mark); err != nil {
			return answer, conn.imapFailure(ctx, "deleting the probe's message by", err, "")
		}
		_ = client.Logout().Wait()
		return answer, nil
	}
}

func fresh() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

const probeHeader = "X-Mailvigil-Probe"

// submit hands a message in as a mail program does.
func submit(ctx context.Context, s Server, l Login, address, token string) (Answer, error) {
	password, err := l.password()
	if err != nil {
		return Answer{}, err
	}
	conn, err := dial(ctx, "submission", s)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	var client *smtp.Client
	if s.Security == StartTLS {
		config, err := s.tls(&conn.ends)
		if err == nil {
			client, err = smtp.NewClientStartTLS(conn, config)
		}
		if err != nil {
			return conn.answer(), conn.smtpFailure(ctx, "securing", err, password, "by STARTTLS")
		}
	} else {
		client = smtp.NewClient(conn)
	}
	if err := client.Hello(literal(conn)); err != nil {
		return conn.answer(), conn.smtpFailure(ctx, "the greeting of", err, password, "")
	}
	if ok := client.SupportsAuth(sasl.Plain); !ok {
		return conn.answer(), failuref(Protocol, "the sign-in to %s: the server does not offer AUTH PLAIN; it may be its port for other servers, or lack TLS", conn.step)
	}
	if err := client.Auth(sasl.NewPlainClient("", l.Account, password)); err != nil {
		return conn.answer(), conn.smtpFailure(ctx, "the sign-in to", err, password, "")
	}
	date := time.Now().Format(time.RFC1123Z)
	_, domain, _ := strings.Cut(address, "@")
	text := strings.Join([]string{
		"From: <" + address + ">", "To: <" + address + ">", "Date: " + date,
		"Message-ID: <" + token + "@" + domain + ">", "Subject: Mailvigil probe " + token,
		probeHeader + ": " + token, "Auto-Submitted: auto-generated",
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "",
		"This message shows that mail is delivered. It is deleted when it has arrived.", "",
	}, "\r\n")
	if err := client.SendMail(address, []string{address}, strings.NewReader(text)); err != nil {
		return conn.answer(), conn.smtpFailure(ctx, "handing in a message by", err, password, "")
	}
	answer := conn.answer()
	_ = client.Quit()
	return answer, nil
}

// literal is the probe's name for itself: its address, which needs no DNS.
func literal(conn *connection) string {
	address := source(conn.Conn)
	switch {
	case address == "":
		return "localhost"
	case strings.Contains(address, ":"):
		return "[IPv6:" + address + "]"
	}
	return "[" + address + "]"
}

func (c *connection) smtpFailure(ctx context.Context, what string, err error, password, how string) error {
	step := strings.TrimSpace(what + " " + c.step + " " + how)
	var refused *smtp.SMTPError
	if !errors.As(err, &refused) || ctx.Err() != nil {
		return explain(ctx, step, err, password)
	}
	text := fmt.Sprintf("%d %s", refused.Code, said(refused.Message, password))
	switch {
	case refused.Code == 535 || refused.Code == 534 || refused.Code == 538:
		return failuref(Auth, "%s was refused (%s); either the probe's account or password was changed, or what checks passwords is out of order", step, text)
	case refused.Code/100 == 4:
		return failuref(Protocol, "%s: the server is not able to now (%s)", step, text)
	}
	return failuref(Protocol, "%s: the server refused (%s)", step, text)
}

// await looks for the message until the time is up.
func await(ctx context.Context, client *imapclient.Client, conn *connection, token string) error {
	began := time.Now()
	pause := 100 * time.Millisecond
	for {
		// A server may show what came meanwhile to a NOOP alone.
		if err := client.Noop().Wait(); err != nil && ctx.Err() == nil {
			return conn.imapFailure(ctx, "looking for the message by", err, "")
		}
		found, err := client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: probeHeader, Value: token}}}, nil).Wait()
		if err == nil && len(found.AllUIDs()) > 0 {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			return conn.imapFailure(ctx, "looking for the message by", err, "")
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return failuref(Lost, "the message was accepted, and %s later it is not in the inbox; look at the queue and at the log of the delivery for %s", roughly(time.Since(began)), token)
		case <-timer.C:
		}
		pause = min(pause*3/2, 2*time.Second)
	}
}

func remove(client *imapclient.Client, mark string) error {
	found, err := client.UIDSearch(&imap.SearchCriteria{Header: []imap.SearchCriteriaHeaderField{{Key: probeHeader, Value: mark}}}, nil).Wait()
	if err != nil || len(found.AllUIDs()) == 0 {
		return err
	}
	uids := imap.UIDSetNum(found.AllUIDs()...)
	flags := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}, Silent: true}
	if err := client.Store(uids, flags, nil).Close(); err != nil {
		return err
	}
	if client.Caps().Has(imap.CapUIDPlus) {
		return client.UIDExpunge(uids).Close()
	}
	return client.Expunge().Close()
}
