package sim

import (
	"fmt"
	"os"
	"syscall"
)

// TxAll makes the transfers in their order as one transaction. As the kernel
// has it, the first that fails ends it, the error does not say which it was,
// and nothing that was read is handed out, although the chips before it have
// been read. The three slices have one length.
func (o *openBus) TxAll(addrs []uint16, w, r [][]byte) error {
	if o.closed.Load() {
		return fmt.Errorf("sim: bus %s: %w", o.bus.name, os.ErrClosed)
	}
	total := 0
	for i, addr := range addrs {
		if addr > 0x7F || len(w) != len(addrs) || len(r) != len(addrs) || len(w[i])+len(r[i]) == 0 || len(w[i]) > MaxTransfer || len(r[i]) > MaxTransfer {
			return fmt.Errorf("sim: bus %s: joined transfer %d of %d: %w", o.bus.name, i, len(addrs), syscall.EINVAL)
		}
		total += len(r[i])
	}
	if err := o.bus.transferAll(addrs, w, r, total); err != 0 {
		return fmt.Errorf("sim: bus %s: joined transfer: %w", o.bus.name, err)
	}
	return nil
}

func (b *bus) transferAll(addrs []uint16, w, r [][]byte, total int) syscall.Errno {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if len(b.joined) < total {
		b.joined = make([]byte, total)
	}
	rest := b.joined[:total]
	for i, addr := range addrs {
		n := len(r[i])
		if err := b.carryOut(addr, w[i], rest[:n]); err != 0 {
			return err
		}
		rest = rest[n:]
	}
	rest = b.joined[:total]
	for i := range r {
		rest = rest[copy(r[i], rest):]
	}
	return 0
}
