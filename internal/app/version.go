package app

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is set by the linker ("make build" takes it from git).
var release string

// releaseName is what files name as their writer: short, without the machine.
func releaseName() string {
	if release == "" {
		return "unreleased"
	}
	return release
}

// version names the build: what the linker was told, else the commit that the
// Go command recorded, else that it is not known.
func version() string {
	v := release
	if v == "" {
		v = "unreleased"
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, s := range info.Settings {
				if s.Key == "vcs.revision" {
					v += " " + s.Value
				}
			}
		}
	}
	return fmt.Sprintf("mailvigil %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		Args:  none,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, version())
			return err
		},
	}
}
