package agent

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/patch"
)

// court is a drone that trusts two operators and wants both, and an attacker's
// bench.
type court struct {
	orders
	fs              *faultfs.FS
	alice, bob, eve patch.SecretKey
}

func newCourt(t *testing.T) *court {
	t.Helper()
	c := &court{fs: faultfs.New()}
	keys := make([]patch.SecretKey, 3)
	for i := range keys {
		var err error
		if keys[i], err = patch.GenerateKey(); err != nil {
			t.Fatal(err)
		}
	}
	c.alice, c.bob, c.eve = keys[0], keys[1], keys[2]
	state, _ := openState(c.fs, "/agent.state")
	if err := state.update(func(s *savedState) { s.Counter = 100 }); err != nil {
		t.Fatal(err)
	}
	c.orders = orders{boot: "boot-1", state: state, id: &config.Identity{Drone: "patrol-01", Fleet: "north"},
		ring: patch.OpenKeyring(c.fs, "/"+patch.FileKeyring, &patch.Ring{Version: 1, Threshold: 2,
			Command: []string{c.alice.Public(), c.bob.Public()}, Config: []string{c.eve.Public()}})}
	return c
}

// judge opens a message and judges it.
func (c *court) judge(topicID string, msg []byte) (*telemetry.Command, error) {
	env, err := c.open(msg)
	if err != nil {
		return nil, err
	}
	return c.orders.judge(topicID, env)
}

func good() telemetry.Command {
	return telemetry.Command{Schema: telemetry.Schema, ID: "c1", Fleet: "north", Drone: "patrol-01", Boot: "boot-1", Counter: 101, Verb: "pause", HoldMS: 5000}
}

// sign makes the envelope of a command.
func sign(t *testing.T, cmd telemetry.Command, keys ...patch.SecretKey) []byte {
	t.Helper()
	payload, err := telemetry.Append(nil, &cmd)
	if err != nil {
		t.Fatal(err)
	}
	return envelope(t, payload, payload, keys...)
}

func envelope(t *testing.T, signed, sent []byte, keys ...patch.SecretKey) []byte {
	t.Helper()
	env := telemetry.Envelope{Payload: sent}
	for _, k := range keys {
		sig, err := patch.Sign(k, signed, "command")
		if err != nil {
			t.Fatal(err)
		}
		env.Signatures = append(env.Signatures, sig)
	}
	b, err := telemetry.Append(nil, &env)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestAttacks sends what an attacker, or a fault, could send on command/<id>.
// Each is refused by its own name, and the saved counter stays what it was.
func TestAttacks(t *testing.T) {
	t.Parallel()
	with := func(change func(*telemetry.Command)) func(*testing.T, *court) []byte {
		return func(t *testing.T, c *court) []byte {
			cmd := good()
			change(&cmd)
			return sign(t, cmd, c.alice, c.bob)
		}
	}
	for name, a := range map[string]struct {
		attack func(*testing.T, *court) []byte
		want   error
	}{
		"unsigned":                {func(t *testing.T, c *court) []byte { return sign(t, good()) }, errSignature},
		"signed by a stranger":    {func(t *testing.T, c *court) []byte { k, _ := patch.GenerateKey(); return sign(t, good(), c.alice, k) }, errSignature},
		"key of another kind":     {func(t *testing.T, c *court) []byte { return sign(t, good(), c.alice, c.eve) }, errSignature},
		"too few signatures":      {func(t *testing.T, c *court) []byte { return sign(t, good(), c.alice) }, errSignature},
		"the same signer twice":   {func(t *testing.T, c *court) []byte { return sign(t, good(), c.alice, c.alice) }, errSignature},
		"content swapped":         {swapped, errSignature},
		"other fleet":             {with(func(m *telemetry.Command) { m.Fleet = "south" }), errOtherOne},
		"other drone":             {with(func(m *telemetry.Command) { m.Drone = "patrol-02" }), errOtherOne},
		"command of another boot": {with(func(m *telemetry.Command) { m.Boot = "boot-0" }), errOtherBoot},
		"counter reused":          {with(func(m *telemetry.Command) { m.Counter = 100 }), errReplay},
		"counter gone back":       {with(func(m *telemetry.Command) { m.Counter = 1 }), errReplay},
		"id of another topic":     {with(func(m *telemetry.Command) { m.ID = "c2" }), errMalformed},
		"schema of the future":    {with(func(m *telemetry.Command) { m.Schema = 99 }), errMalformed},
		"garbled envelope":        {func(*testing.T, *court) []byte { return []byte("\x82\xa1p\xff") }, errMalformed},
		"empty":                   {func(*testing.T, *court) []byte { return nil }, errMalformed},
		"trailing bytes":          {func(t *testing.T, c *court) []byte { return append(sign(t, good(), c.alice, c.bob), 0) }, errMalformed},
		"oversize":                {func(*testing.T, *court) []byte { return make([]byte, telemetry.MaxEnvelope+1) }, errMalformed},
		"garbled payload":         {func(t *testing.T, c *court) []byte { return envelope(t, []byte("x"), []byte("x"), c.alice, c.bob) }, errMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCourt(t)
			before := c.fs.Files()["/agent.state"]
			if _, err := c.judge("c1", a.attack(t, c)); !errors.Is(err, a.want) {
				t.Errorf("got %v, want %v", err, a.want)
			}
			if got := c.fs.Files()["/agent.state"]; string(got) != string(before) {
				t.Error("the state on disk has changed")
			}
		})
	}
}

func swapped(t *testing.T, c *court) []byte {
	mild, harsh := good(), good()
	harsh.HoldMS = 3600e3
	a, _ := telemetry.Append(nil, &mild)
	b, _ := telemetry.Append(nil, &harsh)
	return envelope(t, a, b, c.alice, c.bob)
}

// TestCommandOnce obeys a command once: its counter is on disk before it is
// obeyed, also across a power cut.
func TestCommandOnce(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	msg := sign(t, good(), c.alice, c.bob)
	if _, err := c.judge("c1", msg); err != nil {
		t.Fatal(err)
	}
	if _, err := c.judge("c1", msg); !errors.Is(err, errReplay) {
		t.Errorf("a second time: %v", err)
	}
	disk := c.fs.Crash(func(int) bool { return false }) // nothing unsynced survives
	state, lost := openState(disk, "/agent.state")
	if lost != nil || state.get().Counter != 101 {
		t.Fatalf("after a power cut the counter is %d (%v)", state.get().Counter, lost)
	}
}

// TestCommandNotKept refuses a command whose counter cannot be written.
func TestCommandNotKept(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	c.fs.FailFrom(1, unix.ENOSPC)
	if _, err := c.judge("c1", sign(t, good(), c.alice, c.bob)); !errors.Is(err, errNotKept) {
		t.Errorf("got %v", err)
	}
	c.fs.Heal()
	if _, err := c.judge("c1", sign(t, good(), c.alice, c.bob)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
