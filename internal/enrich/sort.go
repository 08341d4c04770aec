package enrich

import "mailvigil/traffic"

// SortOf says what sort of software a client is, by the family and system that
// ParseAgent gives it; "" where that is not known. A user agent is what its
// sender says it is: a tool that calls itself a phone is of the phone's sort.
func SortOf(a traffic.Agent) string {
	sort := sortOf[a.Client]
	if sort == sortDesktop && (a.OS == "iOS" || a.OS == "Android" || a.OS == "watchOS" || a.OS == "visionOS") {
		return sortPhone // the same family on either
	}
	return sort
}

// The sorts of client.
const (
	sortBrowser    = "browser"
	sortPhone      = "mail program of a phone"
	sortDesktop    = "mail program of a computer"
	sortProgram    = "other program"
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
		sortBrowser: {
			"Chrome", "Chromium", "Firefox", "Firefox Focus", "Safari", "Edge", "Opera", "Samsung Internet", "Internet Explorer", "Vivaldi", "Brave",
			"Yandex Browser", "DuckDuckGo", "UC Browser", "Mi Browser", "Huawei Browser", "HeyTap Browser", "Vivo Browser", "QQ Browser",
			"Sogou Browser", "360 Browser", "Baidu Browser", "Coc Coc", "Whale", "Amazon Silk", "Puffin", "Maxthon", "SeaMonkey", "Pale Moon",
			"Waterfox", "LibreWolf", "Falkon", "GNOME Web", "Konqueror", "Midori", "Iron", "Avast Browser", "AVG Browser", "CCleaner Browser",
			"Android Browser", "Android WebView", "iOS WebView", "macOS WebView",
			"Instagram", "Facebook app", "WeChat", "LINE", "LinkedIn app", "Snapchat", "Pinterest app", "TikTok", "Google app", "KakaoTalk",
		},
		sortPhone: {
			"iPhone Mail", "iPad Mail", "iPod Mail", "Gmail", "Samsung Email", "Android Mail", "Outlook mobile", "Nine", "TouchDown", "K-9 Mail",
			"FairEmail", "DAVx5", "ICSx5", "CalDAV-Sync", "Windows Phone Mail", "Aqua Mail", "Huawei Email", "Secure Mail", "Boxer", "Email+",
			"BlackBerry", "BlackBerry Work", "OWA app", "BlueMail", "Edison Mail", "myMail", "Mail.ru", "Yahoo Mail", "Delta Chat",
		},
		sortDesktop: {
			"Thunderbird", "Betterbird", "Outlook", "Outlook Express", "Apple Mail", "Apple DataAccess", "Evolution", "eM Client", "Windows Mail",
			"Mutt", "Claws Mail", "Sylpheed", "Alpine", "aerc", "Himalaya", "meli", "Gnus", "KMail", "Mailspring", "Mailbird", "MailMate", "Postbox",
			"The Bat", "Geary", "Balsa", "Trojita", "Spark", "Spike", "Newton", "Airmail", "Canary Mail", "Superhuman", "Barca", "Eudora",
			"CalDav Synchronizer", "OneCalendar", "Fantastical", "BusyCal", "GNOME Online Accounts",
		},
		sortProgram: {
			"Microsoft Office", "Microsoft Teams", "Skype for Business", "Slack", "Electron", "Nextcloud client", "Windows WebDAV",
		},
		sortServer: {
			"Roundcube", "SOGo", "Z-Push", "DavMail", "Dovecot", "Horde", "Zimbra", "SnappyMail", "RainLoop", "Nextcloud Mail", "SquirrelMail", "Cypht",
			"Microsoft 365 service", "Legacy authentication", "Exchange migration", "HAProxy",
		},
		sortSync: {
			"imapsync", "OfflineIMAP", "mbsync", "fetchmail", "getmail", "imapfilter", "goimapnotify", "vdirsyncer", "OpenSync",
		},
		sortLibrary: {
			"curl", "Wget", "python-requests", "Python-urllib", "python-httpx", "Python", "exchangelib", "EWS Managed API", "Go-http-client", "okhttp",
			"Java", "JavaMail", "Apache-HttpClient", "axios", "node-fetch", "Node", "node-imap", "libwww-perl", "Ruby", "PHP", "Postman", "Insomnia", "HTTPie",
			"aiohttp", "PowerShell", "Rust", "Dart", ".NET", "WinHTTP", "CFNetwork", "IMAPClient", "MailKit", "Pcore-HTTP",
			"Headless Chrome", "PhantomJS", "Puppeteer", "Playwright", "Selenium", "Scrapy", "crawler4j", "HttpUnit", "HtmlUnit", "Mechanize",
		},
		sortTool: {
			"zgrab", "masscan", "Nmap", "Nuclei", "Hydra", "sqlmap", "Nikto", "ffuf", "WPScan", "LeakIX", "Patator", "gobuster",
			"feroxbuster", "DirBuster", "dirsearch", "Wfuzz", "WhatWeb", "Acunetix", "OpenVAS", "Nessus", "Qualys", "Arachni", "w3af", "Jorgee", "ZmEu",
			"Morfeus", "fimap", "Havij", "Commix", "Netsparker", "Burp", "Medusa", "Ncrack", "Brutus", "Ruler", "MailSniper", "o365spray", "TREVORspray",
			"Spray365", "MSOLSpray", "CredMaster", "Kali", "Metasploit", "RustScan", "httpx (scanner)", "Jaeles", "xray", "Goby", "FOFA", "ltx71",
			"watchTowr", "BitSight", "SecurityHeaders", "Detectify", "Probely", "Sucuri", "Netcraft", "NetSystemsResearch", "SSL Labs", "testssl", "Foregenix", otherScanner,
		},
		sortCrawler: {
			"Googlebot", "bingbot", "YandexBot", "AhrefsBot", "SemrushBot", "Censys", "InternetMeasurement", "Expanse", "Shodan", "ODIN", "Stretchoid",
			"BinaryEdge", "ONYPHE", "Shadowserver", "DuckDuckBot", "Baiduspider", "PetalBot", "MJ12bot", "DotBot", "GPTBot", "ClaudeBot", "CCBot", "Bytespider",
			"Amazonbot", "Applebot", "Facebook", "Twitterbot", "LinkedInBot", "Slackbot", "TelegramBot", "Discordbot", "Skype preview", "Microsoft preview",
			"WhatsApp", "Yahoo Slurp", "Internet Archive", "Sogou spider", "Pinterestbot", "DataForSeoBot", "SeznamBot", "Gmail image proxy",
			"Yahoo image proxy", otherCrawler,
		},
		sortMonitoring: {
			"Monitoring Plugins", "UptimeRobot", "Uptime Kuma", "Pingdom", "StatusCake", "Site24x7", "Prometheus", "Zabbix", "Kubernetes",
			"Google health check", "AWS health check", "Better Stack", "Datadog", "New Relic", "HetrixTools", "updown.io", "Freshping", "Checkly",
			"ThousandEyes", "Catchpoint", "LogicMonitor", "Uptrends", "Nixstats", "PRTG", "Icinga", "Checkmk", "Monit", "Oh Dear", "AlertSite",
			"Azure Application Insights", "GTmetrix", "WebPageTest", "Lighthouse", "Panopta", "Netumo", "Montastic", "Uptimebot", "Grafana", "Wormly",
			"Server Density", "SiteUptime", "Exchange health probe",
			"Siteimprove", "Monsido", "Jetpack", "EasyCron", "cron-job.org", "elmah.io", "PingPing", "Uptimia", "WebsiteOps", "WebSitePulse", "Netvigie", "SiteLock", otherMonitoring,
		},
	} {
		for _, c := range clients {
			out[c] = sort
		}
	}
	return out
}()
