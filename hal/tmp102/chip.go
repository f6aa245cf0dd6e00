package tmp102

// verdict is what a chip's temperature register proves.
type verdict uint8

const (
	good    verdict = iota
	suspect         // a temperature, or the register of a chip just powered up
	reset           // the chip lost its configuration
	garbage         // bits are set that the chip never sets
)

// chip is what differs between the chips. Temperatures are in 1/16 °C.
type chip struct {
	name      string
	addrMax   uint16
	config    uint16 // what we want; a chip with one byte has it on the left
	configLen int    // bytes
	mask      uint16 // bits of it that read back as written
	min, max  int
	marked    bool // every reading shows that the configuration is ours
	decode    func(raw uint16) (sixteenths int, v verdict)
}

// The TMP102's configuration: 0x6000 converter resolution, read-only; 0x00C0
// eight conversions a second; 0x0010 extended mode. OS (0x8000) and AL
// (0x0020) report and are not compared. Power-on value: 0x60A0.
var tmp102 = chip{
	name: "tmp102", addrMax: 0x4B,
	config: 0x60D0, configLen: 2, mask: 0x7FDF,
	min: -55 * 16, max: 150 * 16, marked: true,
	decode: func(raw uint16) (int, verdict) {
		switch {
		case raw&0x0006 != 0: // also all ones, a bus that nobody drives
			return 0, garbage
		case raw&0x0001 == 0: // also all zeros
			return 0, reset
		}
		return int(int16(raw)) >> 3, good
	},
}

// The TMP105's configuration is one byte: 0x60 twelve bits, 0x18 the longest
// fault queue, which serves as our mark. Power-on value: 0x00.
var tmp105 = chip{
	name: "tmp105", addrMax: 0x4F,
	config: 0x7800, configLen: 1, mask: 0x7F00,
	min: -55 * 16, max: 128*16 - 1,
	decode: func(raw uint16) (int, verdict) {
		switch {
		case raw&0x000F != 0:
			return 0, garbage
		case raw == 0:
			return 0, suspect
		}
		return int(int16(raw)) >> 4, good
	},
}

// The LM75's configuration is one byte, with the same mark; nine bits of its
// temperature count and the rest are undefined. All ones are a bus that nobody
// drives or −0.5 °C; the configuration tells. Power-on value: 0x00.
var lm75 = chip{
	name: "lm75", addrMax: 0x4F,
	config: 0x1800, configLen: 1, mask: 0x1F00,
	min: -55 * 16, max: 128*16 - 1,
	decode: func(raw uint16) (int, verdict) {
		v := good
		if raw>>7 == 0 || raw == 0xFFFF {
			v = suspect
		}
		return int(int16(raw)) >> 7 * 8, v
	},
}
