//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
)

// archive is an initramfs in the kernel's "newc" format
// (Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	b    bytes.Buffer
	ino  int
	dirs []string
}

const (
	modeDir    = 0o40755
	modeFile   = 0o100644
	modeSecret = 0o100600
	modeExec   = 0o100755
	modeChar   = 0o20600
)

// file adds a file and the folders above it.
func (a *archive) file(name string, mode int, data []byte) {
	a.folder(path.Dir(name))
	a.entry(name, mode, data, 0, 0)
}

func (a *archive) folder(name string) {
	if name == "." || slices.Contains(a.dirs, name) {
		return
	}
	a.folder(path.Dir(name))
	a.dirs = append(a.dirs, name)
	a.entry(name, modeDir, nil, 0, 0)
}

func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.ino++
	a.b.WriteString("070701")
	for _, v := range []int{a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0} {
		fmt.Fprintf(&a.b, "%08X", v)
	}
	a.b.WriteString(name + "\x00")
	a.pad()
	a.b.Write(data)
	a.pad()
}

func (a *archive) pad() { a.b.WriteString(strings.Repeat("\x00", -a.b.Len()&3)) }

// bytes ends the archive. The console must be in it: /init has it as its
// standard input and output before anything is mounted.
func (a *archive) bytes() []byte {
	a.folder("dev")
	a.entry("dev/console", modeChar, nil, 5, 1)
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	return a.b.Bytes()
}
