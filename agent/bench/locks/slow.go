package main

import (
	"context"
	"os"
	"sync"
	"syscall"
)

// slow: the holder lives, but is stopped past its lease, before its check or
// between its check and its write. Another gets the lock, or not, and writes;
// then the holder goes on.
func slow(ctx context.Context, dir string, r *result) error {
	var all sync.WaitGroup
	var first error
	for n := range 2 * r.runs {
		all.Go(func() {
			p, err := place(dir, r, "slow", n)
			if err == nil {
				err = slowOnce(ctx, p, r, n%2)
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			if err != nil && first == nil {
				first = err
			}
		})
	}
	all.Wait()
	return first
}

func slowOnce(ctx context.Context, p string, r *result, when int) error {
	h, err := startHolder(ctx, r.kind, p)
	if err != nil {
		return err
	}
	defer h.end()
	checked := when == 1
	if checked {
		h.say("write")
		if err := h.expect("checked"); err != nil {
			return err
		}
	}
	h.signal(syscall.SIGSTOP)
	if r.age != nil {
		if err := r.age(p); err != nil {
			return err
		}
	}
	l, err := r.open(p)
	if err != nil {
		return err
	}
	defer l.close()
	other, fair, err := l.steal(ctx, h.cmd.Process.Pid)
	if err != nil {
		return err
	}
	if other == nil { // it stays with its holder: nothing can be late
		return nil
	}
	if err := other.write(live(p), "other", func() {}); err != nil {
		return err
	}
	h.signal(syscall.SIGCONT)
	if !checked {
		h.say("write")
		if h.hear() == "checked" {
			checked = true
		}
	}
	if checked {
		h.say("go")
		_ = h.hear()
	}
	got, err := os.ReadFile(live(p))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tries[when]++
	if string(got) == "late" {
		r.late[when]++
	}
	if !fair {
		r.falseReclaims++
	}
	return err
}
