package simulate

import (
	"math/rand/v2"
	"strconv"
)

// givenNames and familyNames make the people; their spelling is that of
// account names, without accents.
var givenNames = []string{
	"aline", "amandine", "an", "anouk", "arnaud", "arne", "bart", "bea", "benoit", "bram",
	"brecht", "carla", "cedric", "celine", "charline", "cis", "coralie", "dario", "david", "delphine",
	"dirk", "dorien", "eline", "elke", "els", "emil", "erika", "esther", "fabienne", "femke",
	"filip", "frans", "gaelle", "geert", "gert", "gilles", "goran", "griet", "guy", "hadewych",
	"hannes", "heidi", "hilde", "ilse", "imane", "inge", "ismael", "jelle", "joke", "jolien",
	"joris", "julie", "karel", "karim", "kathleen", "katrijn", "koen", "lara", "laurent", "leen",
	"lies", "lieve", "lore", "lucas", "luc", "maarten", "magali", "marieke", "mathilde", "mehdi",
	"mieke", "nadia", "nathan", "nele", "nicolas", "nora", "olivier", "pascale", "patrick", "peter",
	"pol", "quentin", "raf", "raphael", "renaud", "rik", "robin", "saar", "sabine", "sam",
	"samira", "sander", "sebastien", "sofie", "stijn", "tanguy", "thibault", "tine", "tom", "veerle",
	"veronique", "victor", "wannes", "wim", "wout", "xavier", "yasmina", "yves", "zeger", "zoe",
}

var familyNames = []string{
	"adriaens", "aerts", "baert", "bastin", "beckers", "benali", "bertrand", "blomme", "boels", "bosmans",
	"bouchard", "brasseur", "briers", "callens", "carlier", "ceulemans", "claes", "cools", "coppens", "cornet",
	"daems", "damme", "debruyne", "deckers", "decock", "delvaux", "demeyer", "denis", "deprez", "dewulf",
	"dhondt", "dubois", "dumont", "elaoud", "engels", "evrard", "feys", "fontaine", "francois", "geerts",
	"gielen", "gilson", "goethals", "hendrickx", "henrard", "heylen", "hubert", "huysmans", "jacobs", "jansen",
	"joris", "kemps", "lacroix", "lambrecht", "lauwers", "leblanc", "lefevre", "lemmens", "leroy", "lievens",
	"luyten", "maes", "mahieu", "marchal", "mathieu", "mertens", "michiels", "moens", "moreau", "mulders",
	"neyens", "nijs", "noel", "ooms", "pauwels", "peeters", "pieters", "piron", "poncelet", "raes",
	"renard", "roels", "rousseau", "segers", "servais", "simons", "smets", "stevens", "swinnen", "thijs",
	"thiry", "tilmans", "urbain", "vandael", "vandevelde", "vanhove", "verbeke", "vercammen", "verlinden", "vermeulen",
	"verstraete", "vranken", "wauters", "weyts", "willaert", "winters", "wouterse", "wuyts", "yilmaz", "zaman",
}

// guessedNames are what the Internet tries first, anywhere.
var guessedNames = []string{
	"admin", "administrator", "backup", "billing", "contact", "info", "invoice", "mail", "marketing", "nagios",
	"office", "postmaster", "reception", "root", "sales", "scan", "scanner", "service", "support", "test",
	"test1", "user", "webmaster", "noc", "hr", "print", "spam", "noreply", "john", "mary",
}

// outside are the domains of those whom people write to.
var outside = []struct{ domain, relay string }{
	{"assembly.example", "mx1.assembly.example[192.0.2.25]:25"},
	{"city.example", "mail.city.example[198.51.100.12]:25"},
	{"press.example", "inbound.press.example[203.0.113.40]:25"},
	{"federation.example", "mx.federation.example[198.51.100.77]:25"},
	{"campus.example", "smtp-in.campus.example[192.0.2.140]:25"},
}

// newNames draws n different account names.
func newNames(r *rand.Rand, n int) []string {
	used := make(map[string]bool, n)
	out := make([]string, 0, n)
	for len(out) < n {
		name := pick(r, givenNames) + "." + pick(r, familyNames)
		base := name
		for i := 2; used[name]; i++ {
			name = base + strconv.Itoa(i)
		}
		used[name] = true
		out = append(out, name)
	}
	return out
}
