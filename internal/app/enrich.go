package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
	"mailvigil/internal/enrich"
	"mailvigil/internal/intake"
	"mailvigil/internal/message"
	"mailvigil/internal/pipeline"
	"mailvigil/maillog"
	"mailvigil/traffic"
)

func (a *app) enrichCommand() *cobra.Command {
	var (
		s    settings
		file string
		logs []string
	)
	cmd := &cobra.Command{
		Use:   "enrich ADDRESS|USER-AGENT…",
		Short: "Show what is known of an address or a user agent",
		Long: `Looks addresses up in the networks database (network, ASN, country, kind of
network), and reads user agents of HTTP and the fields of IMAP IDs (client,
version, operating system, sort of software). No address leaves the host. Own networks and relays
are those of the configuration.

With --logs it also says how many accounts signed in from an address, whether
it is shared as a carrier's or an office's are, and what the use of its network
says of the kind.`,
		Example: `  mailvigil enrich 198.51.100.7 2001:db8::7
  mailvigil enrich --logs /var/log/dovecot --logs /var/log/nginx 198.51.100.7
  mailvigil enrich "name=iPhone Mail, version=21C66, os=iOS, os-version=17.2.1 (21C66)"`,
		Args: atLeast(1, "the address or the user agent to look up"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, zone, err := s.load()
			if err != nil {
				return err
			}
			return a.enrich(cmd.Context(), args, cfg, zone, logs, file)
		},
	}
	s.register(cmd)
	cmd.Flags().StringArrayVar(&logs, "logs", nil, "look into the logs at `PATH` too; may be repeated")
	jsonFlag(cmd, &file, "what is known")
	return cmd
}

// enriched is what is known of one argument: of an address, or of a user agent.
type enriched struct {
	Query   string        `json:"query"`
	Address *knownAddress `json:"address,omitempty"`
	Agent   *knownAgent   `json:"user_agent,omitempty"`
}

type knownAddress struct {
	ClientIP string `json:"client_ip"`
	Private  bool   `json:"private"`               // nobody's address on the Internet
	Carrier  bool   `json:"carrier_nat,omitempty"` // between a carrier and its customers (RFC 6598)
	Relay    bool   `json:"relay"`                 // a configured server of one's own
	ASN      uint32 `json:"asn,omitempty"`
	ASNName  string `json:"asn_name,omitempty"`
	Country  string `json:"country,omitempty"`
	Kind     string `json:"network_kind,omitempty"`
	// What the table and the logs that were named say of the kind, also where
	// that is not sure enough to count.
	Judged     string  `json:"kind_judged,omitempty"`
	Confidence float64 `json:"kind_confidence,omitempty"`
	Why        string  `json:"kind_why,omitempty"`
	// From the logs that were named.
	Accounts *int   `json:"accounts,omitempty"` // that signed in from it
	Failures *int64 `json:"failures,omitempty"`
	Shared   *bool  `json:"shared,omitempty"` // by more than a household
	// Without logs: what is known of such networks.
	SharedLikely bool `json:"shared_likely,omitempty"`
}

type knownAgent struct {
	Client    string `json:"client,omitempty"`
	Version   string `json:"client_version,omitempty"`
	OS        string `json:"os,omitempty"`
	OSVersion string `json:"os_version,omitempty"`
	Sort      string `json:"sort,omitempty"`
}

func (a *app) enrich(ctx context.Context, queries []string, cfg *config.Config, zone *time.Location, logs []string, file string) error {
	o, err := a.pipelineOptions(cfg, zone)
	if err != nil {
		return err
	}
	if err := checkQueries(queries); err != nil {
		return err
	}
	worker := enrich.New(o.Enrich).Worker()
	var seen *pipeline.Observed
	if len(logs) > 0 {
		if seen, err = a.observe(ctx, logs, o); err != nil {
			return err
		}
		worker = seen.Worker()
	}
	var known []enriched
	for _, q := range queries {
		known = append(known, lookUp(worker, seen, q))
	}
	if file != "" {
		if err := a.writeJSON(file, known); err != nil || file == "-" {
			return err
		}
	}
	if err := writeEnriched(a.stdout, known); err != nil {
		return err
	}
	if o.NetworksMissing && slices.ContainsFunc(known, func(k enriched) bool { return k.Address != nil }) {
		fmt.Fprintln(a.stderr, "mailvigil: there is no networks.db: no ASN, country or kind of network is known of any address (docs/networks.md says how to get it)")
	}
	return nil
}

// checkQueries names every argument that was meant as an address and is none.
func checkQueries(queries []string) error {
	var wrong []string
	for _, q := range queries {
		if strings.TrimSpace(q) == "" {
			return usagef("an argument is empty; give an address or a user agent")
		}
		if strings.ContainsAny(q, "0123456789") && strings.ContainsAny(q, ".:") && strings.Trim(q, "0123456789abcdefABCDEF.:/ ") == "" {
			if _, err := netip.ParseAddr(strings.TrimSpace(q)); err != nil {
				wrong = append(wrong, strconv.Quote(q))
			}
		}
	}
	const example = "write one as in 192.0.2.7 or 2001:db8::7"
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return usagef("%s is no address; %s", wrong[0], example)
	}
	return usagef("%s are no addresses; %s", strings.Join(wrong, ", "), example)
}

// observe reads logs for what they show of addresses.
func (a *app) observe(ctx context.Context, logs []string, o pipeline.Options) (_ *pipeline.Observed, err error) {
	set, err := intake.Discover(ctx, logs, intake.Options{Location: o.Location, Now: a.now(), Stdin: a.stdin})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, set.Close()) }()
	if len(set.Files) == 0 {
		return nil, noLogs(logs, set)
	}
	return pipeline.Observe(ctx, set, o)
}

// lookUp goes the way of an Event, so that what is shown is what counts. seen
// may be nil.
func lookUp(worker *enrich.Worker, seen *pipeline.Observed, query string) enriched {
	known := enriched{Query: query}
	var rec traffic.Record
	if ip, err := netip.ParseAddr(strings.TrimSpace(query)); err == nil {
		worker.Enrich(&maillog.Event{ClientIP: ip}, &rec)
		n := rec.Network.Value()
		ip = ip.Unmap().WithZone("")
		known.Address = &knownAddress{
			ClientIP: ip.String(),
			Private:  ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() || carriers.Contains(ip),
			Carrier:  carriers.Contains(ip),
			Relay:    rec.Relay, ASN: n.ASN, ASNName: n.ASName, Country: n.Country, Kind: string(n.Kind),
		}
		judged := enrich.JudgeNetwork(n.ASN, n.ASName)
		if seen != nil {
			judged = judged.Observed(seen.Network(rec.Network))
			accounts, failures := seen.Address(ip)
			shared := accounts >= enrich.Shared
			known.Address.Accounts, known.Address.Failures, known.Address.Shared = &accounts, &failures, &shared
		}
		if n.ASN != 0 {
			known.Address.Judged, known.Address.Confidence, known.Address.Why = string(judged.Kind), judged.Confidence, judged.Why
		}
		// Carriers put many customers behind one IPv4 address, and so do VPNs.
		known.Address.SharedLikely = known.Address.Shared == nil &&
			(known.Address.Carrier || judged.Kind == traffic.KindMobile && ip.Is4() || judged.Kind == traffic.KindVPN)
		return known
	}
	worker.Enrich(&maillog.Event{UserAgent: []byte(query)}, &rec)
	agent := rec.Agent.Value()
	known.Agent = &knownAgent{Client: agent.Client, Version: agent.Version, OS: agent.OS, OSVersion: agent.OSVersion, Sort: enrich.SortOf(agent)}
	return known
}

// carriers use this space between themselves and their customers (RFC 6598).
var carriers = netip.MustParsePrefix("100.64.0.0/10")

func writeEnriched(w io.Writer, known []enriched) error {
	var b strings.Builder
	for i, k := range known {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, message.Safe(k.Query))
		field := func(name, value string) {
			if value == "" {
				value = "not known"
			}
			fmt.Fprintf(&b, "  %-15s %s\n", name, message.Safe(value))
		}
		if n := k.Address; n != nil {
			asn := ""
			if n.ASN != 0 {
				asn = fmt.Sprintf("AS%d %s", n.ASN, n.ASNName)
			}
			field("address", n.ClientIP)
			private := yes(n.Private)
			if n.Carrier {
				private += ", carriers' space between themselves and their customers (RFC 6598)"
			}
			field("private", private)
			field("own server", yes(n.Relay))
			field("network", asn)
			field("country", n.Country)
			field("kind", n.Kind)
			switch {
			case n.Judged != "":
				field("judged", fmt.Sprintf("%s, %.0f %%: %s", n.Judged, 100*n.Confidence, n.Why))
			case n.Why != "":
				field("judged", "not known: "+n.Why)
			}
			if n.Accounts != nil {
				field("signed in", fmt.Sprintf("%d accounts, %d failures", *n.Accounts, *n.Failures))
				field("shared", yes(*n.Shared))
			}
			if n.SharedLikely {
				field("shared", "likely: such networks put many customers behind one address; --logs shows it")
			}
			continue
		}
		field("client", k.Agent.Client)
		field("version", k.Agent.Version)
		field("os", k.Agent.OS)
		field("os version", k.Agent.OSVersion)
		field("sort", k.Agent.Sort)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
