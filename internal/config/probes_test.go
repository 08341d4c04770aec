package config_test

import (
	"strings"
	"testing"
	"time"

	"mailvigil/internal/config"
)

func exampleProbes() *config.Probes {
	probe := func(name, kind, service string) config.Probe {
		return config.Probe{
			Name: name, Kind: kind, Service: service, Account: "probe@parl.example", PasswordFile: "/etc/mailvigil/probe.password",
			Interval: time.Minute, Timeout: 20 * time.Second, Slow: 5 * time.Second, Most: 500,
		}
	}
	imap, pop, trip := probe("IMAP", "imap", "imap"), probe("POP3", "pop3", "pop3"), probe("a message to ourselves", "round_trip", "submission")
	imap.Server, imap.Security = "imap.parl.example:993", "tls"
	pop.Server, pop.Security = "imap.parl.example:995", "tls"
	trip.Server, trip.Security, trip.Arrival, trip.ArrivalSecurity = "mail.parl.example:587", "starttls", "imap.parl.example:993", "tls"
	trip.Address, trip.Interval, trip.Timeout, trip.Slow = "probe@parl.example", 5*time.Minute, 2*time.Minute, 30*time.Second
	webmail, portal, phones := probe("webmail", "roundcube", "webmail"), probe("portal", "web_form", "portal"), probe("phones", "activesync", "activesync")
	webmail.URL, portal.URL, portal.Success, phones.URL = "https://webmail.parl.example/", "https://portal.parl.example/login", "Sign out", "https://mail.parl.example/Microsoft-Server-ActiveSync"
	relay, queue := probe("certificate of the relay", "certificate", "smtp"), probe("queue", "queue", "smtp")
	relay.Account, relay.PasswordFile, relay.Server, relay.Security, relay.Interval = "", "", "mail.parl.example:25", "starttls", time.Hour
	queue.Account, queue.PasswordFile, queue.Command = "", "", []string{"postqueue", "-j"}
	return &config.Probes{
		Failures: 3, Successes: 2, Reconnects: 15 * time.Minute,
		Checks: []config.Probe{imap, pop, trip, webmail, portal, phones, relay, queue},
	}
}

func exampleNotify() *config.Notify {
	return &config.Notify{
		EscalateFrom: "high", Group: 2 * time.Minute, Remind: 4 * time.Hour,
		Mail:       &config.MailServer{Server: "mail.parl.example:587", Security: "starttls", Account: "watch@parl.example", PasswordFile: "/etc/mailvigil/watch.password", From: "Mailvigil <watch@parl.example>"},
		Escalation: []config.Escalation{{After: 15 * time.Minute, To: []string{"head of IT"}}},
		Receivers: []config.Receiver{
			{Name: "help desk", Email: []string{"helpdesk@parl.example"}, Severity: "medium", QuietFrom: 22 * 60, QuietUntil: 7 * 60, Hourly: 20},
			{Name: "on call", ChatFile: "/etc/mailvigil/oncall.url", Severity: "high", Hourly: 20},
			{Name: "SIEM", Webhook: "https://siem.parl.example/mailvigil", SecretFile: "/etc/mailvigil/siem.key", Kinds: []string{"attack", "mixed", "fault"}, Severity: "low", Hourly: 20},
			{Name: "head of IT", Email: []string{"head.it@parl.example"}, EscalationOnly: true, Severity: "low", Hourly: 20},
		},
	}
}

// TestMailAlone: what is right as it stands, and will not work when it is
// needed, is warned of.
func TestMailAlone(t *testing.T) {
	const mail = "notify:\n  mail: {server: mail.parl.example:587, from: watch@parl.example}\n  receivers:\n    - {name: desk, email: desk@parl.example}\n"
	cfg, err := config.Parse("mailvigil.yaml", []byte(mail))
	if err != nil || len(cfg.Warnings) != 1 || !strings.Contains(cfg.Warnings[0].Error(), "mailvigil.yaml:4:7: all receivers are told by e-mail") {
		t.Errorf("%v, %v", cfg, err)
	}
	cfg, err = config.Parse("mailvigil.yaml", []byte(mail+"    - {name: chat, chat_file: chat.url}\n"))
	if err != nil || len(cfg.Warnings) != 0 {
		t.Errorf("%v, %v", cfg, err)
	}
}

// TestLoopback: on this machine passwords may go without TLS, nowhere else.
func TestLoopback(t *testing.T) {
	for host, good := range map[string]bool{"127.0.0.1": true, "[::1]": true, "localhost": true, "192.0.2.1": false, "localhost.parl.example": false, "[::ffff:192.0.2.1]": false} {
		_, err := config.Parse("x", []byte("probes: {checks: [{probe: imap, server: '"+host+":143', security: none, account: a, password_file: p}]}"))
		if (err == nil) != good {
			t.Errorf("%s: %v", host, err)
		}
	}
}
