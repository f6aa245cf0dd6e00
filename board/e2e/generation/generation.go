// Package generation makes the contents that a power-loss test writes, each of
// which says itself which one it is, so that every other byte is seen.
package generation

import (
	"bytes"
	"fmt"
)

// Content is that of a version from 1 on: 100 bytes to 9 kB, larger and smaller
// than its neighbours, so that it takes more or fewer sectors than they do.
func Content(version int64) []byte {
	b := fmt.Appendf(nil, "version = %d\n", version)
	for size := 100 + int(version*3571%9000); len(b) < size; {
		b = fmt.Appendf(b, "# generation %d, byte %d\n", version, len(b))
	}
	return b
}

// Version is which one this is; false: none, not byte for byte.
func Version(content []byte) (version int64, ok bool) {
	if _, err := fmt.Sscanf(string(content), "version = %d\n", &version); err != nil || version < 1 {
		return 0, false
	}
	return version, bytes.Equal(content, Content(version))
}
