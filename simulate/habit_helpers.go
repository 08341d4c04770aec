package simulate

// helpers are secretaries and assistants, who look into the mailbox of another
// person beside their own, with the mail program on their own desk.
var helpers = habit{name: "helpers", person: func(d *day, p *person) {
	q := p.helper
	if q == nil || d.free {
		return
	}
	r := d.w.rng("helpers", p.index, d.index)
	at := d.presence(q)
	agent := ""
	for _, dev := range q.devices {
		if dev.kind == desktop {
			agent = dev.at(d.start).agent
		}
	}
	for t := d.clock(8, 30) + wait(r, hour); t < d.clock(17, 30); {
		long := min(3*hour, wait(r, hour)) + second
		if d.activity(q, &at, t) > 100 {
			long = d.idle(r, t, long, p, d.computer(q, &at, t), agent, between(r, 0, 9))
		}
		t += long + wait(r, 40*minute) + minute
	}
}}
