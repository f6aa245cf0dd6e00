package msgp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	theirs "github.com/tinylib/msgp/msgp"
)

// FuzzRead holds every reader and Skip against the library's: the same value
// and rest, or an error of both.
func FuzzRead(f *testing.F) {
	for _, b := range encodings() {
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	for c := range 256 {
		f.Add([]byte{byte(c)})
		f.Add(append([]byte{byte(c)}, bytes.Repeat([]byte{0x80}, 8)...))
		f.Add(append([]byte{byte(c)}, 0, 0, 0, 1, 'x', 'y', 'z', 0, 9))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []struct {
			name       string
			mine, them any
		}{
			{"map", got3(ReadMapHeaderBytes(b)), got3(theirs.ReadMapHeaderBytes(b))},
			{"array", got3(ReadArrayHeaderBytes(b)), got3(theirs.ReadArrayHeaderBytes(b))},
			{"bytes header", got3(ReadBytesHeader(b)), got3(theirs.ReadBytesHeader(b))},
			{"key", got3(ReadMapKeyZC(b)), got3(theirs.ReadMapKeyZC(b))},
			{"string", got3(ReadStringBytes(b)), got3(theirs.ReadStringBytes(b))},
			{"bytes", got3(ReadBytesBytes(b, nil)), got3(theirs.ReadBytesBytes(b, nil))},
			{"bool", got3(ReadBoolBytes(b)), got3(theirs.ReadBoolBytes(b))},
			{"int64", got3(ReadInt64Bytes(b)), got3(theirs.ReadInt64Bytes(b))},
			{"int32", got3(ReadInt32Bytes(b)), got3(theirs.ReadInt32Bytes(b))},
			{"uint64", got3(ReadUint64Bytes(b)), got3(theirs.ReadUint64Bytes(b))},
			{"uint32", got3(ReadUint32Bytes(b)), got3(theirs.ReadUint32Bytes(b))},
			{"uint8", got3(ReadUint8Bytes(b)), got3(theirs.ReadUint8Bytes(b))},
		} {
			if !reflect.DeepEqual(c.mine, c.them) {
				t.Errorf("%s of %x: %+v, theirs %+v", c.name, b, c.mine, c.them)
			}
		}
		rest, err := Skip(b)
		their, theirErr := theirs.Skip(b)
		if (err == nil) != (theirErr == nil) || err == nil && !bytes.Equal(rest, their) {
			t.Errorf("skip %x: %x %v, theirs %x %v", b, rest, err, their, theirErr)
		}
	})
}

// outcome is what a reader gives, without the wording of its error.
type outcome struct {
	value any
	rest  string
	short bool
	ok    bool
}

func got3[T any](v T, rest []byte, err error) outcome {
	o := outcome{ok: err == nil, short: errors.Is(err, ErrShortBytes) || errors.Is(err, theirs.ErrShortBytes)}
	if err == nil {
		o.value, o.rest = v, string(rest)
	}
	return o
}

func numbers() []int64 {
	all := []int64{0, math.MinInt64, math.MaxInt64}
	for bit := range 63 {
		for off := int64(-1); off <= 1; off++ {
			all = append(all, 1<<bit+off, -(1<<bit + off))
		}
	}
	return append(all, -32, -33)
}

func lengths() []int { return []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} }

// encodings are all values at their bounds.
func encodings() (all [][]byte) {
	for _, n := range numbers() {
		all = append(all, AppendInt64(nil, n), AppendUint64(nil, uint64(n)))
	}
	for _, n := range lengths() {
		s := strings.Repeat("s", n)
		all = append(all, AppendString(nil, s), AppendBytes(nil, []byte(s)), AppendMapHeader(nil, uint32(n)), AppendArrayHeader(nil, uint32(n)))
	}
	return append(all, AppendBool(nil, true), AppendBool(nil, false))
}

// TestAppend holds every writer against the library's, byte for byte.
func TestAppend(t *testing.T) {
	t.Parallel()
	same := func(what string, n any, mine, their []byte) {
		if !bytes.Equal(mine, their) {
			t.Errorf("%s %v: %.20x, theirs %.20x", what, n, mine, their)
		}
	}
	b := []byte("b")
	for _, n := range numbers() {
		same("int64", n, AppendInt64(b, n), theirs.AppendInt64(b, n))
		same("int32", n, AppendInt32(b, int32(n)), theirs.AppendInt32(b, int32(n)))
		same("uint64", n, AppendUint64(b, uint64(n)), theirs.AppendUint64(b, uint64(n)))
		same("uint32", n, AppendUint32(b, uint32(n)), theirs.AppendUint32(b, uint32(n)))
		same("uint8", n, AppendUint8(b, uint8(n)), theirs.AppendUint8(b, uint8(n)))
	}
	for _, n := range lengths() {
		s := strings.Repeat("s", n)
		same("string", n, AppendString(b, s), theirs.AppendString(b, s))
		same("bytes", n, AppendBytes(b, []byte(s)), theirs.AppendBytes(b, []byte(s)))
		same("map", n, AppendMapHeader(b, uint32(n)), theirs.AppendMapHeader(b, uint32(n)))
		same("array", n, AppendArrayHeader(b, uint32(n)), theirs.AppendArrayHeader(b, uint32(n)))
	}
	same("bool", true, AppendBool(b, true), theirs.AppendBool(b, true))
	same("bool", false, AppendBool(b, false), theirs.AppendBool(b, false))
	if got := Require(b, 100); cap(got)-len(got) < 100 || !bytes.Equal(got, b) {
		t.Errorf("room for %d after %q", cap(got)-len(got), got)
	}
}

// TestBounds: what has more content than its largest encoding says, or less
// than a header promises, is refused before anything is made for it.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, lead := range []byte{0xc6, 0xdb, 0xdd, 0xdf} {
		b := append(binary.BigEndian.AppendUint32([]byte{lead}, math.MaxUint32), 1, 2, 3)
		for _, err := range []error{last(Skip(b)), last3(ReadStringBytes(b)), last3(ReadBytesBytes(b, nil)), last3(ReadMapKeyZC(b))} {
			if err == nil {
				t.Errorf("%x was taken", b)
			}
		}
	}
	for _, s := range [][2]int{{Int64Size, len(AppendInt64(nil, math.MinInt64))}, {Int32Size, len(AppendInt32(nil, math.MinInt32))},
		{Uint64Size, len(AppendUint64(nil, math.MaxUint64))}, {Uint32Size, len(AppendUint32(nil, math.MaxUint32))}, {Uint8Size, len(AppendUint8(nil, 255))},
		{StringPrefixSize, len(AppendString(nil, strings.Repeat("s", 65536))) - 65536}, {BytesPrefixSize, len(AppendBytes(nil, make([]byte, 65536))) - 65536},
		{ArrayHeaderSize, len(AppendArrayHeader(nil, 65536))}, {MapHeaderSize, len(AppendMapHeader(nil, 65536))}, {BoolSize, len(AppendBool(nil, true))}} {
		if s[0] != s[1] {
			t.Errorf("sizes %v", s)
		}
	}
}

func last[T any](_ T, err error) error          { return err }
func last3[T, U any](_ T, _ U, err error) error { return err }

// TestWrapError tells the place from the outside in, and keeps the cause.
func TestWrapError(t *testing.T) {
	t.Parallel()
	err := WrapError(WrapError(ErrOverflow, "MilliC"), "Motors", 3)
	if !errors.Is(err, ErrOverflow) || err.Error() != ErrOverflow.Error()+" at Motors/3/MilliC" {
		t.Error(err)
	}
	if WrapError(ErrShortBytes) != ErrShortBytes {
		t.Error("an error without a place was changed")
	}
	if err := last3(ReadStringBytes([]byte{0xc0})); err.Error() != "msgp: want a text, found a value that begins with 0xc0" {
		t.Error(err)
	}
}
