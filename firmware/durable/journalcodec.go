package durable

import (
	"encoding/binary"
	"hash/crc32"
)

// A segment is segmentMagic and then records. A record: length of the data,
// CRC-32C of the rest and of the length, number of the entry, the highest
// settled number and the count of lost entries when it was written; then the
// data. Without data it is a mark: it repeats the number of the entry before
// it and only brings "settled" and "lost" up to date. Little-endian.
//
// A segment's first record is an entry; the file is named after its number.
const (
	segmentMagic = "AIMJRNL1"
	recordHeader = 32 // bytes
	maxSegment   = 16 << 20
	maxEntry     = 1 << 20
)

type record struct {
	n       uint64 // number of the entry
	settled uint64 // all up to it is acknowledged or dropped
	lost    uint64 // dropped before it was acknowledged, since the journal began
	data    []byte // empty: a mark
}

func (r record) size() int64 { return recordHeader + int64(len(r.data)) }

func appendRecord(b []byte, r record) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.data)))
	b = append(b, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, r.n)
	b = binary.LittleEndian.AppendUint64(b, r.settled)
	b = binary.LittleEndian.AppendUint64(b, r.lost)
	b = append(b, r.data...)
	binary.LittleEndian.PutUint32(b[start+4:], recordCRC(b[start:]))
	return b
}

func recordCRC(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:4], castagnoli), castagnoli, b[8:])
}

// decodeRecord reads the record at the beginning of b, which follows entry
// prev (0: none). Not ok: the segment ends here. The data are b's.
func decodeRecord(b []byte, prev uint64) (r record, ok bool) {
	if len(b) < recordHeader {
		return record{}, false
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxEntry || int64(n) > int64(len(b)-recordHeader) {
		return record{}, false
	}
	b = b[:recordHeader+int(n)]
	if binary.LittleEndian.Uint32(b[4:]) != recordCRC(b) {
		return record{}, false
	}
	r = record{
		n:       binary.LittleEndian.Uint64(b[8:]),
		settled: binary.LittleEndian.Uint64(b[16:]),
		lost:    binary.LittleEndian.Uint64(b[24:]),
		data:    b[recordHeader:],
	}
	mark := len(r.data) == 0
	if r.n == 0 || r.n > maxNumber || mark != (r.n == prev) || r.n < prev || r.settled > r.n || r.lost > r.settled {
		return record{}, false
	}
	return r, true
}

// decodeSegment calls yield for each record of the segment b whose first entry
// is first, and returns how many bytes of b are good: 0 if there is no entry.
func decodeSegment(b []byte, first uint64, yield func(record)) (good int64) {
	if len(b) < len(segmentMagic) || string(b[:len(segmentMagic)]) != segmentMagic {
		return 0
	}
	good = int64(len(segmentMagic))
	for prev := uint64(0); ; {
		r, ok := decodeRecord(b[good:], prev)
		if !ok || prev == 0 && r.n != first {
			break
		}
		yield(r)
		prev = r.n
		good += r.size()
	}
	if good == int64(len(segmentMagic)) {
		return 0
	}
	return good
}
