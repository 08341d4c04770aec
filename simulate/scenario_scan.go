package simulate

// scan: somebody asks the web server for everything that was ever broken,
// from a few rented machines. It does not guess at passwords.
type scan struct{ night int }

func (*scan) label() string { return "scan" }

func (*scan) prepare(*World) {}

func (s *scan) tell(d *day) {
	if d.index != s.night {
		return
	}
	r := d.w.rng("scan", 1, d.index)
	from := []address{hosting[3].address(r), hosting[4].address(r)}
	t := d.clock(2, 15)
	for range d.w.scaled(9000) {
		url := "GET /" + pick(r, []string{"admin/", "cgi-bin/", "owa/auth/", "ecp/", "api/v1/", "vendor/", "wp-content/plugins/", "actuator/"}) + letters(r, "abcdefghijklmnop", 7)
		d.web(t, nil, pick(r, from), "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/81.0.4044.129 Safari/537.36", url, 404, 153)
		t += wait(r, second)
	}
}

func (*scan) incident(_ *World, in *Incident) {
	in.Kind = "background" // doors were tried; none of them is a mailbox
	in.Cause["status"] = "404"
}
