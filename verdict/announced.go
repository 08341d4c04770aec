package verdict

// announcedChange: somebody said beforehand that clients, people or machines
// would do otherwise for a while. It explains what users and clients do. It
// does not explain strangers in the accounts, nor passwords tried by the
// unknown: whoever knows of the change may hide behind it.
func announcedChange(x *Excess, _ *Case, w *weighing) {
	if x.Announced == "" {
		w.impossible()
		return
	}
	m := x.Makeup
	w.odds = 1
	w.add(4, "a change was announced for this time: %s", x.Announced)
	if m.Hostile > 0.2 {
		w.add(-8*m.Hostile, "%s of the events come from addresses that try the passwords of strangers", percent(m.Hostile))
	}
	if n := distinct(x.Hands); n > 0 {
		w.add(-8, "%s opened by strangers", one(n, "account was", "accounts were"))
	}
	if x.Family == "failures" && m.OwnFailures < 0.5 {
		w.add(-3, "the failures do not come from where the accounts themselves sign in")
	}
}
