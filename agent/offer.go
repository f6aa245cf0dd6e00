package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/firmware/store"
)

// How an offer is refused before its patch is looked at, by name.
const (
	refusedMalformed = "malformed"
	refusedOffer     = "offer-signature" // no operator's key has signed the offer
	refusedOther     = "other-drone"
	refusedEpoch     = "old-epoch" // a newer controller has spoken
	refusedStore     = "store"     // the drone's own disk
	refusedKeyring   = "keyring"   // whom it trusts is not known
)

// offersNeed is how many operators sign an offer: it says to whom and when; what
// is in it needs its own signatures, as many as the threshold says.
const offersNeed = 1

// judge opens an offer: signed by an operator, for this drone, by no older
// controller. The job of a refused offer names the patch as far as it can be
// read.
func (a *applier) judge(payload []byte) (*job, error) {
	j := &job{offered: a.src.clock() / ms}
	var env telemetry.Envelope
	if err := telemetry.Decode(payload, &env); err != nil {
		return j, unread("envelope", err)
	}
	err := telemetry.Decode(env.Payload, &j.offer)
	j.pkg = patch.Package{Manifest: j.offer.Package.Manifest, Content: j.offer.Package.Content,
		Signatures: j.offer.Package.Signatures, Revert: j.offer.Package.Revert}
	j.describe()
	ring, e := a.ring.Ring()
	if e != nil {
		return j, refusal(refusedKeyring, e)
	}
	if e := patch.Verify(ring.Command, offersNeed, env.Payload, env.Signatures); e != nil {
		return j, refusal(refusedOffer, e)
	}
	if err != nil {
		return j, unread("offer", err)
	}
	o := &j.offer
	if o.Fleet != a.id.Fleet || o.Drone != a.id.Drone {
		return j, refusal(refusedOther, fmt.Errorf("offered to %s/%s", clip(o.Fleet, 40), clip(o.Drone, 40)))
	}
	if err := a.store.RaiseOffer(o.Epoch, o.Controller); errors.Is(err, store.ErrOldEpoch) {
		return j, refusal(refusedEpoch, err)
	} else if err != nil {
		return j, refusal(refusedStore, err)
	}
	j.heard = true
	return j, nil
}

// unread refuses what cannot be decoded, and by another name what is too large.
func unread(what string, err error) error {
	name := refusedMalformed
	if errors.Is(err, telemetry.ErrSize) {
		name = patch.RefusedSize
	}
	return refusal(name, fmt.Errorf("%s: %w", what, err))
}

func refusal(name string, err error) error {
	return &patch.Refusal{Name: name, Detail: err.Error(), Err: err}
}

// describe takes from an offer what reports need, unchecked: words for people.
func (j *job) describe() {
	j.epoch, j.meta.Rollout = j.offer.Epoch, j.offer.Rollout
	if !telemetry.ValidID(j.meta.Rollout) {
		j.meta.Rollout = ""
	}
	if m, err := patch.ParseManifest(j.pkg.Manifest); err == nil {
		j.meta.Patch, j.meta.Version, j.meta.SHA256, j.keys = m.ID, m.ConfigVersion, m.SHA256, m.Kind == patch.KindKeys
	}
}

// known answers an offer whose patch has ended here before: it is in force, or
// this very rollout's offer was reverted. A retained offer comes again with
// every connection: it must not begin anew, nor be answered each time.
func (a *applier) known(ctx context.Context, j *job) bool {
	if j.keys {
		return a.knownKeys(ctx, j)
	}
	st := a.store.Status()
	if _, now, ok := a.store.Committed(); ok && now.Patch != "" && now.Patch == j.meta.Patch && now.SHA256 == j.meta.SHA256 {
		if before, ok := a.store.Before(); ok {
			j.oldVersion, j.oldSHA256 = before.Version, before.SHA256
		}
		a.tellAgain(ctx, j, patchCommitted, "", "offered again: it is in force")
		return true
	}
	if st.Phase == store.Reverted && st.Meta == j.meta {
		reason, detail := ending(st.Reason)
		a.tellAgain(ctx, j, patchReverted, reason, "offered again by the same rollout, in which it was reverted: "+detail)
		return true
	}
	return false
}

// check makes the checks of DESIGN's order; one that waits for a clock is made
// again until it does not.
func (a *applier) check(ctx context.Context, j *job) error {
	for {
		s, err := a.peek(ctx)
		if err != nil {
			return err
		}
		j.oldVersion, j.oldSHA256 = s.live.Version, s.hash
		if r, err := a.ring.Ring(); j.keys && err == nil {
			j.oldVersion, j.oldSHA256 = r.Version, r.SHA256()
		}
		err = a.recheck(j, s)
		var r *patch.Refusal
		if !errors.As(err, &r) || !r.Wait {
			return err
		}
		a.tell(ctx, j, patchWaiting, r.Name, r.Detail)
		if err := a.idle(ctx, j); err != nil {
			return err
		}
	}
}

// recheck makes the checks once.
func (a *applier) recheck(j *job, s seen) error {
	ring, err := a.ring.Ring()
	if err != nil {
		return refusal(refusedKeyring, err)
	}
	now, trusted := a.wall()
	used := a.store.NonceUsed
	if j.overriding { // by itself
		used = func(string) bool { return false }
	}
	m, err := patch.Check(&j.pkg, patch.Facts{
		Fleet: a.id.Fleet, Drone: a.id.Drone, Keys: ring.Config, Threshold: ring.Threshold, Ring: ring,
		HighVersion: a.store.HighVersion(), LiveSHA256: s.hash, Now: now, ClockTrusted: trusted, Floor: a.floor(),
		Quarantined: a.store.Quarantined, NonceUsed: used,
		CheckContent: func(b []byte) (int64, error) {
			live, err := config.ParseLive(config.LiveName, b)
			if err != nil {
				return 0, err
			}
			return live.Version, nil
		},
		CheckFloor: func(b []byte) error { _, err := config.CheckLive(config.LiveName, b, a.id.Safety); return err },
	})
	j.manifest = m
	return err
}

// floor is a time that has certainly passed.
func (a *applier) floor() time.Time {
	if at := time.Unix(a.state.get().Floor, 0); at.After(a.built) {
		return at
	}
	return a.built
}

// stage puts the patch beside the live file. What is in force becomes the first
// generation, if there is none: a patch must have something to go back to.
func (a *applier) stage(ctx context.Context, j *job) error {
	if _, _, ok := a.store.Committed(); !ok {
		s, err := a.peek(ctx)
		if err != nil {
			return err
		}
		if s.data == nil {
			return refusal(refusedStore, errors.New("this drone has never had a valid configuration: there would be nothing to go back to"))
		}
		if err := a.store.Adopt(s.data); err != nil {
			return refusal(refusedStore, err)
		}
	}
	if err := a.store.Stage(j.pkg.Content, j.meta); err != nil {
		return refusal(refusedStore, err)
	}
	j.staged = a.src.clock() / ms
	return nil
}
