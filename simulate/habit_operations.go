package simulate

// monitoring asks every five minutes whether the doors are open.
var monitoring = habit{name: "monitoring", world: func(d *day) {
	r := d.w.rng("monitoring", 0, d.index)
	from := d.w.stores.monitor
	for t := d.start + 40*second; t < d.end; t += 5 * minute {
		d.web(t, nil, from, "check_http/v2.3.3 (monitoring-plugins 2.3.3)", "GET /webmail/?_task=login", 200, 5204)
		d.add(step{at: t + 3*second, kind: loginNone, from: from, id: sessionID(r, t)})
	}
}}

// dovecotStops is the instant of the nightly restart.
func (d *day) dovecotStops() int64 { return d.clock(4, 10) + 20*second }

// restarts are the servers' own, in the night after the updates. Whoever is
// connected then comes back at once.
var restarts = habit{name: "restarts", world: func(d *day) {
	t := d.dovecotStops() - 20*second
	d.add(step{at: t, kind: postfixNotice, text: "postfix/postfix-script[2411]: refreshing the Postfix mail system"})
	d.add(step{at: t + second, kind: postfixNotice, text: "postfix/master[1502]: reload -- version 3.7.11, configuration /etc/postfix"})
	d.add(step{at: t + 20*second, kind: dovecotNotice, text: "master: Warning: Killed with signal 15 (by pid=1 uid=0 code=kill)"})
	d.add(step{at: t + 22*second, kind: dovecotNotice, text: "master: Info: Dovecot v2.3.19.1 (9b53102964) starting up for imap, lmtp (core dumps disabled)"})
}}
