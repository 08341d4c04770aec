package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/nicholas-fedor/shoutrrr"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"mailvigil/internal/message"
	"mailvigil/internal/secret"
)

// Chat sends plain text to a chat or push service: Slack, Teams, Mattermost,
// Matrix, Telegram, ntfy and what else shoutrrr knows.
type Chat struct {
	// URLFile holds the service's address as shoutrrr writes it, which has the
	// token in it.
	URLFile string
}

// notChats are services of the library that are none, or have a sender of ours.
var notChats = []string{"smtp", "logger", "generic", "ifttt"}

// chatLimit is what the strictest of the services shows of a message.
const chatLimit = 1500

// Send implements Sender. No service of the library knows our key, so a message
// that was sent right before a crash comes twice.
func (c *Chat) Send(ctx context.Context, m Message) error {
	address, err := secret.Read(c.URLFile)
	if err != nil {
		return err
	}
	scheme, _, ok := strings.Cut(address, "://")
	if !ok || slices.Contains(notChats, strings.SplitN(scheme, "+", 2)[0]) {
		return Permanent(fmt.Errorf("%s holds no address of a chat service; write it as in ntfy://ntfy.sh/topic", c.URLFile))
	}
	sender, err := shoutrrr.CreateSender(address)
	if err != nil {
		return Permanent(fmt.Errorf("%s holds no address of a chat service: %s", c.URLFile, hide(err, address)))
	}
	text := chatText(&m)
	params := types.Params{}
	// The library takes no context; what it waits for ends by its own time-out.
	done := make(chan []error, 1)
	go func() {
		defer func() {
			if broken := recover(); broken != nil {
				done <- []error{fmt.Errorf("the library broke: %v", broken)}
			}
		}()
		done <- sender.Send(text, &params)
	}()
	select {
	case <-ctx.Done():
		return fmt.Errorf("the chat service (%s) did not answer in time", scheme)
	case errs := <-done:
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("the chat service (%s) did not take the message: %s", scheme, hide(err, address))
		}
	}
	return nil
}

// hide takes out of an error all that stands in an address with a token.
func hide(err error, address string) string {
	text := strings.ReplaceAll(err.Error(), address, "…")
	var parts []string
	if u, err := url.Parse(address); err == nil {
		parts = append(parts, strings.FieldsFunc(u.Path+"/"+u.RawQuery, func(r rune) bool { return strings.ContainsRune("/=&?,:@", r) })...)
		parts = append(parts, u.Opaque, u.User.Username())
		if p, ok := u.User.Password(); ok {
			parts = append(parts, p)
		}
		for _, values := range u.Query() {
			parts = append(parts, values...)
		}
		// Some services keep their token where a host stands.
		parts = append(parts, u.Host, u.Hostname())
	} else {
		parts = strings.FieldsFunc(address, func(r rune) bool { return strings.ContainsRune("/=&?,:@", r) })
	}
	slices.SortFunc(parts, func(a, b string) int { return len(b) - len(a) })
	for _, p := range parts {
		if len(p) >= 4 {
			text = strings.ReplaceAll(text, p, "…")
			text = strings.ReplaceAll(text, url.QueryEscape(p), "…")
		}
	}
	return shorten(message.Safe(text), 300)
}

// chatText is the message as text in which nothing calls people or makes links,
// whatever marks the service knows.
func chatText(m *Message) string {
	var b strings.Builder
	b.WriteString(m.Subject() + "\n")
	for _, s := range m.sections() {
		if len(m.incidents()) > 1 {
			fmt.Fprintf(&b, "\n%s: %s\n", s.Head, s.Sentence)
			continue
		}
		b.WriteString("\n" + s.Sentence + "\n")
		for i, w := range s.What {
			fmt.Fprintf(&b, "%d. %s\n", i+1, w)
		}
		for _, d := range s.Details {
			fmt.Fprintf(&b, "- %s\n", d)
		}
		if s.Alt != "" {
			fmt.Fprintf(&b, "The plot: %s\n", s.Alt)
		}
	}
	text := shorten(mention.ReplaceAllString(tame.Replace(b.String()), "$1(at)"), chatLimit)
	for _, s := range m.sections() {
		if s.Link != "" {
			text += "\n" + s.Link
		}
	}
	return text
}

// mention is an @ that calls somebody, and none within an address.
var mention = regexp.MustCompile(`(^|[^\pL\pN._-])@`)

// tame takes the force out of what chats read as a link or a mark.
var tame = strings.NewReplacer("<", "‹", ">", "›", "`", "'", "](", "] (", "*", "∗", "~", "∼", "|", "¦")
