package agent

import (
	"fmt"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/pause"
)

// configBook is which configuration is in force and what lies on disk.
type configBook struct {
	live     *config.Live // in force; never nil
	hash     string       // of its bytes; "" for the built-in defaults
	baseline string       // hash of what the fleet committed; "" before the first
	data     []byte       // what is in force; nil for the built-in defaults
	ours     string       // hash of the file that the store may put in place now; "": none
	disk     *config.Change
	pending  bool   // disk is valid and waits to be adopted
	problem  string // what is wrong with disk; "" if nothing
	drift    bool
}

// fileChanged judges what lies on disk now. A valid file is reported as drift
// at once and adopted when disarmed; under an invalid one the last good
// configuration stays in force.
func (l *loop) fileChanged(c *config.Change, now int64) {
	l.dirty = true
	first := l.conf.disk == nil
	same := !first && l.conf.disk.Err == nil && l.conf.disk.Hash == c.Hash // only how it is watched has changed
	before := l.conf.problem
	l.conf.disk, l.conf.problem, l.conf.pending = c, "", false
	l.degraded(c.Degraded)
	if c.Err != nil {
		l.conf.problem = c.Err.Error()
		if before != "" && before != l.conf.problem {
			l.say(report{kind: "config.invalid", level: levelError, text: "aim_lock_config.conf: still invalid", pairs: pairs("problem", l.conf.problem)}, now)
		}
		l.step(pause.Event{Kind: pause.ConfigLook, At: now, Hot: pause.Yes})
		return
	}
	l.step(pause.Event{Kind: pause.ConfigLook, At: now, Hot: pause.No})
	l.conf.drift = l.conf.baseline != "" && c.Hash != l.conf.baseline && c.Hash != l.conf.ours
	if c.Hash == l.conf.hash || c.Hash == l.conf.ours {
		return
	}
	l.conf.pending = true
	if l.conf.hash == "" { // the drone's first: better than the defaults, in the air too
		l.adopt(now)
		return
	}
	if same {
		return
	}
	when := "in force once disarmed"
	if l.m.Disarmed() == pause.Yes {
		when = "in force now: the drone is disarmed"
	}
	l.say(report{kind: "config.drift", level: levelWarn,
		text:  fmt.Sprintf("aim_lock_config.conf was changed on the drone: version %d, %s; %s", c.Live.Version, short(c.Hash), when),
		pairs: pairs("version", fmt.Sprint(c.Live.Version), "sha256", c.Hash, "in_force", l.conf.hash)}, now)
}

// adopt puts the file on disk in force.
func (l *loop) adopt(now int64) {
	c := l.conf.disk
	l.conf.pending, l.dirty = false, true
	l.conf.live, l.conf.hash, l.conf.data = c.Live, c.Hash, c.Data
	l.inForce.Store(c.Live)
	if l.conf.baseline == "" {
		l.conf.baseline = c.Hash
	}
	l.conf.drift = c.Hash != l.conf.baseline
	l.keep.keepConfig(c.Data, l.conf.baseline)
	l.say(report{kind: "config.adopted", level: levelInfo,
		text:  fmt.Sprintf("configuration version %d is in force (%s)", c.Live.Version, short(c.Hash)),
		pairs: pairs("version", fmt.Sprint(c.Live.Version), "sha256", c.Hash)}, now)
	l.step(pause.Event{Kind: pause.SetPolicy, At: now, Policy: policy(c.Live.SafePause)})
}

// degraded reports when changes of the file are noticed by looking alone.
func (l *loop) degraded(why string) {
	if why == "" {
		l.mended("file-events")
	} else {
		l.trouble("file-events", why)
	}
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
