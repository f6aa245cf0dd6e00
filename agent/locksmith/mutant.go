package locksmith

import (
	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

// The mutants are this package with one protection taken out. TestMutants runs
// the tests that must notice. In a program mutant is the constant "", so that
// the compiler drops every line of them; the build tag "mutant" makes it a
// variable (mutant_on.go).
const (
	stealWithoutFence       = "steal-without-fence"        // the epoch is not asked: whoever was passed over commits late
	renameWithoutCommitLock = "rename-without-commit-lock" // a commit checks, then renames, with nothing around both
	grantBeforeSync         = "grant-before-fsync"         // an epoch is told before it is on the disk
	noInodeCheck            = "no-inode-check"             // a lock on a file that is no longer on the path counts
	noStartCheck            = "no-start-check"             // whoever has the holder's pid is the holder
	noCloseOnExec           = "no-cloexec"                 // children get the descriptors of the locks
	lookTakes               = "look-takes"                 // a look finds out by trying
	unreachableFile         = "os-file"                    // the lock hangs on an *os.File that nobody keeps
)

// deaf is a disk that promises a sync and makes it when it likes.
type deaf struct{ durable.Sys }

func (deaf) Fsync(int) error     { return nil }
func (deaf) Fdatasync(int) error { return nil }

// tryLock is how a look must not ask.
func tryLock(sys durable.Sys, path string) (refused bool, err error) {
	fd, err := sys.Openat(unix.AT_FDCWD, path, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer sys.Close(fd)
	if sys.SetLock(fd) != nil {
		return true, nil
	}
	return false, sys.Unlock(fd)
}
