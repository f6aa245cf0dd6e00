package hal

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/physic"
)

const (
	// slowTransfer is what no transfer takes that succeeds: a failed one that
	// took so long has held up the bus.
	slowTransfer = 200 * time.Millisecond
	// A chip that holds up the bus is left out for a while, each time longer.
	benchMin = time.Second
	benchMax = 8 * time.Second
	// So many samples in a row must be good before its transfers are joined
	// with others' again, and before its faults are forgotten.
	probation = 20
	// So often in a row may a joined transfer fail without a chip at fault;
	// then the adapter is, and nothing is joined on it any more.
	maxStrikes = 3
)

// Round reads every sensor once and tells of each as soon as it is known,
// temperatures by their index in Sensors, supplies by theirs in Supplies;
// supply may be nil on a bus that has none. It is meant to be called ten times
// a second by one goroutine, and allocates nothing while all goes well.
//
// Chips that are well share one transaction where the bus is proven to do
// that. If it fails, they are read one by one in the same round, so that one
// chip's error costs no other its sample and every error is its own.
//
// A transfer that times out takes a second, for everyone on the bus. After one
// the round is over; the chips it did not come to are not told of, and come
// first in the next round. The chip that timed out is left out for 1 s, then
// 2, 4 and 8 s, told of by its last error, and stays on probation until it has
// been well for two seconds; so that however many chips are stuck, between two
// such seconds all the others are read. If every chip is stuck, the bus is
// reopened before each attempt, which lets its adapter be bound anew, and the
// first success brings all of them back.
func (b *SensorBus) Round(sensor func(i int, t physic.Temperature, err error), supply func(i int, s Supply, err error)) {
	if b.plan == nil {
		b.plan = newPlan(b)
	}
	p := b.plan
	p.sensor, p.supply = sensor, supply
	for i := range p.chips {
		p.chips[i].done = false
	}
	if p.joins() && !p.readJoined() {
		return
	}
	p.readSingly()
}

// plan is what is known about the chips of one bus.
type plan struct {
	b     *SensorBus
	chips []chip
	first int // where the chips that are not well are begun with

	join     joined // nil: not this bus
	proof    bool   // it is known that it addresses every chip
	proofs   int    // attempts at that
	scrap    [1]byte
	strikes  int // joined transfers that failed without a chip at fault
	suspects int // chips that may be at fault for the last that failed
	addrs    []uint16
	w, r     [][]byte
	add      func(addr uint16, w, r []byte)
	reopener interface{ Reopen() error }

	sensor func(i int, t physic.Temperature, err error)
	supply func(i int, s Supply, err error)
}

// chip is one entry of a plan: Sensors first, then Supplies.
type chip struct {
	well   bool      // its last sample was one
	stuck  bool      // its last attempt held up the bus
	trial  int       // samples that it is still on probation for
	done   bool      // told of in this round
	queued bool      // its transfers are in the joined one
	blamed bool      // a suspect
	bench  time.Time // not to be tried before
	wait   time.Duration
	err    error // its last one
}

func newPlan(b *SensorBus) *plan {
	p := &plan{b: b, chips: make([]chip, len(b.Sensors)+len(b.Supplies))}
	p.join, _ = b.bus.(joined)
	p.reopener, _ = b.bus.(interface{ Reopen() error })
	p.add = func(addr uint16, w, r []byte) {
		p.addrs, p.w, p.r = append(p.addrs, addr), append(p.w, w), append(p.r, r)
	}
	return p
}

// readSingly reads what is left one by one, those that are well first.
func (p *plan) readSingly() {
	n := len(p.chips)
	for i := range n {
		if c := &p.chips[i]; !c.done && c.well && !p.read(i) {
			return
		}
	}
	for k := range n {
		i := (p.first + k) % n
		c := &p.chips[i]
		switch {
		case c.done:
		case time.Now().Before(c.bench):
			p.tell(i, c.err)
		case !p.read(i):
			p.first = (i + 1) % n
			return
		}
	}
}

// read reads one chip and tells of it. False: it held up the bus.
func (p *plan) read(i int) bool {
	c := &p.chips[i]
	wedged := p.wedged()
	if wedged && p.reopener != nil {
		_ = p.reopener.Reopen() // what is wrong shows in the transfer
	}
	began := time.Now()
	c.done = true
	c.err = p.sense(i)
	c.well = c.err == nil
	p.acquit(c)
	c.stuck = c.err != nil && heldUp(c.err, began)
	switch {
	case c.stuck:
		c.wait = min(max(2*c.wait, benchMin), benchMax)
		c.bench, c.trial = time.Now().Add(c.wait), probation
	case wedged: // not any more, and no chip was at fault
		for j := range p.chips {
			o := &p.chips[j]
			o.bench, o.wait, o.trial, o.stuck = time.Time{}, 0, 0, false
		}
	case c.trial > 0 && !c.well:
		c.trial = probation
	case c.trial > 0:
		if c.trial--; c.trial == 0 {
			c.wait = 0
		}
	}
	return !c.stuck
}

// heldUp tells whether a transfer that failed took everyone's time.
func heldUp(err error, began time.Time) bool {
	return errors.Is(err, unix.ETIMEDOUT) || time.Since(began) >= slowTransfer
}

// wedged tells whether every chip has held up the bus at its last attempt.
func (p *plan) wedged() bool {
	for i := range p.chips {
		if !p.chips[i].stuck {
			return false
		}
	}
	return true
}
