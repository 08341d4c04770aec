package simulate

import (
	"math/rand/v2"
	"strconv"
)

// webmail is the sessions in a browser. Roundcube opens an IMAP session for
// every request that shows mail, so that the webmail's host logs in as
// everybody.
var webmail = habit{name: "webmail", person: func(d *day, p *person) {
	if p.webmail == 0 {
		return
	}
	r := d.w.rng("webmail", p.index, d.index)
	at := d.presence(p)
	d.times(r, p, &at, 1+p.webmail/5, func(t int64) {
		d.webmailSession(r, t, p, d.computer(p, &at, t), d.browserOf(p), between(r, 3, 14))
	})
}}

// webmailSession adds one session with so many things done in it.
func (d *day) webmailSession(r *rand.Rand, t int64, p *person, from address, agent string, deeds int64) {
	get := func(url string, typical int64) {
		d.web(t, p, from, agent, url, 200, size(r, typical))
	}
	get("GET /webmail/?_task=login", 5200)
	if chance(r, 300) { // not in the browser's cache
		for _, u := range []string{"skins/elastic/styles/styles.min.css?s=1690185400", "program/js/jquery.min.js?s=1690185412", "program/js/app.min.js?s=1690185410", "skins/elastic/images/logo.svg"} {
			get("GET /webmail/"+u, 60_000)
		}
	}
	t += between(r, 4, 25) * second
	session := r.Uint64()
	if chance(r, 25) { // a slip of the finger
		d.webmailFailure(r, t, p.name, p, from, agent)
		t += between(r, 5, 20) * second
	}
	d.web(t, p, from, agent, "POST /webmail/?_task=login", 302, 5)
	d.add(step{at: t, kind: roundcubeLogin, who: p.name, person: p, from: from, id: session})
	d.mailbox(r, t, p)
	d.webmailDeeds(r, t, p, from, agent, deeds, session)
}

// mailbox is the webmail looking into somebody's mailbox.
func (d *day) mailbox(r *rand.Rand, t int64, p *person) {
	d.imap(r, t, between(r, 100, 900)*millisecond, p, d.w.stores.webmail, "", 0, loggedOut)
}

// webmailDeeds adds what is done in a session that is open.
func (d *day) webmailDeeds(r *rand.Rand, t int64, p *person, from address, agent string, deeds int64, session uint64) {
	get := func(url string, typical int64) {
		d.web(t, p, from, agent, url, 200, size(r, typical))
	}
	t += between(r, 1, 3) * second
	get("GET /webmail/?_task=mail&_token="+strconv.FormatUint(session, 36), 11_000)
	d.mailbox(r, t, p)
	t += second
	list := "GET /webmail/?_task=mail&_action=list&_layout=widescreen&_mbox=INBOX&_remote=1&_unlock=loading" + strconv.FormatInt(t/millisecond, 10) + "&_=" + strconv.FormatInt(t/millisecond-40, 10)
	get(list, 9000)
	d.mailbox(r, t, p)
	uid := between(r, 200, 60_000)
	for range deeds {
		pause := wait(r, 70*second) + 3*second
		for ; pause > 5*minute; pause -= 5 * minute { // the page asks for new mail by itself
			t += 5 * minute
			get("POST /webmail/?_task=mail&_action=refresh", 330)
			d.mailbox(r, t, p)
		}
		t += pause
		uid += between(r, -30, 30)
		id := strconv.FormatInt(max(uid, 1), 10)
		switch n := r.IntN(100); {
		case n < 45:
			get("GET /webmail/?_task=mail&_uid="+id+"&_mbox=INBOX&_framed=1&_action=preview", 18_000)
		case n < 63:
			get("GET /webmail/?_task=mail&_uid="+id+"&_mbox=INBOX&_action=show", 26_000)
		case n < 70:
			get("GET /webmail/?_task=mail&_action=get&_mbox=INBOX&_uid="+id+"&_token=&_part=2&_download=1", 190_000)
		case n < 78:
			get(list, 8000)
		case n < 85:
			get("POST /webmail/?_task=mail&_action=move", 900)
		case n < 88:
			get("GET /webmail/?_task=addressbook", 6000)
		default:
			get("GET /webmail/?_task=mail&_mbox=INBOX&_action=compose&_reply_uid="+id, 14_000)
			t += between(r, 20, 400) * second
			get("POST /webmail/?_task=mail&_unlock=loading"+strconv.FormatInt(t/millisecond, 10)+"&_framed=1&_action=send", 700)
			d.send(r, t, p, d.w.stores.webmail, "LOGIN")
		}
		d.mailbox(r, t, p)
	}
	if chance(r, 400) {
		t += between(r, 2, 30) * second
		get("GET /webmail/?_task=logout&_token="+strconv.FormatUint(session, 36), 4800)
	}
}

// webmailFailure adds a wrong password at the login page, as all who see it
// log it: the web server, Roundcube, and Dovecot, which was asked.
func (d *day) webmailFailure(r *rand.Rand, t int64, who string, p *person, from address, agent string) {
	d.web(t, p, from, agent, "POST /webmail/?_task=login", 401, size(r, 5300))
	d.add(step{at: t, kind: roundcubeFailed, who: who, person: p, from: from, id: r.Uint64()})
	d.imapFailure(r, t, who, p, d.w.stores.webmail)
}

// web adds a request that names nobody.
func (d *day) web(t int64, p *person, from address, agent, url string, status uint16, bytes int64) {
	d.add(step{at: t, kind: webRequest, status: status, person: p, from: from, agent: agent, text: url, b: bytes})
}
