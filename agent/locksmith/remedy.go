package locksmith

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// remedy adds what a person can do about a file system that takes nothing. The
// lock stays what the kernel says: no file can make it busy or free.
func remedy(err error) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w; mount the file system writable (see dmesg: failing storage turns read-only)", err)
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return fmt.Errorf("%w; make room on the file system (df, df -i)", err)
	case errors.Is(err, unix.EIO):
		return fmt.Errorf("%w; the storage fails (see dmesg): replace the card", err)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%w; too many files are open: raise the limit (ulimit -n), or end what leaks them", err)
	}
	return err
}
