//go:build !linux

package intake

// kernelView is for Linux.
func kernelView(string) string { return "" }
