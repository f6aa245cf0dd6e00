package hal

import (
	"fmt"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/i2c"
)

// joined is a bus that makes several transfers one transaction: one system
// call, and one hand-over of a processor by Go's scheduler, instead of one a
// transfer. Optional: a bus without it is used transfer by transfer.
type joined interface {
	i2c.Bus
	// TxAll makes the transfers of Tx(addrs[i], w[i], r[i]) in their order,
	// with a repeated start between them where Tx has a stop. The three
	// slices have one length. An error concerns them all: it does not say
	// which failed, and nothing in r is to be believed, so that the caller
	// repeats them one by one. An error that is errors.ErrUnsupported means
	// that this adapter will never do it; success does not mean that it can:
	// see mayJoin.
	TxAll(addrs []uint16, w, r [][]byte) error
}

// TxAll joins transfers as the interface joined has it. The kernel hands back
// what was read only if everything was (i2c-dev.c), and not every adapter can
// do it: the Raspberry Pi's takes one read a transaction, as its last message
// (i2c-bcm2835.c: EOPNOTSUPP). More than 42 messages become several
// transactions.
func (b *kernelBus) TxAll(addrs []uint16, w, r [][]byte) error {
	if len(w) != len(addrs) || len(r) != len(addrs) {
		return fmt.Errorf("hal: %s: %d addresses, %d writes, %d reads: %w", b.dev, len(addrs), len(w), len(r), unix.EINVAL)
	}
	for i, addr := range addrs {
		if err := b.check(addr, w[i], r[i]); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.ready(); err != nil {
		return err
	}
	n := 0
	for i, addr := range addrs {
		if n+2 > maxMessages {
			if err := b.joinedErr(b.carryOut(n)); err != nil {
				return err
			}
			n = 0
		}
		n = b.append(n, addr, w[i], r[i])
	}
	return b.joinedErr(b.carryOut(n))
}

func (b *kernelBus) joinedErr(err error) error {
	if err != nil {
		return fmt.Errorf("hal: %s: joined transfer: %w", b.dev, err)
	}
	return nil
}
