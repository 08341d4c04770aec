// Command netdata builds networks.db, the file that internal/enrich looks
// addresses up in, from the npm packages in a node_modules folder. make calls
// it; nothing of it is part of the product.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"mailvigil/internal/enrich"
)

func main() {
	out := flag.String("o", "bin/networks.db", "write the network data to `file`")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: netdata [-o file] node_modules")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := build(*out, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "netdata:", err)
		os.Exit(1)
	}
}

// build writes the file beside its name first: whoever reads it meanwhile
// sees the old one whole.
func build(out, modules string) error {
	var b bytes.Buffer
	if err := enrich.BuildNetworks(&b, os.DirFS(modules)); err != nil {
		return fmt.Errorf("%w (npm ci fetches the data)", err)
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	tmp := out + ".new"
	if err := os.WriteFile(tmp, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, out)
}
