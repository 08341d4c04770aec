package app

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailvigil/internal/config"
)

// flagError words the mistakes that pflag finds as ours.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		name := unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			return usagef("there is no flag -%s", name)
		}
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if near := config.Closest(name, names); near != "" {
			return usagef("there is no flag --%s; did you mean --%s?", name, near)
		}
		return usagef("there is no flag --%s", name)
	}
	var missing *pflag.ValueRequiredError
	if errors.As(err, &missing) {
		return usagef("the flag --%s needs a value", missing.GetFlag().Name)
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return usagef("the flag --%s cannot be %q", invalid.GetFlag().Name, invalid.GetValue())
	}
	return usagef("%v", err)
}

// atLeast, atMost and exactly check the number of arguments; what names them.
func atLeast(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < n {
			return usagef("%s is missing", what)
		}
		return nil
	}
}

func atMost(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usagef("%q is one too many; %s", args[n], what)
		}
		return nil
	}
}

func none(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("%q is not expected here; the command takes no arguments", args[0])
	}
	return nil
}

// settings are the flags shared by the commands that read logs.
type settings struct {
	tz, config, networks string
}

func (s *settings) register(cmd *cobra.Command) {
	s.registerZone(cmd)
	cmd.Flags().StringVar(&s.networks, "networks", "", "networks database `FILE` (default: networks.db beside the program)")
}

func (s *settings) registerZone(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.tz, "tz", "", "`ZONE` of logs that state none, as in Europe/Brussels (default: the configuration's, else this machine's)")
	flags.StringVar(&s.config, "config", "", "configuration `FILE` with domains, own networks and holidays")
	// The list of zones is what cannot be guessed; files complete themselves.
	_ = cmd.RegisterFlagCompletionFunc("tz", cobra.FixedCompletions(config.Zones(), cobra.ShellCompDirectiveNoFileComp))
}

// load reads the configuration and settles the zone: the flag's, else the
// configuration's, else this machine's.
func (s *settings) load() (*config.Config, *time.Location, error) {
	cfg := &config.Config{}
	if s.config != "" {
		var err error
		if cfg, err = config.Load(s.config); err != nil {
			return nil, nil, err
		}
	}
	if s.networks != "" {
		cfg.Networks.File = s.networks
	}
	zone := config.Local()
	if cfg.Zone != nil {
		zone = cfg.Zone
	}
	if s.tz != "" {
		var err error
		if zone, err = config.Zone(s.tz); err != nil {
			return nil, nil, usagef("--tz: %v", err)
		}
	}
	return cfg, zone, nil
}

// moment reads a point in time: RFC 3339, or a local date with or without a
// time of day.
func moment(flag, text string, zone *time.Location) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02T15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s: %q is no time; write 2024-04-05, \"2024-04-05 18:30\" or 2024-04-05T18:30:00+02:00", flag, text)
}

// window reads --since and --until; a zero time leaves that end open.
func window(since, until string, zone *time.Location) (from, to time.Time, err error) {
	if from, err = moment("since", since, zone); err != nil {
		return from, to, err
	}
	if to, err = moment("until", until, zone); err != nil {
		return from, to, err
	}
	if !from.IsZero() && !to.IsZero() && !from.Before(to) {
		const layout = "2006-01-02 15:04 MST"
		return from, to, usagef("--since %s is not before --until %s; swap them", from.In(zone).Format(layout), to.In(zone).Format(layout))
	}
	return from, to, nil
}

func jsonFlag(cmd *cobra.Command, file *string, what string) {
	cmd.Flags().StringVar(file, "json", "", fmt.Sprintf("write %s as JSON to `FILE`, - for standard output", what))
}
