package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mailvigil/internal/message"
	"mailvigil/internal/secret"
)

// Webhook posts JSON, signed as Standard Webhooks are: the header
// webhook-signature is "v1," and the base64 of the HMAC-SHA256, under the key
// that both know, of id, timestamp and body joined by full stops. The id stays
// the same when a message is sent again.
type Webhook struct {
	URL string
	// SecretFile holds the key, as whsec_ and base64, which is how receivers
	// write it.
	SecretFile string
	Client     *http.Client // nil for one that follows no redirection
}

// Body is what is posted.
type Body struct {
	Type      string    `json:"type"` // incident.opened, …, incidents for several
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Subject string   `json:"subject"`
		Notices []Notice `json:"notices"`
	} `json:"data"`
}

// Send implements Sender.
func (w *Webhook) Send(ctx context.Context, m Message) error {
	text, err := secret.Read(w.SecretFile)
	if err != nil {
		return err
	}
	key, err := signingKey(text)
	if err != nil {
		return fmt.Errorf("%s %w", w.SecretFile, err)
	}
	body := Body{Type: "incidents", Timestamp: m.newest()}
	if len(m.incidents()) == 1 {
		body.Type = "incident." + string(m.Notices[len(m.Notices)-1].Change)
	}
	body.Data.Subject, body.Data.Notices = m.Subject(), m.Notices
	data, err := json.Marshal(body)
	if err != nil {
		return Permanent(fmt.Errorf("write a webhook: %w", err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(data))
	if err != nil {
		return Permanent(errors.New("the address of the webhook is none"))
	}
	now := time.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Mailvigil")
	req.Header.Set("webhook-id", m.Key)
	req.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("webhook-signature", Sign(key, m.Key, now, data))
	client := w.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
	}
	res, err := client.Do(req)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // the outer one repeats the address, with what may be a token in it
		}
		return fmt.Errorf("the webhook at %s was not reached: %s", req.URL.Host, message.Safe(err.Error()))
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, 64<<10)
	problem := fmt.Errorf("the webhook at %s answered with the status %d", req.URL.Host, res.StatusCode)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable:
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			return Later(problem, time.Duration(min(s, 3600))*time.Second)
		}
		return problem
	case code == http.StatusRequestTimeout || code == http.StatusTooEarly || code >= 500:
		return problem
	}
	return Permanent(problem)
}

// signingKey reads a key of 24 bytes or more, without which anybody could sign.
func signingKey(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		return nil, errors.New("holds no key of a webhook; it begins with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("holds no key of a webhook; after whsec_ stand 24 to 64 bytes in base64, as of: echo whsec_$(openssl rand -base64 32)")
	}
	return key, nil
}

// Sign makes the header webhook-signature.
func Sign(key []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%d.", id, at.Unix())
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
