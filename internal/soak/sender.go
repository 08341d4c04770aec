package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"
)

// sender sends lines over HTTP, and the same again until they are acknowledged.
type sender struct {
	address      string
	mark         string
	next         int
	acknowledged []string
}

// newSender finds an address that is free.
func newSender() (*sender, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a port: %w", err)
	}
	defer l.Close()
	return &sender{address: l.Addr().String(), mark: "qx"}, nil
}

// sendLines is how many lines a request has.
const sendLines = 25

// run sends until the context ends.
func (s *sender) run(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	client := &http.Client{Timeout: 5 * time.Second}
	var numbers []string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if numbers == nil {
			for range sendLines {
				numbers = append(numbers, fmt.Sprintf("%s%08dz", s.mark, s.next))
				s.next++
			}
		}
		var b strings.Builder
		for _, n := range numbers {
			fmt.Fprintf(&b, "%s mx dovecot: imap-login: Login: user=<bea>, method=PLAIN, rip=192.0.2.8, lip=198.51.100.5, mpid=4711, TLS, session=<%s>\n",
				time.Now().UTC().Format(time.RFC3339Nano), n)
		}
		// A request is not cut off by the end, or its answer would not be known.
		req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, "http://"+s.address+"/v1/lines", strings.NewReader(b.String()))
		if err != nil {
			return
		}
		answer, err := client.Do(req)
		if err != nil {
			continue // it is down: the same again
		}
		_ = answer.Body.Close()
		if answer.StatusCode/100 == 2 {
			s.acknowledged = append(s.acknowledged, numbers...)
			numbers = nil
		}
	}
}
