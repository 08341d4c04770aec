package simulate

// ActiveSync's commands, by the number that a step carries.
const (
	easPing int64 = iota
	easSync
	easFolderSync
	easProvision
	easItemOperations
	easMeetingResponse
	easMoveItems
	easSendMail
	easSmartReply
	easSmartForward
	easSearch
)

// activeSync is the phones that hold a Ping open until mail arrives or the
// heartbeat ends, and then Sync; in between their owners read and answer.
var activeSync = habit{name: "activesync", person: func(d *day, p *person) {
	r := d.w.rng("activesync", p.index, d.index)
	at := d.presence(p)
	for _, dev := range p.devices {
		if !dev.kind.activeSync() {
			continue
		}
		command := func(t, cmd, bytes int64) {
			d.eas(t, p, &at, dev, cmd, 200, bytes)
		}
		// Ping until something arrives: mail comes at all hours, most of it
		// while others work.
		for t := d.start + dev.phase; t < d.end; {
			mail := wait(r, hour*1000/(1+d.activity(p, &at, t)*2+150))
			if mail >= dev.beat {
				t += dev.beat + between(r, 0, 20)*second
				command(t, easPing, 13)
				continue
			}
			t += mail + 5*second
			command(t, easPing, 22)
			command(t+between(r, 1, 3)*second, easSync, size(r, 9000))
			if chance(r, 60) {
				command(t+between(r, 3, 9)*second, easItemOperations, size(r, 60000))
			}
			if chance(r, 15) {
				command(t+between(r, 3, 60)*second, easMeetingResponse, 90)
			}
			t += between(r, 2, 8) * second
		}
		if t := d.start + r.Int64N(d.end-d.start); chance(r, 250) {
			command(t, easProvision, 420)
			command(t+second, easFolderSync, 13)
		}
		// A phone that was updated asks for its policy and its folders anew.
		if t := dev.at(d.end-1).from + 4*minute; d.start <= t && t < d.end {
			command(t, easProvision, 420)
			command(t+2*second, easProvision, 64)
			command(t+3*second, easFolderSync, size(r, 2400))
			for range 4 {
				command(t+between(r, 4, 30)*second, easSync, size(r, 40_000))
			}
		}
		// A new phone is set up, often at the second try, and fetches all.
		if t := dev.since; d.start <= t && t < d.end {
			if chance(r, 300) {
				d.eas(t, p, &at, dev, easSync, 401, 172)
				t += 40 * second
			}
			command(t, easProvision, 420)
			command(t+2*second, easProvision, 64)
			command(t+3*second, easFolderSync, size(r, 4000))
			for range between(r, 12, 40) {
				t += between(r, 2, 12) * second
				command(t, easSync, size(r, 300_000))
			}
		}
		d.times(r, p, &at, 550, func(t int64) {
			if !dev.used(t) {
				return
			}
			switch n := r.IntN(100); {
			case n < 30:
				command(t, easFolderSync, 13)
				command(t+2*second, easSync, size(r, 3000))
			case n < 55:
				command(t, easSync, size(r, 1200)) // read and flagged
			case n < 70:
				command(t, easMoveItems, 74)
			case n < 75:
				command(t, easSearch, size(r, 7000))
			default:
				cmd := []int64{easSendMail, easSmartReply, easSmartReply, easSmartForward}[r.IntN(4)]
				command(t, cmd, 0)
				d.send(r, t, p, d.w.stores.groupware, "PLAIN")
			}
		})
	}
}}

// eas adds one ActiveSync request. Outlook's come from Microsoft.
func (d *day) eas(t int64, p *person, at *presence, dev *device, cmd int64, status uint16, bytes int64) {
	from := address{}
	if dev.kind == outlook {
		from = microsoft.address(d.w.rng("outlook", p.index, d.index*8+d.slot(t)/3))
	} else {
		from = d.phone(p, at, t)
	}
	d.add(step{at: t, kind: webRequest, status: status, who: dev.login, person: p, from: from, dev: dev, agent: dev.at(t).agent, a: cmd, b: bytes})
}
