package report_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
	_ "time/tzdata"

	"mailvigil/verdict"
)

var brussels = mustLoad("Europe/Brussels")

func mustLoad(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}

func at(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04:05", text, brussels)
	if err != nil {
		panic(err)
	}
	return t
}

// plot makes a day and a half of counts per five minutes with a working day's
// shape, times what factor says for the step.
func plot(title string, start time.Time, peak float64, factor func(time.Time) (times, plus float64)) *verdict.Plot {
	rng := rand.New(rand.NewPCG(7, 11))
	p := &verdict.Plot{Title: title, Start: start, Step: 300}
	for i := range 36 * 12 {
		t := start.Add(time.Duration(i) * 5 * time.Minute)
		hour := float64(t.Hour()) + float64(t.Minute())/60
		expected := peak * (0.06 + 0.94*math.Exp(-math.Pow((hour-12.5)/4.2, 2)))
		spread := 2 * math.Sqrt(expected*1.6)
		times, plus := factor(t)
		observed := -1.0
		if times >= 0 {
			observed = math.Round(max(0, expected*times+plus+rng.NormFloat64()*spread/3))
		}
		p.Observed = append(p.Observed, observed)
		p.Expected = append(p.Expected, math.Round(expected*10)/10)
		p.Lower = append(p.Lower, math.Round(max(0, expected-spread)*10)/10)
		p.Upper = append(p.Upper, math.Round((expected+spread)*10)/10)
	}
	return p
}

func lines(file string, first int64, texts ...string) []verdict.Evidence {
	var out []verdict.Evidence
	for i, text := range texts {
		out = append(out, verdict.Evidence{
			ID: fmt.Sprintf("e%d", first+int64(i)), File: file, Line: first + int64(i)*37, Offset: first * 180,
			SHA256: fmt.Sprintf("%064x", first+int64(i)), Text: text,
		})
	}
	return out
}

func coverage() verdict.Coverage {
	return verdict.Coverage{
		Files: 61, Lines: 1284411, Parsed: 1101206, Ignored: 183171, Rejected: 34, Bytes: 231_400_000,
		From: at("2025-10-22 00:00:04"), To: at("2025-11-06 23:59:51"),
		CannotTell: []string{
			"Whether a password was right where the web server only says 200: Roundcube's own log would tell.",
			"Who reads mail over IMAP without a new login: Dovecot does not write what is read.",
		},
		Inputs: []verdict.Input{{
			File: "logs/dovecot/dovecot.log-20251103.gz", Format: "dovecot", Lines: 41022, Rejected: 3,
			From: at("2025-11-02 00:00:04"), To: at("2025-11-02 23:59:58"), SHA256: fmt.Sprintf("%064x", 99),
		}},
		Samples: []verdict.Rejected{{
			Evidence: verdict.Evidence{ID: "r1", File: "logs/mail/mail.log-20251102.gz", Line: 7021, Offset: 1201442, SHA256: fmt.Sprintf("%064x", 5), Text: "Nov  1 13:5\x00\x00\x00\x00\x00\x00"},
			Why:      "cut off in the time",
		}},
		Problems: []string{"logs/nginx/access.log.9.gz: damaged after 1.2 MB (unexpected end of the archive); 8,122 lines before it were read"},
		Gaps:     []verdict.Gap{{Format: "roundcube", From: at("2025-10-29 03:10:00"), To: at("2025-10-29 05:42:00")}},
	}
}

func spray() *verdict.Verdict {
	sources := []string{}
	for i := range 131 {
		sources = append(sources, fmt.Sprintf("203.0.113.%d", 3+i))
	}
	accounts := []string{"adele.marchand@assembly.example", "boris.horvat@assembly.example", "carla.lindgren@assembly.example", "dora.vesely@assembly.example"}
	v := &verdict.Verdict{
		SchemaVersion: 1, Verdict: verdict.Attack, Focus: verdict.Targeted, Confidence: 0.94, Timezone: "Europe/Brussels",
		Text: "Since Monday at 01:17 somebody has tried passwords against 380 accounts over IMAP, and got into four of them.",
		Next: []string{
			"Lock the four accounts, end their sessions, and have their passwords changed: adele.marchand, boris.horvat, carla.lindgren, dora.vesely.",
			"Look for forwarding and mail rules that were set in these four mailboxes after Tuesday 02:31.",
			"Refuse IMAP logins from the 131 addresses for a day. No account of yours has used them in the last two weeks.",
		},
		Incidents: []verdict.Incident{
			{
				ID: "i1", Kind: verdict.Attack, Name: "password spraying over IMAP",
				Text:  "One or two passwords were tried on each of 380 accounts, in alphabetical order, from 131 addresses that were never seen before. Four logins succeeded.",
				Onset: at("2025-11-03 01:17:20"), OnsetInterval: [2]time.Time{at("2025-11-03 01:10:00"), at("2025-11-03 01:20:00")},
				End: at("2025-11-05 05:40:00"), Services: []string{"imap", "webmail"},
				Cause: []map[string]string{{"outcome": "failure", "service": "imap"}}, Share: 0.97,
				Observed: 2524, Expected: 112, Excess: 2412, Compromised: accounts, Targeted: 380, Sources: sources,
				Findings: []string{"f1", "f2"},
				Hypotheses: []verdict.Hypothesis{
					{Name: "A client with an old password", Probability: 0.02, For: []string{"Some accounts failed more than once."}, Against: []string{"So many accounts at once do not forget a password.", "The addresses are new to all of them."}},
					{Name: "Password spraying", Probability: 0.94, For: []string{"380 accounts failed from addresses they never used.", "Each account was tried at a steady pace, 2.1 times an hour.", "Four logins succeeded from the same networks within an hour.", "Accounts were tried in alphabetical order."}, Against: []string{"No two addresses share a network of their own."}},
					{Name: "Guessing from the Internet, as every day", Probability: 0.04, Against: []string{"The names tried are all real accounts."}},
				},
				Evidence: lines("logs/dovecot/dovecot.log-20251103.gz", 1207,
					"2025-11-03 01:17:20 imap-login: Info: Login aborted: Connection closed (auth failed, 1 attempts in 4 secs): user=<aaron.berg@assembly.example>, method=PLAIN, rip=203.0.113.9, lip=192.0.2.11, TLS, session=<ab3kJ0QTmJVo+G1H>",
					"2025-11-03 01:18:02 imap-login: Info: Login aborted: Connection closed (auth failed, 1 attempts in 3 secs): user=<\x1b[2Jadmin\u202e@assembly.example>, method=PLAIN, rip=203.0.113.40, lip=192.0.2.11, TLS, session=<Yk2fK0QTWJ6LooXV>",
					"2025-11-04 02:31:07 imap-login: Info: Login: user=<carla.lindgren@assembly.example>, method=PLAIN, rip=203.0.113.77, lip=192.0.2.11, mpid=99121, TLS, session=<0a9LJ1gTmIstTGsR>",
					"2025-11-04 02:40:55 imap-login: Info: Login: user=<boris.horvat@assembly.example>, method=PLAIN, rip=203.0.113.81, lip=192.0.2.11, mpid=99733, TLS, session=<kkzVKlgTnIszRJMQ>",
					"2025-11-04 03:03:10 imap-login: Info: Login: user=<dora.vesely@assembly.example>, method=PLAIN, rip=203.0.113.81, lip=192.0.2.11, mpid=99801, TLS, session=<Lk3aUFgTposzRJMQ>",
					"2025-11-04 04:21:39 imap-login: Info: Login: user=<adele.marchand@assembly.example>, method=PLAIN, rip=203.0.113.112, lip=192.0.2.11, mpid=99950, TLS, session=<ZyUabFkTroslePLL>"),
				Plot: plot("Failed IMAP logins per 5 minutes", at("2025-11-02 12:00:00"), 2.5, func(t time.Time) (float64, float64) {
					if t.After(at("2025-11-03 01:17:00")) && (t.Hour() < 5 || t.Hour() > 21) {
						return 1, 14
					}
					return 1, 0
				}),
			},
			{ID: "i2", Kind: verdict.Background, Name: "guessing", Text: "212 addresses on the Internet guessed names such as admin and info, 1,904 times, as on every day"},
			{ID: "i3", Kind: verdict.Background, Name: "forgotten tablet", Text: "A tablet of emil.sand@assembly.example fails every 15 minutes with an old password"},
		},
		Findings: []verdict.Finding{
			{ID: "f3", Code: "", Title: "A device keeps an old password", Severity: verdict.Info, Account: "emil.sand@assembly.example", Device: "ApplF9FXQ1XKJF8J"},
			{ID: "f1", Code: "T1110.003", Title: "Passwords were tried on many accounts", Severity: verdict.High, ClientIP: "203.0.113.9", Evidence: lines("logs/dovecot/dovecot.log-20251103.gz", 1207, "x"), Against: []string{"It never tried one account twice within an hour."}},
		},
		Sensitivity: []verdict.Sensitivity{{Attack: "spraying of 100 accounts in a night", Detected: 0.97, Interval: [2]float64{0.92, 0.99}, Injections: 60}},
		Coverage:    coverage(),
		Manifest:    manifest(),
	}
	for i, a := range accounts {
		v.Findings = append(v.Findings, verdict.Finding{
			ID: fmt.Sprintf("f%d", 10+i), Code: "T1078", Title: "Login from a sprayer's network after failures", Severity: verdict.Critical,
			Account: a, ClientIP: "203.0.113.81", Session: "0a9LJ1gTmIstTGsR",
			Evidence: lines("logs/dovecot/dovecot.log-20251104.gz", int64(2000+i), "Login: user=<"+a+">"),
		})
	}
	return v
}

func phoneStorm() *verdict.Verdict {
	return &verdict.Verdict{
		SchemaVersion: 1, Verdict: verdict.Benign, Focus: verdict.NoFocus, Confidence: 0.91, Timezone: "Europe/Brussels",
		Text: "Phone traffic rose to nine times the usual on Tuesday night because iPhones on iOS 26.0 repeat their synchronisation; nobody was attacked.",
		Next: []string{"Nothing urgent. If the server suffers, limit ActiveSync for iOS 26.0 to one request in ten seconds.", "Ask people with iPhones to install iOS 26.0.1 when it is out."},
		Incidents: []verdict.Incident{{
			ID: "i1", Kind: verdict.Benign, Name: "iPhones repeat their synchronisation",
			Text:  "After an update of their system, 61 phones ask for the same folder again and again.",
			Onset: at("2025-11-04 22:10:00"), OnsetInterval: [2]time.Time{at("2025-11-04 22:00:00"), at("2025-11-04 22:25:00")},
			Ongoing: true, Services: []string{"activesync"},
			Cause: []map[string]string{{"service": "activesync", "os": "iOS", "os_version": "26.0"}, {"asn": "5432"}}, Share: 0.93,
			Observed: 91422, Expected: 10100, Excess: 81322,
			Hypotheses: []verdict.Hypothesis{
				{Name: "A fault of phones after an update", Probability: 0.91, For: []string{"93 % of the excess comes from one version of one system.", "Every phone is known for months, at its usual addresses.", "No login failed."}, Against: []string{}},
				{Name: "Mailboxes are copied over ActiveSync", Probability: 0.06, For: []string{"Volume rose at night."}, Against: []string{"Bytes sent did not rise."}},
			},
			Evidence: lines("logs/nginx/access.log", 99120, `198.51.100.7 - greta.moen [04/Nov/2025:22:10:03 +0100] "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=greta.moen&DeviceId=ApplF9FXQ1XKJF8J&DeviceType=iPhone HTTP/2.0" 200 41 "-" "Apple-iPhone17C3/2301.341"`),
			Plot: plot("ActiveSync requests per 5 minutes", at("2025-11-04 06:00:00"), 420, func(t time.Time) (float64, float64) {
				switch {
				case t.After(at("2025-11-05 03:00:00")) && t.Before(at("2025-11-05 04:10:00")):
					return -1, 0
				case t.After(at("2025-11-04 22:10:00")):
					return 1.1, 510
				}
				return 1, 0
			}),
		}},
		Coverage: coverage(),
		Manifest: manifest(),
	}
}

func outage() *verdict.Verdict {
	return &verdict.Verdict{
		SchemaVersion: 1, Verdict: verdict.Fault, Focus: verdict.NoFocus, Confidence: 0.88, Timezone: "Europe/Brussels",
		Text: "Webmail and IMAP were down on Wednesday from 10:20 to 12:05, and everybody came back at once afterwards.",
		Next: []string{"Ask who worked on the storage of the mail server on Wednesday at 10:20."},
		Incidents: []verdict.Incident{{
			ID: "i1", Kind: verdict.Fault, Name: "outage of webmail and IMAP",
			Onset: at("2025-11-05 10:20:00"), OnsetInterval: [2]time.Time{at("2025-11-05 10:19:00"), at("2025-11-05 10:22:00")},
			End: at("2025-11-05 12:05:00"), Services: []string{"imap", "webmail"},
			Cause: []map[string]string{{"outcome": "error", "status": "502"}}, Share: 0.99, Observed: 310, Expected: 9120, Excess: -8810,
			Hypotheses: []verdict.Hypothesis{{Name: "A fault of the mail server", Probability: 0.88, For: []string{"All accounts and all networks were hit alike.", "nginx answered 502."}}},
			Evidence:   lines("logs/nginx/access.log", 4100, `10.1.2.3 - - [05/Nov/2025:10:20:11 +0100] "GET /roundcube/?_task=mail HTTP/2.0" 502 157 "-" "Mozilla/5.0"`),
			Plot: plot("IMAP logins per 5 minutes", at("2025-11-04 18:00:00"), 120, func(t time.Time) (float64, float64) {
				switch {
				case t.Before(at("2025-11-05 10:20:00")):
					return 1, 0
				case t.Before(at("2025-11-05 12:05:00")):
					return 0.02, 0
				case t.Before(at("2025-11-05 13:00:00")):
					return 1.8, 0
				}
				return 1, 0
			}),
		}},
		Coverage: coverage(),
		Manifest: manifest(),
	}
}

func quiet() *verdict.Verdict {
	c := coverage()
	c.Rejected, c.Samples, c.Problems, c.Gaps = 0, nil, nil, nil
	return &verdict.Verdict{
		SchemaVersion: 1, Verdict: verdict.Quiet, Focus: verdict.NoFocus, Confidence: 0.97, Timezone: "Europe/Brussels",
		Text: "Nothing out of the ordinary happened between 22 October and 6 November.",
		Incidents: []verdict.Incident{
			{ID: "i1", Kind: verdict.Background, Name: "guessing", Text: "212 addresses on the Internet guessed names such as admin and info, 1,904 times, as on every day"},
			{ID: "i2", Kind: verdict.Background, Name: "nightly restart of Dovecot at 03:30"},
		},
		Sensitivity: []verdict.Sensitivity{{Attack: "spraying of 100 accounts in a night", Detected: 0.97, Interval: [2]float64{0.92, 0.99}, Injections: 60}},
		Coverage:    c,
	}
}

func mixed() *verdict.Verdict {
	v := spray()
	storm := phoneStorm().Incidents[0]
	storm.ID = "i9"
	v.Verdict, v.Confidence = verdict.Mixed, 0.7
	v.Text = "Under the noise of iPhones that repeat their synchronisation, somebody got into four accounts over IMAP."
	v.Incidents = append(v.Incidents[:1:1], append([]verdict.Incident{storm}, v.Incidents[1:]...)...)
	v.Infected = []verdict.InfectedClient{{Account: "finn.holm@assembly.example", IP: "198.51.100.9", Evidence: lines("logs/mail/mail.log", 12, "x")}}
	return v
}

func undetermined() *verdict.Verdict {
	v := outage()
	v.Verdict, v.Confidence, v.Focus = verdict.Undetermined, 0.44, verdict.NoFocus
	v.Text = "Failed logins rose after 10:20, and these logs cannot tell whether the service or a guesser made them fail."
	v.Missing = []string{"Dovecot's log of Wednesday from 10:00 to 13:00.", "Whether somebody changed passwords in bulk that morning."}
	v.Next = []string{"Find Dovecot's log of Wednesday and run this again with it."}
	v.Incidents[0].Name = "failed logins on Wednesday"
	v.Incidents[0].End, v.Incidents[0].Ongoing = time.Time{}, true
	return v
}

func empty() *verdict.Verdict {
	return &verdict.Verdict{
		SchemaVersion: 1, Verdict: verdict.Undetermined, Focus: verdict.NoFocus, Text: "There was nothing to read.",
		Missing: []string{"Logs of a mail or web server."}, Timezone: "UTC",
	}
}

// samples are one verdict of each kind.
var samples = map[string]func() *verdict.Verdict{
	"attack": spray, "benign": phoneStorm, "fault": outage, "quiet": quiet,
	"mixed": mixed, "undetermined": undetermined, "empty": empty,
}

func manifest() []verdict.Used {
	return []verdict.Used{{
		Kind: verdict.UsedLog, File: "logs/dovecot/dovecot.log-20251103.gz", Size: 612_233, SHA256: fmt.Sprintf("%064x", 99),
	}}
}
