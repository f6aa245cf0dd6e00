package agent

import (
	"context"
	"path/filepath"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/store"
)

const storeName = "store" // in the state folder

// openStore makes the applier, and ends what the last run has left open before
// the live file has readers in this process. What it cannot end, or open, now
// the applier tries again; the drone flies meanwhile.
func (p *parts) openStore(ctx context.Context) {
	id := p.s.Identity
	a := &applier{
		id: id, ring: p.ring, ringShown: &p.ringShown, boot: p.s.Host.BootID, src: p.src, wall: p.s.Clock, built: p.s.Built, state: p.state, smith: p.smith,
		inForce: &p.inForce, keep: p.keep, box: p.box, trial: p.s.Trial, watch: p.s.watch, settle: p.s.settle, log: p.s.Log,
		hooks:  hooks{Hooks: id.Hooks, env: []string{"AIM_CONFIG=" + id.Paths.Config, "AIM_DRONE=" + id.Drone, "AIM_FLEET=" + id.Fleet}},
		offers: make(chan []byte), wake: make(chan struct{}, 1),
		open: func() (*store.Store, error) {
			return store.Open(p.sys, store.Options{Live: id.Paths.Config, Dir: filepath.Join(id.Paths.State, storeName),
				Wall: func() int64 { return time.Now().UnixMilli() }})
		},
	}
	if a.wall == nil {
		a.wall = kernelClock
	}
	if a.trial == 0 {
		a.trial = trialFor
	}
	if a.watch == 0 {
		a.watch = watchTrial
	}
	if a.settle == 0 {
		a.settle = settleFor
	}
	p.patches, p.keep.note = a, a.note
	if err := a.recover(ctx); err != nil {
		p.say(report{kind: "trouble", level: levelError, text: "store: " + err.Error(), pairs: pairs("part", "store", "why", err.Error())})
	}
	if a.store != nil {
		if fs := a.store.Slotted(); fs != "" {
			p.say(report{kind: "config.slots", level: levelInfo, text: "the live file lies on " + fs + ": kept in two slots"})
		}
		p.agree()
		if p.data != nil { // the last run may have ended before it was noted
			p.keep.history(p.data)
		}
	}
}

// note keeps what is in force in the store's history, if it is none of its own.
func (a *applier) note(data []byte) error {
	if !a.opened.Load() {
		return errAgain
	}
	return a.store.Noted(data)
}

// agree puts the committed configuration in force where the agent's own state
// does not know of it yet: the last run ended between the two.
func (p *parts) agree() {
	data, m, ok := p.patches.store.Committed()
	if !ok || m.Local || p.state.get().Baseline == m.SHA256 {
		return
	}
	live, err := config.CheckLive(config.LiveName, data, p.s.Identity.Safety)
	if err != nil { // the floor was raised since
		p.say(report{kind: "config.below-floor", level: levelError, text: "the committed configuration is not in force: " + err.Error()})
		return
	}
	p.begins(live, data)
	p.baseline = m.SHA256
	p.keep.keepConfig(data, m.SHA256)
}

// unsettled is the hash of a trial that could not be reverted yet; "": none. It
// is no drift, and is not adopted.
func (a *applier) unsettled() string {
	if a == nil || a.store == nil || a.closed() {
		return ""
	}
	return a.store.Status().Meta.SHA256
}
