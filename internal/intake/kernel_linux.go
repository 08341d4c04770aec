package intake

import "syscall"

// kernelViews are file systems that show what the kernel knows, by the magic
// number of linux/magic.h. Their files state no size, some never end, and some
// are emptied by reading.
var kernelViews = map[int64]string{
	0x9fa0:     "proc",
	0x62656572: "sysfs",
	0x64626720: "debugfs",
	0x74726163: "tracefs",
	0x73636673: "securityfs",
	0x27e0eb:   "cgroup",
	0x63677270: "cgroup2",
	0xcafe4a11: "bpf",
}

// kernelView is the name of the kernel's file system that path lies on; ""
// where it lies on another.
func kernelView(path string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return ""
	}
	return kernelViews[int64(st.Type)] //nolint:unconvert // its width differs between systems
}
