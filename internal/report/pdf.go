package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// browsers are programs that print a page as PDF without a screen, all of them
// Chromium by another name.
var browsers = []string{
	"chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "microsoft-edge-stable", "microsoft-edge", "brave-browser",
}

// ErrNoBrowser means that nothing is installed that could make a PDF.
var ErrNoBrowser = errors.New("a PDF is made by a browser, and there is none here: install Chromium (Debian: apt install chromium), or write the report with --html and print it to PDF where there is a browser")

// Browser finds a browser that makes PDFs.
func Browser() (string, error) {
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// printing bounds how long a browser may take over one report.
const printing = 2 * time.Minute

// PDF writes a page that HTML wrote as PDF on A4, by a browser without a screen.
// The page forbids scripts and hosts to itself (Content-Security-Policy), and the
// browser is given no host to talk to.
func PDF(ctx context.Context, w io.Writer, page []byte) (err error) {
	browser, err := Browser()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mailvigil-pdf-")
	if err != nil {
		return fmt.Errorf("make a folder for the PDF: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	in, out := filepath.Join(dir, "report.html"), filepath.Join(dir, "report.pdf")
	if err := os.WriteFile(in, page, 0o600); err != nil {
		return fmt.Errorf("write the page for the PDF: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, printing)
	defer cancel()
	args := Headless(filepath.Join(dir, "profile"))
	args = append(args, "--no-pdf-header-footer", "--print-to-pdf="+out, "file://"+in)
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, browser, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir) // it writes there whatever its profile
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make a PDF with %s: %w%s; write the report with --html and print it where there is another browser", browser, err, lastLine(said.String()))
	}
	pdf, err := os.ReadFile(out)
	if err != nil {
		return fmt.Errorf("%s wrote no PDF%s; write the report with --html and print it where there is another browser", browser, lastLine(said.String()))
	}
	if _, err := w.Write(pdf); err != nil {
		return fmt.Errorf("write the PDF: %w", err)
	}
	return nil
}

// Headless are the arguments with which a browser runs without a screen, with a
// new profile, and with no host it could reach.
func Headless(profile string) []string {
	args := []string{
		"--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir=" + profile,
	}
	if os.Geteuid() == 0 {
		// Chromium has no sandbox for root; the page allows no script.
		args = append(args, "--no-sandbox")
	}
	return args
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if last := clip(lines[len(lines)-1], 200); last != "" {
		return " (" + last + ")"
	}
	return ""
}
