package telemetry

import "github.com/aim-control/aimlock/firmware/msgp"

// measure returns the length of the first MessagePack value in b. It is what
// stands before the generated code: every length is compared with the bytes
// that are really there (in 64 bits) and nesting is bounded, so that no
// header makes anybody allocate or recurse beyond the message's own size.
func measure(b []byte) (int, error) {
	var open [maxDepth]uint64 // values still missing at each depth
	depth, at := 0, 0
	for {
		size, inner, ok := msgp.Head(b[at:])
		if !ok || size > uint64(len(b)-at) || inner > uint64(len(b)-at) {
			return 0, ErrShape
		}
		at += int(size)
		if inner > 0 {
			if depth == maxDepth {
				return 0, ErrShape
			}
			open[depth] = inner
			depth++
			continue
		}
		for depth > 0 {
			if open[depth-1]--; open[depth-1] > 0 {
				break
			}
			depth--
		}
		if depth == 0 {
			return at, nil
		}
	}
}
