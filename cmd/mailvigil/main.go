// Command mailvigil keeps watch over an organisation's mail service. It is
// nothing but signals and the exit code: internal/app is the program.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"mailvigil/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(app.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now))
}
