package hal

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// vacant are addresses where a chip is seldom found and a read of one byte
// without a register does no harm (i2cdetect reads there as well).
var vacant = [...]uint16{0x37, 0x36, 0x35, 0x34, 0x33, 0x32, 0x31, 0x5F, 0x5E, 0x5D, 0x5C, 0x5B, 0x5A, 0x59, 0x58}

// maxProofs bounds the attempts at a proof that come to nothing.
const maxProofs = 10

// joins tells whether joining would save anything.
func (p *plan) joins() bool {
	n := 0
	for i := range p.chips {
		if p.chips[i].joins() {
			n++
		}
	}
	return p.join != nil && n > 1
}

func (c *chip) joins() bool { return c.well && c.trial == 0 }

// readJoined reads the chips that are well in one transaction. What it leaves
// undone is left to readSingly; false: the round is over.
func (p *plan) readJoined() bool {
	p.addrs, p.w, p.r = p.addrs[:0], p.w[:0], p.r[:0]
	for i := range p.chips {
		p.chips[i].queued = p.chips[i].joins() && p.queue(i)
	}
	if len(p.addrs) == 0 {
		return true
	}
	began := time.Now()
	may, err := p.mayJoin()
	if may {
		began = time.Now()
		err = p.join.TxAll(p.addrs, p.w, p.r)
	}
	switch {
	case err == nil && may:
		p.strikes, p.proof = 0, true
		for i := range p.chips {
			if p.chips[i].queued {
				p.chips[i].done = p.take(i)
			}
		}
		return true
	case err == nil: // not now, or never
		return true
	case errors.Is(err, errors.ErrUnsupported):
		p.join = nil
		return true
	}
	slow := heldUp(err, began)
	p.suspects = 0
	for i := range p.chips {
		c := &p.chips[i]
		if c.blamed = c.queued; c.queued {
			p.suspects++
			if slow { // each has to show itself first, and for a while
				c.well, c.trial = false, probation
			}
		}
	}
	return !slow
}

// acquit notes what a suspect's own transfer has shown.
func (p *plan) acquit(c *chip) {
	if !c.blamed {
		return
	}
	c.blamed = false
	p.suspects--
	if c.err != nil {
		p.suspects = -len(p.chips) // found: the others need not be counted
	}
	if p.suspects == 0 {
		if p.strikes++; p.strikes == maxStrikes {
			p.join = nil
		}
	}
}

// mayJoin tells whether the bus addresses every chip of a joined transfer, as
// far as is known. Not all do: an adapter, or an emulator, may go on with the
// first chip after a repeated start, and one motor's temperature would pass for
// all. So before the first joined transfer the same one is made with an
// address behind it where nobody answers: it must fail, as the one without
// must succeed, which is what readJoined adds to the proof. Called when the
// transfers of well chips are queued.
// An error is that of a proof that held up the bus.
func (p *plan) mayJoin() (bool, error) {
	if p.proof {
		return true, nil
	}
	if p.proofs++; p.proofs > maxProofs {
		p.join = nil
		return false, nil
	}
	addr, ok := p.nobody()
	if !ok {
		return false, nil
	}
	began := time.Now()
	err := p.join.TxAll(append(p.addrs, addr), append(p.w, nil), append(p.r, p.scrap[:]))
	switch {
	case err == nil, errors.Is(err, errors.ErrUnsupported):
		p.join = nil
		return false, nil
	case heldUp(err, began):
		return false, err
	}
	return true, nil
}

// nobody finds an address where nobody answers.
func (p *plan) nobody() (uint16, bool) {
	for _, addr := range vacant {
		began := time.Now()
		err := p.b.bus.Tx(addr, nil, p.scrap[:])
		switch {
		case err == nil: // somebody does
		case heldUp(err, began):
			return 0, false
		case errors.Is(err, unix.ENXIO), errors.Is(err, unix.EREMOTEIO), errors.Is(err, unix.EIO):
			return addr, true
		default:
			return 0, false
		}
	}
	return 0, false
}
