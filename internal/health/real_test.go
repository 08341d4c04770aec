package health_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailvigil/internal/health"
	"mailvigil/internal/notify"
)

// real is a host with Dovecot, Postfix and Roundcube behind nginx, as Debian
// packages them, each with a configuration of its own on ports of its own.
type real struct {
	t   *testing.T
	dir string
	ca  *authority
	// Ports.
	imap, imaps, pop, submission, web int
}

// needs skips a test where a program is missing, and says which.
func needs(t *testing.T, files ...string) {
	t.Helper()
	if testing.Short() {
		t.Skip("starts real servers")
	}
	if os.Getuid() != 0 {
		t.Skip("Dovecot and Postfix start as root alone")
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is missing; apt install dovecot-imapd dovecot-pop3d dovecot-lmtpd postfix nginx roundcube-core roundcube-sqlite3 php-fpm", file)
		}
	}
}

func port(t *testing.T) int {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func newReal(t *testing.T) *real {
	t.Helper()
	// Sockets have short names; t.TempDir has a long one.
	dir, err := os.MkdirTemp("", "mv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &real{t: t, dir: dir, ca: newAuthority(t), imap: port(t), imaps: port(t), pop: port(t), submission: port(t), web: port(t)}
	cert, key := r.ca.issue(t, "127.0.0.1", time.Now().Add(80*24*time.Hour))
	r.write("cert.pem", string(cert))
	r.write("key.pem", string(key))
	r.write("passwd", account+":{PLAIN}"+password+"\n")
	return r
}

func (r *real) write(name, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "DIR/", r.dir+"/")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// folder makes one that belongs to a user.
func (r *real) folder(name, owner string) {
	r.t.Helper()
	u, err := user.Lookup(owner)
	if err != nil {
		r.t.Skipf("there is no user %s: %v", owner, err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		r.t.Fatal(err)
	}
}

// start runs a server in the foreground until the test ends, and returns its
// process once it listens.
func (r *real) start(ready string, argv ...string) *os.Process {
	r.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	r.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(2 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		if r.t.Failed() {
			r.t.Logf("%s: %s", argv[0], out.String())
			for _, name := range []string{"dovecot.log", "postfix.log", "nginx.log", "rc/logs/errors.log", "fpm.log"} {
				if data, err := os.ReadFile(filepath.Join(r.dir, name)); err == nil {
					r.t.Logf("%s:\n%s", name, data)
				}
			}
		}
	})
	network := "tcp"
	if strings.HasPrefix(ready, "/") {
		network = "unix"
	}
	for range 200 {
		if conn, err := net.Dial(network, ready); err == nil {
			conn.Close()
			return cmd.Process
		}
		select {
		case err := <-ended:
			ended <- err
			r.t.Fatalf("%s ended: %v\n%s", argv[0], err, out.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	r.t.Fatalf("%s does not listen on %s\n%s", argv[0], ready, out.String())
	return nil
}

// stop ends a server, and returns once nothing listens.
func (r *real) stop(p *os.Process, port int) {
	r.t.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	for range 250 {
		conn, err := net.Dial("tcp", r.at(port))
		if err != nil {
			return
		}
		conn.Close()
		<-time.After(20 * time.Millisecond)
	}
	r.t.Fatalf("port %d still listens", port)
}

func (r *real) at(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func (r *real) dovecot() *os.Process {
	r.folder("mail", "nobody")
	conf := r.write("dovecot.conf", fmt.Sprintf(`
base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/dovecot.log
auth_verbose = yes
listen = 127.0.0.1
protocols = imap pop3 lmtp
ssl = yes
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
mail_location = maildir:DIR/mail/%%u
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = username_format=%%u DIR/passwd
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=DIR/mail/%%u
}
service imap-login {
  inet_listener imap {
    port = %d
  }
  inet_listener imaps {
    port = %d
    ssl = yes
  }
}
service pop3-login {
  inet_listener pop3 {
    port = %d
  }
  inet_listener pop3s {
    port = 0
  }
}
service lmtp {
  unix_listener lmtp {
    mode = 0666
  }
}
auth_failure_delay = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener DIR/auth {
    mode = 0666
  }
}
`, r.imap, r.imaps, r.pop))
	return r.start(r.at(r.imaps), "/usr/sbin/dovecot", "-F", "-c", conf)
}

func (r *real) postfix() *os.Process {
	r.folder("data", "postfix")
	r.write("postfix/main.cf", `
compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = DIR/postfix.log
maillog_file_prefixes = DIR/
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.parl.example
mydestination =
alias_maps =
virtual_mailbox_domains = parl.example
virtual_transport = lmtp:unix:DIR/run/lmtp
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = DIR/auth
smtpd_tls_auth_only = yes
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
`)
	r.write("postfix/master.cf", fmt.Sprintf(`
127.0.0.1:%d inet n - n - - smtpd -o smtpd_tls_security_level=encrypt
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`, r.submission))
	if err := os.MkdirAll(filepath.Join(r.dir, "spool"), 0o755); err != nil {
		r.t.Fatal(err)
	}
	return r.start(r.at(r.submission), "/usr/sbin/postfix", "-c", filepath.Join(r.dir, "postfix"), "start-fg")
}

func (r *real) roundcube() {
	for _, name := range []string{"rc/logs", "rc/temp", "rc/db", "body", "fcgi"} {
		r.folder(name, "www-data")
	}
	defaults, err := os.ReadFile("/etc/roundcube/defaults.inc.php")
	if err != nil {
		r.t.Skip(err)
	}
	r.write("rc/defaults.inc.php", string(defaults))
	r.write("rc/config.inc.php", fmt.Sprintf(`<?php
$config['db_dsnw'] = 'sqlite:///DIR/rc/db/roundcube.sqlite?mode=0640';
$config['imap_host'] = '127.0.0.1:%d';
$config['des_key'] = 'twenty-four-bytes-of-key';
$config['log_dir'] = 'DIR/rc/logs/';
$config['temp_dir'] = 'DIR/rc/temp/';
$config['plugins'] = [];
$config['use_https'] = true;
`, r.imap))
	fpm := r.write("fpm.conf", `
[global]
daemonize = no
error_log = DIR/fpm.log
[roundcube]
user = www-data
group = www-data
listen = DIR/fpm.sock
listen.mode = 0666
pm = static
pm.max_children = 2
env[ROUNDCUBE_CONFIG_DIR] = DIR/rc
php_admin_value[error_log] = DIR/rc/logs/php.log
php_admin_flag[log_errors] = on
`)
	programs, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(programs) == 0 {
		r.t.Skip("php-fpm is missing; apt install php-fpm")
	}
	r.start(filepath.Join(r.dir, "fpm.sock"), programs[0], "-F", "-y", fpm)
	conf := r.write("nginx.conf", fmt.Sprintf(`
daemon off;
user www-data;
pid DIR/nginx.pid;
error_log DIR/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path DIR/body;
  fastcgi_temp_path DIR/fcgi;
  server {
    listen 127.0.0.1:%d ssl;
    ssl_certificate DIR/cert.pem;
    ssl_certificate_key DIR/key.pem;
    root /var/lib/roundcube/public_html;
    location = / { rewrite ^ /index.php; }
    location = /index.php {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_pass unix:DIR/fpm.sock;
    }
  }
}
`, r.web))
	r.start(r.at(r.web), "/usr/sbin/nginx", "-c", conf, "-e", filepath.Join(r.dir, "nginx.log"))
}

func (r *real) server(port int, how health.Security) health.Server {
	return health.Server{Address: r.at(port), Security: how, CAFile: r.ca.file}
}

// TestRealServers asks servers as organisations run them, then disturbs them.
func TestRealServers(t *testing.T) {
	needs(t, "/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/pop3-login", "/usr/sbin/postfix")
	r := newReal(t)
	dovecot := r.dovecot()
	r.postfix()
	l := login(t)
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	imap := health.IMAP(r.server(r.imaps, health.Implicit), l)
	trip := health.RoundTrip("trip", r.server(r.submission, health.StartTLS), r.server(r.imaps, health.Implicit), l, account)
	check := func(name string, do asking, want health.Kind, text string) {
		t.Helper()
		timeout := 30 * time.Second
		if want == health.Timeout {
			timeout = time.Second
		}
		got := ask(t, timeout, do)
		if got.Kind != want || !strings.Contains(got.Text, text) {
			t.Errorf("%s: %q, want %q: %s", name, got.Kind, want, got.Text)
		}
		t.Logf("%s: %s in %s %s", name, got.Kind, got.Duration.Round(time.Millisecond), got.Text)
	}
	check("imap", imap, health.OK, "")
	check("imap by starttls", health.IMAP(r.server(r.imap, health.StartTLS), l), health.OK, "")
	check("pop3 by starttls", health.POP3(r.server(r.pop, health.StartTLS), l), health.OK, "")
	check("pop3 without", health.POP3(r.server(r.pop, health.Plain), l), health.OK, "")
	check("a message", trip, health.OK, "")
	check("another", trip, health.OK, "")
	left, err := filepath.Glob(filepath.Join(r.dir, "mail", account, "*", "*mail*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%q are left in the mailbox, %v", left, err)
	}
	check("the certificate by smtp", health.Certificate(r.server(r.submission, health.StartTLS), "smtp"), health.OK, "")
	check("the certificate by imap", health.Certificate(r.server(r.imap, health.StartTLS), "imap"), health.OK, "")
	check("the certificate by pop3", health.Certificate(r.server(r.pop, health.StartTLS), "pop3"), health.OK, "")
	check("a wrong password for imap", health.IMAP(r.server(r.imaps, health.Implicit), wrong), health.Auth, "refused")
	check("a wrong password for pop3", health.POP3(r.server(r.pop, health.StartTLS), wrong), health.Auth, "refused")
	check("a wrong password for submission", health.RoundTrip("trip", r.server(r.submission, health.StartTLS), r.server(r.imaps, health.Implicit), wrong, account), health.Auth, "refused")
	queue := []string{"/usr/sbin/postqueue", "-c", filepath.Join(r.dir, "postfix"), "-j"}
	check("an empty queue", health.QueueCommand(queue, 1), health.OK, "")
	check("an empty folder", health.QueueFolder(filepath.Join(r.dir, "spool"), 1), health.OK, "")

	// A message to people goes the same way, with all its parts.
	mail := &notify.Mail{
		Server: r.at(r.submission), Security: "starttls", CAFile: r.ca.file, Account: account, PasswordFile: passwordFile(t, password),
		From: "Mailvigil <" + account + ">", To: []string{account},
	}
	picture := append([]byte("\x89PNG\r\n\x1a\n"), make([]byte, 3000)...)
	err = mail.Send(t.Context(), notify.Message{Key: "mailvigil.7.abc", Zone: time.UTC, Notices: []notify.Notice{{
		Incident: 7, Severity: notify.High, Kind: "attack", Change: notify.Opened, Time: time.Now(),
		Sentence: "Päsşwords are tried\r\nBcc: x@parl.example", Plot: &notify.Plot{PNG: picture, Alt: "a plot"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var arrived []byte
	for range 200 {
		if files, _ := filepath.Glob(filepath.Join(r.dir, "mail", account, "new", "*")); len(files) > 0 {
			arrived, _ = os.ReadFile(files[0])
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	for _, part := range []string{"Message-ID: <mailvigil.7.abc@parl.example>", "Content-Type: text/plain", "Content-Type: text/html", "Content-Type: image/png", "Content-Id: <plot-7.mailvigil.7.abc@mailvigil>", "References: <mailvigil.incident.7@parl.example>"} {
		if !bytes.Contains(bytes.ToLower(arrived), bytes.ToLower([]byte(part))) {
			t.Errorf("what arrived lacks %q:\n%s", part, arrived)
		}
	}
	if bytes.Contains(arrived, []byte("UTF8SMTP")) {
		t.Error("SMTPUTF8 was asked for without need")
	}
	if bytes.Contains(arrived, []byte("\nBcc:")) {
		t.Errorf("a header was added:\n%.3000s", arrived)
	}

	r.stop(dovecot, r.imaps)
	check("imap is down", imap, health.Refused, "nothing listens there")
	// Postfix asks Dovecot for passwords; one that asked a moment ago still has
	// its connection, so the message may be taken, and wait.
	got := ask(t, 30*time.Second, trip)
	if !got.Kind.Failed() {
		t.Errorf("a message without Dovecot: %q: %s", got.Kind, got.Text)
	}
	t.Logf("a message without Dovecot: %s: %s", got.Kind, got.Text)
	// Mail that cannot be delivered waits.
	for range 2 {
		cmd := exec.Command("/usr/sbin/sendmail", "-C", filepath.Join(r.dir, "postfix"), "-f", account, account)
		cmd.Stdin = strings.NewReader("Subject: waits\n\nhello\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for range 100 {
		if got = ask(t, 30*time.Second, health.QueueCommand(queue, 1)); got.Queued != nil && *got.Queued >= 2 {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	check("a queue of two", health.QueueCommand(queue, 1), health.Backlog, "messages wait")
	check("a folder of two", health.QueueFolder(filepath.Join(r.dir, "spool"), 1), health.Backlog, "messages wait")
}

// TestRealRoundcube signs in to Debian's Roundcube behind nginx.
func TestRealRoundcube(t *testing.T) {
	needs(t, "/usr/sbin/dovecot", "/usr/sbin/nginx", "/var/lib/roundcube/public_html/index.php", "/usr/share/roundcube/SQL/sqlite.initial.sql", "/etc/nginx/fastcgi_params")
	r := newReal(t)
	dovecot := r.dovecot()
	r.roundcube()
	page := health.Page{URL: fmt.Sprintf("https://%s/", r.at(r.web)), CAFile: r.ca.file}
	wrong := health.Login{Account: account, PasswordFile: passwordFile(t, "close "+password)}
	if got := ask(t, 30*time.Second, health.Roundcube(page, login(t))); got.Kind != health.OK {
		t.Errorf("%s: %s", got.Kind, got.Text)
	}
	if got := ask(t, 30*time.Second, health.Roundcube(page, wrong)); got.Kind != health.Auth {
		t.Errorf("a wrong password: %q: %s", got.Kind, got.Text)
	}
	form := health.Form{Success: "_task=logout"}
	if got := ask(t, 30*time.Second, health.WebForm(page, form, login(t))); got.Kind != health.OK {
		t.Errorf("as any form: %q: %s", got.Kind, got.Text)
	}
	r.stop(dovecot, r.imap)
	got := ask(t, 30*time.Second, health.Roundcube(page, login(t)))
	t.Logf("without IMAP: %s: %s", got.Kind, got.Text)
	if got.Kind != health.Protocol || !strings.Contains(got.Text, "cannot reach the IMAP server") {
		t.Errorf("without IMAP: %q: %s", got.Kind, got.Text)
	}
}
