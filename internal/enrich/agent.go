package enrich

import (
	"strconv"
	"strings"

	"mailvigil/traffic"
)

// other is the client behind a user agent that nobody here has heard of. An
// attacker writes the user agent, and a Record's client is something to count
// by: names come from our tables, and versions have a bounded shape.
const other = "other"

// ParseAgent reads an HTTP user agent, an ActiveSync user agent, or the
// fields of an IMAP ID as Dovecot writes them ("name=iPhone Mail,
// version=21C66, os=iOS, os-version=17.2.1 (21C66)"). The version of the
// operating system is the same string whichever of the three it came from,
// and iPadOS counts as iOS: they share builds and faults.
//
// The libraries for user agents know browsers; none reads ActiveSync builds
// or IMAP IDs, which are most of a mail service's traffic.
func ParseAgent(userAgent string) traffic.Agent {
	s := strings.TrimSpace(userAgent)
	if strings.Contains(s, "+") && !strings.Contains(s, " ") {
		s = strings.ReplaceAll(s, "+", " ") // as IIS writes it
	}
	switch {
	case s == "" || s == "-":
		return traffic.Agent{}
	case isIMAPID(s):
		return parseIMAPID(s)
	case strings.HasPrefix(s, "Apple-"):
		return parseApple(s)
	case appleService(s):
		return parseAppleService(s)
	case strings.HasPrefix(s, "Android"):
		return parseAndroid(s)
	case strings.HasPrefix(s, "SAMSUNG"):
		return parseSamsung(s)
	case strings.HasPrefix(s, "Outlook-iOS") || strings.HasPrefix(s, "Outlook-Android"):
		return parseOutlookMobile(s)
	}
	found := scan(s)
	var buf [maxWord]byte
	if found.tool != nil {
		return found.tool.agent(found.toolRest)
	}
	name, rest := s, ""
	if i := strings.IndexAny(s, "/ ("); i > 0 {
		name, rest = s[:i], s[i:]
	}
	p, known := products[string(lower(name, &buf))]
	switch {
	case strings.HasPrefix(s, "Microsoft Office/") || strings.HasPrefix(s, "Microsoft Outlook"):
		return parseOffice(s)
	case known:
		return parseProduct(p, rest)
	case found.says != "":
		return traffic.Agent{Client: found.says}
	case strings.Contains(s, "://"): // the address of a page about whoever reads the web for others
		return traffic.Agent{Client: otherCrawler}
	case strings.HasPrefix(s, "Mozilla/"), strings.HasPrefix(s, "Opera/"), found.first:
		return parseMozilla(s, found)
	}
	return traffic.Agent{Client: other}
}

func parseProduct(p product, rest string) traffic.Agent {
	a := traffic.Agent{Client: p.client, OS: p.os}
	rest = strings.TrimPrefix(rest, "(MSRPC)") // TouchDown's
	if len(rest) > 1 && (rest[0] == '/' || rest[0] == ' ') {
		a.Version = version(strings.TrimPrefix(rest[1:], "v"), 3)
	}
	if a.OS == "" {
		a.OS, a.OSVersion = system(rest)
	}
	if a.OS == "macOS" && a.OSVersion == "" {
		// Unlike browsers, programs state the true version.
		a.OSVersion = minorToo(version(strings.TrimPrefix(after(rest, "Mac OS X "), "Version "), 3))
	}
	return a
}

// parseOffice reads "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook
// 16.0.17328; Pro)". Word and Excel open attachments and links with the same
// words and their own name.
func parseOffice(s string) traffic.Agent {
	a := traffic.Agent{Client: "Microsoft Office"}
	v := after(s, "Microsoft Outlook ")
	if v == "" {
		v = after(s, "MAPI ")
	}
	if v == "" {
		v = after(s, "Outlook ")
	}
	if v != "" {
		a.Client, a.Version = "Outlook", version(v, 3)
	} else {
		a.Version = version(after(s, "Office/"), 2)
	}
	a.OS, a.OSVersion = system(s)
	return a
}

// parseApple reads "Apple-iPhone14C2/2301.341". Apple's own Mail keeps the
// calendar and the contacts with the same agent.
func parseApple(s string) traffic.Agent {
	model, spelt, _ := strings.Cut(strings.TrimPrefix(s, "Apple-"), "/")
	var a traffic.Agent
	switch {
	case strings.HasPrefix(model, "iPhone"):
		a = traffic.Agent{Client: "iPhone Mail", OS: "iOS"}
	case strings.HasPrefix(model, "iPad"):
		a = traffic.Agent{Client: "iPad Mail", OS: "iOS"}
	case strings.HasPrefix(model, "iPod"):
		a = traffic.Agent{Client: "iPod Mail", OS: "iOS"}
	default:
		return traffic.Agent{Client: other}
	}
	if build := iosBuild(spelt); build != "" {
		a.Version, a.OSVersion = spelt, iosVersion(build)
	}
	return a
}

// appleService says whether s begins as those agents that name Apple's system
// first.
func appleService(s string) bool {
	name, _, ok := strings.Cut(s[:min(len(s), 12)], "/")
	switch name {
	case "iOS", "iPadOS", "macOS", "Mac OS X", "Mac_OS_X", "Mac+OS+X", "watchOS", "tvOS", "visionOS", "xrOS":
		return ok
	}
	return false
}

// parseAppleService reads "iOS/17.2.1 (21C66) dataaccessd/1.0": what keeps
// CalDAV, CardDAV and Exchange Web Services accounts.
func parseAppleService(s string) traffic.Agent {
	name, rest, _ := strings.Cut(s, "/")
	a := traffic.Agent{Client: "Apple DataAccess", OS: systemName(strings.NewReplacer("_", " ", "+", " ").Replace(name)), OSVersion: version(rest, 3)}
	if strings.Contains(rest, "Mail/") {
		a.Client = "Apple Mail"
	}
	a.OSVersion = minorToo(a.OSVersion)
	return a
}

// parseAndroid reads "Android-Mail/2025.08.29.643912460.Release", which is
// Gmail, "Android-SAMSUNG-SM-G990B2/101.14", and the old
// "Android/6.0.1-EAS-1.3".
func parseAndroid(s string) traffic.Agent {
	name, rest, _ := strings.Cut(s, "/")
	switch {
	case strings.HasPrefix(name, "Android-SAMSUNG") || strings.HasPrefix(name, "Android-samsung"):
		return parseSamsung(s)
	case name == "Android-Mail":
		// The version is a date; what follows is a number of every build of
		// every phone.
		return traffic.Agent{Client: "Gmail", Version: version(rest, 3), OS: "Android"}
	case name == "Android":
		return traffic.Agent{Client: "Android Mail", OS: "Android", OSVersion: version(rest, 3)}
	case strings.HasPrefix(name, "Android-"):
		return traffic.Agent{Client: "Android Mail", OS: "Android"}
	}
	return traffic.Agent{Client: other}
}

// parseSamsung reads what Samsung's mail says over ActiveSync: "101." and the
// version of Android, as "14" since Android 9, and as "40402" for 4.4.2,
// "80000" for 8.0.0 before.
func parseSamsung(s string) traffic.Agent {
	_, v, _ := strings.Cut(s, "/")
	a := traffic.Agent{Client: "Samsung Email", OS: "Android"}
	android, ok := strings.CutPrefix(v, "101.")
	if !ok || !digits(android) {
		return a
	}
	switch len(android) {
	case 1, 2:
		a.Version, a.OSVersion = v, android
	case 5:
		a.Version = v
		a.OSVersion = trimZero(android[:1]) + "." + trimZero(android[1:3])
		if patch := trimZero(android[3:]); patch != "0" {
			a.OSVersion += "." + patch
		}
	}
	return a
}

func trimZero(s string) string {
	if t := strings.TrimLeft(s, "0"); t != "" {
		return t
	}
	return "0"
}

// parseOutlookMobile reads "Outlook-iOS-Android/1.0": Microsoft's cloud, which
// synchronises for the phone and says nothing of its system.
func parseOutlookMobile(s string) traffic.Agent {
	name, rest, _ := strings.Cut(s, "/")
	a := traffic.Agent{Client: "Outlook mobile", Version: version(rest, 3)}
	switch name {
	case "Outlook-iOS":
		a.OS = "iOS"
	case "Outlook-Android":
		a.OS = "Android"
	}
	return a
}

// parseMozilla reads what begins as every browser begins: each later browser
// claims to be the earlier ones too, and the word with the lowest rank is true.
func parseMozilla(s string, found words) traffic.Agent {
	var a traffic.Agent
	a.OS, a.OSVersion = system(s)
	if b := found.browser; b != nil {
		a.Client, a.Version = b.client, version(found.browserRest, b.parts)
		if v := major(version(after(s, "Trident/"), 1)); a.Client == "Internet Explorer" && v > 3 {
			a.Version = strconv.Itoa(v + 4) // where it claims an older version for the page's sake
		}
		if a.Client == "Chrome" && a.OS == "Android" && (strings.Contains(s, "; wv)") || strings.Contains(s, "Version/4.0 Chrome/")) {
			a.Client = "Android WebView"
		}
	}
	if a.Client == "" && strings.Contains(s, "Safari/") {
		if v := after(s, "Version/"); v != "" {
			a.Client, a.Version = "Safari", version(v, 1)
			switch a.OS {
			case "iOS":
				// From iOS 26 on Safari states an older system, and its own
				// version has always been the system's.
				if own := version(v, 2); major(own) > major(a.OSVersion) {
					a.OSVersion = minorToo(own)
				}
			case "Android":
				a.Client, a.Version = "Android Browser", ""
			}
		}
	}
	switch {
	case a.Client != "":
	case a.OS == "iOS" && strings.Contains(s, "AppleWebKit/"):
		a.Client = "iOS WebView" // a page within some app, or an app kept on the home screen
	case a.OS == "macOS" && strings.Contains(s, "AppleWebKit/") && strings.HasSuffix(s, "(KHTML, like Gecko)"):
		a.Client = "macOS WebView" // Mail shows pictures from elsewhere with it
	default:
		a.Client = other
	}
	return a
}

// isIMAPID says whether s begins with one of the fields of RFC 2971, or one
// that clients added.
func isIMAPID(s string) bool {
	key, _, ok := strings.Cut(s, "=")
	return ok && imapIDField(key)
}

func imapIDField(key string) bool {
	switch key {
	case "name", "version", "os", "os-version", "vendor", "support-url", "address", "date",
		"command", "arguments", "environment", "event":
		return true
	}
	return strings.HasPrefix(key, "x-") && !strings.ContainsAny(key, " ,;()")
}

func parseIMAPID(s string) traffic.Agent {
	var name, ver, os, osVersion string
	for s != "" {
		var key, value string
		key, s, _ = strings.Cut(s, "=")
		value, s = imapIDValue(s)
		switch key {
		case "name":
			name = value
		case "version":
			ver = value
		case "os":
			os = value
		case "os-version":
			osVersion = value
		}
	}
	a := traffic.Agent{OS: systemName(os)}
	if a.OS != "" {
		a.OSVersion = version(osVersion, 3)
		if a.OS == "iOS" || a.OS == "macOS" {
			a.OSVersion = minorToo(a.OSVersion)
		}
	}
	if name == "" {
		return a
	}
	c, ok := imapClients[strings.ToLower(name)]
	switch {
	case ok:
		a.Client = c.client
		if a.OS == "" {
			a.OS = c.os
		}
	case strings.HasPrefix(name, "com.apple."):
		a.Client = "Apple Mail" // from iOS 18.5 on; neither phone nor tablet is named
	default:
		a.Client = other
		return a
	}
	if a.OS == "iOS" && isBuild(ver) {
		a.Version = ver
		if a.OSVersion == "" {
			a.OSVersion = iosVersion(ver)
		}
	} else {
		a.Version = version(ver, 3)
	}
	return a
}

// imapIDValue cuts the value that s begins with off: it ends before the next
// field, since values hold commas themselves.
func imapIDValue(s string) (value, rest string) {
	for from := 0; ; {
		i := strings.Index(s[from:], ", ")
		if i < 0 {
			return s, ""
		}
		i += from
		if key, _, ok := strings.Cut(s[i+2:], "="); ok && imapIDField(key) {
			return s[:i], s[i+2:]
		}
		from = i + 2
	}
}

// imapClients are known by their IMAP ID's name in lower case.
var imapClients = map[string]struct{ client, os string }{
	"iphone mail":                          {"iPhone Mail", "iOS"},
	"ipad mail":                            {"iPad Mail", "iOS"},
	"ipod mail":                            {"iPod Mail", "iOS"},
	"mac os x mail":                        {"Apple Mail", "macOS"},
	"apple mail":                           {"Apple Mail", "macOS"},
	"com.google.android.gm":                {"Gmail", "Android"},
	"com.samsung.android.email.provider":   {"Samsung Email", "Android"},
	"com.android.email":                    {"Android Mail", "Android"},
	"thunderbird":                          {"Thunderbird", ""},
	"thunderbird for android":              {"Thunderbird", "Android"},
	"k-9 mail":                             {"K-9 Mail", "Android"},
	"fairemail":                            {"FairEmail", "Android"},
	"evolution":                            {"Evolution", ""},
	"microsoft outlook":                    {"Outlook", ""},
	"outlook":                              {"Outlook", ""},
	"outlook-ios":                          {"Outlook mobile", "iOS"},
	"outlook-android":                      {"Outlook mobile", "Android"},
	"em client":                            {"eM Client", ""},
	"the bat!":                             {"The Bat", "Windows"},
	"mailspring":                           {"Mailspring", ""},
	"geary":                                {"Geary", "Linux"},
	"kmail":                                {"KMail", ""},
	"claws mail":                           {"Claws Mail", ""},
	"mutt":                                 {"Mutt", ""},
	"neomutt":                              {"Mutt", ""},
	"spark":                                {"Spark", ""},
	"aquamail":                             {"Aqua Mail", "Android"},
	"roundcube":                            {"Roundcube", ""},
	"roundcube webmail":                    {"Roundcube", ""},
	"sogo":                                 {"SOGo", ""},
	"snappymail":                           {"SnappyMail", ""},
	"rainloop":                             {"RainLoop", ""},
	"nextcloud mail":                       {"Nextcloud Mail", ""},
	"imapsync":                             {"imapsync", ""},
	"offlineimap":                          {"OfflineIMAP", ""},
	"mbsync":                               {"mbsync", ""},
	"fetchmail":                            {"fetchmail", ""},
	"getmail":                              {"getmail", ""},
	"javamail":                             {"JavaMail", ""},
	"imapclient":                           {"IMAPClient", ""},
	"com.microsoft.office.outlook":         {"Outlook mobile", "Android"},
	"outlook for ios and android":          {"Outlook mobile", ""},
	"microsoft outlook for mac":            {"Outlook", "macOS"},
	"outlook for mac":                      {"Outlook", "macOS"},
	"outlook express":                      {"Outlook Express", "Windows"},
	"windows mail":                         {"Windows Mail", "Windows"},
	"windows live mail":                    {"Windows Mail", "Windows"},
	"betterbird":                           {"Betterbird", ""},
	"seamonkey":                            {"SeaMonkey", ""},
	"postbox":                              {"Postbox", ""},
	"mailbird":                             {"Mailbird", "Windows"},
	"mailmate":                             {"MailMate", "macOS"},
	"airmail":                              {"Airmail", ""},
	"canary mail":                          {"Canary Mail", ""},
	"spike":                                {"Spike", ""},
	"bluemail":                             {"BlueMail", ""},
	"com.trtf.blue":                        {"BlueMail", "Android"},
	"com.easilydo.mail":                    {"Edison Mail", "Android"},
	"edison mail":                          {"Edison Mail", ""},
	"com.readdle.smartemail":               {"Spark", "iOS"},
	"com.readdle.spark":                    {"Spark", ""},
	"newton":                               {"Newton", ""},
	"com.fsck.k9":                          {"K-9 Mail", "Android"},
	"k-9":                                  {"K-9 Mail", "Android"},
	"net.thunderbird.android":              {"Thunderbird", "Android"},
	"com.huawei.email":                     {"Huawei Email", "Android"},
	"com.android.exchange":                 {"Android Mail", "Android"},
	"com.my.mail":                          {"myMail", ""},
	"ru.mail.mailapp":                      {"Mail.ru", ""},
	"com.yahoo.mobile.client.android.mail": {"Yahoo Mail", "Android"},
	"nine":                                 {"Nine", "Android"},
	"mailspring-app":                       {"Mailspring", ""},
	"delta chat":                           {"Delta Chat", ""},
	"deltachat":                            {"Delta Chat", ""},
	"trojita":                              {"Trojita", ""},
	"trojitá":                              {"Trojita", ""},
	"balsa":                                {"Balsa", "Linux"},
	"sylpheed":                             {"Sylpheed", ""},
	"alpine":                               {"Alpine", ""},
	"aerc":                                 {"aerc", ""},
	"himalaya":                             {"Himalaya", ""},
	"meli":                                 {"meli", ""},
	"gnus":                                 {"Gnus", ""},
	"kontact":                              {"KMail", ""},
	"kdepim":                               {"KMail", ""},
	"akonadi":                              {"KMail", ""},
	"horde imp":                            {"Horde", ""},
	"horde":                                {"Horde", ""},
	"squirrelmail":                         {"SquirrelMail", ""},
	"rainloop webmail":                     {"RainLoop", ""},
	"cypht":                                {"Cypht", ""},
	"zimbra":                               {"Zimbra", ""},
	"nextcloud":                            {"Nextcloud Mail", ""},
	"hordeimapclient":                      {"Horde", ""},
	"isync":                                {"mbsync", ""},
	"imapfilter":                           {"imapfilter", ""},
	"goimapnotify":                         {"goimapnotify", ""},
	"imapnotify":                           {"goimapnotify", ""},
	"davmail":                              {"DavMail", ""},
	"gmail":                                {"Gmail", ""},
	"gmailimport":                          {"Gmail", ""},
	"javax.mail":                           {"JavaMail", ""},
	"jakarta mail":                         {"JavaMail", ""},
	"imap-tools":                           {"IMAPClient", ""},
	"node-imap":                            {"node-imap", ""},
	"imapflow":                             {"node-imap", ""},
	"php-imap":                             {"PHP", ""},
	"microsoft exchange":                   {"Exchange migration", ""},
	"mailkit":                              {"MailKit", ""},
}

// system finds the operating system that a browser states, and its version
// where the statement means something.
func system(s string) (os, osVersion string) {
	switch {
	case strings.Contains(s, "KAIOS/") || strings.Contains(s, "KaiOS/"):
		return "KaiOS", version(after(s, "OS/"), 2)
	case strings.Contains(s, "Windows Phone"):
		return "Windows Phone", version(strings.TrimPrefix(after(s, "Windows Phone "), "OS "), 2)
	case strings.Contains(s, "iPhone") || strings.Contains(s, "iPad") || strings.Contains(s, "iPod"):
		// "CPU iPhone OS 18_3 like Mac OS X", "CPU OS", "CPU iPad OS", "CPU".
		v, _, _ := strings.Cut(after(s, "CPU "), " like")
		v = v[strings.LastIndexByte(v, ' ')+1:]
		if v == "" {
			v = after(s, "iOS ") // an app's own words: "(iPhone; iOS 16.5; Scale/3.00)"
		}
		return "iOS", minorToo(version(strings.ReplaceAll(v[:min(len(v), 8)], "_", "."), 3))
	case strings.Contains(s, "Android"):
		v := after(s, "Android ")
		if v == "" {
			v = after(s, "Android/")
		}
		if strings.HasPrefix(v, "10; K)") {
			v = "" // what Chrome says on every Android
		}
		return "Android", version(v, 3)
	case strings.Contains(s, "Windows"):
		return "Windows", windows[version(after(s, "Windows NT "), 2)]
	case strings.Contains(s, "Mac OS X") || strings.Contains(s, "Macintosh"):
		return "macOS", "" // browsers say 10.15 on every later one
	case strings.Contains(s, "CrOS"):
		return "ChromeOS", ""
	case strings.Contains(s, "Linux") || strings.Contains(s, "X11"):
		return "Linux", ""
	}
	return "", ""
}

// windows leads from NT's version to the name that people know.
var windows = map[string]string{
	"5.1": "XP", "6.0": "Vista", "6.1": "7", "6.2": "8", "6.3": "8.1",
	"10.0": "10 or 11", // both say so
}

// systemName returns our name for what an IMAP ID calls the system.
func systemName(s string) string {
	switch l := strings.ToLower(s); {
	case l == "ios" || l == "iphone os" || l == "ipados":
		return "iOS"
	case l == "watchos":
		return "watchOS"
	case l == "tvos":
		return "tvOS"
	case l == "visionos" || l == "xros":
		return "visionOS"
	case strings.HasPrefix(l, "mac") || strings.HasPrefix(l, "os x") || l == "darwin":
		return "macOS"
	case strings.HasPrefix(l, "android"):
		return "Android"
	case strings.HasPrefix(l, "win"):
		return "Windows"
	case strings.HasPrefix(l, "linux"):
		return "Linux"
	}
	return ""
}

// version returns the number that s begins with, of at most so many parts:
// "17.2.1 (21C66)" gives 17.2.1. A part of more than five digits is a number
// of builds, and ends it.
func version(s string, parts int) string {
	end := 0
	for i := 0; parts > 0; parts-- {
		from := i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i == from || i-from > 5 {
			break
		}
		end = i
		if i == len(s) || s[i] != '.' {
			break
		}
		i++
	}
	return s[:end]
}

// minorToo adds the ".0" that some spellings of a first release leave out.
func minorToo(v string) string {
	if v != "" && !strings.Contains(v, ".") {
		return v + ".0"
	}
	return v
}

func major(v string) int {
	n := 0
	for i := 0; i < len(v) && v[i] != '.'; i++ {
		n = n*10 + int(v[i]-'0')
	}
	return n
}

// after returns what follows token in s, "" where it is not there.
func after(s, token string) string {
	_, rest, _ := strings.Cut(s, token)
	return rest
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// isBuild says whether s has the form of one of Apple's builds.
func isBuild(s string) bool {
	if len(s) < 4 || len(s) > 9 {
		return false
	}
	letters := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z' && i > 0 && i < 3:
			letters++
		case c >= 'a' && c <= 'z' && i == len(s)-1:
		default:
			return false
		}
	}
	return letters == 1
}
