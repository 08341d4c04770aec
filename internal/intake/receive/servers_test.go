package receive_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailvigil/internal/config"
	"mailvigil/internal/intake/receive"
	"mailvigil/maillog"
)

// program skips the test where a server is not installed. Debian's packages are
// rsyslog, rsyslog-openssl, dovecot-imapd, systemd-journal-remote and curl.
func program(t *testing.T, names ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server")
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// start runs a server in the foreground until the test ends, and shows what it
// said if the test failed.
func start(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		stuck := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		stuck.Stop()
		if t.Failed() {
			t.Logf("%s said: %s", filepath.Base(name), said.String())
		}
	})
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// dial waits for a socket that a server is about to make.
func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial(network, address)
		if err == nil {
			return c
		}
		if time.Now().After(limit) {
			t.Fatal(err)
		}
	}
}

// A real rsyslog sends what a program gave to its socket, in each of the ways that
// docs/watch-network.md shows.
func TestRsyslog(t *testing.T) {
	rsyslog := program(t, "rsyslogd")
	cert, key, _, _ := certificates(t)
	for _, tt := range []struct {
		name   string
		l      config.Listener
		action string
	}{
		{"udp", config.Listener{Transport: config.SyslogUDP}, `protocol="udp" template="RSYSLOG_SyslogProtocol23Format"`},
		{"udp, old format", config.Listener{Transport: config.SyslogUDP}, `protocol="udp" template="RSYSLOG_TraditionalForwardFormat"`},
		{"tcp", config.Listener{Transport: config.SyslogTCP}, `protocol="tcp" template="RSYSLOG_SyslogProtocol23Format"`},
		{"tcp, counted", config.Listener{Transport: config.SyslogTCP}, `protocol="tcp" tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"`},
		{"tcp, default format", config.Listener{Transport: config.SyslogTCP}, `protocol="tcp"`},
		{"tls", config.Listener{Transport: config.SyslogTLS, Certificate: cert, Key: key, ClientCA: cert}, `protocol="tcp" tcp_framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format"
  StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/certvalid"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := newMemory()
			_, addr := open(t, q, tt.l)
			if m, _ := filepath.Glob("/usr/lib/*/rsyslog/lmnsd_ossl.so"); tt.name == "tls" && len(m) == 0 {
				t.Skip("rsyslog-openssl is not installed")
			}
			dir := t.TempDir()
			_, port, _ := net.SplitHostPort(addr)
			global := ""
			if tt.name == "tls" {
				global = fmt.Sprintf(" DefaultNetstreamDriverCAFile=%q DefaultNetstreamDriverCertFile=%q DefaultNetstreamDriverKeyFile=%q", cert, cert, key)
			}
			conf := write(t, dir, "rsyslog.conf", fmt.Sprintf(`global(workDirectory=%q localHostname="mx1"%s)
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="%s/log" ParseTrusted="off")
action(type="omfwd" target="127.0.0.1" port=%q %s action.resumeRetryCount="-1")
`, dir, global, dir, port, tt.action))
			start(t, rsyslog, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
			c := dial(t, "unixgram", filepath.Join(dir, "log"))
			defer c.Close()
			login := strings.Replace(login, "Info: ", "", 1)
			stamp := time.Now().Format(time.Stamp)
			for i := range 5 {
				fmt.Fprintf(c, "<22>%s dovecot: %s", stamp, strings.Replace(login, "anna", fmt.Sprint("anna", i), 1))
			}
			q.wait(t, 5)
			var ev maillog.Event
			p := maillog.NewParser(maillog.Options{Format: maillog.Syslog, Location: time.Local, Reference: time.Now()})
			n := 0
			for i, l := range q.raw {
				if res := p.Parse(l.Bytes, &ev); res.Kind == maillog.Parsed && strings.HasPrefix(string(ev.Account), "anna") && time.Since(time.Unix(0, ev.Time)).Abs() < time.Hour {
					n++
				} else {
					t.Logf("%v: %s", res, l.Bytes)
				}
				if i == 0 && !strings.HasSuffix(l.Source, "/127.0.0.1/mx1") {
					t.Errorf("the source is %s", l.Source)
				}
			}
			if n != 5 {
				t.Errorf("%d of 5 logins are read out of %q", n, q.lines)
			}
		})
	}
}

// A real Dovecot sends its events by http-post when somebody logs in, with the
// token in the URL.
func TestDovecotEvents(t *testing.T) {
	dovecot := program(t, "dovecot", "/usr/sbin/dovecot")
	if os.Geteuid() != 0 {
		t.Skip("Dovecot starts as root")
	}
	for _, name := range []string{"dovecot", "dovenull"} {
		if _, err := user.Lookup(name); err != nil {
			t.Skipf("there is no user %s", name)
		}
	}
	if out, err := exec.Command(dovecot, "--version").Output(); err != nil || !strings.HasPrefix(string(out), "2.3.") {
		t.Skipf("the configuration is Dovecot 2.3's, this is %s", out)
	}
	q := newMemory()
	tokens := write(t, t.TempDir(), "tokens", "0123456789abcdef\n")
	r, addr := open(t, q, config.Listener{Transport: config.HTTP, TokenFile: tokens})
	dir, err := os.MkdirTemp("", "dovecot") // others than root look into it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	imap := port(t, "tcp")
	_, imapPort, _ := net.SplitHostPort(imap)
	users := write(t, dir, "users", "anna:{PLAIN}secret:65534:65534::"+dir+"/anna::\n")
	if err := os.Chmod(users, 0o644); err != nil {
		t.Fatal(err)
	}
	conf := write(t, dir, "dovecot.conf", fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
first_valid_uid = 1
mail_location = maildir:%[1]s/mail/%%u
passdb {
  driver = passwd-file
  args = %[2]s
}
userdb {
  driver = passwd-file
  args = %[2]s
}
service imap-login {
  inet_listener imap {
    port = %[3]s
  }
  inet_listener imaps {
    port = 0
  }
}
event_exporter mailvigil {
  format = json
  format_args = time-rfc3339
  transport = http-post
  transport_args = http://mailvigil:0123456789abcdef@%[4]s/v1/dovecot
  transport_timeout = 5 secs
}
metric login {
  exporter = mailvigil
  filter = event=auth_request_finished
}
`, dir, users, imapPort, addr))
	start(t, dovecot, "-F", "-c", conf)
	defer func() {
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Logf("Dovecot's log: %s", log)
		}
	}()
	c := dial(t, "tcp", imap)
	defer c.Close()
	fmt.Fprint(c, "a LOGIN anna wrong\r\nb LOGIN anna secret\r\n")
	// Refused logins wait for two seconds.
	q.wait(t, 2)
	got := ""
	p := maillog.NewParser(maillog.Options{Mixed: true})
	var ev maillog.Event
	for _, l := range q.raw {
		if res := p.Parse(l.Bytes, &ev); res.Kind == maillog.Parsed {
			got += fmt.Sprintf("%s %s %s %s; ", ev.Format, ev.Account, ev.Outcome, ev.ClientIP)
		}
	}
	if want := "dovecot-events anna failure 127.0.0.1; dovecot-events anna success 127.0.0.1; "; got != want {
		t.Errorf("got  %s\nwant %s\nof %q", got, want, q.lines)
	}
	if s := r.Status()[0]; s.Refused != nil {
		t.Errorf("status %+v", s)
	}
}

// The real journalctl reads a journal that systemd-journal-remote wrote, from the
// cursor on.
func TestJournalctl(t *testing.T) {
	program(t, "journalctl")
	remote := program(t, "systemd-journal-remote", "/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")
	dir, keep := t.TempDir(), t.TempDir()
	entry := func(i int, message string) string {
		return fmt.Sprintf("__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=7c3ad2f4c6a24d0ea5a3d8c5d6a3c0de\n_MACHINE_ID=7c3ad2f4c6a24d0ea5a3d8c5d6a3c0df\n_HOSTNAME=mx1\n_TRANSPORT=syslog\nPRIORITY=6\nSYSLOG_IDENTIFIER=dovecot\n_PID=7\n_SYSTEMD_UNIT=dovecot.service\nMESSAGE=%s\n\n", 1771628582000000+int64(i)*1000000, 1000000*(i+1), message)
	}
	add := func(from, n int) {
		var in strings.Builder
		for i := range n {
			in.WriteString(entry(from+i, strings.Replace(strings.Replace(login, "Info: ", "", 1), "anna", fmt.Sprint("anna", from+i), 1)))
		}
		cmd := exec.Command(remote, "--output="+filepath.Join(dir, fmt.Sprintf("test%d.journal", from)), "-")
		cmd.Stdin = strings.NewReader(in.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("systemd-journal-remote cannot write here: %v %s", err, out)
		}
	}
	read := func(n int) []string {
		q := newMemory()
		r, err := receive.Open(config.Intake{Journal: config.Journal{Read: true, Directory: dir}}, q, receive.Options{Folder: keep})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer func() {
			if t.Failed() {
				t.Logf("status %+v", r.Status())
			}
		}()
		q.wait(t, n)
		r.Close()
		p := maillog.NewParser(maillog.Options{Format: maillog.Syslog})
		var ev maillog.Event
		var out []string
		for _, l := range q.raw {
			if res := p.Parse(l.Bytes, &ev); res.Kind == maillog.Parsed {
				out = append(out, fmt.Sprintf("%s %s %s", l.Source, ev.Account, time.Unix(0, ev.Time).UTC().Format(time.TimeOnly)))
			}
		}
		return out
	}
	add(0, 2)
	same(t, read(2), []string{"journal/mx1 anna0 23:03:02", "journal/mx1 anna1 23:03:03"})
	add(2, 1)
	same(t, read(1), []string{"journal/mx1 anna2 23:03:04"})
}

// curl is what most people try first.
func TestCurl(t *testing.T) {
	curl := program(t, "curl")
	q := newMemory()
	_, addr := open(t, q, config.Listener{Transport: config.HTTP})
	file := write(t, t.TempDir(), "mail.log", "Feb 21 00:03:02 "+login+"\n")
	out, err := exec.Command(curl, "-sS", "--data-binary", "@"+file, "http://"+addr+"/v1/lines?source=mx1").CombinedOutput()
	if err != nil || string(out) != "{\"queued\":1}\n" {
		t.Errorf("curl says %s %v", out, err)
	}
	same(t, q.wait(t, 1), []string{"http/127.0.0.1/mx1|Feb 21 00:03:02 " + login})
}
