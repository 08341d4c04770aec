package enrich

import (
	"strings"
	"testing"

	"mailvigil/traffic"
)

func TestParseAgent(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		want      traffic.Agent
	}{
		{"nothing", "", traffic.Agent{}},
		{"a dash", "-", traffic.Agent{}},

		{"iPhone, iOS 26.0", "Apple-iPhone14C2/2301.341", traffic.Agent{Client: "iPhone Mail", Version: "2301.341", OS: "iOS", OSVersion: "26.0"}},
		{"iPhone, iOS 18.6.2", "Apple-iPhone12C8/2207.100", traffic.Agent{Client: "iPhone Mail", Version: "2207.100", OS: "iOS", OSVersion: "18.6.2"}},
		{"iPhone, iOS 6.1.1, the meeting loop", "Apple-iPhone4C1/1002.145", traffic.Agent{Client: "iPhone Mail", Version: "1002.145", OS: "iOS", OSVersion: "6.1.1"}},
		{"iPad, padded build", "Apple-iPad7C11/1908.012", traffic.Agent{Client: "iPad Mail", Version: "1908.012", OS: "iOS", OSVersion: "15.7"}},
		{"iPhone, a beta", "Apple-iPhone17C1/2301.526000014", traffic.Agent{Client: "iPhone Mail", Version: "2301.526000014", OS: "iOS", OSVersion: "26.0"}},
		{"iPhone, a release nobody knew yet", "Apple-iPhone19C1/2503.99", traffic.Agent{Client: "iPhone Mail", Version: "2503.99", OS: "iOS", OSVersion: "28.2"}},
		{"iPhone without a build", "Apple-iPhone", traffic.Agent{Client: "iPhone Mail", OS: "iOS"}},
		{"a build that is none", "Apple-iPhone14C2/2399.341", traffic.Agent{Client: "iPhone Mail", OS: "iOS"}},
		{"Apple's account daemon", "iOS/17.2.1 (21C66) dataaccessd/1.0", traffic.Agent{Client: "Apple DataAccess", OS: "iOS", OSVersion: "17.2.1"}},
		{"Mail on a Mac over Exchange", "Mac OS X/10.15.7 (19H15); ExchangeWebServices/8.0; Mail/3608", traffic.Agent{Client: "Apple Mail", OS: "macOS", OSVersion: "10.15.7"}},

		{"Gmail over ActiveSync", "Android-Mail/2025.08.29.643912460.Release", traffic.Agent{Client: "Gmail", Version: "2025.08.29", OS: "Android"}},
		{"Samsung, Android 14", "Android-SAMSUNG-SM-G990B2/101.14", traffic.Agent{Client: "Samsung Email", Version: "101.14", OS: "Android", OSVersion: "14"}},
		{"Samsung, Android 4.4.2", "SAMSUNG-SM-G900F/101.40402", traffic.Agent{Client: "Samsung Email", Version: "101.40402", OS: "Android", OSVersion: "4.4.2"}},
		{"Samsung, Android 8", "SAMSUNG-SM-G950F/101.80000", traffic.Agent{Client: "Samsung Email", Version: "101.80000", OS: "Android", OSVersion: "8.0"}},
		{"Samsung, a number of another kind", "Android-SAMSUNG-SM-G990B2/200.14", traffic.Agent{Client: "Samsung Email", OS: "Android"}},
		{"Android's own mail", "Android/6.0.1-EAS-1.3", traffic.Agent{Client: "Android Mail", OS: "Android", OSVersion: "6.0.1"}},
		{"Outlook's cloud names no system", "Outlook-iOS-Android/1.0", traffic.Agent{Client: "Outlook mobile", Version: "1.0"}},
		{"Outlook for iOS", "Outlook-iOS/723.4027091.prod.iphone (4.28.0)", traffic.Agent{Client: "Outlook mobile", Version: "723", OS: "iOS"}},
		{"Outlook on Windows", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", traffic.Agent{Client: "Outlook", Version: "16.0.17328", OS: "Windows", OSVersion: "10 or 11"}},
		{"Windows Mail", "MSFT-WIN-3/10.0.19041", traffic.Agent{Client: "Windows Mail", Version: "10.0.19041", OS: "Windows"}},
		{"DAVx5", "DAVx5/4.3.6-ose (2023/08/25; dav4jvm; okhttp/4.11.0) Android/13", traffic.Agent{Client: "DAVx5", Version: "4.3.6", OS: "Android"}},

		{"iPhone over IMAP", "name=iPhone Mail, version=21C66, os=iOS, os-version=17.2.1 (21C66)", traffic.Agent{Client: "iPhone Mail", Version: "21C66", OS: "iOS", OSVersion: "17.2.1"}},
		{"iPhone over IMAP, first release", "name=iPhone Mail, version=23A341, os=iOS, os-version=26 (23A341)", traffic.Agent{Client: "iPhone Mail", Version: "23A341", OS: "iOS", OSVersion: "26.0"}},
		{"iPhone over IMAP without os-version", "name=iPad Mail, version=21D50", traffic.Agent{Client: "iPad Mail", Version: "21D50", OS: "iOS", OSVersion: "17.3"}},
		{"iOS 18.5 and later over IMAP", "name=com.apple.email.maild, version=3826.600.51, os=iOS, os-version=18.5 (22F76), event=back-fill", traffic.Agent{Client: "Apple Mail", Version: "3826.600.51", OS: "iOS", OSVersion: "18.5"}},
		{"Mail on a Mac over IMAP", "name=Mac OS X Mail, version=16.0 (3731.700.6), os=Mac OS X, os-version=13.6.4 (22G513), vendor=Apple Inc.", traffic.Agent{Client: "Apple Mail", Version: "16.0", OS: "macOS", OSVersion: "13.6.4"}},
		{"Gmail over IMAP", "name=com.google.android.gm, os=android, os-version=12; SP1A.210812.016, vendor=Google, x-android-device-model=Pixel 6a", traffic.Agent{Client: "Gmail", OS: "Android", OSVersion: "12"}},
		{"Samsung over IMAP", "name=com.samsung.android.email.provider, os=android, os-version=14; UP1A.231005.007, vendor=samsung", traffic.Agent{Client: "Samsung Email", OS: "Android", OSVersion: "14"}},
		{"Thunderbird over IMAP", "name=Thunderbird, version=115.8.1", traffic.Agent{Client: "Thunderbird", Version: "115.8.1"}},
		{"K-9", "name=K-9 Mail, version=6.803", traffic.Agent{Client: "K-9 Mail", Version: "6.803", OS: "Android"}},
		{"FairEmail", "name=FairEmail, version=1.2185", traffic.Agent{Client: "FairEmail", Version: "1.2185", OS: "Android"}},
		{"Evolution", "name=Evolution, version=3.50.3, vendor=GNOME Project", traffic.Agent{Client: "Evolution", Version: "3.50.3"}},
		{"a comma in a value", "vendor=Pear, Inc., name=Thunderbird, version=128.1", traffic.Agent{Client: "Thunderbird", Version: "128.1"}},
		{"an IMAP client nobody knows", "name=evil, version=9.9.9, os=Plan 9", traffic.Agent{Client: "other"}},

		{"Chrome", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36", traffic.Agent{Client: "Chrome", Version: "139", OS: "Windows", OSVersion: "10 or 11"}},
		{"Edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0", traffic.Agent{Client: "Edge", Version: "139", OS: "Windows", OSVersion: "10 or 11"}},
		{"Firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0", traffic.Agent{Client: "Firefox", Version: "135", OS: "Linux"}},
		{"Chrome on Android says 10 on each", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36", traffic.Agent{Client: "Chrome", Version: "139", OS: "Android"}},
		{"Safari on a phone", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3 Mobile/15E148 Safari/604.1", traffic.Agent{Client: "Safari", Version: "18", OS: "iOS", OSVersion: "18.3"}},
		{"Safari on iOS 26 says 18.6", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1", traffic.Agent{Client: "Safari", Version: "26", OS: "iOS", OSVersion: "26.0"}},
		{"Safari on a tablet", "Mozilla/5.0 (iPad; CPU OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1", traffic.Agent{Client: "Safari", Version: "17", OS: "iOS", OSVersion: "17.4.1"}},
		{"Safari on a Mac says 10.15", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", traffic.Agent{Client: "Safari", Version: "18", OS: "macOS"}},
		{"Thunderbird over HTTP", "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.8.1", traffic.Agent{Client: "Thunderbird", Version: "115.8.1", OS: "Linux"}},
		{"Internet Explorer", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko", traffic.Agent{Client: "Internet Explorer", Version: "11", OS: "Windows", OSVersion: "7"}},

		{"curl", "curl/7.88.1", traffic.Agent{Client: "curl", Version: "7.88.1"}},
		{"python-requests", "python-requests/2.31.0", traffic.Agent{Client: "python-requests", Version: "2.31.0"}},
		{"Go", "Go-http-client/1.1", traffic.Agent{Client: "Go-http-client", Version: "1.1"}},
		{"Hydra", "Mozilla/5.0 (Hydra)", traffic.Agent{Client: "Hydra"}},
		{"a scanner behind a browser's words", "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)", traffic.Agent{Client: "Censys", Version: "1.1"}},
		{"zgrab", "Mozilla/5.0 zgrab/0.x", traffic.Agent{Client: "zgrab", Version: "0"}},
		{"masscan", "masscan/1.3 (https://github.com/robertdavidgraham/masscan)", traffic.Agent{Client: "masscan", Version: "1.3"}},
		{"a tool that cannot spell", "Mozlila/5.0 (Linux; Android 7.0; SM-G892A Bulid/NRD90M; wv) Chrome/60.0.3112.107 Moblie", traffic.Agent{Client: "other"}},
		{"TouchDown", "TouchDown(MSRPC)/8.4.00086/", traffic.Agent{Client: "TouchDown", Version: "8.4.00086", OS: "Android"}},
		{"Nine", "Nine/4.9.5", traffic.Agent{Client: "Nine", Version: "4.9.5", OS: "Android"}},
		{"Outlook before it knows its version", "Microsoft Office/16.0 (Windows NT 10.0; MAPI 16.0.9001; Pro)", traffic.Agent{Client: "Outlook", Version: "16.0.9001", OS: "Windows", OSVersion: "10 or 11"}},
		{"Word opens an attachment", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Word 16.0.17328; Pro)", traffic.Agent{Client: "Microsoft Office", Version: "16.0", OS: "Windows", OSVersion: "10 or 11"}},
		{"Outlook on a Mac", "MacOutlook/16.89.24090815 (Intelx64 Mac OS X 14.6.1 (Build 23G93))", traffic.Agent{Client: "Outlook", Version: "16.89", OS: "macOS", OSVersion: "14.6.1"}},
		{"the new Outlook is a page", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0 OneOutlook/1.2024.619.100", traffic.Agent{Client: "Outlook", Version: "1.2024.619", OS: "Windows", OSVersion: "10 or 11"}},
		{"Outlook shows a page", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Trident/8.0; Microsoft Outlook 16.0.6366; ms-office; MSOffice 16)", traffic.Agent{Client: "Outlook", Version: "16.0.6366", OS: "Windows", OSVersion: "10 or 11"}},
		{"IIS writes spaces as +", "Mac+OS+X/10.15.7+(19H2);+ExchangeWebServices/8.0;+Mail/3608", traffic.Agent{Client: "Apple Mail", OS: "macOS", OSVersion: "10.15.7"}},
		{"a watch", "watchOS/10.1 (21S67) dataaccessd/1.0", traffic.Agent{Client: "Apple DataAccess", OS: "watchOS", OSVersion: "10.1"}},
		{"Outlook mobile over IMAP", "name=com.microsoft.office.outlook, version=4.2424", traffic.Agent{Client: "Outlook mobile", Version: "4.2424", OS: "Android"}},
		{"mbsync", "name=mbsync, version=1.4.4", traffic.Agent{Client: "mbsync", Version: "1.4.4"}},
		{"a page within an app on Android", "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.122 Mobile Safari/537.36", traffic.Agent{Client: "Android WebView", Version: "126", OS: "Android", OSVersion: "14"}},
		{"a page within an app on iOS", "Mozilla/5.0 (iPad; CPU iPad OS 14_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148", traffic.Agent{Client: "iOS WebView", OS: "iOS", OSVersion: "14.4.1"}},
		{"Samsung's browser", "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36", traffic.Agent{Client: "Samsung Internet", Version: "25", OS: "Android"}},
		{"Internet Explorer that claims to be older", "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.3; Trident/7.0; .NET4.0E)", traffic.Agent{Client: "Internet Explorer", Version: "11", OS: "Windows", OSVersion: "8.1"}},
		{"PowerShell", "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041.4522", traffic.Agent{Client: "PowerShell", Version: "5.1.19041"}},
		{"Exchange probes itself", "Mozilla/4.0 (compatible; MSIE 9.0; Windows NT 6.1; MSEXCHMON; ACTIVEMONITORING; OWACTP)", traffic.Agent{Client: "Exchange health probe"}},
		{"Nmap", "Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)", traffic.Agent{Client: "Nmap"}},
		{"a phone that bears a tool's name", "Mozilla/5.0 (Linux; Android 12; Odin Build/SQ3A) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36", traffic.Agent{Client: "Chrome", Version: "126", OS: "Android", OSVersion: "12"}},
		{"a phone that ends as robots do", "Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36", traffic.Agent{Client: "Chrome", Version: "126", OS: "Android", OSVersion: "9"}},
		{"a crawler nobody knows", "Mozilla/5.0 (compatible; SomeNewBot/1.0)", traffic.Agent{Client: "other crawler"}},
		{"a crawler that names its page", "PageReader/2.0 (https://example.com/reader)", traffic.Agent{Client: "other crawler"}},
		{"a scanner nobody knows", "SomeWebScanner/1.0", traffic.Agent{Client: "other scanner"}},
		{"monitoring nobody knows", "ExampleMonitor/3.1", traffic.Agent{Client: "other monitoring"}},
		{"a stranger", "Hello, World", traffic.Agent{Client: "other"}},
		{"a stranger's version is not kept", "evil/123.456", traffic.Agent{Client: "other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ParseAgent(c.raw); got != c.want {
				t.Errorf("ParseAgent(%q)\n got %+v\nwant %+v", c.raw, got, c.want)
			}
		})
	}
}

func TestIOSBuild(t *testing.T) {
	for _, c := range []struct{ name, spelt, build, version string }{
		{"Apple's example", "705.018", "7E18", ""},
		{"Apple's example with a letter", "508.01100001", "5H11a", ""},
		{"two digits", "2207.86", "22G86", "18.6"},
		{"four digits", "2201.3354", "22A3354", "18.0"},
		{"known patch", "2103.66", "21C66", "17.2.1"},
		{"long patch", "2008.350", "20H350", "16.7.10"},
		{"unknown patch", "2103.999", "21C999", "17.2"},
		{"letter that is not the minor version", "1301.999", "13A999", "9.0"},
		{"iOS 7.1", "1104.999", "11D999", "7.1"},
		{"iOS 5.1.1", "902.206", "9B206", "5.1"},
		{"iOS 27", "2401.437", "24A437", "27.0"},
		{"no letter 27", "2327.1", "", ""},
		{"no letter 0", "2300.11", "", ""},
		{"no number", "2301.", "", ""},
		{"words", "abc.def", "", ""},
		{"too long", "2301.99999999999", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := iosBuild(c.spelt)
			if build != c.build {
				t.Fatalf("iosBuild(%q) = %q, want %q", c.spelt, build, c.build)
			}
			if got := iosVersion(build); got != c.version {
				t.Errorf("iosVersion(%q) = %q, want %q", build, got, c.version)
			}
		})
	}
}

// TestIOSTable holds the rule for unknown builds against the known ones: it
// must give the same release, corrections aside.
func TestIOSTable(t *testing.T) {
	exceptions := map[string]bool{
		// Released under the letter of the release before or after.
		"16H5": true, "17A844": true, "17A854": true, "17A860": true, "17A861": true, "17A878": true,
		"18A8395": true,
		// 15.8 goes on with the letter of 15.7.
		"19H370": true, "19H380": true, "19H384": true, "19H386": true, "19H390": true, "19H394": true, "19H402": true,
	}
	for build, v := range iosReleases {
		if exceptions[build] {
			continue
		}
		// A build that cannot be in the table, with the same train and letter.
		rule := iosVersion(build[:strings.IndexFunc(build, func(r rune) bool { return r >= 'A' })+1] + "9999")
		if v != rule && !strings.HasPrefix(v, rule+".") {
			t.Errorf("%s is %s, the rule says %s", build, v, rule)
		}
	}
}

func FuzzParseAgent(f *testing.F) {
	for _, s := range []string{
		"", "-", "Apple-iPhone14C2/2301.341", "Android-SAMSUNG-SM-G990B2/101.40402", "name=iPhone Mail, version=21C66, os=iOS",
		"name=, =, version", "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6", "iOS/", "Outlook-iOS/", "curl/7.88.1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := ParseAgent(s)
		for _, v := range []string{a.Version, a.OSVersion} {
			if len(v) > 20 {
				t.Errorf("version %q of %q is too long to count by", v, s)
			}
			for _, r := range v {
				if r < ' ' || r > '~' {
					t.Errorf("version %q of %q", v, s)
				}
			}
		}
	})
}

func BenchmarkParseAgent(b *testing.B) {
	for _, c := range []struct{ name, agent string }{
		{"activesync", "Apple-iPhone14C2/2301.341"},
		{"imap-id", "name=iPhone Mail, version=21C66, os=iOS, os-version=17.2.1 (21C66)"},
		{"edge", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0"},
		{"webview", "Mozilla/5.0 (Linux; Android 14; SM-S918B Build/UP1A.231005.007; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.6478.122 Mobile Safari/537.36"},
		{"outlook", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)"},
		{"stranger", "Hello, World"},
		{"words", strings.Repeat("a b/1 ", maxKey/6)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				ParseAgent(c.agent)
			}
		})
	}
}
