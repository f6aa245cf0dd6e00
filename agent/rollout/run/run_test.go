package run

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/rollout"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
)

func TestFinishes(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good, good, good, good)
	var told []Line
	o := f.options()
	o.Progress = func(p Progress) { told = append(told, p.Say...) }
	s, err := f.run(o)
	f.must(err)
	if got := f.outcomes(s); got != "FINISHED: SUCCEEDED SUCCEEDED SUCCEEDED SUCCEEDED" {
		t.Error(got, s.Reason)
	}
	for n, d := range f.drones {
		d.mu.Lock()
		if d.trials != 1 || d.sha != s.Plan.SHA256 || len(d.refused) > 0 {
			t.Errorf("%s: %d trials, %s, refused %v", n, d.trials, d.sha, d.refused)
		}
		d.mu.Unlock()
		if pk, ok := f.broker.Topics.Retained.Get(telemetry.Topic("north", n, telemetry.LeafOffer)); ok && len(pk.Payload) > 0 {
			t.Errorf("%s is still offered the patch", n)
		}
	}
	f.mu.Lock()
	if f.offers[0] != "d1" || len(f.offers) != 4 {
		t.Error("offers", f.offers)
	}
	if c := f.leader(); c.Online || c.Rollout != "" || c.Epoch != 1 || c.Controller != "op-a" {
		t.Errorf("%+v", c)
	}
	if !slices.ContainsFunc(f.views, func(v telemetry.Rollout) bool { return v.Phase == "BAKING" && v.BakeMS > 0 && v.BakeMS <= 60 }) {
		t.Error("never said what was left of a bake")
	}
	if v := f.views[len(f.views)-1]; v.State != "FINISHED" || len(v.Drones) != 4 || v.Drones[3].State != "SUCCEEDED" {
		t.Errorf("%+v", v)
	}
	f.mu.Unlock()
	if len(told) == 0 {
		t.Error("nothing was said")
	}
	saved, err := Load(f.state)
	f.must(err)
	if saved.Rollout.Status != s.Status || saved.Epoch != 1 {
		t.Errorf("%+v", saved)
	}
	again, err := f.run(f.options()) // a rollout that has ended is told again, and that is all
	f.must(err)
	if again.Status != rollout.Finished || again.Rev != s.Rev {
		t.Error(again.Status, again.Rev, s.Rev)
	}
}

// One failure stops it, and what was changed is taken back.
func TestFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tempers []temper
		change  func(*Options)
		want    string
		reason  string
	}{
		{[]temper{rejects, good}, nil, "STOPPED: REJECTED PENDING", "d1: rejected the patch: content"},
		{[]temper{good, reverts, good}, nil, "STOPPED: REVERTED REVERTED REVERTED", "d2: reverted the patch: check 10-radio fails"},
		{[]temper{pauses, good}, nil, "STOPPED: FAILED PENDING", "d1: pauses because of config"},
		{[]temper{good, good, waits}, func(o *Options) { o.Plan.TimeoutNS, o.Plan.AtOnce = 1500e6, 1 }, "STOPPED: REVERTED REVERTED TIMED_OUT", "d3: not committed in time, last WAITING: window"},
		{[]temper{silent, good}, func(o *Options) { o.Plan.SilenceNS, o.Plan.TimeoutNS = 150e6, 300e6 }, "STOPPED: FAILED PENDING", "d1: silent in its bake; 1 may still have the patch"},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, c.tempers...)
			o := f.options()
			if c.change != nil {
				c.change(&o)
			}
			s, err := f.run(o)
			f.must(err)
			if got := f.outcomes(s); got != c.want || s.Reason != c.reason {
				t.Errorf("%s (%s), want %s (%s)", got, s.Reason, c.want, c.reason)
			}
			for n, d := range f.drones {
				d.mu.Lock()
				if d.sha == s.Plan.SHA256 && d.temper != silent {
					t.Errorf("%s still has the patch", n)
				}
				d.mu.Unlock()
			}
		})
	}
}

// Connections that are cut, the runner's own and the drones', change nothing.
func TestCutOff(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good, good, good)
	o := f.options()
	o.Plan.BakeNS, o.Plan.Waves = 150e6, []rollout.Size{{Count: 1}}
	b := f.begin(o)
	for i, n := range f.names {
		b.until(t, n, outcome(n, rollout.Succeeded))
		f.kick([]string{"aim-ctl-", "", "aim_d"}[i])
	}
	s, err := b.wait(t)
	f.must(err)
	if got := f.outcomes(s); got != "FINISHED: SUCCEEDED SUCCEEDED SUCCEEDED" {
		t.Error(got, s.Reason)
	}
}

// A drone that is away when the rollout rolls back is reverted when it is back.
func TestRevertsWhoComesBack(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good, waits)
	o := f.options()
	b := f.begin(o)
	b.until(t, "d2 offered", outcome("d2", rollout.InProgress))
	f.stops["d1"]()
	b.until(t, "d1 away", func(s rollout.State) bool { return !s.Drones[0].Online })
	f.must(Ask(f.state, Rollback, "another shell"))
	s := b.until(t, "d2 done", outcome("d2", rollout.Reverted))
	if s.Status != rollout.RollingBack || !strings.Contains(s.Reason, "taken back by another shell") {
		t.Error(s.Status, s.Reason)
	}
	f.start("d1")
	s, err := b.wait(t)
	f.must(err)
	if got := f.outcomes(s); got != "STOPPED: REVERTED REVERTED" {
		t.Error(got)
	}
}

// Another process pauses and resumes; a request made while nobody runs is
// taken at the next run.
func TestAsk(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good, good)
	o := f.options()
	o.Plan.Approve = rollout.ApproveCanary
	if err := Ask(f.state, Pause, "me"); err == nil {
		t.Error("a request to nobody")
	}
	b := f.begin(o)
	b.until(t, "asking", status(rollout.Waiting))
	b.stop(errors.New("enough"))
	_, _ = b.wait(t)
	f.must(Ask(f.state, Approve, "me"))
	if on, err := Waiting(f.state); !on || err != nil {
		t.Error("nothing waits", err)
	}
	b = f.begin(o)
	s, err := b.wait(t)
	f.must(err)
	if got := f.outcomes(s); got != "FINISHED: SUCCEEDED SUCCEEDED" {
		t.Error(got)
	}
	if on, err := Waiting(f.state); on || err != nil {
		t.Error("something waits", err)
	}
	for _, left := range []string{".ask", ".asked"} {
		if _, err := os.Stat(f.state + left); err == nil {
			t.Error(left, "is left")
		}
	}
	if Ask(f.state, "explode", "me") == nil || b.Do("explode", "me") == nil || Ask(f.state, Pause, strings.Repeat("x", 300)) == nil {
		t.Error("a request that is none")
	}
}

type fullDisk struct {
	durable.Sys
	after int
}

func (s *fullDisk) Renameat(a int, from string, b int, to string) error {
	if s.after--; s.after < 0 && !strings.HasSuffix(from, ".ask") {
		return errors.New("no space")
	}
	return s.Sys.Renameat(a, from, b, to)
}

// What cannot be kept is not sent: the drones would outlive the memory of it.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	f := newFleet(t, good)
	o := f.options()
	o.Sys = &fullDisk{durable.Linux, 1} // the epoch, and then no more
	if _, err := f.run(o); !errors.Is(err, ErrState) {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.offers) > 0 {
		t.Error("offered", f.offers)
	}
	if c := f.leader(); c.Online || c.Rollout != "r1" {
		t.Errorf("%+v", c)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	f.names = []string{"d1", "d2"}
	remake := func(change func(*patch.Manifest)) *patch.Package {
		m := patch.Manifest{Kind: patch.KindConfig, ID: "p1", Fleet: "north", Targets: []string{patch.Everyone}, ConfigVersion: 2, Created: time.Now().UTC().Truncate(time.Second)}
		change(&m)
		p, err := patch.New(m, []byte(newContent))
		f.must(err)
		f.must(p.Sign(f.key))
		return p
	}
	kept := func(change func(*Saved)) []byte {
		r, err := New(f.options())
		f.must(err)
		s := r.saved
		change(&s)
		b, err := json.Marshal(s)
		f.must(err)
		return b
	}
	for _, c := range []struct {
		name  string
		o     func(*Options)
		state []byte
		want  string
	}{
		{"no revert", func(o *Options) { p := *o.Package; p.Revert = nil; o.Package = &p }, nil, "no signed revert"},
		{"not a target", func(o *Options) { o.Package = remake(func(m *patch.Manifest) { m.Targets = []string{"d1"} }) }, nil, "d2 is not a target"},
		{"expired", func(o *Options) {
			o.Package = remake(func(m *patch.Manifest) {
				m.Created = m.Created.Add(-2 * time.Hour)
				m.Expires = m.Created.Add(time.Hour)
			})
		}, nil, "sign it anew"},
		{"another fleet's", func(o *Options) { o.Plan.Fleet = "south" }, nil, "another patch"},
		{"no key", func(o *Options) { o.Key = patch.SecretKey{} }, nil, "an offer cannot be made"},
		{"no controller", func(o *Options) { o.Controller = "Bob & Alice" }, nil, "controller's name"},
		{"no bake", func(o *Options) { o.Plan.BakeNS, o.Plan.Heartbeats = 0, 0 }, nil, "no bake"},
		{"another rollout's file", nil, kept(func(s *Saved) { s.Rollout.Plan.ID = "r7" }), "name another file"},
		{"another patch's file", nil, kept(func(s *Saved) { s.Manifest = "x" }), "the one it began with"},
		{"a newer file", nil, kept(func(s *Saved) { s.Schema = 9 }), "schema 9"},
		{"an edited file", nil, kept(func(s *Saved) { s.Rollout.Wave = 7 }), "edited or damaged"},
		{"rubbish", nil, []byte("rubbish"), "not a rollout's state"},
	} {
		o := f.options()
		if c.o != nil {
			c.o(&o)
		}
		if c.state != nil {
			o.State += strings.ReplaceAll(c.name, " ", "-")
			f.must(os.WriteFile(o.State, c.state, 0o644))
		}
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
