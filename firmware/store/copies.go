package store

import (
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/firmware/durable"
)

const copySuffix = ".toml"

func (s *Store) copyOf(sha string) string { return s.path(sha + copySuffix) }

// load reads a generation and proves it: from the slots, or else its copy.
func (s *Store) load(m Meta) ([]byte, error) {
	if data := s.held(m.SHA256); data != nil {
		return data, nil
	}
	return s.copied(m)
}

// copied reads the copy of a generation and proves it.
func (s *Store) copied(m Meta) ([]byte, error) {
	if m.SHA256 == "" {
		return nil, ErrNothingCommitted
	}
	data, err := durable.Read(s.sys, s.copyOf(m.SHA256), MaxContent)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if hash(data) != m.SHA256 {
		return nil, fmt.Errorf("%w: %s holds other bytes", ErrDamaged, s.copyOf(m.SHA256))
	}
	return data, nil
}

// keep makes the copy durable. One that is there and right counts only if the
// state names it, for then it was synced; a killed run's may not have been.
func (s *Store) keep(data []byte, sha string) error {
	if s.cur.Load().names(sha) {
		if _, err := s.copied(Meta{SHA256: sha}); err == nil {
			return nil
		}
	}
	return durable.Replace(s.sys, s.copyOf(sha), data, 0o644)
}

// heal makes sure that the committed generation can be put back: its content
// is in memory and its copy is right, made anew from memory, the slots or the
// live file if need be.
func (s *Store) heal() error {
	st := s.cur.Load()
	m := st.current()
	data, err := s.copied(m)
	if err != nil {
		if data = st.data; data == nil {
			data = s.held(m.SHA256)
		}
		if data == nil {
			data, _ = s.live()
		}
		if m.SHA256 == "" || hash(data) != m.SHA256 {
			return err
		}
		if err := durable.Replace(s.sys, s.copyOf(m.SHA256), data, 0o644); err != nil {
			return err
		}
	}
	if st.data == nil {
		next := st.clone()
		next.data = data
		s.cur.Store(next)
	}
	return nil
}

func (s *Store) live() ([]byte, error) { return durable.Read(s.sys, s.o.Live, MaxContent) }

// sweep removes the copies that st does not name, and what interrupted writes
// left. What cannot be removed now goes the next time: it only takes room.
func (s *Store) sweep(st *state) {
	dfd, err := s.sys.Openat(unix.AT_FDCWD, s.o.Dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return
	}
	defer s.sys.Close(dfd)
	names, _ := s.sys.ReadDir(dfd)
	for _, name := range names {
		sha, isCopy := strings.CutSuffix(name, copySuffix)
		temp := strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".tmp")
		if isCopy && !st.names(sha) || temp {
			_ = durable.Remove(s.sys, s.path(name))
		}
	}
}

// unstage removes the shadow and what interrupted writes left beside it. The
// temporary names of a local editor are its own.
func (s *Store) unstage() {
	_ = durable.Remove(s.sys, s.shadow)
	_ = durable.Sweep(s.sys, s.shadow)
}

// stage puts data beside the live file under the shadow's name. What an
// attempt has left that failed, because storage did not let it be removed, goes
// first.
func (s *Store) stage(data []byte) error {
	if s.untidy {
		_ = durable.Sweep(s.sys, s.shadow)
	}
	err := durable.Stage(s.sys, s.o.Live, filepath.Base(s.shadow), data, 0o644)
	s.untidy = err != nil
	return err
}

// shift renames the shadow over the live file inside the fence. switched: the
// live file is, perhaps, the new one. Without an error it is, durably.
func (s *Store) shift(f Fence) (switched bool, err error) {
	ran := false
	err = f(func() error {
		ran = true
		err := durable.Switch(s.sys, s.o.Live, filepath.Base(s.shadow))
		switched = err == nil || unsure(err)
		return err
	})
	if err == nil && !ran {
		err = errNotRun
	}
	return switched, err
}
