package app

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailvigil/anomaly"
	"mailvigil/internal/calendar"
	"mailvigil/internal/config"
	"mailvigil/traffic"
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
	cmd                  *cobra.Command
}

func (s *settings) register(cmd *cobra.Command) {
	s.registerZone(cmd)
	cmd.Flags().StringVar(&s.networks, "networks", "", "networks database `FILE` (default: networks.db beside the program)")
}

func (s *settings) registerZone(cmd *cobra.Command) {
	s.cmd = cmd
	flags := cmd.Flags()
	flags.StringVar(&s.tz, "tz", "", "`ZONE` of logs that state none, as in Europe/Brussels (default: the configuration's, else this machine's)")
	flags.StringVar(&s.config, "config", "", "configuration `FILE` with domains, own networks, holidays and what is known of times (default: mailvigil.yaml here, else /etc/mailvigil/mailvigil.yaml, where there is one)")
	// The list of zones is what cannot be guessed; files complete themselves.
	_ = cmd.RegisterFlagCompletionFunc("tz", cobra.FixedCompletions(config.Zones(), cobra.ShellCompDirectiveNoFileComp))
}

// knowledge are the flags for what people know of days and times.
type knowledge struct {
	country string
	times   map[config.Kind]*[]string
}

func (k *knowledge) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&k.country, "country", "", "`CODE` of whose public holidays are days off too, as in BE or DE-BY")
	_ = cmd.RegisterFlagCompletionFunc("country", cobra.FixedCompletions(calendar.Countries(), cobra.ShellCompDirectiveNoFileComp))
	k.times = make(map[config.Kind]*[]string)
	for kind, what := range map[config.Kind]string{
		config.Announced: "a change was announced for `FROM/UNTIL`, so that nothing of it alarms",
		config.Fine:      "what happened in `FROM/UNTIL` was harmless",
		config.Incident:  "what happened in `FROM/UNTIL` was none of that, and must not become normal",
	} {
		k.times[kind] = flags.StringArray(string(kind), nil, what+", as in \"2026-03-02 08:00/2026-03-05 18:00\"")
	}
}

// add puts what the flags say beside what the configuration says.
func (k *knowledge) add(cfg *config.Config) error {
	if k.country != "" {
		cfg.Country = k.country
	}
	for _, kind := range []config.Kind{config.Announced, config.Fine, config.Incident} {
		for _, text := range *k.times[kind] {
			from, until, ok := strings.Cut(text, "/")
			if !ok {
				return usagef("--%s: %q has no end; write \"2026-03-02 08:00/2026-03-05 18:00\"", kind, text)
			}
			known := config.Known{Kind: kind}
			var err error
			if known.From, err = config.ParseMoment(strings.TrimSpace(from)); err == nil {
				known.Until, err = config.ParseMoment(strings.TrimSpace(until))
			}
			if err != nil {
				return usagef("--%s: %v", kind, err)
			}
			if !known.From.In(time.UTC).Before(known.Until.In(time.UTC)) {
				return usagef("--%s: %q ends before it begins", kind, text)
			}
			cfg.Known = append(cfg.Known, known)
		}
	}
	return nil
}

// calendarOf is the organisation's calendar, with days off besides.
func calendarOf(cfg *config.Config, off ...config.Date) (*calendar.Calendar, error) {
	c := calendar.New(slices.Concat(cfg.Holidays, off))
	if cfg.Country != "" {
		if err := c.Add(cfg.Country); err != nil {
			return nil, usagef("country: %v", err)
		}
	}
	return c, nil
}

// feedbackOf is what people know of times, for logs of the past: all of it is
// known from the beginning.
func feedbackOf(cfg *config.Config, zone *time.Location) (out []anomaly.Feedback) {
	kinds := map[config.Kind]anomaly.Kind{config.Announced: anomaly.Announced, config.Fine: anomaly.Fine, config.Incident: anomaly.Incident}
	for _, k := range cfg.Known {
		out = append(out, anomaly.Feedback{
			Kind: kinds[k.Kind], At: math.MinInt64,
			From: traffic.SlotOf(k.From.In(zone).UnixNano()), Until: traffic.SlotOf(k.Until.In(zone).UnixNano()),
		})
	}
	return out
}

// load reads the configuration and settles the zone: the flag's, else the
// configuration's, else this machine's.
func (s *settings) load() (*config.Config, *time.Location, error) {
	cfg := &config.Config{}
	if s.config == "" {
		file, err := config.Find()
		if err != nil {
			return nil, nil, err
		}
		quiet := s.cmd.Flags().Lookup("quiet")
		if s.config = file; file != "" && (quiet == nil || quiet.Value.String() != "true") {
			fmt.Fprintf(s.cmd.ErrOrStderr(), "Configuration: %s\n", printable(file))
		}
	}
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
	m, err := config.ParseMoment(text)
	if err != nil {
		return time.Time{}, usagef("--%s: %v", flag, err)
	}
	return m.In(zone), nil
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
