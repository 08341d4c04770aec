package simulate

// backup: from one night on, a new archive copies what came into every mailbox,
// from a machine of the organisation's own.
type backup struct{ night int }

func (*backup) label() string { return "backup" }

func (*backup) prepare(*World) {}

func (s *backup) tell(d *day) {
	if d.index < s.night {
		return
	}
	r := d.w.rng("backup", 1, d.index)
	from := d.w.stores.archive
	t := d.clock(1, 0)
	for _, p := range d.w.people {
		for range d.w.scaled(4) {
			messages := between(r, 5, 60)
			if d.index == s.night {
				messages = between(r, 2000, 20_000)
			}
			d.imap(r, t, between(r, 2, 20)*second, p, from, "name=imapsync, version=2.290", messages, loggedOut)
			t += between(r, 1, 9) * second
		}
	}
}

func (*backup) incident(w *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["ip"] = w.stores.archive.ip.String()
	in.Cause["service"] = "imap"
	in.Alternatives = []map[string]string{{"client": "imapsync"}, {"ip": in.Cause["ip"]}}
	in.Also = map[string]string{"client": "imapsync", "client_version": "2.290"}
}
