package msgp

import "encoding/binary"

// Skip returns what follows the first value of b.
func Skip(b []byte) (rest []byte, err error) {
	for missing := uint64(1); missing > 0; missing-- {
		size, inner, ok := Head(b)
		if !ok || size > uint64(len(b)) {
			return nil, ErrShortBytes
		}
		b = b[size:]
		if missing += inner; missing-1 > uint64(len(b)) { // each takes a byte
			return nil, ErrShortBytes
		}
	}
	return b, nil
}

// Head reads one value's header: its size with the bytes it carries itself,
// and how many values follow inside it.
func Head(b []byte) (size, inner uint64, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	c := b[0]
	switch {
	case c <= 0x7f, c >= 0xe0: // fixint
		return 1, 0, true
	case c <= 0x8f: // fixmap
		return 1, 2 * uint64(c&0x0f), true
	case c <= 0x9f: // fixarray
		return 1, uint64(c & 0x0f), true
	case c <= 0xbf: // fixstr
		return 1 + uint64(c&0x1f), 0, true
	case c == 0xc1: // never used
		return 0, 0, false
	case c >= 0xd4 && c <= 0xd8: // fixext 1, 2, 4, 8, 16
		return 2 + 1<<(c-0xd4), 0, true
	}
	return headLong(c, b)
}

// long describes the headers 0xc0 to 0xdf that carry a length: its width, the
// bytes beyond it, and whether it counts bytes, values or pairs.
var long = [32]struct{ width, extra, inner uint8 }{
	0xc4 - 0xc0: {1, 0, 0}, 0xc5 - 0xc0: {2, 0, 0}, 0xc6 - 0xc0: {4, 0, 0}, // bin
	0xc7 - 0xc0: {1, 1, 0}, 0xc8 - 0xc0: {2, 1, 0}, 0xc9 - 0xc0: {4, 1, 0}, // ext
	0xca - 0xc0: {0, 4, 0}, 0xcb - 0xc0: {0, 8, 0}, // float
	0xcc - 0xc0: {0, 1, 0}, 0xcd - 0xc0: {0, 2, 0}, 0xce - 0xc0: {0, 4, 0}, 0xcf - 0xc0: {0, 8, 0}, // uint
	0xd0 - 0xc0: {0, 1, 0}, 0xd1 - 0xc0: {0, 2, 0}, 0xd2 - 0xc0: {0, 4, 0}, 0xd3 - 0xc0: {0, 8, 0}, // int
	0xd9 - 0xc0: {1, 0, 0}, 0xda - 0xc0: {2, 0, 0}, 0xdb - 0xc0: {4, 0, 0}, // str
	0xdc - 0xc0: {2, 0, 1}, 0xdd - 0xc0: {4, 0, 1}, // array
	0xde - 0xc0: {2, 0, 2}, 0xdf - 0xc0: {4, 0, 2}, // map
}

func headLong(c byte, b []byte) (size, inner uint64, ok bool) {
	d := long[c-0xc0]
	size = 1 + uint64(d.width) + uint64(d.extra)
	if uint64(len(b)) < 1+uint64(d.width) {
		return 0, 0, false
	}
	var n uint64
	switch d.width {
	case 1:
		n = uint64(b[1])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b[1:]))
	case 4:
		n = uint64(binary.BigEndian.Uint32(b[1:]))
	}
	if d.inner > 0 {
		return size, n * uint64(d.inner), true
	}
	return size + n, 0, true
}
