package enrich

import (
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
	switch {
	case s == "" || s == "-":
		return traffic.Agent{}
	case isIMAPID(s):
		return parseIMAPID(s)
	case strings.HasPrefix(s, "Apple-"):
		return parseApple(s)
	case strings.HasPrefix(s, "iOS/") || strings.HasPrefix(s, "iPadOS/") || strings.HasPrefix(s, "macOS/") || strings.HasPrefix(s, "Mac OS X/") || strings.HasPrefix(s, "Mac_OS_X/"):
		return parseAppleService(s)
	case strings.HasPrefix(s, "Android"):
		return parseAndroid(s)
	case strings.HasPrefix(s, "SAMSUNG"):
		return parseSamsung(s)
	case strings.HasPrefix(s, "Outlook-iOS") || strings.HasPrefix(s, "Outlook-Android"):
		return parseOutlookMobile(s)
	}
	for _, t := range tools {
		if strings.Contains(s, t.token) {
			return traffic.Agent{Client: t.client, Version: version(after(s, t.token+"/"), 2)}
		}
	}
	if strings.HasPrefix(s, "Mozilla/") {
		return parseMozilla(s)
	}
	name, rest := s, ""
	if i := strings.IndexAny(s, "/ ("); i > 0 {
		name, rest = s[:i], s[i:]
	}
	p, ok := products[strings.ToLower(name)]
	if !ok {
		return traffic.Agent{Client: other}
	}
	a := traffic.Agent{Client: p.client, OS: p.os}
	if strings.HasPrefix(rest, "/") {
		a.Version = version(rest[1:], 3)
	}
	if a.OS == "" {
		a.OS, a.OSVersion = system(rest)
	}
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

// parseAppleService reads "iOS/17.2.1 (21C66) dataaccessd/1.0": what keeps
// CalDAV, CardDAV and Exchange Web Services accounts.
func parseAppleService(s string) traffic.Agent {
	name, rest, _ := strings.Cut(s, "/")
	a := traffic.Agent{Client: "Apple DataAccess", OS: systemName(strings.ReplaceAll(name, "_", " ")), OSVersion: version(rest, 3)}
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

// parseMozilla reads what begins as every browser begins. The order matters:
// each later browser claims to be the earlier ones too.
func parseMozilla(s string) traffic.Agent {
	var a traffic.Agent
	a.OS, a.OSVersion = system(s)
	for _, b := range browsers {
		v := after(s, b.token)
		if v == "" {
			continue
		}
		a.Client, a.Version = b.client, version(v, 1)
		if b.mail {
			a.Version = version(v, 3)
		}
		break
	}
	if a.Client == "" && strings.Contains(s, "Safari/") {
		if v := after(s, "Version/"); v != "" {
			a.Client, a.Version = "Safari", version(v, 1)
			if a.OS == "iOS" {
				// From iOS 26 on Safari states an older system, and its own
				// version has always been the system's.
				if own := version(v, 2); major(own) > major(a.OSVersion) {
					a.OSVersion = minorToo(own)
				}
			}
		}
	}
	if a.Client == "" {
		a.Client = other
	}
	return a
}

// browsers are looked for in this order.
var browsers = []struct {
	token, client string
	mail          bool // a mail client, whose whole version counts
}{
	{"Thunderbird/", "Thunderbird", true},
	{"Edg/", "Edge", false},
	{"EdgA/", "Edge", false},
	{"EdgiOS/", "Edge", false},
	{"Edge/", "Edge", false},
	{"OPR/", "Opera", false},
	{"SamsungBrowser/", "Samsung Internet", false},
	{"Vivaldi/", "Vivaldi", false},
	{"YaBrowser/", "Yandex Browser", false},
	{"FxiOS/", "Firefox", false},
	{"CriOS/", "Chrome", false},
	{"Firefox/", "Firefox", false},
	{"HeadlessChrome/", "Headless Chrome", false},
	{"Chrome/", "Chrome", false},
	{"MSIE ", "Internet Explorer", false},
	{"Trident/7.0; rv:", "Internet Explorer", false},
}

// tools are crawlers, scanners and attack tools that name themselves
// somewhere in the text, often behind the words of a browser.
var tools = []struct{ token, client string }{
	{"Googlebot", "Googlebot"},
	{"bingbot", "bingbot"},
	{"YandexBot", "YandexBot"},
	{"AhrefsBot", "AhrefsBot"},
	{"SemrushBot", "SemrushBot"},
	{"CensysInspect", "Censys"},
	{"InternetMeasurement", "InternetMeasurement"},
	{"Expanse, a Palo Alto", "Expanse"},
	{"zgrab", "zgrab"},
	{"masscan", "masscan"},
	{"Nmap Scripting Engine", "Nmap"},
	{"Nuclei", "Nuclei"},
	{"Hydra", "Hydra"},
	{"sqlmap", "sqlmap"},
	{"Nikto", "Nikto"},
	{"Fuzz Faster U Fool", "ffuf"},
	{"WPScan", "WPScan"},
	{"l9explore", "LeakIX"},
	{"l9tcpid", "LeakIX"},
	{"aiohttp", "aiohttp"},
	{"WindowsPowerShell", "PowerShell"},
	{"DavMail", "DavMail"},
	{"gobuster", "gobuster"},
	{"feroxbuster", "feroxbuster"},
	{"DirBuster", "DirBuster"},
	{"Wfuzz", "Wfuzz"},
	{"WhatWeb", "WhatWeb"},
	{"Acunetix", "Acunetix"},
	{"OpenVAS", "OpenVAS"},
	{"Nessus", "Nessus"},
	{"Qualys", "Qualys"},
	{"Shodan", "Shodan"},
	{"monitoring-plugins", "Monitoring Plugins"},
	{"nagios-plugins", "Monitoring Plugins"},
	{"UptimeRobot", "UptimeRobot"},
	{"Uptime-Kuma", "Uptime Kuma"},
	{"Pingdom", "Pingdom"},
	{"StatusCake", "StatusCake"},
	{"Site24x7", "Site24x7"},
	{"Blackbox Exporter", "Prometheus"},
	{"Blackbox-Exporter", "Prometheus"},
	{"Zabbix", "Zabbix"},
	{"kube-probe", "Kubernetes"},
	{"GoogleHC", "Google health check"},
	{"ELB-HealthChecker", "AWS health check"},
	{"Amazon-Route53-Health-Check", "AWS health check"},
	{"DuckDuckBot", "DuckDuckBot"},
	{"Baiduspider", "Baiduspider"},
	{"PetalBot", "PetalBot"},
	{"MJ12bot", "MJ12bot"},
	{"DotBot", "DotBot"},
	{"GPTBot", "GPTBot"},
	{"ClaudeBot", "ClaudeBot"},
	{"facebookexternalhit", "Facebook"},
	{"ms-office", "Microsoft Office"},
}

// products are known by the first word, in lower case.
var products = map[string]struct{ client, os string }{
	"curl":              {client: "curl"},
	"wget":              {client: "Wget"},
	"python-requests":   {client: "python-requests"},
	"python-urllib":     {client: "Python-urllib"},
	"python-urllib3":    {client: "Python-urllib"},
	"python-httpx":      {client: "python-httpx"},
	"python":            {client: "Python"},
	"exchangelib":       {client: "exchangelib"},
	"go-http-client":    {client: "Go-http-client"},
	"okhttp":            {client: "okhttp"},
	"java":              {client: "Java"},
	"apache-httpclient": {client: "Apache-HttpClient"},
	"axios":             {client: "axios"},
	"node-fetch":        {client: "node-fetch"},
	"node":              {client: "Node"},
	"undici":            {client: "Node"},
	"libwww-perl":       {client: "libwww-perl"},
	"ruby":              {client: "Ruby"},
	"faraday":           {client: "Ruby"},
	"php":               {client: "PHP"},
	"guzzlehttp":        {client: "PHP"},
	"postmanruntime":    {client: "Postman"},
	"httpie":            {client: "HTTPie"},
	"patator":           {client: "Patator"},
	"gobuster":          {client: "gobuster"},

	"thunderbird": {client: "Thunderbird"},
	"evolution":   {client: "Evolution"},
	"k-9":         {client: "K-9 Mail", os: "Android"},
	"fairemail":   {client: "FairEmail", os: "Android"},
	"davx5":       {client: "DAVx5", os: "Android"},
	"davdroid":    {client: "DAVx5", os: "Android"},
	"nine":        {client: "Nine", os: "Android"},
	"touchdown":   {client: "TouchDown"},
	"emclient":    {client: "eM Client"},
	"em":          {client: "eM Client"},
	"microsoft":   {client: "Outlook"},
	"macoutlook":  {client: "Outlook", os: "macOS"},
	"outlook":     {client: "Outlook"},
	"msft-win-3":  {client: "Windows Mail", os: "Windows"},
	"msft-win-4":  {client: "Windows Mail", os: "Windows"},
	"msft-wp":     {client: "Windows Phone Mail", os: "Windows Phone"},
	"msft-sphone": {client: "Windows Phone Mail", os: "Windows Phone"},
	"msft-ppc":    {client: "Windows Phone Mail", os: "Windows Phone"},
	"roundcube":   {client: "Roundcube"},
	"sogo":        {client: "SOGo"},
	"z-push":      {client: "Z-Push"},
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
	"iphone mail":                        {"iPhone Mail", "iOS"},
	"ipad mail":                          {"iPad Mail", "iOS"},
	"ipod mail":                          {"iPod Mail", "iOS"},
	"mac os x mail":                      {"Apple Mail", "macOS"},
	"apple mail":                         {"Apple Mail", "macOS"},
	"com.google.android.gm":              {"Gmail", "Android"},
	"com.samsung.android.email.provider": {"Samsung Email", "Android"},
	"com.android.email":                  {"Android Mail", "Android"},
	"thunderbird":                        {"Thunderbird", ""},
	"thunderbird for android":            {"Thunderbird", "Android"},
	"k-9 mail":                           {"K-9 Mail", "Android"},
	"fairemail":                          {"FairEmail", "Android"},
	"evolution":                          {"Evolution", ""},
	"microsoft outlook":                  {"Outlook", ""},
	"outlook":                            {"Outlook", ""},
	"outlook-ios":                        {"Outlook mobile", "iOS"},
	"outlook-android":                    {"Outlook mobile", "Android"},
	"em client":                          {"eM Client", ""},
	"the bat!":                           {"The Bat", "Windows"},
	"mailspring":                         {"Mailspring", ""},
	"geary":                              {"Geary", "Linux"},
	"kmail":                              {"KMail", ""},
	"claws mail":                         {"Claws Mail", ""},
	"mutt":                               {"Mutt", ""},
	"neomutt":                            {"Mutt", ""},
	"spark":                              {"Spark", ""},
	"aquamail":                           {"Aqua Mail", "Android"},
	"roundcube":                          {"Roundcube", ""},
	"roundcube webmail":                  {"Roundcube", ""},
	"sogo":                               {"SOGo", ""},
	"snappymail":                         {"SnappyMail", ""},
	"rainloop":                           {"RainLoop", ""},
	"nextcloud mail":                     {"Nextcloud Mail", ""},
	"imapsync":                           {"imapsync", ""},
	"offlineimap":                        {"OfflineIMAP", ""},
	"mbsync":                             {"mbsync", ""},
	"fetchmail":                          {"fetchmail", ""},
	"getmail":                            {"getmail", ""},
	"javamail":                           {"JavaMail", ""},
	"imapclient":                         {"IMAPClient", ""},
	"mailkit":                            {"MailKit", ""},
}

// system finds the operating system that a browser states, and its version
// where the statement means something.
func system(s string) (os, osVersion string) {
	switch {
	case strings.Contains(s, "Windows Phone"):
		return "Windows Phone", version(strings.TrimPrefix(after(s, "Windows Phone "), "OS "), 2)
	case strings.Contains(s, "iPhone") || strings.Contains(s, "iPad") || strings.Contains(s, "iPod"):
		v := after(s, "iPhone OS ")
		if v == "" {
			v = after(s, "CPU OS ")
		}
		return "iOS", minorToo(version(strings.ReplaceAll(v[:min(len(v), 8)], "_", "."), 3))
	case strings.Contains(s, "Android"):
		v := after(s, "Android ")
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
