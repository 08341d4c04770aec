package simulate

// scenarios say which incidents each has, the first of them in a night that
// leaves a past to learn from before it.
var scenarios = []struct {
	name    Scenario
	stories func(night int) []story
}{
	{Quiet, func(int) []story { return nil }},
	{PhoneStorm, func(night int) []story { return []story{&phoneStorm{night: night}} }},
	{Spray, func(night int) []story { return []story{&spray{night: night, nights: 2}} }},
	{Stuffing, func(night int) []story { return []story{&stuffing{night: night, nights: 3}} }},
	{SlowGuessing, func(night int) []story { return []story{&slowGuessing{night: night, nights: 5}} }},
	{OneAccount, func(night int) []story { return []story{&oneAccount{night: night}} }},
	{Takeover, func(night int) []story { return []story{&takeover{night: night}} }},
	{FakePhone, func(night int) []story { return []story{&fakePhone{night: night}} }},
	{StolenSession, func(night int) []story { return []story{&stolenSession{night: night}} }},
	{SendingBurst, func(night int) []story { return []story{&sendingBurst{night: night}} }},
	{Walking, func(night int) []story { return []story{&walking{night: night}} }},
	{Flood, func(night int) []story { return []story{&flood{night: night}} }},
	{Scan, func(night int) []story { return []story{&scan{night: night}} }},
	{InfectedHome, func(night int) []story { return []story{&infectedHome{night: night}} }},
	{Cover, func(night int) []story {
		return []story{&phoneStorm{night: night}, &spray{night: night + 2, nights: 2}}
	}},
	{Delegation, func(night int) []story { return []story{&delegation{night: night, days: 5}} }},
	{NewBuilding, func(night int) []story { return []story{&newBuilding{night: night}} }},
	{CarrierChange, func(night int) []story { return []story{&carrierChange{night: night}} }},
	{PasswordDay, func(night int) []story { return []story{&passwordDay{night: night}} }},
	{Migration, func(night int) []story { return []story{&migration{night: night, nights: 2}} }},
	{Newsletter, func(night int) []story { return []story{&newsletter{night: night}} }},
	{Monitoring, func(night int) []story { return []story{&monitoringStorm{night: night, days: 3}} }},
	{Outage, func(night int) []story { return []story{&outage{night: night, hour: 12, long: 3}} }},
	{ProxySpray, func(night int) []story { return []story{&proxySpray{night: night, nights: 3}} }},
	{Reading, func(night int) []story { return []story{&reading{night: night}} }},
	{ImpossibleTravel, func(night int) []story { return []story{&impossibleTravel{night: night}} }},
	{Download, func(night int) []story { return []story{&download{night: night}} }},
	{Forwarding, func(night int) []story { return []story{&forwarding{night: night}} }},
	{PhoneDoor, func(night int) []story { return []story{&phoneDoor{night: night}} }},
	{CoverTakeover, func(night int) []story {
		return []story{&phoneStorm{night: night}, &takeover{night: night + 1}}
	}},
	{CoverOutage, func(night int) []story {
		return []story{&outage{night: night, hour: 19, long: 3}, &spray{night: night + 1, nights: 1}}
	}},
	{CrisisNight, func(night int) []story { return []story{&crisisNight{night: night}} }},
	{AwaySession, func(night int) []story { return []story{&awaySession{night: night, days: 4}} }},
	{Backup, func(night int) []story { return []story{&backup{night: night}} }},
	{Growth, func(night int) []story { return []story{&growth{night: night}} }},
	{Sitting, func(night int) []story { return []story{&nightSitting{night: night, nights: 3}} }},
	{MailProgram, func(night int) []story { return []story{&mailProgram{night: night}} }},
	{OfficeLine, func(night int) []story { return []story{&officeLine{night: night}} }},
	{WebmailFault, func(night int) []story { return []story{&webmailFault{night: night, hour: 10}} }},
	{AuthFault, func(night int) []story { return []story{&authFault{night: night, hour: 9}} }},
	{NetworkFault, func(night int) []story { return []story{&networkFault{night: night, hour: 14}} }},
	{Parliament, func(night int) []story {
		return []story{&phoneStorm{night: night}, &nightSitting{night: night, nights: 4}}
	}},
}

// Scenarios are all that there are.
func Scenarios() []Scenario {
	out := make([]Scenario, len(scenarios))
	for i, s := range scenarios {
		out[i] = s.name
	}
	return out
}

func newStories(w *World) []story {
	for _, s := range scenarios {
		if s.name == w.opt.Scenario {
			return s.stories(w.opt.Days * 4 / 7)
		}
	}
	return nil
}

// scaled makes a number for the World's strength out of that for medium, at
// least 1.
func (w *World) scaled(n int64) int64 { return max(1, n*w.strength/1000) }
