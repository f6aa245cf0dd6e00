package msgp

import (
	"math"
	"unsafe"
)

// kind is a type with a length: within the first byte's mask, or behind the
// bytes from long on, which is narrow bytes wide, the next ones twice that.
type kind struct {
	name         string
	fix, mask    byte // mask 0: none
	long, narrow byte
}

var (
	text  = kind{"a text", 0xa0, 0x1f, 0xd9, 1}
	bin   = kind{"bytes", 0, 0, 0xc4, 1}
	array = kind{"an array", 0x90, 0x0f, 0xdc, 2}
	pairs = kind{"a map", 0x80, 0x0f, 0xde, 2}
)

// length reads a header, and returns what follows.
func (k *kind) length(b []byte) (n uint32, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, ErrShortBytes
	}
	c := b[0]
	if k.mask != 0 && c&^k.mask == k.fix {
		return uint32(c & k.mask), b[1:], nil
	}
	if c < k.long || c > k.long+2 || k.narrow<<(c-k.long) > 4 {
		return 0, nil, &TypeError{k.name, c}
	}
	v, rest, ok := bigEndian(b[1:], int(k.narrow)<<(c-k.long))
	if !ok {
		return 0, nil, ErrShortBytes
	}
	return uint32(v), rest, nil
}

// content reads a header and what it is the length of.
func (k *kind) content(b []byte) (v, rest []byte, err error) {
	n, b, err := k.length(b)
	if err != nil {
		return nil, nil, err
	}
	if uint64(n) > uint64(len(b)) {
		return nil, nil, ErrShortBytes
	}
	return b[:n], b[n:], nil
}

// bigEndian reads a number of width bytes.
func bigEndian(b []byte, width int) (v uint64, rest []byte, ok bool) {
	if len(b) < width {
		return 0, nil, false
	}
	for _, c := range b[:width] {
		v = v<<8 | uint64(c)
	}
	return v, b[width:], true
}

// ReadMapHeaderBytes reads how many pairs follow.
func ReadMapHeaderBytes(b []byte) (n uint32, rest []byte, err error) { return pairs.length(b) }

// ReadArrayHeaderBytes reads how many elements follow.
func ReadArrayHeaderBytes(b []byte) (n uint32, rest []byte, err error) { return array.length(b) }

// ReadBytesHeader reads how many bytes follow.
func ReadBytesHeader(b []byte) (n uint32, rest []byte, err error) { return bin.length(b) }

// ReadMapKeyZC reads a key, text or bytes; it is part of b.
func ReadMapKeyZC(b []byte) (key, rest []byte, err error) {
	if len(b) > 0 && b[0] >= bin.long && b[0] <= bin.long+2 {
		return bin.content(b)
	}
	return text.content(b)
}

// ReadStringBytes reads a text.
func ReadStringBytes(b []byte) (s string, rest []byte, err error) {
	v, rest, err := text.content(b)
	return string(v), rest, err
}

// ReadBytesBytes reads bytes, into scratch if they fit.
func ReadBytesBytes(b, scratch []byte) (v, rest []byte, err error) {
	part, rest, err := bin.content(b)
	if err != nil {
		return nil, nil, err
	}
	if len(part) > cap(scratch) {
		scratch = make([]byte, len(part))
	}
	return scratch[:copy(scratch[:len(part)], part)], rest, nil
}

// ReadBoolBytes reads a truth.
func ReadBoolBytes(b []byte) (v bool, rest []byte, err error) {
	switch {
	case len(b) == 0:
		return false, nil, ErrShortBytes
	case b[0] != 0xc2 && b[0] != 0xc3:
		return false, nil, &TypeError{"true or false", b[0]}
	}
	return b[0] == 0xc3, b[1:], nil
}

// number reads a whole number of any form; below: it is negative, in two's
// complement.
func number(b []byte) (v uint64, below bool, rest []byte, err error) {
	if len(b) == 0 {
		return 0, false, nil, ErrShortBytes
	}
	c := b[0]
	if c <= 0x7f || c >= 0xe0 {
		return uint64(int8(c)), c >= 0xe0, b[1:], nil
	}
	if c < 0xcc || c > 0xd3 {
		return 0, false, nil, &TypeError{"a whole number", c}
	}
	width := 1 << (c & 3)
	v, rest, ok := bigEndian(b[1:], width)
	if !ok {
		return 0, false, nil, ErrShortBytes
	}
	if c >= 0xd0 {
		unused := 64 - 8*width
		v = uint64(int64(v<<unused) >> unused)
		below = int64(v) < 0
	}
	return v, below, rest, nil
}

// signed reads a number within min … max.
func signed(b []byte, least, most int64) (int64, []byte, error) {
	v, below, rest, err := number(b)
	if err != nil {
		return 0, nil, err
	}
	if !below && v > math.MaxInt64 || int64(v) < least || int64(v) > most {
		return 0, nil, ErrOverflow
	}
	return int64(v), rest, nil
}

// unsigned reads a number within 0 … most.
func unsigned(b []byte, most uint64) (uint64, []byte, error) {
	v, below, rest, err := number(b)
	if err != nil {
		return 0, nil, err
	}
	if below || v > most {
		return 0, nil, ErrOverflow
	}
	return v, rest, nil
}

// ReadInt64Bytes reads a number.
func ReadInt64Bytes(b []byte) (v int64, rest []byte, err error) {
	return signed(b, math.MinInt64, math.MaxInt64)
}

// ReadInt32Bytes reads a number.
func ReadInt32Bytes(b []byte) (v int32, rest []byte, err error) {
	n, rest, err := signed(b, math.MinInt32, math.MaxInt32)
	return int32(n), rest, err
}

// ReadUint64Bytes reads a number.
func ReadUint64Bytes(b []byte) (v uint64, rest []byte, err error) { return unsigned(b, math.MaxUint64) }

// ReadUint32Bytes reads a number.
func ReadUint32Bytes(b []byte) (v uint32, rest []byte, err error) {
	n, rest, err := unsigned(b, math.MaxUint32)
	return uint32(n), rest, err
}

// ReadUint8Bytes reads a number.
func ReadUint8Bytes(b []byte) (v uint8, rest []byte, err error) {
	n, rest, err := unsigned(b, math.MaxUint8)
	return uint8(n), rest, err
}

// UnsafeString is b as a string without a copy, for as long as b is unchanged.
func UnsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
