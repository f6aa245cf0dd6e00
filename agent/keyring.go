package agent

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/aim-control/aimlock/firmware/patch"
)

const keyringPart = "keyring"

// openKeyring finds whom this drone trusts, before anybody asks: the identity's
// keys, or those that a patch has put in their place.
func (p *parts) openKeyring() {
	t := p.s.Identity.Trust
	root := &patch.Ring{Version: max(t.Version, 1), Threshold: t.Threshold, Config: t.Config, Command: t.Command, Keys: t.Keys, Agent: t.Agent}
	p.ring = patch.OpenKeyring(p.sys, filepath.Join(p.s.Identity.Paths.State, patch.FileKeyring), root)
	ring, err := p.ring.Ring()
	if err != nil {
		p.say(report{kind: "trouble", level: levelError, text: err.Error(), pairs: pairs("part", keyringPart, "why", err.Error())})
		return
	}
	p.ringShown.Store(shown(ring))
	if v := p.ring.Aside(); v > 0 {
		p.say(report{kind: "keyring.set-aside", level: levelWarn,
			text: fmt.Sprintf("the keyring on disk, version %d, descends from another identity's trust and is set aside; the identity's keys are in force", v)})
	}
}

// shownRing is a ring for the status.
type shownRing struct {
	version int64
	sha256  string
	keys    []string // role:ID
}

func shown(r *patch.Ring) *shownRing {
	s := &shownRing{version: r.Version, sha256: r.SHA256()}
	for _, role := range r.Roles() {
		for _, k := range role.Keys {
			if id, err := patch.KeyID(k); err == nil {
				s.keys = append(s.keys, role.Name+":"+id[:8])
			}
		}
	}
	return s
}

// lookAtRing tells when a keyring that could not be read can be, and the other
// way round.
func (a *applier) lookAtRing(ctx context.Context) {
	ring, err := a.ring.Ring()
	switch was := a.ringShown.Load(); {
	case err != nil:
		a.trouble(ctx, keyringPart, err.Error())
	case was == nil:
		a.ringShown.Store(shown(ring))
		a.trouble(ctx, keyringPart, "")
	}
}

// knownKeys answers an offer of the keys that are in force.
func (a *applier) knownKeys(ctx context.Context, j *job) bool {
	ring, err := a.ring.Ring()
	if err != nil || ring.Version != j.meta.Version || ring.SHA256() != j.meta.SHA256 {
		return false
	}
	a.tellAgain(ctx, j, patchCommitted, "", "offered again: these keys are in force")
	return true
}

// rotate puts the next ring in force. It needs no window, no flight state and no
// trial: nothing that flies reads it, and a key that has fallen into the wrong
// hands must not go on counting until the drone has landed. From here on
// everything is judged by it, also what the old keys signed before.
func (a *applier) rotate(ctx context.Context, j *job) error {
	now, _ := a.wall()
	if err := a.ring.Rotate(&j.pkg, j.manifest, now.Unix()); err != nil {
		return refusal(refusedStore, err)
	}
	a.raiseFloor()
	if ring, err := a.ring.Ring(); err == nil {
		a.ringShown.Store(shown(ring))
	}
	j.ended = a.src.clock() / ms
	a.tell(ctx, j, patchCommitted, "", fmt.Sprintf("version %d of the keys is in force", j.meta.Version))
	return nil
}
