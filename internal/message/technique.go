package message

import "strings"

// Technique is one of MITRE ATT&CK, as of version 17 (attack.mitre.org).
type Technique struct{ Name, Tactic string }

var techniques = map[string]Technique{
	"T1078":     {"Valid Accounts", "Initial Access"},
	"T1078.004": {"Valid Accounts: Cloud Accounts", "Initial Access"},
	"T1110":     {"Brute Force", "Credential Access"},
	"T1110.001": {"Brute Force: Password Guessing", "Credential Access"},
	"T1110.002": {"Brute Force: Password Cracking", "Credential Access"},
	"T1110.003": {"Brute Force: Password Spraying", "Credential Access"},
	"T1110.004": {"Brute Force: Credential Stuffing", "Credential Access"},
	"T1114":     {"Email Collection", "Collection"},
	"T1114.002": {"Email Collection: Remote Email Collection", "Collection"},
	"T1114.003": {"Email Collection: Email Forwarding Rule", "Collection"},
	"T1499":     {"Endpoint Denial of Service", "Impact"},
	"T1534":     {"Internal Spearphishing", "Lateral Movement"},
	"T1539":     {"Steal Web Session Cookie", "Credential Access"},
	"T1550.004": {"Use Alternate Authentication Material: Web Session Cookie", "Lateral Movement"},
	"T1564.008": {"Hide Artifacts: Email Hiding Rules", "Defense Evasion"},
	"T1566":     {"Phishing", "Initial Access"},
	"T1566.001": {"Phishing: Spearphishing Attachment", "Initial Access"},
	"T1566.002": {"Phishing: Spearphishing Link", "Initial Access"},
	"T1621":     {"Multi-Factor Authentication Request Generation", "Credential Access"},
}

// TechniqueOf names a technique by its code: the part above it for one that has
// no name here, and nothing for what is none of ATT&CK's.
func TechniqueOf(code string) Technique {
	if t, ok := techniques[code]; ok {
		return t
	}
	above, _, _ := strings.Cut(code, ".")
	return techniques[above]
}
