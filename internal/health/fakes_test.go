package health_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"mailvigil/internal/health"
)

const (
	account  = "probe@parl.example"
	password = "open sesame"
)

// authority signs certificates for servers of the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(3650 * 24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key, file}
}

// issue makes a certificate for a name that ends at a time, as PEM.
func (a *authority) issue(t testing.TB, name string, ends time.Time) (cert, key []byte) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-47 * time.Hour), NotAfter: ends, DNSNames: []string{name}}
	if ip := net.ParseIP(name); ip != nil {
		template.IPAddresses, template.DNSNames = []net.IP{ip}, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &own.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func (a *authority) config(t testing.TB, name string, ends time.Time) *tls.Config {
	t.Helper()
	cert, err := tls.X509KeyPair(a.issue(t, name, ends))
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// site is a mail service in the memory of the test.
type site struct {
	imap, imaps, smtp, smtps, pop, pops string
	user                                *imapmemserver.User
	ca                                  *authority
	ends                                time.Time
}

// delivery puts what is submitted into the inbox, or loses it.
type delivery struct {
	site *site
	lose bool
}

func (d *delivery) NewSession(*smtp.Conn) (smtp.Session, error) { return &submission{d: d}, nil }

type submission struct {
	d      *delivery
	signed bool
}

func (s *submission) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *submission) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, pass string) error {
		if user != account || pass != password {
			return smtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}), nil
}

func (s *submission) Mail(string, *smtp.MailOptions) error {
	if !s.signed {
		return smtp.ErrAuthRequired
	}
	return nil
}
func (s *submission) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *submission) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil || s.d.lose {
		return err
	}
	_, err = s.d.site.user.Append("INBOX", bytes.NewReader(data), &imap.AppendOptions{})
	return err
}
func (s *submission) Reset()        {}
func (s *submission) Logout() error { return nil }

func newSite(t testing.TB, lose bool) *site {
	t.Helper()
	s := &site{ca: newAuthority(t), ends: time.Now().Add(90 * 24 * time.Hour).Truncate(time.Second)}
	config := s.ca.config(t, "127.0.0.1", s.ends)
	s.user = imapmemserver.NewUser(account, password)
	if err := s.user.Create("INBOX", nil); err != nil {
		t.Fatal(err)
	}
	mem := imapmemserver.New()
	mem.AddUser(s.user)
	serve := func(listener net.Listener) string {
		server := imapserver.New(&imapserver.Options{
			NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
				return mem.NewSession(), nil, nil
			},
			Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}}, TLSConfig: config, InsecureAuth: true,
		})
		go server.Serve(listener)
		t.Cleanup(func() { server.Close() })
		return listener.Addr().String()
	}
	s.imap, s.imaps = serve(listen(t)), serve(tls.NewListener(listen(t), config))
	submit := func(l net.Listener) string {
		server := smtp.NewServer(&delivery{s, lose})
		server.Domain, server.TLSConfig, server.AllowInsecureAuth = "localhost", config, true
		go server.Serve(l)
		t.Cleanup(func() { server.Close() })
		return l.Addr().String()
	}
	s.smtp, s.smtps = submit(listen(t)), submit(tls.NewListener(listen(t), config))
	s.pop, s.pops = popServer(t, listen(t), config), popServer(t, tls.NewListener(listen(t), config), config)
	return s
}

// messages is how many are in the inbox.
func (s *site) messages(t testing.TB) uint32 {
	t.Helper()
	status, err := s.user.Status("INBOX", &imap.StatusOptions{NumMessages: true})
	if err != nil {
		t.Fatal(err)
	}
	return *status.NumMessages
}

// talk serves a protocol of lines: what answers a line, "" to close.
func talk(t testing.TB, l net.Listener, greeting string, answer func(line string) string) string {
	t.Helper()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fmt.Fprint(conn, greeting)
				for r := bufio.NewReader(conn); ; {
					line, err := r.ReadString('\n')
					if err != nil {
						return
					}
					reply := answer(strings.TrimRight(line, "\r\n"))
					if reply == "" {
						return
					}
					fmt.Fprint(conn, reply)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func popServer(t testing.TB, l net.Listener, config *tls.Config) string {
	t.Helper()
	serve := func(conn net.Conn) {
		defer conn.Close()
		fmt.Fprint(conn, "+OK ready\r\n")
		for r, user := bufio.NewReader(conn), ""; ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
			switch {
			case verb == "STLS":
				fmt.Fprint(conn, "+OK begin\r\n")
				secured := tls.Server(conn, config)
				defer secured.Close()
				conn, r = secured, bufio.NewReader(secured)
			case verb == "USER":
				user = rest
				fmt.Fprint(conn, "+OK\r\n")
			case verb == "PASS" && user == account && rest == password, verb == "STAT", verb == "QUIT":
				fmt.Fprint(conn, "+OK 0 0\r\n")
			default:
				fmt.Fprintf(conn, "-ERR [AUTH] not %s\r\n", rest)
			}
		}
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return l.Addr().String()
}

func passwordFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func login(t testing.TB) health.Login {
	return health.Login{Account: account, PasswordFile: passwordFile(t, password)}
}

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
