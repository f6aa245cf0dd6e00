package durable

import (
	"encoding/binary"
	"hash/crc32"
)

// A slot: magic "AIMS", length of the data, sequence number, CRC-32C of all
// that stands before the CRC and of the data; then the data. Little-endian.
const (
	slotMagic  = "AIMS"
	slotHeader = 20 // bytes
)

// maxNumber bounds sequence and entry numbers: no clock of ours ticks so far,
// and the sums stay right.
const maxNumber = 1 << 62

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type slotState uint8

const (
	slotEmpty slotState = iota // its header is all zeros: never written
	slotValid
	slotBad // torn or damaged
)

// encodeSlot writes the slot into buf, which has room for it.
func encodeSlot(buf []byte, seq uint64, data []byte) []byte {
	b := append(buf[:0], slotMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = binary.LittleEndian.AppendUint64(b, seq)
	b = binary.LittleEndian.AppendUint32(b, slotCRC(b, data))
	return append(b, data...)
}

// decodeSlot reads slot i (0 or 1) from the beginning of b. The data are b's.
// A sequence number belongs to one slot only, the one of its parity: a copy in
// the other is not valid.
func decodeSlot(b []byte, i int) (data []byte, seq uint64, state slotState) {
	if len(b) < slotHeader {
		return nil, 0, slotBad
	}
	if [slotHeader]byte(b) == [slotHeader]byte{} {
		return nil, 0, slotEmpty
	}
	n := binary.LittleEndian.Uint32(b[4:])
	if string(b[:4]) != slotMagic || int64(n) > int64(len(b)-slotHeader) {
		return nil, 0, slotBad
	}
	seq = binary.LittleEndian.Uint64(b[8:])
	data = b[slotHeader : slotHeader+int(n)]
	if seq == 0 || seq > maxNumber || seq%2 != uint64(i) || binary.LittleEndian.Uint32(b[16:]) != slotCRC(b[:16], data) {
		return nil, 0, slotBad
	}
	return data, seq, slotValid
}

func slotCRC(head, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(head, castagnoli), castagnoli, data)
}
