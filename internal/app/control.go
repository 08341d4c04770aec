package app

import (
	"cmp"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/internal/api"
	"mailvigil/internal/config"
)

// SocketVariable names the control socket where no flag does.
const SocketVariable = "MAILVIGIL_SOCKET"

// control are the flags of the commands that ask the watch.
type control struct {
	socket, config, json string
}

func (c *control) register(cmd *cobra.Command, what string) {
	flags := cmd.Flags()
	flags.StringVar(&c.socket, "socket", "", "control `SOCKET` of the watch (default: $"+SocketVariable+", else control.socket of the configuration, else "+api.DefaultSocket+")")
	flags.StringVar(&c.config, "config", "", "configuration `FILE` of the watch (default: mailvigil.yaml here, else /etc/mailvigil/mailvigil.yaml, where there is one)")
	jsonFlag(cmd, &c.json, what)
}

// client finds the socket. A configuration that is wrong elsewhere is no
// obstacle: the watch may run with what it was before.
func (c *control) client() *api.Client {
	path := cmp.Or(c.socket, os.Getenv(SocketVariable))
	if path == "" {
		file := c.config
		if file == "" {
			file, _ = config.Find() // one that is not to be trusted is none
		}
		if file != "" {
			path = config.Socket(file)
		}
	}
	return api.NewClient(cmp.Or(path, api.DefaultSocket))
}

// told writes the answer as JSON where that is asked for, and reports whether
// that was all.
func (a *app) told(c *control, answer any) (bool, error) {
	if c.json == "" {
		return false, nil
	}
	err := a.writeJSON(c.json, answer)
	return err != nil || c.json == "-", err
}

// incidentNumber reads 12 or #12.
func incidentNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil || n < 1 {
		return 0, usagef("%q is no number of an incident; \"mailvigil incidents\" lists them", text)
	}
	return n, nil
}

// self is who works at this terminal: who became root is still who that was.
func self() (string, error) {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name, nil
	}
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("find out who you are: %w; say it, as in: mailvigil incident assign 12 anna", err)
	}
	return u.Username, nil
}
