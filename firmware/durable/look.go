package durable

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// look is what a new file takes over from the one in whose place it comes.
type look struct {
	Stat          // only the mode where nothing exists
	exists bool   // else: the process's owner
	attrs  []attr // extended attributes
}

type attr struct{ name, value string }

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
func attributes(sys Sys, fd int) (list []attr, err error) {
	names, err := sys.Flistxattr(fd)
	if err == unix.ENOTSUP {
		return nil, nil
	}
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
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		list = append(list, attr{name, string(value)})
	}
	return list, err
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
func adorn(sys Sys, fd int, want []attr) (n int, err error) {
	have, err := attributes(sys, fd)
	if err != nil {
		return 0, err
	}
	for _, a := range want {
		if slices.Contains(have, a) {
			continue
		}
		if err := sys.Fsetxattr(fd, a.name, []byte(a.value)); err != nil && err != unix.ENOTSUP {
			return n, fmt.Errorf("attribute %s: %w", a.name, err)
		}
		n++
	}
	for _, a := range have {
		if strings.HasPrefix(a.name, "security.") || slices.ContainsFunc(want, func(w attr) bool { return w.name == a.name }) {
			continue
		}
		if err := sys.Fremovexattr(fd, a.name); err != nil && err != unix.ENODATA && err != unix.ENOTSUP {
			return n, fmt.Errorf("attribute %s: %w", a.name, err)
		}
		n++
	}
	return n, nil
}
