package simulate

// monitoringStorm: a change at the monitoring host has it ask every second
// instead of every five minutes.
type monitoringStorm struct{ night, days int }

func (*monitoringStorm) label() string { return "monitoring" }

func (*monitoringStorm) prepare(*World) {}

func (s *monitoringStorm) tell(d *day) {
	if d.index < s.night || d.index >= s.night+s.days {
		return
	}
	r := d.w.rng("monitoringstorm", 1, d.index)
	from := d.w.stores.monitor
	begin := d.start
	if d.index == s.night {
		begin = d.clock(23, 12)
	}
	for t := begin; t < d.end; t += 2 * second * 1000 / d.w.strength {
		d.web(t, nil, from, "check_http/v2.3.3 (monitoring-plugins 2.3.3)", "GET /webmail/?_task=login", 200, 5204)
		if chance(r, 300) {
			d.add(step{at: t + second, kind: loginNone, from: from, id: sessionID(r, t)})
		}
	}
}

func (*monitoringStorm) incident(w *World, in *Incident) {
	in.Kind = "benign"
	in.Cause["ip"] = w.stores.monitor.ip.String()
}
