package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Local is this machine's zone under its IANA name, which a report can state
// and another machine can read. Where the name cannot be found it is
// time.Local, which is right for this machine only.
func Local() *time.Location {
	if zone := zoneOf("/", os.Getenv("TZ")); zone != nil {
		return zone
	}
	return time.Local
}

// ZoneOf is the zone of the system below a folder, as of a disk that is mounted
// there; nil where it states none.
func ZoneOf(root string) *time.Location { return zoneOf(root, "") }

func zoneOf(root, first string) *time.Location {
	names := []string{first}
	if to, err := os.Readlink(filepath.Join(root, "etc/localtime")); err == nil {
		if _, name, ok := strings.Cut(to, "zoneinfo/"); ok {
			names = append(names, name)
		}
	}
	if b, err := os.ReadFile(filepath.Join(root, "etc/timezone")); err == nil {
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
	return nil
}
