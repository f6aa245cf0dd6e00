package ina228

import (
	"fmt"
	"time"

	"periph.io/x/conn/v3/physic"
)

// registers lends its bytes to transfers that only read them.
var registers = [regDiag + 1]byte{regShunt: regShunt, regBus: regBus, regDie: regDie, regDiag: regDiag}

// Queue hands to add what the next sample needs transferred, so that samples
// of several chips can share one transaction; Take then gives the sample out.
// False: the chip has to be set up or is settling, which Sense does. The
// buffers are the Dev's own, good until Take.
func (d *Dev) Queue(add func(addr uint16, w, r []byte)) bool {
	if !d.ready || !d.settled {
		return false
	}
	for _, p := range d.parts {
		add(d.addr, registers[p.reg:p.reg+1], d.raw[p.from:p.to])
	}
	return true
}

// Take decodes what Queue asked for, after the transfers have succeeded.
// False: something is wrong, which Sense finds again and explains.
func (d *Dev) Take() (Reading, bool) {
	v, err := d.decode(time.Now())
	return v, err == nil
}

var (
	errNotYet = fmt.Errorf("settling: %w", ErrNotReady)
	errRange  = fmt.Errorf("shunt at its end: %w", ErrOverflow)
	errReset  = fmt.Errorf("lost its configuration (brown-out?): %w", ErrNotReady)
	errStale  = fmt.Errorf("stopped converting: %w", ErrNotReady)
)

// decode says what the bytes in raw prove.
func (d *Dev) decode(now time.Time) (Reading, error) {
	diag := word(d.raw[8:])
	switch {
	case diag == 0:
		return Reading{}, ErrImplausible // MEMSTAT is 1 at power-up: a bus held low
	case diag&diagKnown == 0:
		return Reading{}, errReset
	case diag&diagKnown != diagMark:
		return Reading{}, ErrImplausible
	case diag&diagSound == 0:
		return Reading{}, ErrBroken
	}
	if err := d.age(diag, now); err != nil {
		return Reading{}, err
	}
	die := int64(int16(word(d.raw[6:])))
	if die < dieMin || die > dieMax {
		return Reading{}, ErrImplausible
	}
	v := Reading{Die: physic.ZeroCelsius + physic.Temperature(die)*(physic.Kelvin/128)}
	if d.shunt == 0 {
		return v, nil
	}
	shunt, shuntOK := twenty(d.raw[0:])
	bus, busOK := twenty(d.raw[3:])
	switch {
	case !shuntOK, !busOK, bus < 0, bus > busMax:
		return Reading{}, ErrImplausible
	case shunt >= shuntFull, shunt <= -shuntFull:
		return Reading{}, errRange
	}
	v.Voltage = physic.ElectricPotential(bus * 1_953_125 / 10) // nV
	v.Current = d.current(shunt)
	v.Power = physic.Power(int64(v.Voltage/physic.MicroVolt) * int64(v.Current/physic.MicroAmpere) / 1000) // nW
	return v, nil
}

// age keeps track of when the chip was last seen to have converted.
func (d *Dev) age(diag uint16, now time.Time) error {
	if diag&diagReady != 0 {
		d.fresh = now
		if !d.settled { // the values may have been read before it was completed
			d.settled = true
			return errNotYet
		}
	}
	if !d.settled && d.fresh.IsZero() {
		d.fresh = now // it has maxAge to complete the first
	}
	switch {
	case now.Sub(d.fresh) > maxAge:
		return errStale
	case !d.settled:
		return errNotYet
	}
	return nil
}

// twenty is a register of 24 bits that holds 20, signed; false: the lowest
// four, which read 0, do not.
func twenty(b []byte) (int64, bool) {
	v := int32(uint32(b[0])<<24|uint32(b[1])<<16|uint32(b[2])<<8) >> 12
	return int64(v), b[2]&0x0F == 0
}

// current is what the shunt carries at raw: fV/µΩ are nA.
func (d *Dev) current(raw int64) physic.ElectricCurrent {
	return physic.ElectricCurrent(raw * d.lsb / d.shunt)
}

func word(b []byte) uint16 { return uint16(b[0])<<8 | uint16(b[1]) }
