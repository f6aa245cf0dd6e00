package store_test

import (
	"errors"

	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

func adopt(s *store.Store) error      { return s.Adopt(first) }
func stage(s *store.Store) error      { return s.Stage(content(2), meta(2)) }
func try(s *store.Store) error        { return s.Try(free) }
func commit(s *store.Store) error     { return s.Commit() }
func revert(s *store.Store) error     { return s.Revert(free, "check", true) }
func restore(s *store.Store) error    { return s.Restore(hash(first), free) }
func recovering(s *store.Store) error { _, err := s.Recover(free); return err }
func onTrial(s *store.Store) error    { return errors.Join(adopt(s), stage(s), try(s)) }
func patched(s *store.Store) error    { return errors.Join(onTrial(s), commit(s)) }
func isReverting(s *store.Store) error {
	return errors.Join(onTrial(s), refused(s.Revert(stale, "check", true)))
}
func isRestoring(s *store.Store) error { return errors.Join(patched(s), refused(s.Restore("", stale))) }

func refused(err error) error {
	if errors.Is(err, errStale) {
		return nil
	}
	return errors.Join(errors.New("not refused"), err)
}

type steps = []func(*store.Store) error

func plays() []play {
	return []play{
		{name: "edits", prepare: edited, steps: steps{edit(5), edit(6), edit(8)}, found: foundEdits, ended: endedEdits, count: faultfs.Count{Moments: 18, States: 62}, syncs: 9},
		{name: "an edit, on trial", prepare: onTrial, steps: steps{edit(5), revert}, found: foundEditOnTrial, ended: endedEditOnTrial, count: faultfs.Count{Moments: 15, States: 76}, syncs: 7},
		{name: "adopt", steps: steps{adopt},
			found: func(v view, done int, bad findings) { v.among(bad, done, store.Idle) },
			ended: func(v, _ view, done int, bad findings) {
				if _, _, ok := v.s.Committed(); ok || done == 1 {
					v.holds(bad, 1, 0, store.Idle, "")
				}
			},
			count: faultfs.Count{Moments: 7, States: 19}, syncs: 3},
		{name: "commit", prepare: adopt, steps: steps{stage, try, commit}, found: foundApplying, ended: endedApplying(1, 0),
			count: faultfs.Count{Moments: 14, States: 53}, syncs: 7},
		{name: "commit a third generation of two that are kept", prepare: func(s *store.Store) error { return errors.Join(s.Adopt(content(7)), apply(s, 1)) },
			steps: steps{stage, try, commit}, found: foundApplying, ended: endedApplying(1, 1),
			count: faultfs.Count{Moments: 15, States: 68}, syncs: 7},
		{name: "drop", prepare: func(s *store.Store) error { return errors.Join(adopt(s), stage(s)) }, steps: steps{func(s *store.Store) error { return s.Drop("window") }},
			found: func(v view, done int, bad findings) {
				v.among(bad, done, [][]store.Phase{{store.Staged, store.Rejected}, {store.Rejected}}[done]...)
			},
			ended: func(v, found view, done int, bad findings) {
				if found.st.Phase == store.Rejected {
					v.holds(bad, 1, 0, store.Rejected, "window")
				} else {
					v.holds(bad, 1, 0, store.Idle, "")
				}
			}, count: faultfs.Count{Moments: 5, States: 33}, syncs: 1},
		{name: "revert", prepare: onTrial, steps: steps{revert}, found: foundReverting, ended: endedReverting, count: faultfs.Count{Moments: 10, States: 57}, syncs: 4},
		{name: "recover a trial", prepare: onTrial, steps: steps{recovering}, found: foundReverting, ended: endedReverting, count: faultfs.Count{Moments: 10, States: 55}, syncs: 4},
		{name: "recover a revert", prepare: isReverting, steps: steps{recovering}, found: foundReverting, ended: endedReverting, count: faultfs.Count{Moments: 8, States: 124}, syncs: 3},
		{name: "restore", prepare: patched, steps: steps{restore}, found: foundRestoring, ended: endedRestoring, count: faultfs.Count{Moments: 10, States: 57}, syncs: 4},
		{name: "recover a restore", prepare: isRestoring, steps: steps{recovering}, found: foundRestoring, ended: endedRestoring, count: faultfs.Count{Moments: 8, States: 124}, syncs: 3},
		{name: "nonce and offer", prepare: adopt, steps: steps{
			func(s *store.Store) error { return s.UseNonce("n") },
			func(s *store.Store) error { return s.RaiseOffer(5, "ops") }},
			found: func(v view, done int, bad findings) {
				if e, _ := v.s.OfferEpoch(); done >= 1 && !v.s.NonceUsed("n") || done == 2 && e != 5 {
					bad.add("forgotten after %d steps", done)
				}
			},
			ended: func(v, _ view, _ int, bad findings) { v.holds(bad, 1, 0, store.Idle, "") }, count: faultfs.Count{Moments: 4, States: 6}, syncs: 2},
	}
}

// foundApplying: what Stage, Try and Commit leave.
func foundApplying(v view, done int, bad findings) {
	at := v.on(1, 2)
	switch {
	case at == 0:
		bad.add("neither")
	case at == 2 && v.st.Phase != store.Trial && v.st.Phase != store.Committed:
		bad.add("switched without a mark: %v", v.st.Phase)
	case at == 1 && done >= 2:
		bad.add("tried, but old")
	case v.st.Meta == meta(2) && v.st.Phase == store.Committed && done < 2:
		bad.add("committed without having been told")
	}
	if v.st.Meta != meta(2) { // nothing yet, or the patch before
		if done > 0 {
			bad.add("forgotten")
		}
		return
	}
	v.among(bad, done, [][]store.Phase{{store.Staged}, {store.Staged, store.Trial}, {store.Trial, store.Committed}, {store.Committed}}[done]...)
}

// endedApplying: new only if Commit was at work, else generation old.
func endedApplying(old int, high int64) func(v, found view, done int, bad findings) {
	return func(v, found view, _ int, bad findings) {
		switch {
		case found.st.Meta != meta(2) && high > 0:
			v.holds(bad, old, high, store.Committed, "") // of the patch before
		case found.st.Phase == store.Committed:
			v.holds(bad, 2, 2, store.Committed, "")
		case found.st.Phase == store.Trial:
			v.holds(bad, old, high, store.Reverted, store.ReasonRestart)
		default:
			v.holds(bad, old, high, store.Idle, "")
		}
	}
}

func foundReverting(v view, done int, bad findings) {
	switch at := v.on(1, 2); {
	case at == 0:
		bad.add("neither")
	case at == 2 && v.st.Phase == store.Reverted:
		bad.add("reverted, but new")
	case at == 2 && done == 1:
		bad.add("acknowledged, but new")
	}
	if done == 1 {
		v.among(bad, done, store.Reverted)
	} else {
		v.among(bad, done, store.Trial, store.Reverting, store.Reverted)
	}
}

// endedReverting: the reason that was noted, with its quarantine, survives.
func endedReverting(v, found view, _ int, bad findings) {
	why := found.st.Reason
	if found.st.Phase == store.Trial {
		why = store.ReasonRestart
	}
	v.holds(bad, 1, 0, store.Reverted, why)
	if _, ok := v.s.Quarantined(2, hash(content(2))); ok != (why == "check") {
		bad.add("reverted for %q, quarantined %v", why, ok)
	}
}

func foundRestoring(v view, done int, bad findings) {
	switch at := v.on(1, 2); {
	case at == 0:
		bad.add("neither")
	case at == 1 && v.st.Phase == store.Committed:
		bad.add("switched without a mark")
	case at == 2 && v.st.Phase == store.Reverted:
		bad.add("restored, but new")
	}
	if done == 1 {
		v.among(bad, done, store.Reverted)
	} else {
		v.among(bad, done, store.Committed, store.Reverting, store.Reverted)
	}
}

func endedRestoring(v, found view, _ int, bad findings) {
	if found.st.Phase == store.Committed {
		v.holds(bad, 2, 2, store.Committed, "")
	} else {
		v.holds(bad, 1, 2, store.Reverted, store.ReasonRestore)
	}
}
