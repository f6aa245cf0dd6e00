package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/firmware/durable"
	"golang.org/x/sys/unix"
)

// Verb is what an operator asks of a rollout.
type Verb string

// The verbs. Asking twice changes nothing more than asking once.
const (
	Pause    Verb = "pause"
	Resume   Verb = "resume"
	Approve  Verb = "approve"
	Abort    Verb = "abort"    // stop; what has the patch keeps it
	Rollback Verb = "rollback" // stop, and take the patch back
)

var kinds = map[Verb]rollout.Kind{Pause: rollout.DoPause, Resume: rollout.DoResume, Approve: rollout.DoApprove, Abort: rollout.DoAbort,
	Rollback: rollout.DoRollback}

// maxBy bounds who asks, bytes.
const maxBy = 200

type asked struct {
	Verb Verb   `json:"verb"`
	By   string `json:"by"`
}

func (a asked) check() error {
	if _, ok := kinds[a.Verb]; !ok || len(a.By) > maxBy {
		return fmt.Errorf("run: %w: %q: pause, resume, approve, abort or rollback, by somebody (at most %d bytes)", ErrOptions, a.Verb, maxBy)
	}
	return nil
}

// Ask leaves a request for the runner of a state file, which takes it within a
// tick; one that is not running takes it when it is run again. A request that
// was not taken yet is replaced.
func Ask(path string, v Verb, by string) error {
	a := asked{v, by}
	if err := a.check(); err != nil {
		return err
	}
	if _, err := Load(path); err != nil {
		return err
	}
	b, err := json.Marshal(a)
	if err == nil {
		err = durable.Replace(durable.Linux, path+".ask", b, 0o644)
	}
	if err != nil {
		return fmt.Errorf("run: %w: %s.ask: %w", ErrState, path, err)
	}
	return nil
}

// Waiting reports whether a request was left that no runner has carried out yet.
func Waiting(path string) (bool, error) {
	for _, name := range []string{path + ".ask", path + ".asked"} {
		_, err := durable.Read(durable.Linux, name, 1<<10)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return err == nil, err
		}
	}
	return false, nil
}

// takeAsk takes what another process asked. It is renamed first, so that one
// left meanwhile is not removed with it; drop removes it once its effect is
// kept, so that a crash in between does it again.
func (r *Runner) takeAsk() (a asked, drop func(), ok bool) {
	taken := r.o.State + ".asked"
	b, err := durable.Read(r.o.Sys, taken, 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		if err = r.o.Sys.Renameat(unix.AT_FDCWD, r.o.State+".ask", unix.AT_FDCWD, taken); err == nil {
			b, err = durable.Read(r.o.Sys, taken, 1<<10)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil, false
	}
	drop = func() { _ = r.o.Sys.Unlinkat(unix.AT_FDCWD, taken, 0) }
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err == nil {
		err = a.check()
	}
	if err != nil {
		r.o.Log.Error("a request is dropped", "file", taken, "err", err)
		drop()
		return a, nil, false
	}
	return a, drop, true
}
