package durable

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// look is what a new file takes over from the one in whose place it comes.
type look struct {
	Stat        // only the mode where nothing exists
	exists bool // else: the process's owner
	attrs  map[string]string
}

// existing says what the file that replaces base is to look like: as base does,
// or with this mode. attrs: its extended attributes as well.
func existing(sys Sys, dfd int, base string, mode uint32, attrs bool) (l look, err error) {
	st, err := sys.Fstatat(dfd, base, unix.AT_SYMLINK_NOFOLLOW)
	if err == nil && st.Symlink() {
		st, err = sys.Fstatat(dfd, base, 0)
	}
	switch {
	case err == unix.ENOENT: // a dangling link too
		return look{Stat: Stat{Mode: mode}}, nil
	case err != nil:
		return look{}, err
	case !st.Regular():
		return look{}, errNotRegular
	}
	l = look{Stat: st, exists: true}
	if attrs {
		fd, err := sys.Openat(dfd, base, unix.O_RDONLY|unix.O_NONBLOCK, 0)
		if err != nil {
			return look{}, err
		}
		l.attrs, err = attributes(sys, fd)
		sys.Close(fd)
		return l, err
	}
	return l, nil
}

// attributes are the extended attributes that follow the file's name, access
// lists and labels included. Those that are bound to the content stay behind:
// the kernel drops a capability at the next write, and makes hashes and their
// signatures anew.
func attributes(sys Sys, fd int) (map[string]string, error) {
	names, err := sys.Flistxattr(fd)
	if err == unix.ENOTSUP {
		return nil, nil
	}
	all := map[string]string{}
	for _, name := range names {
		switch name {
		case "security.capability", "security.ima", "security.evm":
			continue
		}
		value, err := sys.Fgetxattr(fd, name)
		if err == unix.ENODATA { // it has gone meanwhile
			continue
		}
		if err != nil {
			return nil, of(name, err)
		}
		all[name] = string(value)
	}
	return all, err
}

// dress gives the file owner, mode and attributes, as far as they differ.
func dress(sys Sys, fd int, l look, attrs bool) (changed bool, step string, err error) {
	st, err := sys.Fstat(fd)
	if err != nil {
		return false, "stat", err
	}
	if !st.Regular() {
		return false, "stat", errNotRegular
	}
	// Owner first: a change of owner clears set-id bits.
	if l.exists && (st.UID != l.UID || st.GID != l.GID) {
		if err := sys.Fchown(fd, int(l.UID), int(l.GID)); err != nil {
			return false, fmt.Sprintf("keep its owner %d:%d", l.UID, l.GID), err
		}
		changed = true
	}
	if changed || st.Perm() != l.Perm() {
		if err := sys.Fchmod(fd, l.Perm()); err != nil {
			return false, fmt.Sprintf("set its mode %#o", l.Perm()), err
		}
		changed = true
	}
	if l.exists && attrs {
		n, err := adorn(sys, fd, l.attrs)
		return changed || n > 0, "keep its attributes", err
	}
	return changed, "", nil
}

// adorn makes the file's extended attributes those, and counts the changes. A
// file system without them, behind a link to one with, is fine. Labels that the
// kernel gave the new file stay if there is none to put in their place.
func adorn(sys Sys, fd int, want map[string]string) (n int, err error) {
	have, err := attributes(sys, fd)
	if err != nil {
		return 0, err
	}
	for name, value := range want {
		if was, ok := have[name]; ok && was == value {
			continue
		}
		if err := sys.Fsetxattr(fd, name, []byte(value)); err != nil && err != unix.ENOTSUP {
			return n, of(name, err)
		}
		n++
	}
	for name := range have {
		if _, ok := want[name]; ok || strings.HasPrefix(name, "security.") {
			continue
		}
		if err := sys.Fremovexattr(fd, name); err != nil && err != unix.ENODATA {
			return n, of(name, err)
		}
		n++
	}
	return n, nil
}

func of(attribute string, err error) error { return fmt.Errorf("attribute %s: %w", attribute, err) }
