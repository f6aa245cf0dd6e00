package msgp

import (
	"encoding/binary"
	"math"
	"slices"
)

// The longest encodings, bytes; of what has a length, without its content.
const (
	Int32Size  = 5
	Int64Size  = 9
	Uint8Size  = 2
	Uint32Size = 5
	Uint64Size = 9
	BoolSize   = 1

	ArrayHeaderSize  = 5
	MapHeaderSize    = 5
	BytesPrefixSize  = 5
	StringPrefixSize = 5
)

// Require returns b with room for n more bytes.
func Require(b []byte, n int) []byte {
	if b == nil {
		return make([]byte, 0, n)
	}
	return slices.Grow(b, n)
}

// appendLength appends the header of what is n long: within the first byte up
// to fixMax, else long, long+1 … with 1 (if narrow), 2 or 4 bytes.
func appendLength(b []byte, n, fix, fixMax, long int, narrow bool) []byte {
	if n <= fixMax {
		return append(b, byte(fix|n))
	}
	if narrow {
		if n <= math.MaxUint8 {
			return append(b, byte(long), byte(n))
		}
		long++
	}
	if n <= math.MaxUint16 {
		return binary.BigEndian.AppendUint16(append(b, byte(long)), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, byte(long+1)), uint32(n))
}

// AppendMapHeader begins a map of n pairs, n < 2^31.
func AppendMapHeader(b []byte, n uint32) []byte {
	return appendLength(b, int(n), 0x80, 15, 0xde, false)
}

// AppendArrayHeader begins an array of n elements, n < 2^31.
func AppendArrayHeader(b []byte, n uint32) []byte {
	return appendLength(b, int(n), 0x90, 15, 0xdc, false)
}

// AppendBytes appends bytes.
func AppendBytes(b, v []byte) []byte {
	return append(appendLength(b, len(v), 0, -1, 0xc4, true), v...)
}

// AppendString appends a text.
func AppendString(b []byte, s string) []byte {
	return append(appendLength(b, len(s), 0xa0, 31, 0xd9, true), s...)
}

// AppendBool appends a truth.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

// AppendInt64 appends a number in the shortest signed form.
func AppendInt64(b []byte, v int64) []byte {
	switch {
	case v >= -32 && v <= math.MaxInt8:
		return append(b, byte(v))
	case v >= math.MinInt8 && v < 0:
		return append(b, 0xd0, byte(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xd3), uint64(v))
}

// AppendUint64 appends a number in the shortest unsigned form.
func AppendUint64(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, 0xcc, byte(v))
	case v <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(v))
	case v <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), v)
}

// AppendInt32 is AppendInt64.
func AppendInt32(b []byte, v int32) []byte { return AppendInt64(b, int64(v)) }

// AppendUint8 is AppendUint64.
func AppendUint8(b []byte, v uint8) []byte { return AppendUint64(b, uint64(v)) }

// AppendUint32 is AppendUint64.
func AppendUint32(b []byte, v uint32) []byte { return AppendUint64(b, uint64(v)) }
