package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
)

// Client asks a watch over its control socket.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient asks the watch at a socket. Nothing is opened before it is asked.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
		DisableKeepAlives:  true, // one question, one answer
	}}}
}

// SilentError says that no watch answers at a socket.
type SilentError struct {
	Socket string
	Cause  error
}

func (e *SilentError) Error() string {
	text := "watch does not answer at " + e.Socket
	switch {
	case errors.Is(e.Cause, fs.ErrPermission):
		return "you may not open " + e.Socket + ": become root, or have an administrator add you to the group of the socket (ls -l " + e.Socket + ") and to control.roles in the configuration"
	case errors.Is(e.Cause, fs.ErrNotExist), errors.Is(e.Cause, syscall.ECONNREFUSED):
		return text + ": start it with \"systemctl start mailvigil\", or \"mailvigil watch\"; if it runs with another configuration, name its control.socket with --socket"
	}
	return text + ": " + e.Cause.Error()
}

func (e *SilentError) Unwrap() error { return e.Cause }

// AnswerError is a request that the watch did not carry out.
type AnswerError struct{ Problem Problems }

func (e *AnswerError) Error() string {
	p := &e.Problem
	text := p.Detail
	for i, d := range p.Errors {
		if i == 0 {
			text += ": "
		} else {
			text += "; "
		}
		text += d.Message
		if d.Location != "" {
			text += " (" + d.Location + ")"
		}
	}
	return text
}

// largest is the longest answer that is taken.
const largest = 64 << 20

func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("ask the watch: %w", err)
		}
		body = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://watch"+Prefix+path, body)
	if err != nil {
		return fmt.Errorf("ask the watch: %w", err)
	}
	r.Header.Set("Accept", "application/json")
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return &SilentError{c.socket, err}
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, largest+1))
	switch {
	case err != nil:
		return &SilentError{c.socket, err}
	case len(data) > largest:
		return errors.New("the answer of the watch is longer than 64 MB; ask for less")
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch {
	case kind == "application/problem+json":
		e := &AnswerError{}
		if err := json.Unmarshal(data, &e.Problem); err == nil && e.Problem.Detail != "" {
			return e
		}
		fallthrough
	case resp.StatusCode != http.StatusOK, kind != "application/json":
		return fmt.Errorf("what answers at %s is no watch, or one of another version (it said %s); see which program has the socket", c.socket, resp.Status)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the watch at %s answered what this program does not understand (%w); use the program of the same version", c.socket, err)
	}
	return nil
}

func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	out := new(T)
	if err := c.do(ctx, http.MethodGet, path, nil, out); err != nil {
		return nil, err
	}
	return out, nil
}

func post[T any](ctx context.Context, c *Client, path string, in any) (*T, error) {
	out := new(T)
	if err := c.do(ctx, http.MethodPost, path, in, out); err != nil {
		return nil, err
	}
	return out, nil
}

func of(number int64) string { return "/incidents/" + strconv.FormatInt(number, 10) }

// Status asks how the service and the watch do.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return get[Status](ctx, c, "/status")
}

// Incidents asks for one page of incidents.
func (c *Client) Incidents(ctx context.Context, q Query) (*Page, error) {
	v := url.Values{}
	if len(q.Status) > 0 {
		words := make([]string, len(q.Status))
		for i, s := range q.Status {
			words[i] = string(s)
		}
		v.Set("status", strings.Join(words, ","))
	}
	if q.Before > 0 {
		v.Set("before", strconv.FormatInt(q.Before, 10))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[Page](ctx, c, "/incidents?"+v.Encode())
}

// Incident asks for all that is known of one.
func (c *Client) Incident(ctx context.Context, number int64) (*Incident, error) {
	return get[Incident](ctx, c, of(number))
}

// Note writes a note.
func (c *Client) Note(ctx context.Context, number int64, text string) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/notes", map[string]string{"text": text})
}

// Assign makes somebody responsible, nobody where owner is "".
func (c *Client) Assign(ctx context.Context, number int64, owner string) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/owner", map[string]string{"owner": owner})
}

// Close closes an incident.
func (c *Client) Close(ctx context.Context, number int64, in Closing) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/closing", in)
}

// Plan sets what an incident waits for.
func (c *Client) Plan(ctx context.Context, number int64, in Planning) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/followups", in)
}

// Done says that a followup was done, or came.
func (c *Client) Done(ctx context.Context, number int64, followup int) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/followups/"+strconv.Itoa(followup)+"/done", nil)
}

// Reopen takes a closing back.
func (c *Client) Reopen(ctx context.Context, number int64, why string) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/reopening", map[string]string{"why": why})
}

// Merge makes one of two incidents, and returns the one that stays.
func (c *Client) Merge(ctx context.Context, number int64, in Merging) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/merging", in)
}

// SetSeverity says how bad it is; auto leaves it to the watch.
func (c *Client) SetSeverity(ctx context.Context, number int64, severity string) (*Incident, error) {
	return post[Incident](ctx, c, of(number)+"/severity", map[string]string{"severity": severity})
}

// Expect announces a change.
func (c *Client) Expect(ctx context.Context, e Expect) (*Expect, error) {
	return post[Expect](ctx, c, "/expected", e)
}

// Raise asks to look harder.
func (c *Client) Raise(ctx context.Context, r Raise) (*Vigilance, error) {
	return post[Vigilance](ctx, c, "/vigilance/raise", r)
}

// Lower asks to look as usual.
func (c *Client) Lower(ctx context.Context, reason string) (*Vigilance, error) {
	return post[Vigilance](ctx, c, "/vigilance/lower", map[string]string{"reason": reason})
}

// Reload asks to read the configuration anew.
func (c *Client) Reload(ctx context.Context) (*Reloaded, error) {
	return post[Reloaded](ctx, c, "/reload", nil)
}

// Backup asks for a copy of the state.
func (c *Client) Backup(ctx context.Context, path string) (*Backup, error) {
	return post[Backup](ctx, c, "/backup", map[string]string{"path": path})
}
