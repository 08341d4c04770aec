package config

import (
	"os"
	"strings"
	"time"
)

// Local is this machine's zone under its IANA name, which a report can state
// and another machine can read. Where the name cannot be found it is
// time.Local, which is right for this machine only.
func Local() *time.Location {
	names := []string{os.Getenv("TZ")}
	if to, err := os.Readlink("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(to, "zoneinfo/"); ok {
			names = append(names, name)
		}
	}
	if b, err := os.ReadFile("/etc/timezone"); err == nil {
		names = append(names, strings.TrimSpace(string(b)))
	}
	for _, name := range names {
		if name = strings.TrimPrefix(name, ":"); name == "" || name == "Local" {
			continue
		}
		if zone, err := time.LoadLocation(name); err == nil {
			return zone
		}
	}
	return time.Local
}
