package durable

import (
	"bytes"
	"testing"
)

// A slot that decodes is exactly one that encodeSlot writes.
func FuzzSlot(f *testing.F) {
	f.Add(encodeSlot(make([]byte, 64), 1, []byte("seven")), byte(1))
	f.Add(encodeSlot(make([]byte, 64), 2, nil), byte(0))
	f.Add(encodeSlot(make([]byte, 64), 2, []byte("in the wrong slot")), byte(1))
	f.Add(make([]byte, slotHeader), byte(0))
	f.Fuzz(func(t *testing.T, b []byte, i byte) {
		data, seq, state := decodeSlot(b, int(i%2))
		if state != slotValid {
			if data != nil || seq != 0 && state == slotEmpty {
				t.Fatalf("state %d with %d bytes, seq %d", state, len(data), seq)
			}
			return
		}
		again := encodeSlot(make([]byte, slotHeader+len(data)), seq, data)
		if seq == 0 || seq%2 != uint64(i%2) || !bytes.HasPrefix(b, again) {
			t.Fatalf("seq %d, %d bytes: not what encodeSlot writes", seq, len(data))
		}
	})
}

// What decodes of a segment is exactly what appendRecord writes, in order.
func FuzzSegment(f *testing.F) {
	seg := appendRecord([]byte(segmentMagic), record{n: 5, settled: 2, lost: 1, data: []byte("five")})
	seg = appendRecord(seg, record{n: 5, settled: 5, lost: 1})
	seg = appendRecord(seg, record{n: 6, settled: 5, lost: 1, data: []byte("six")})
	f.Add(seg, uint64(5))
	f.Add(seg[:len(seg)-1], uint64(5))
	f.Add(seg, uint64(4))
	f.Add(append(bytes.Clone(seg), make([]byte, 100)...), uint64(5))
	f.Add([]byte(segmentMagic), uint64(1))
	for _, n := range []uint64{3, 5} { // out of order; a number used twice
		f.Add(appendRecord(appendRecord([]byte(segmentMagic), record{n: 5, data: []byte("five")}), record{n: n, data: []byte("x")}), uint64(5))
	}
	f.Fuzz(func(t *testing.T, b []byte, first uint64) {
		again := []byte(segmentMagic)
		prev := uint64(0)
		good := decodeSegment(b, first, func(r record) {
			if prev == 0 && r.n != first || (len(r.data) == 0) != (r.n == prev) || r.n < prev {
				t.Fatalf("entry %d after %d", r.n, prev)
			}
			prev = r.n
			again = appendRecord(again, r)
		})
		if good < 0 || good > int64(len(b)) || good > 0 && !bytes.Equal(b[:good], again) {
			t.Fatalf("%d good bytes are not what appendRecord writes", good)
		}
	})
}

// Every single flipped bit is noticed.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	slot := encodeSlot(make([]byte, 64), 3, []byte("value"))
	seg := appendRecord([]byte(segmentMagic), record{n: 5, settled: 2, lost: 1, data: []byte("five")})
	for bit := range len(slot) * 8 {
		b := bytes.Clone(slot)
		b[bit/8] ^= 1 << (bit % 8)
		if _, _, state := decodeSlot(b, 1); state != slotBad {
			t.Errorf("slot: bit %d is not missed", bit)
		}
	}
	for bit := range len(seg) * 8 {
		b := bytes.Clone(seg)
		b[bit/8] ^= 1 << (bit % 8)
		if good := decodeSegment(b, 5, func(record) {}); good != 0 {
			t.Errorf("segment: bit %d is not missed", bit)
		}
	}
}
