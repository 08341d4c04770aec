package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A NATS server of its own, as a cluster would be: the same lines, through the
// same client.
func TestServerOfItsOwn(t *testing.T) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server did not start")
	}
	q := open(t, Options{URL: s.ClientURL()})
	put(t, q, lines("a", "1", "2"))
	first, numbers := take(t, q, 2, false)
	_ = q.Close()
	q = open(t, Options{URL: s.ClientURL()})
	again, sameNumbers := take(t, q, 2, true)
	if strings.Join(first, ",") != "a 1,a 2" || strings.Join(again, ",") != "a 1,a 2" || numbers[1] != sameNumbers[1] {
		t.Errorf("got %q %d, then %q %d", first, numbers, again, sameNumbers)
	}
}
