package app

import (
	"errors"
	"fmt"
	"os"
	"runtime/pprof"

	"github.com/spf13/cobra"
)

// profileFlag adds --cpuprofile, which says where the time of a command goes
// (go tool pprof reads it). It is for those who make Mailvigil faster and is
// not listed among the flags.
func profileFlag(cmd *cobra.Command) {
	var file string
	cmd.Flags().StringVar(&file, "cpuprofile", "", "write a CPU profile to `FILE`")
	_ = cmd.Flags().MarkHidden("cpuprofile")
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if file == "" {
			return run(cmd, args)
		}
		f, err := os.Create(file)
		if err != nil {
			return fmt.Errorf("write the CPU profile: %w", err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return errors.Join(fmt.Errorf("write the CPU profile: %w", err), f.Close())
		}
		defer func() {
			pprof.StopCPUProfile()
			err = errors.Join(err, f.Close())
		}()
		return run(cmd, args)
	}
}
