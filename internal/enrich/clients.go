package enrich

import (
	"strings"

	"mailvigil/traffic"
)

// The shortest and the longest word of a user agent that is looked up.
const (
	minWord = 3
	maxWord = 40
)

// words is what a user agent says word by word.
type words struct {
	tool, browser         *family // nil where none is named
	toolRest, browserRest string  // what follows the name
	first                 bool    // browser is the first word
	says                  string  // other crawler and the like, by a word such as bot or uptime; "" without
}

// family is how a client is known by a word.
type family struct {
	client string
	parts  int    // of its version that count; a browser's first alone
	rank   int    // of browsers, the lowest is true; 0 for tools
	then   string // must follow the word, and belongs to the name
}

func (f *family) agent(rest string) traffic.Agent {
	return traffic.Agent{Client: f.client, Version: version(rest, f.parts)}
}

// scan looks every word of s up once, whatever the number of families: a user
// agent is parsed for as long as it is, not for as many clients as we know.
func scan(s string) words {
	var w words
	var buf [maxWord]byte
	for i := 0; i < len(s); {
		if !isLetter(s[i]) {
			i++
			continue
		}
		from := i
		for i < len(s) && (isLetter(s[i]) || s[i] >= '0' && s[i] <= '9' || s[i] == '-' || s[i] == '_' || s[i] == '.' || s[i] == '!') {
			i++
		}
		word := lower(strings.TrimRight(s[from:i], "."), &buf)
		if len(word) < minWord {
			continue
		}
		f, ok := families[string(word)]
		if !ok {
			w.says = max(w.says, says(word)) // a scanner before monitoring before a crawler
			continue
		}
		rest, ok := strings.CutPrefix(s[i:], f.then)
		switch {
		case !ok:
		case f.rank == 0:
			// A model of phone may bear such a name, and a space follows it.
			if w.tool == nil && (from == 0 || f.then != "" || rest == "" || rest[0] != ' ') {
				w.tool, w.toolRest = f, number(rest)
			}
		case w.browser == nil || f.rank < w.browser.rank:
			w.browser, w.browserRest, w.first = f, number(rest), from <= 1
		}
	}
	return w
}

// number cuts off what stands between a name and its version.
func number(s string) string {
	if s != "" && (s[0] == '/' || s[0] == ' ' || s[0] == '-') {
		s = s[1:]
	}
	return strings.TrimPrefix(s, "v")
}

// Clients that say what they are and are not in the tables.
const (
	otherCrawler    = "other crawler"
	otherMonitoring = "other monitoring"
	otherScanner    = "other scanner"
)

// says returns what a word in lower case says of whoever uses it, "" where it
// says nothing.
func says(word []byte) string {
	if string(word) == "cubot" { // a maker of phones
		return ""
	}
	for _, w := range endings[word[len(word)-1]] {
		if n := len(word) - len(w.end); n >= 0 && string(word[n:]) == w.end {
			return w.client
		}
	}
	return ""
}

// endings of words that say it, by their last letter.
var endings = func() (out [256][]ending) {
	for client, ends := range map[string][]string{
		otherCrawler:    {"bot", "bots", "spider", "crawler", "crawl", "crawlers", "scraper", "validator", "fetcher", "linkpreview"},
		otherMonitoring: {"uptime", "monitor", "monitoring", "healthcheck", "health-check"},
		otherScanner:    {"scan", "scanner", "scanning", "pentest"},
	} {
		for _, end := range ends {
			last := end[len(end)-1]
			out[last] = append(out[last], ending{end, client})
		}
	}
	return out
}()

type ending struct{ end, client string }

// lower returns s in lower case in buf, nothing where it is too long to be a
// word of ours.
func lower(s string, buf *[maxWord]byte) []byte {
	if len(s) > maxWord {
		return nil
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return buf[:len(s)]
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// families are known by one word wherever it stands, in lower case.
var families = func() map[string]*family {
	out := make(map[string]*family)
	for word, client := range toolWords {
		out[word] = &family{client: client, parts: 3}
	}
	// These words are common: what follows must be theirs.
	for word, f := range map[string]*family{
		"nmap":     {client: "Nmap", parts: 3, then: " Scripting Engine"},
		"fuzz":     {client: "ffuf", parts: 3, then: " Faster U Fool"},
		"expanse":  {client: "Expanse", parts: 3, then: ", a Palo Alto"},
		"ssl":      {client: "SSL Labs", parts: 1, then: " Labs"},
		"better":   {client: "Better Stack", then: " Uptime"},
		"blackbox": {client: "Prometheus", parts: 3, then: " Exporter"},
		"uptime":   {client: otherMonitoring, then: "/"},
		"prtg":     {client: "PRTG", parts: 3, then: " Network Monitor"},
		"office":   {client: "Microsoft 365 service", parts: 3, then: " 365 Connectors"},
	} {
		out[word] = f
	}
	for i, b := range browserWords {
		out[b.word] = &family{client: b.client, parts: max(b.parts, 1), rank: i + 1, then: b.then}
	}
	return out
}()

// browserWords are ordered by what is true where several stand together.
var browserWords = []struct {
	word, client string
	parts        int
	then         string
}{
	// Mail programs that show themselves as the browser within them.
	{word: "oneoutlook", client: "Outlook", parts: 3},
	{word: "microsoft", client: "Outlook", parts: 3, then: " Outlook"},
	{word: "outlook-ios", client: "Outlook mobile", parts: 3},
	{word: "outlook-android", client: "Outlook mobile", parts: 3},
	{word: "macoutlook", client: "Outlook", parts: 3},
	{word: "postbox", client: "Postbox", parts: 3},
	{word: "betterbird", client: "Betterbird", parts: 3},
	{word: "thunderbird", client: "Thunderbird", parts: 3},
	{word: "icedove", client: "Thunderbird", parts: 3},
	{word: "mailspring", client: "Mailspring", parts: 3},
	{word: "mailbird", client: "Mailbird", parts: 3},
	{word: "airmail", client: "Airmail", parts: 3},
	{word: "superhuman", client: "Superhuman", parts: 3},
	{word: "yahoomobilemail", client: "Yahoo Mail", parts: 3},
	{word: "yahoomobile", client: "Yahoo Mail", parts: 3, then: "Mail"},
	{word: "barca", client: "Barca", parts: 3},
	{word: "eudora", client: "Eudora", parts: 3},
	{word: "windows-live-mail", client: "Windows Mail", parts: 3},
	{word: "outlook-express", client: "Windows Mail", parts: 2},
	{word: "mirall", client: "Nextcloud client", parts: 3},
	{word: "msoffice", client: "Microsoft Office", parts: 2},
	{word: "ms-office", client: "Microsoft Office", parts: 2},
	{word: "teams", client: "Microsoft Teams", parts: 1, then: "/"},
	{word: "slack", client: "Slack", parts: 1, then: "/"},
	{word: "slack_ssb", client: "Slack", parts: 1},

	// Pages within other programs.
	{word: "instagram", client: "Instagram"},
	{word: "fban", client: "Facebook app"},
	{word: "fbav", client: "Facebook app"},
	{word: "fb_iab", client: "Facebook app"},
	{word: "micromessenger", client: "WeChat"},
	{word: "line", client: "LINE", then: "/"},
	{word: "linkedinapp", client: "LinkedIn app"},
	{word: "snapchat", client: "Snapchat", then: "/"},
	{word: "pinterest", client: "Pinterest app"},
	{word: "bytedancewebview", client: "TikTok"},
	{word: "musical_ly", client: "TikTok"},
	{word: "gsa", client: "Google app", then: "/"},
	{word: "kakaotalk", client: "KakaoTalk"},

	// Browsers that claim to be Chrome, Safari or Firefox as well.
	{word: "edg", client: "Edge"},
	{word: "edga", client: "Edge"},
	{word: "edgios", client: "Edge"},
	{word: "edge", client: "Edge"},
	{word: "opr", client: "Opera"},
	{word: "opt", client: "Opera", then: "/"},
	{word: "opios", client: "Opera"},
	{word: "opx", client: "Opera"},
	{word: "samsungbrowser", client: "Samsung Internet"},
	{word: "vivaldi", client: "Vivaldi"},
	{word: "brave", client: "Brave", then: "/"},
	{word: "yabrowser", client: "Yandex Browser"},
	{word: "yaapp_android", client: "Yandex Browser"},
	{word: "yowser", client: "Yandex Browser"},
	{word: "duckduckgo", client: "DuckDuckGo"},
	{word: "ddg", client: "DuckDuckGo"},
	{word: "ucbrowser", client: "UC Browser"},
	{word: "miuibrowser", client: "Mi Browser"},
	{word: "huaweibrowser", client: "Huawei Browser"},
	{word: "heytapbrowser", client: "HeyTap Browser"},
	{word: "vivobrowser", client: "Vivo Browser"},
	{word: "mqqbrowser", client: "QQ Browser"},
	{word: "qqbrowser", client: "QQ Browser"},
	{word: "metasr", client: "Sogou Browser"},
	{word: "360se", client: "360 Browser"},
	{word: "baidubrowser", client: "Baidu Browser"},
	{word: "bidubrowser", client: "Baidu Browser"},
	{word: "coc_coc_browser", client: "Coc Coc"},
	{word: "whale", client: "Whale", then: "/"},
	{word: "silk", client: "Amazon Silk", then: "/"},
	{word: "puffin", client: "Puffin", then: "/"},
	{word: "maxthon", client: "Maxthon", then: "/"},
	{word: "seamonkey", client: "SeaMonkey"},
	{word: "palemoon", client: "Pale Moon"},
	{word: "waterfox", client: "Waterfox"},
	{word: "librewolf", client: "LibreWolf"},
	{word: "iceweasel", client: "Firefox"},
	{word: "icecat", client: "Firefox"},
	{word: "focus", client: "Firefox Focus", then: "/"},
	{word: "klar", client: "Firefox Focus", then: "/"},
	{word: "fxios", client: "Firefox"},
	{word: "crios", client: "Chrome"},
	{word: "falkon", client: "Falkon"},
	{word: "epiphany", client: "GNOME Web"},
	{word: "konqueror", client: "Konqueror"},
	{word: "midori", client: "Midori"},
	{word: "iron", client: "Iron", then: "/"},
	{word: "avast", client: "Avast Browser", then: "/"},
	{word: "avg", client: "AVG Browser", then: "/"},
	{word: "ccleaner", client: "CCleaner Browser", then: "/"},
	{word: "electron", client: "Electron"},
	{word: "chromium", client: "Chromium"},
	{word: "opera", client: "Opera"},
	{word: "firefox", client: "Firefox"},
	{word: "iemobile", client: "Internet Explorer"},
	{word: "chrome", client: "Chrome"},
	{word: "msie", client: "Internet Explorer"},
	{word: "trident", client: "Internet Explorer", then: "/7.0; rv:"},
}

// toolWords are crawlers, scanners, monitoring, libraries and attack tools
// that name themselves somewhere in the text, often behind the words of a
// browser. Most tools that spray passwords at mail servers name nobody, or a
// browser: what they do is known by what they do (abuse), not by this.
var toolWords = map[string]string{
	// Attack tools and scanners.
	"zgrab": "zgrab", "masscan": "masscan", "nuclei": "Nuclei", "hydra": "Hydra", "sqlmap": "sqlmap", "nikto": "Nikto",
	"wpscan": "WPScan", "l9explore": "LeakIX", "l9tcpid": "LeakIX", "l9scan": "LeakIX", "leakix": "LeakIX",
	"gobuster": "gobuster", "feroxbuster": "feroxbuster", "dirbuster": "DirBuster", "dirb": "DirBuster", "dirsearch": "dirsearch",
	"wfuzz": "Wfuzz", "whatweb": "WhatWeb", "acunetix": "Acunetix", "acunetix-product": "Acunetix", "openvas": "OpenVAS", "openvas-vt": "OpenVAS",
	"nessus": "Nessus", "qualys": "Qualys", "qualysguard": "Qualys", "arachni": "Arachni", "w3af.org": "w3af", "w3af.sourceforge.net": "w3af",
	"jorgee": "Jorgee", "zmeu": "ZmEu", "morfeus": "Morfeus", "fimap": "fimap", "havij": "Havij", "commix": "Commix", "netsparker": "Netsparker",
	"invicti": "Netsparker", "burpcollaborator": "Burp", "burp": "Burp", "patator": "Patator", "medusa": "Medusa", "ncrack": "Ncrack", "brutus": "Brutus",
	"ruler": "Ruler", "mailsniper": "MailSniper", "o365spray": "o365spray", "trevorspray": "TREVORspray", "spray365": "Spray365",
	"msolspray": "MSOLSpray", "credmaster": "CredMaster", "kali": "Kali", "metasploit": "Metasploit", "rustscan": "RustScan", "httpx": "httpx (scanner)",
	"tlsx": "Nuclei", "katana": "Nuclei", "jaeles": "Jaeles", "xray": "xray", "goby": "Goby", "fofa": "FOFA", "ltx71": "ltx71", "netcraftsurveyagent": "Netcraft",
	"netsystemsresearch": "NetSystemsResearch", "watchtowr": "watchTowr", "bitsightbot": "BitSight", "securityheaders": "SecurityHeaders",
	"ssllabs": "SSL Labs", "testssl": "testssl", "foregenix": "Foregenix", "vaultpress": "Sucuri", "projectdiscovery": "Nuclei", "detectify": "Detectify", "probely": "Probely", "probelyspdr": "Probely", "sucuri": "Sucuri",

	// Those that measure the whole Internet, and search engines.
	"censysinspect": "Censys", "internetmeasurement": "InternetMeasurement", "internet-measurement.com": "InternetMeasurement", "shodan": "Shodan",
	"netcraft": "Netcraft", "odin": "ODIN", "stretchoid": "Stretchoid", "binaryedge": "BinaryEdge", "onyphe": "ONYPHE", "shadowserver": "Shadowserver",
	"googlebot": "Googlebot", "googlebot-image": "Googlebot", "adsbot-google": "Googlebot", "google-inspectiontool": "Googlebot", "googleother": "Googlebot",
	"feedfetcher-google": "Googlebot", "google-read-aloud": "Googlebot", "google-site-verification": "Googlebot", "mediapartners-google": "Googlebot",
	"googleimageproxy": "Gmail image proxy", "yahoomailproxy": "Yahoo image proxy", "bingbot": "bingbot", "adidxbot": "bingbot", "bingpreview": "bingbot",
	"msnbot": "bingbot", "msnbot-media": "bingbot", "yandexbot": "YandexBot", "yandeximages": "YandexBot", "ahrefsbot": "AhrefsBot", "semrushbot": "SemrushBot",
	"duckduckbot": "DuckDuckBot", "baiduspider": "Baiduspider", "petalbot": "PetalBot", "mj12bot": "MJ12bot", "dotbot": "DotBot", "gptbot": "GPTBot",
	"chatgpt-user": "GPTBot", "oai-searchbot": "GPTBot", "claudebot": "ClaudeBot", "claude-web": "ClaudeBot", "ccbot": "CCBot", "bytespider": "Bytespider",
	"amazonbot": "Amazonbot", "applebot": "Applebot", "facebookexternalhit": "Facebook", "facebookcatalog": "Facebook", "meta-externalagent": "Facebook",
	"twitterbot": "Twitterbot", "linkedinbot": "LinkedInBot", "slackbot": "Slackbot", "slackbot-linkexpanding": "Slackbot", "telegrambot": "TelegramBot",
	"discordbot": "Discordbot", "skypeuripreview": "Skype preview", "microsoftpreview": "Microsoft preview", "whatsapp": "WhatsApp",
	"slurp": "Yahoo Slurp", "yahoo!": "Yahoo Slurp", "ia_archiver": "Internet Archive", "archive.org_bot": "Internet Archive", "sogou": "Sogou spider",
	"pinterestbot": "Pinterestbot", "dataforseobot": "DataForSeoBot", "seznambot": "SeznamBot",

	// Monitoring, one's own or hired.
	"monitoring-plugins": "Monitoring Plugins", "nagios-plugins": "Monitoring Plugins", "check_http": "Monitoring Plugins", "check_curl": "Monitoring Plugins",
	"uptimerobot": "UptimeRobot", "uptime-kuma": "Uptime Kuma", "pingdom": "Pingdom", "pingdom.com_bot_version_1.4_": "Pingdom", "pingdomtms": "Pingdom",
	"statuscake": "StatusCake", "site24x7": "Site24x7", "blackbox-exporter": "Prometheus", "prometheus": "Prometheus",
	"zabbix": "Zabbix", "kube-probe": "Kubernetes", "googlehc": "Google health check", "elb-healthchecker": "AWS health check",
	"amazon-route53-health-check-service": "AWS health check", "betteruptime": "Better Stack", "betteruptimebot": "Better Stack",
	"datadogsynthetics": "Datadog", "datadog": "Datadog", "newrelicpinger": "New Relic", "newrelicbot": "New Relic", "hetrixtools": "HetrixTools",
	"updown.io": "updown.io", "freshping": "Freshping", "checkly": "Checkly", "thousandeyes": "ThousandEyes", "catchpoint": "Catchpoint", "logicmonitor": "LogicMonitor",
	"uptrends": "Uptrends", "nixstatsbot": "Nixstats", "prtgcloudbot": "PRTG", "icinga": "Icinga", "checkmk": "Checkmk", "check_mk": "Checkmk", "monit": "Monit",
	"haproxy": "HAProxy", "ohdear": "Oh Dear", "alertsite": "AlertSite", "appinsights": "Azure Application Insights", "gtmetrix": "GTmetrix", "ptst": "WebPageTest",
	"chrome-lighthouse": "Lighthouse", "panopta": "Panopta", "netumo": "Netumo", "montastic-monitor": "Montastic", "uptimebot.org": "Uptimebot",
	"synthetic-monitoring-agent": "Grafana", "wormlybot": "Wormly", "serverdensity": "Server Density", "siteuptime.com": "SiteUptime",
	"siteimprove.com": "Siteimprove", "monsido": "Monsido", "jetmon": "Jetpack", "easycron": "EasyCron", "cron-job.org": "cron-job.org", "elmah.io": "elmah.io",
	"pingping.io": "PingPing", "uptimia": "Uptimia", "websiteops": "WebsiteOps", "websitepulse": "WebSitePulse", "netvigie": "Netvigie", "sitelock": "SiteLock",
	"amprobe": "Exchange health probe", "msexchmon": "Exchange health probe", "activemonitoring": "Exchange health probe",

	// Libraries, also behind the words of a browser.
	"aiohttp": "aiohttp", "windowspowershell": "PowerShell", "powershell": "PowerShell", "python-requests": "python-requests", "python-httpx": "python-httpx",
	"go-http-client": "Go-http-client", "headlesschrome": "Headless Chrome", "phantomjs": "PhantomJS", "puppeteer": "Puppeteer", "playwright": "Playwright",
	"selenium": "Selenium", "exchangeservicesclient": "EWS Managed API", "bav2ropc": "Legacy authentication", "cbainprod": "Legacy authentication",
	"davmail": "DavMail", "scrapy": "Scrapy", "apache-httpclient": "Apache-HttpClient", "jakarta": "Apache-HttpClient", "crawler4j": "crawler4j",
	"httpunit": "HttpUnit", "htmlunit": "HtmlUnit", "mechanize": "Mechanize", "cfnetwork": "CFNetwork", "guzzlehttp": "PHP", "lwp": "libwww-perl",
	"libwww-perl": "libwww-perl", "lwp-trivial": "libwww-perl", "lwp-request": "libwww-perl", "python-urllib": "Python-urllib", "urllib3": "Python-urllib",
}

// product is known by the first word, in lower case.
type product struct{ client, os string }

var products = map[string]product{
	"curl":                     {client: "curl"},
	"libcurl":                  {client: "curl"},
	"wget":                     {client: "Wget"},
	"wget2":                    {client: "Wget"},
	"python-urllib3":           {client: "Python-urllib"},
	"python":                   {client: "Python"},
	"python-caldav":            {client: "Python"},
	"exchangelib":              {client: "exchangelib"},
	"okhttp":                   {client: "okhttp"},
	"java":                     {client: "Java"},
	"java-http-client":         {client: "Java"},
	"ahc":                      {client: "Java"},
	"jersey":                   {client: "Java"},
	"reactornetty":             {client: "Java"},
	"axios":                    {client: "axios"},
	"pcore-http":               {client: "Pcore-HTTP"},
	"node-fetch":               {client: "node-fetch"},
	"node":                     {client: "Node"},
	"node.js":                  {client: "Node"},
	"undici":                   {client: "Node"},
	"got":                      {client: "Node"},
	"superagent":               {client: "Node"},
	"node-superagent":          {client: "Node"},
	"bun":                      {client: "Node"},
	"deno":                     {client: "Node"},
	"ruby":                     {client: "Ruby"},
	"faraday":                  {client: "Ruby"},
	"rest-client":              {client: "Ruby"},
	"php":                      {client: "PHP"},
	"php-curl-class":           {client: "PHP"},
	"pear":                     {client: "PHP"},
	"postmanruntime":           {client: "Postman"},
	"insomnia":                 {client: "Insomnia"},
	"httpie":                   {client: "HTTPie"},
	"xh":                       {client: "HTTPie"},
	"reqwest":                  {client: "Rust"},
	"hyper":                    {client: "Rust"},
	"ureq":                     {client: "Rust"},
	"dart":                     {client: "Dart"},
	"winhttp":                  {client: "WinHTTP", os: "Windows"},
	"winhttp-autoproxy-agent":  {client: "WinHTTP", os: "Windows"},
	"restsharp":                {client: ".NET"},
	"anyevent-http":            {client: "libwww-perl"},
	"mojolicious":              {client: "libwww-perl"},
	"httpurlconnection":        {client: "Java"},
	"customasynchttpclient":    {client: "Java"},
	"exchangewebservicesproxy": {client: "EWS Managed API"},

	"evolution":                  {client: "Evolution"},
	"evolution-ews":              {client: "Evolution"},
	"evolution-data-server":      {client: "Evolution"},
	"k-9":                        {client: "K-9 Mail", os: "Android"},
	"fairemail":                  {client: "FairEmail", os: "Android"},
	"davx5":                      {client: "DAVx5", os: "Android"},
	"davdroid":                   {client: "DAVx5", os: "Android"},
	"icsx5":                      {client: "ICSx5", os: "Android"},
	"caldav-sync":                {client: "CalDAV-Sync", os: "Android"},
	"carddav-sync":               {client: "CalDAV-Sync", os: "Android"},
	"opensync":                   {client: "OpenSync"},
	"caldavsynchronizer":         {client: "CalDav Synchronizer", os: "Windows"},
	"vdirsyncer":                 {client: "vdirsyncer"},
	"pimsync":                    {client: "vdirsyncer"},
	"onecalendar":                {client: "OneCalendar"},
	"fantastical":                {client: "Fantastical"},
	"busycal":                    {client: "BusyCal", os: "macOS"},
	"busycontacts":               {client: "BusyCal", os: "macOS"},
	"calendaragent":              {client: "Apple DataAccess", os: "macOS"},
	"addressbooksourcesync":      {client: "Apple DataAccess", os: "macOS"},
	"dataaccessd":                {client: "Apple DataAccess"},
	"accountsd":                  {client: "Apple DataAccess"},
	"remindd":                    {client: "Apple DataAccess"},
	"coredav":                    {client: "Apple DataAccess"},
	"gnome-online-accounts":      {client: "GNOME Online Accounts", os: "Linux"},
	"gvfs":                       {client: "GNOME Online Accounts", os: "Linux"},
	"nextcloud-android":          {client: "Nextcloud client", os: "Android"},
	"nextcloud-ios":              {client: "Nextcloud client", os: "iOS"},
	"nine":                       {client: "Nine", os: "Android"},
	"com.ninefolders.hd3":        {client: "Nine", os: "Android"},
	"aquamail":                   {client: "Aqua Mail", os: "Android"},
	"touchdown":                  {client: "TouchDown", os: "Android"},
	"touchdown-ios":              {client: "TouchDown", os: "iOS"},
	"worxmail":                   {client: "Secure Mail"},
	"securemail":                 {client: "Secure Mail"},
	"boxer":                      {client: "Boxer"},
	"airwatch":                   {client: "Boxer"},
	"email+":                     {client: "Email+"},
	"good":                       {client: "BlackBerry Work"},
	"blackberry":                 {client: "BlackBerry"},
	"rim-playbook":               {client: "BlackBerry"},
	"htc":                        {client: "Android Mail", os: "Android"},
	"moto":                       {client: "Android Mail", os: "Android"},
	"huaweiemail":                {client: "Huawei Email", os: "Android"},
	"emclient":                   {client: "eM Client"},
	"em":                         {client: "eM Client"},
	"mailbird":                   {client: "Mailbird", os: "Windows"},
	"spark":                      {client: "Spark"},
	"sparkdesktop":               {client: "Spark"},
	"spike":                      {client: "Spike"},
	"canary":                     {client: "Canary Mail"},
	"macoutlook":                 {client: "Outlook", os: "macOS"},
	"outlook":                    {client: "Outlook"},
	"owa":                        {client: "OWA app"},
	"owa-iphone":                 {client: "OWA app", os: "iOS"},
	"owa-ipad":                   {client: "OWA app", os: "iOS"},
	"windowsmail":                {client: "Windows Mail", os: "Windows"},
	"oc":                         {client: "Skype for Business"},
	"uccapi":                     {client: "Skype for Business"},
	"skypespaces":                {client: "Microsoft Teams"},
	"msft-win-3":                 {client: "Windows Mail", os: "Windows"},
	"msft-win-4":                 {client: "Windows Mail", os: "Windows"},
	"msft-wp":                    {client: "Windows Phone Mail", os: "Windows Phone"},
	"msft-sphone":                {client: "Windows Phone Mail", os: "Windows Phone"},
	"msft-ppc":                   {client: "Windows Phone Mail", os: "Windows Phone"},
	"microsoft-webdav-miniredir": {client: "Windows WebDAV", os: "Windows"},
	"roundcube":                  {client: "Roundcube"},
	"rcm":                        {client: "Roundcube"},
	"rcm-carddav":                {client: "Roundcube"},
	"sogo":                       {client: "SOGo"},
	"horde":                      {client: "Horde"},
	"zimbrawebclient":            {client: "Zimbra"},
	"z-push":                     {client: "Z-Push"},
	"nextcloud":                  {client: "Nextcloud client"},
}
