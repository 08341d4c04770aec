package simulate

import "math/rand/v2"

// backgroundNoise is what every server on the Internet hears: usual names
// guessed at every door, a few real ones among them, and requests for what is
// not there. Nobody means this organisation by it.
var backgroundNoise = habit{name: "noise", world: func(d *day) {
	r := d.w.rng("noise", 0, d.index)
	guess := func() (string, *person) {
		if chance(r, 80) { // gathered from web pages
			p := pick(r, d.w.people)
			return p.name, p
		}
		name := pick(r, guessedNames)
		if chance(r, 400) {
			name += "@" + d.w.opt.Domain
		}
		return name, nil
	}
	// A few machines try all day, slowly; most come once.
	for range 4 {
		from := d.w.intruder(r)
		for t := d.start + wait(r, hour); t < d.end; t += wait(r, 25*minute) {
			who, p := guess()
			if chance(r, 600) {
				d.smtpFailure(r, t, who, p, from)
			} else {
				d.imapFailure(r, t, who, p, from)
			}
		}
	}
	mean := pick(r, []int64{5, 7, 8, 9, 13}) * minute // days differ
	for t := d.start + wait(r, mean); t < d.end; t += wait(r, mean) {
		from := d.w.intruder(r)
		who, p := guess()
		switch n := r.IntN(100); {
		case n < 30:
			d.smtpFailure(r, t, who, p, from)
		case n < 55:
			d.imapFailure(r, t, who, p, from)
		case n < 60:
			d.webmailFailure(r, t, who, p, from, pick(r, browsers))
		case n < 66:
			d.add(step{at: t, kind: loginNone, from: from, id: sessionID(r, t), secure: true})
		case n < 72:
			d.add(step{at: t, kind: loginNone, from: from, id: sessionID(r, t), text: pick(r, tlsErrors)})
		default:
			for range between(r, 1, 5) {
				d.web(t, nil, from, pick(r, scanners), pick(r, wanted), 404, 153)
				t += between(r, 0, 2) * second
			}
		}
	}
}}

// wordLists: on some days a machine goes through a list of usual names within
// the hour, as it does with everybody's server. Hardly any of them exists here.
var wordLists = habit{name: "word-lists", world: func(d *day) {
	r := d.w.rng("word-lists", 0, d.index)
	if !chance(r, 220) {
		return
	}
	from, t := d.w.intruder(r), d.start+r.Int64N(22*hour)
	submission := chance(r, 600)
	for range between(r, 30, 140) {
		name := pick(r, guessedNames)
		if submission {
			d.smtpFailure(r, t, name+"@"+d.w.opt.Domain, nil, from)
		} else {
			d.imapFailure(r, t, name, nil, from)
		}
		t += between(r, 5, 40) * second
	}
}}

var (
	tlsErrors = []string{
		"error:0A00010B:SSL routines::wrong version number",
		"error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert number 46",
		"error:0A0000C1:SSL routines::no shared cipher",
	}
	scanners = []string{"-", "Mozilla/5.0 zgrab/0.x", "python-requests/2.31.0", "Go-http-client/1.1", "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)"}
	wanted   = []string{"GET /.env", "GET /wp-login.php", "GET /.git/config", "GET /phpmyadmin/index.php", "GET /favicon.ico", "GET /robots.txt", "POST /boaform/admin/formLogin", "GET /owa/auth/logon.aspx", "GET /autodiscover/autodiscover.json"}
)

// intruder is an address that hostile traffic comes from: more often rented
// than a home.
func (w *World) intruder(r *rand.Rand) address {
	if chance(r, 650) {
		return pick(r, pointers(hosting)).address(r)
	}
	return pick(r, pointers(farHomes)).address(r)
}
