package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal"
)

// LockName is the name of the live file's lock.
const LockName = "aim_lock_config"

const (
	lastGoodName = "last_good.conf" // in the state folder: the configuration in force
	stateName    = "agent.state"
	journalName  = "journal"
	feedEvery    = time.Second // of the watchdog, if a turn was completed since
	connBlock    = 1000        // connection numbers reserved at a time
	events       = 64          // capacity of the loop's channel
)

// Start is what an agent is made of. Everything that touches the machine
// comes in here, so that the same agent runs on a board and on a simulated one.
type Start struct {
	Identity *config.Identity
	Board    *board.Board
	Opener   hal.Opener
	Host     locksmith.Host
	Log      Logger
	Version  string
	Reset    string               // what reset the machine before this boot, in words; empty: not known
	Built    time.Time            // floor of the clock that judges certificates
	Notify   func(state string)   // sd_notify: READY=1, WATCHDOG=1, STOPPING=1; nil: nobody listens
	Feed     func() error         // the hardware watchdog; nil: none
	Jitter   func() time.Duration // before each connect; nil: random, up to 4 s
	// Clock is the wall clock and whether it may be trusted; nil: the kernel's,
	// trusted while the kernel calls it synchronised.
	Clock func() (now time.Time, trusted bool)
	// IdentityPath is the identity's file, for aimctl, which the technician's
	// button runs; empty: aimctl's own default.
	IdentityPath string
	Trial        time.Duration // deadline of a patch's trial; 0: two minutes

	sys    durable.Sys   // nil: durable.Linux
	watch  time.Duration // a trial is watched at least so long; 0: watchTrial
	aimctl string        // where it lies; empty: beside this program, or in /usr/bin
	settle time.Duration // the interlock must have stood so long; 0: settleFor
}

// parts is the running agent: what Run opened and who uses it.
type parts struct {
	s       Start
	sys     durable.Sys
	smith   *locksmith.Smith
	inForce atomic.Pointer[config.Live]
	ring    *patch.Keyring
	// ringShown is the ring in force as the status tells it.
	ringShown atomic.Pointer[shownRing]
	hash      string // of what is in force at the start
	data      []byte // its bytes; nil for the defaults
	// baseline is the hash of what the fleet committed, as far as is known.
	baseline string
	state    *stateFile
	box      *outbox
	keep     *persister
	hw       *hal.Hardware
	up       *telemetry.Uplink
	socket   net.Listener
	events   chan event
	bundles  chan struct{} // the loop asks for an archive
	src      source
	loop     *loop
	patches  *applier
	overdue  *overdue
	turns    atomic.Uint64

	lockless bool          // the lock cannot be watched: a fault until the end
	reserved atomic.Uint64 // connection numbers up to this are on disk as used
}

// Run runs the agent until ctx ends, and returns nil then; any other end is an
// error that says what to do. On every return the request line is off and the
// state saved.
//
// The order is the safety case: first what the last boot left behind is put in
// order (state, stale lock), then the board, then the loop, and only then the
// network.
func Run(ctx context.Context, s Start) error {
	if s.Notify == nil {
		s.Notify = func(string) {}
	}
	if s.sys == nil {
		s.sys = durable.Linux
	}
	p := &parts{s: s, sys: s.sys, events: make(chan event, events), bundles: make(chan struct{}, 1)}
	p.src = source{clock: s.Host.Now, out: p.events}
	defer p.close()
	if err := p.openState(); err != nil {
		return err
	}
	p.reclaim(ctx)
	p.openKeyring()
	p.openStore(ctx)
	p.overdue = newOverdue(p)
	var err error
	if p.hw, err = hal.Open(s.Board, s.Opener); err != nil {
		return err
	}
	if p.socket, err = listenStatus(s.Identity.Paths.Run); err != nil {
		return err
	}
	p.loop = p.newLoop()
	if err := p.newUplink(ctx); err != nil {
		return err
	}
	return p.work(ctx)
}

// openState opens what survives a restart. A drone with a full or broken disk
// still flies: only the folders themselves must be there.
func (p *parts) openState() error {
	id := p.s.Identity
	for _, dir := range []string{id.Paths.State, id.Paths.Run} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("agent: make the folder, or correct [paths] in the identity: %w", err)
		}
	}
	state, lost := openState(p.sys, filepath.Join(id.Paths.State, stateName))
	p.state = state
	p.box = newOutbox(p.sys, filepath.Join(id.Paths.State, journalName))
	p.keep = newPersister(p.sys, p.s.Host.BootID, filepath.Join(id.Paths.State, lastGoodName), state, p.box, p.s.Log)
	started := report{kind: "agent.started", level: levelInfo, text: "aimd " + p.s.Version + " starts", pairs: pairs("drone", id.Drone, "fleet", id.Fleet,
		"board", p.s.Board.Name, "boot", p.s.Host.BootID, "pid", fmt.Sprint(os.Getpid()), "reset", p.s.Reset)}
	if p.s.Reset != "" {
		started.level = levelWarn
		started.text += "; the last reset was by: " + p.s.Reset
	}
	p.say(started)
	if lost != nil {
		p.say(report{kind: "state.lost", level: levelError, text: "the saved state cannot be used; waivers and hold times begin anew", pairs: pairs("why", lost.Error())})
	}
	live, data := p.lastGood()
	p.begins(live, data)
	p.baseline = state.get().Baseline
	return nil
}

// begins says what is in force at the start.
func (p *parts) begins(live *config.Live, data []byte) {
	p.inForce.Store(live)
	p.data, p.hash = data, ""
	if data != nil {
		p.hash = config.Hash(data)
	}
}

// say reports what is not the loop's. It is safe for concurrent use.
func (p *parts) say(r report) {
	r.at, r.wallMS = p.s.Host.Now(), time.Now().UnixMilli()
	p.keep.report(r)
}

// lastGood is the configuration that was in force, or the built-in defaults
// and no data when there was none.
func (p *parts) lastGood() (*config.Live, []byte) {
	path := filepath.Join(p.s.Identity.Paths.State, lastGoodName)
	data, err := durable.Read(p.sys, path, config.MaxLive)
	if err == nil {
		var live *config.Live
		if live, err = config.CheckLive(path, data, p.s.Identity.Safety); err == nil {
			return live, data
		}
	}
	if !errors.Is(err, os.ErrNotExist) {
		p.say(report{kind: "config.last-good-lost", level: levelError, text: "the last good configuration cannot be used; the defaults are in force until the live file is read", pairs: pairs("why", err.Error())})
	}
	live, err := config.ParseLive("defaults", config.Default())
	if err != nil {
		panic(err) // a test parses them
	}
	return live, nil
}

// reclaim takes back a stale lock of an earlier boot, or of a holder that died
// while no agent ran. Nothing of the network is needed, or waited for.
func (p *parts) reclaim(ctx context.Context) {
	id := p.s.Identity
	smith, err := locksmith.Open(p.sys, locksmith.Paths{Run: id.Paths.Run, State: id.Paths.State, Name: LockName}, p.s.Host,
		func() time.Duration { return p.inForce.Load().Lock.TTL })
	if err != nil {
		p.say(report{kind: "trouble", level: levelError, text: "lock: " + err.Error()})
		p.lockless = true
		return
	}
	p.smith = smith
	if !p.inForce.Load().Lock.ReclaimOnBoot {
		return
	}
	evidence, err := smith.Reclaim(ctx, locksmith.Claim{Role: locksmith.RoleAgent, Holder: "aimd", Reason: "reclaim on boot"})
	if err != nil {
		p.say(report{kind: "lock.reclaim-failed", level: levelError, text: "a stale lock could not be reclaimed yet; the audit tries again", pairs: pairs("why", err.Error())})
	}
	if evidence != nil {
		r := reclaimed(evidence, p.s.Host.Now())
		r.kind = "lock.reclaimed"
		r.pairs = append(r.pairs, pairs("when", "before the network")...)
		p.say(r)
	}
}

// newLoop makes the loop with what it remembers.
func (p *parts) newLoop() *loop {
	id, saved, now := p.s.Identity, p.state.get(), p.s.Host.Now()
	live, hash := p.inForce.Load(), p.hash
	l := &loop{
		in: p.events, clock: p.s.Host.Now, wall: time.Now, keep: p.keep, turns: &p.turns, log: p.s.Log, inForce: &p.inForce,
		ring:    &p.ringShown,
		request: pin{out: p.hw.Request}, blue: pin{out: p.hw.Blue}, amber: pin{out: p.hw.Amber},
		m:     pause.Restore(policy(live.SafePause), saved.Pause, now),
		conf:  configBook{live: live, hash: hash, data: p.data, baseline: p.baseline, ours: p.patches.unsettled()},
		ids:   ids{drone: id.Drone, fleet: id.Fleet, boot: p.s.Host.BootID, version: p.s.Version, reset: p.s.Reset, motors: len(p.s.Board.Motors), companion: p.hw.Companion.Sense != nil},
		dirty: true, bundles: p.bundles, patch: telemetry.Patch{State: patchIdle},
	}
	if p.lockless {
		l.troubles = append(l.troubles, "lock")
	}
	if p.ring != nil && p.ringShown.Load() == nil {
		l.troubles = append(l.troubles, keyringPart)
	}
	l.facts.started = now
	for _, s := range p.s.Board.Supplies {
		l.facts.supplies = append(l.facts.supplies, supplyFact{name: s.Name})
	}
	return l
}

func (p *parts) close() {
	if p.hw != nil {
		if err := p.hw.Close(); err != nil {
			p.s.Log.Error("closing the board", "err", err)
		}
	}
	if p.socket != nil {
		p.socket.Close()
	}
	if p.keep != nil {
		p.keep.drain()
	}
	if p.patches != nil && p.patches.store != nil {
		if err := p.patches.store.Close(); err != nil {
			p.s.Log.Error("closing the store", "err", err)
		}
	}
	if p.box != nil {
		if err := p.box.close(); err != nil {
			p.s.Log.Error("closing the journal", "err", err)
		}
	}
	if p.state != nil {
		p.state.close()
	}
}
