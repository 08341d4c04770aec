package simulate

import "math/rand/v2"

// newPasswords: twice a year everybody takes a new password, and types it
// into the webmail first. Until it is typed into each device too, the device
// fails, from where it always is.
var newPasswords = habit{name: "passwords", person: func(d *day, p *person) {
	const period = 180
	r := d.w.rng("passwords", p.index, (d.index+p.index)/period)
	if d.free || int64((d.index+p.index)%period) != r.Int64N(period) {
		return
	}
	at := d.presence(p)
	changed := d.clock(9, 0) + r.Int64N(7*hour)
	for _, dev := range p.devices {
		if chance(r, 300) {
			continue // noticed before the next fetch
		}
		for t := changed + between(r, 1, 9)*minute; t < changed+wait(r, 40*minute); t += between(r, 40, 400) * second {
			d.oldPassword(r, t, p, &at, dev)
		}
	}
}}

// oldPassword has a device try the password that it was once told, from where
// it is.
func (d *day) oldPassword(r *rand.Rand, t int64, p *person, at *presence, dev *device) {
	switch {
	case dev.kind.activeSync():
		d.eas(t, p, at, dev, easSync, 401, 172)
	case dev.kind == desktop:
		d.imapFailure(r, t, p.name, p, d.computer(p, at, t))
	default:
		d.imapFailure(r, t, p.name, p, d.phone(p, at, t))
	}
}
