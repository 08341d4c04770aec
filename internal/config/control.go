package config

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Control is the control socket, over which the commands ask the watch.
type Control struct {
	// Socket is its path, "" for the default.
	Socket string
	// Roles gives users, and groups after "group:", by the role they have.
	Roles map[string][]string
}

// RoleNames are the roles that can be given, least first.
var RoleNames = []string{"viewer", "analyst", "responder", "administrator"}

// Metrics is where Prometheus and health checks ask.
type Metrics struct {
	// Listen is an address and port of this host alone, "" for nowhere.
	Listen string
}

// Log is what the watch writes of itself.
type Log struct {
	Level  slog.Level
	Format string // "text" or "json", "" for text
}

// logFormats and logLevels are what can be written.
var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

// maxSocket is how long the path of a socket may be on Linux, with the name that
// it has while it is made.
const maxSocket = 80

// userName is wider than what useradd takes, and holds no colon, blank or sign
// that means something else in a file.
var userName = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.@\\-]*\$?$`)

func (r *reader) control(n *yaml.Node) (c Control) {
	r.mapping(n, "control", []field{
		{"socket", func(n *yaml.Node) {
			path, ok := r.text(n, "control.socket")
			if !ok {
				return
			}
			switch path = r.path(path); {
			case strings.HasSuffix(path, string(filepath.Separator)) || filepath.Base(path) == string(filepath.Separator):
				r.fail(n, "control.socket must be a path to a file in a folder, as in /run/mailvigil/control.sock")
			case len(path) > maxSocket:
				r.fail(n, "control.socket is longer than %d bytes, which sockets cannot be; take a shorter path, as in /run/mailvigil/control.sock", maxSocket)
			default:
				c.Socket = path
			}
		}},
		{"roles", func(n *yaml.Node) {
			var fields []field
			for _, role := range RoleNames {
				fields = append(fields, field{role, func(n *yaml.Node) {
					for _, item := range r.list(n, "control.roles."+role) {
						if name, ok := r.holder(item); ok {
							if c.Roles == nil {
								c.Roles = map[string][]string{}
							}
							c.Roles[role] = append(c.Roles[role], name)
						}
					}
				}})
			}
			r.mapping(n, "control.roles", fields)
		}},
	})
	return c
}

// holder reads who has a role.
func (r *reader) holder(n *yaml.Node) (string, bool) {
	name, ok := r.text(n, "who has a role")
	if !ok {
		return "", false
	}
	bare, isGroup := strings.CutPrefix(name, "group:")
	if !isGroup {
		for _, mark := range []string{"@", "%", "+"} {
			if g, marked := strings.CutPrefix(name, mark); marked {
				r.fail(n, "%q is no user; for a group write group:%s", name, g)
				return "", false
			}
		}
	}
	if _, err := strconv.Atoi(bare); err == nil {
		r.fail(n, "%q is a number; write the name of the user, or group: and the name of the group", name)
		return "", false
	}
	if !userName.MatchString(bare) {
		r.fail(n, "%q is no user; write a name as in anna, or group:postmasters for all in a group", name)
		return "", false
	}
	return name, true
}

func (r *reader) metrics(n *yaml.Node) (m Metrics) {
	r.mapping(n, "metrics", []field{
		{"listen", func(n *yaml.Node) {
			text, ok := r.text(n, "metrics.listen")
			if !ok {
				return
			}
			host, port, err := net.SplitHostPort(text)
			number, perr := strconv.ParseUint(port, 10, 16)
			addr, aerr := netip.ParseAddr(host)
			switch {
			case err != nil || perr != nil || number == 0 || aerr != nil && host != "localhost":
				r.fail(n, "%q is no address with a port; write 127.0.0.1:9464 or \"[::1]:9464\"", text)
			case aerr == nil && !addr.IsLoopback():
				r.fail(n, "%s is not of this host alone, and the metrics ask nobody who they are; write 127.0.0.1:%d, and let a proxy that knows who may see them pass them on", text, number)
			default:
				m.Listen = text
			}
		}},
	})
	return m
}

func (r *reader) log(n *yaml.Node) (l Log) {
	r.mapping(n, "log", []field{
		{"level", func(n *yaml.Node) {
			if word, ok := r.word(n, "log.level", logLevels); ok {
				_ = l.Level.UnmarshalText([]byte(word)) // each of them is one
			}
		}},
		{"format", func(n *yaml.Node) { l.Format, _ = r.word(n, "log.format", logFormats) }},
	})
	return l
}

// word reads one of several words.
func (r *reader) word(n *yaml.Node, what string, of []string) (string, bool) {
	if s := r.described[n]; s != nil {
		s.Enum = of
	}
	text, ok := r.text(n, what)
	if !ok || slices.Contains(of, text) {
		return text, ok
	}
	if near := Closest(text, of); near != "" {
		r.fail(n, "%s cannot be %q; did you mean %q?", what, text, near)
	} else {
		r.fail(n, "%s cannot be %q; it is one of %s", what, text, strings.Join(of, ", "))
	}
	return "", false
}

// Socket finds the path of the control socket in a file that may be wrong
// elsewhere, "" where it states none: who asks how the watch does must not be
// kept from it by what the watch did not take.
func Socket(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	r := &reader{file: path, base: filepath.Dir(path)}
	cfg := &Config{Aliases: map[string]string{}}
	if doc := r.document(data); doc != nil {
		r.root(doc, cfg)
	}
	return cfg.Control.Socket
}
