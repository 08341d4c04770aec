package enrich

// SortOf says what sort of software a client is, by the family that ParseAgent
// gives it; "" where that is not known. A user agent is what its sender says it
// is: a tool that calls itself a phone is of the phone's sort.
func SortOf(client string) string { return sortOf[client] }

// The sorts of client.
const (
	sortBrowser    = "browser"
	sortPhone      = "mail program of a phone"
	sortDesktop    = "mail program of a computer"
	sortServer     = "server or gateway"
	sortSync       = "copies or fetches mailboxes"
	sortLibrary    = "library or script"
	sortTool       = "attack tool or scanner"
	sortCrawler    = "crawler"
	sortMonitoring = "monitoring"
)

var sortOf = func() map[string]string {
	out := make(map[string]string)
	for sort, clients := range map[string][]string{
		sortBrowser: {"Chrome", "Chromium", "Firefox", "Safari", "Edge", "Opera", "Samsung Internet", "Internet Explorer", "Vivaldi", "Brave"},
		sortPhone: {
			"iPhone Mail", "iPad Mail", "iPod Mail", "Gmail", "Samsung Email", "Android Mail", "Outlook mobile", "Nine", "TouchDown",
			"K-9 Mail", "Thunderbird for Android", "FairEmail", "DAVx5", "Windows Phone Mail", "Apple Mail mobile",
		},
		sortDesktop: {
			"Thunderbird", "Outlook", "Apple Mail", "Apple DataAccess", "Evolution", "eM Client", "Windows Mail", "Mutt", "NeoMutt",
			"Claws Mail", "Alpine", "KMail", "Mailspring", "Postbox", "Mac OS X Mail", "Microsoft Office",
		},
		sortServer: {"Roundcube", "SOGo", "Z-Push", "DavMail", "Dovecot"},
		sortSync:   {"imapsync", "OfflineIMAP", "mbsync", "isync", "fetchmail", "getmail", "imapfilter"},
		sortLibrary: {
			"curl", "Wget", "python-requests", "Python-urllib", "python-httpx", "Python", "exchangelib", "Go-http-client", "okhttp",
			"Java", "Apache-HttpClient", "axios", "node-fetch", "Node", "libwww-perl", "Ruby", "PHP", "Postman", "HTTPie", "aiohttp", "PowerShell",
		},
		sortTool: {
			"zgrab", "masscan", "Nmap", "Nuclei", "Hydra", "sqlmap", "Nikto", "ffuf", "WPScan", "LeakIX", "Patator", "gobuster",
			"feroxbuster", "DirBuster", "Wfuzz", "WhatWeb", "Acunetix", "OpenVAS", "Nessus", "Qualys",
		},
		sortCrawler: {
			"Googlebot", "bingbot", "YandexBot", "AhrefsBot", "SemrushBot", "Censys", "InternetMeasurement", "Expanse", "Shodan",
			"DuckDuckBot", "Baiduspider", "PetalBot", "MJ12bot", "DotBot", "GPTBot", "ClaudeBot", "Facebook",
		},
		sortMonitoring: {
			"Monitoring Plugins", "UptimeRobot", "Uptime Kuma", "Pingdom", "StatusCake", "Site24x7", "Prometheus", "Zabbix",
			"Kubernetes", "Google health check", "AWS health check",
		},
	} {
		for _, c := range clients {
			out[c] = sort
		}
	}
	return out
}()
