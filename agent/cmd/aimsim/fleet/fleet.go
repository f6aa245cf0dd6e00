package fleet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/link"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/patch"
	"github.com/aim-control/aimlock/hal/sim"
	"github.com/aim-control/aimlock/hal/sim/wire"
)

// Options of a fleet.
type Options struct {
	Drones   int
	Fleet    string // its name
	Dir      string // empty or not there yet
	Seed     uint64 // of the worlds: drone n has Seed + n
	Broker   string // URL of a broker; empty: one of our own
	Operator string // user name of the observer at the broker
	Settings []Setting
	Exe      []string   // this program and what makes it parse "child" and "hold"
	Note     func(Note) // called from many goroutines; must not block
}

// Fleet is a running fleet. Close ends it.
type Fleet struct {
	Layout
	Drones []*Drone

	o      Options
	began  time.Time
	broker string
	key    patch.SecretKey // the operator's
	live   []byte          // every drone's first live file
	exe    []string
	note   func(Note)
	byName map[string]*Drone
	spawn  *spawner
	server *mqtt.Server
	cancel context.CancelFunc
	agents sync.WaitGroup // supervisors
	ended  sync.WaitGroup // everything else
}

// Broker is the broker's URL for a person: without a password.
func (f *Fleet) Broker() string {
	u, err := brokerURL(f.broker, "DRONE")
	if err != nil {
		return "?"
	}
	return u.Redacted()
}

// Names are the drones' names in their order.
func (f *Fleet) Names() []string { return Names(len(f.Drones)) }

// Drone is the drone of this name; nil if there is none.
func (f *Fleet) Drone(name string) *Drone { return f.byName[name] }

// Start builds the folder and starts everything. It returns before the agents
// are up. ctx's end stops the fleet; Close waits for that.
func Start(ctx context.Context, o Options) (_ *Fleet, err error) {
	ctx, cancel := context.WithCancel(ctx)
	f := &Fleet{Layout: Layout{o.Dir}, o: o, began: time.Now(), broker: o.Broker, exe: o.Exe, byName: map[string]*Drone{}, spawn: newSpawner(), cancel: cancel}
	f.note = func(n Note) {
		n.At = time.Now()
		o.Note(n)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	if err := f.prepare(); err != nil {
		return nil, err
	}
	if err := f.build(ctx); err != nil {
		return nil, err
	}
	if o.Broker != "" {
		if err := f.sweep(ctx); err != nil {
			return nil, fmt.Errorf("fleet: broker %s: %w; start it, or leave --broker away for the built-in one", f.Broker(), err)
		}
	}
	f.ended.Add(1) // observe gives it back when it ends
	if err := f.observe(ctx); err != nil {
		return nil, err
	}
	every := max(100*time.Millisecond, time.Duration(o.Drones)*8*time.Millisecond)
	for _, d := range f.Drones {
		f.agents.Go(func() { d.supervise(ctx) })
		f.ended.Go(func() { d.poll(ctx, every) })
	}
	return f, nil
}

// prepare makes the folder, the keys and the broker.
func (f *Fleet) prepare() error {
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if list, err := os.ReadDir(f.Dir); err != nil {
		return fmt.Errorf("fleet: %w", err)
	} else if len(list) > 0 {
		return fmt.Errorf("fleet: %s is not empty; give a new --dir, or remove it", f.Dir)
	}
	abs, err := filepath.Abs(f.Dir)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.Dir = abs
	for _, dir := range []string{f.Patches(), f.Rollouts()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
	}
	if f.broker == "" {
		rules := &access{drones: map[string]bool{}, denied: func(user, topic string) {
			f.note(Note{Kind: NoteFleet, Text: fmt.Sprintf("the broker refused %s the topic %s", user, topic)})
		}}
		for _, name := range Names(f.o.Drones) {
			rules.drones[f.o.Fleet+"/"+name] = true
		}
		if f.server, f.broker, err = startBroker(rules); err != nil {
			return err
		}
	}
	u, err := brokerURL(f.broker, f.o.Operator)
	if err != nil {
		return err
	}
	if u.User == nil {
		u.User = url.User(f.o.Operator)
	}
	if err := os.WriteFile(f.BrokerURL(), []byte(u.String()+"\n"), 0o600); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return nil
}

// build makes the drones, their worlds and links, and starts the worlds.
func (f *Fleet) build(ctx context.Context) error {
	public, err := f.makeKeys()
	if err != nil {
		return err
	}
	if f.live, err = liveFile(f.o.Settings, time.Now()); err != nil {
		return err
	}
	b, err := board.Lookup("sim")
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	for i, name := range Names(f.o.Drones) {
		d := &Drone{Name: name, Folder: f.Folder(name), World: sim.New(b, f.o.Seed+uint64(i)+1), fleet: f, orders: make(chan order), boots: 1}
		f.Drones = append(f.Drones, d)
		f.byName[name] = d
		if err := d.build(ctx, f, public); err != nil {
			return err
		}
	}
	return nil
}

func (d *Drone) build(ctx context.Context, f *Fleet, public string) error {
	u, err := brokerURL(f.broker, d.Name)
	if err != nil {
		return err
	}
	if d.Link, err = link.New(u.Host); err != nil {
		return err
	}
	address, err := linkURL(f.broker, d.Name, d.Link.Addr())
	if err != nil {
		return err
	}
	if err := d.Folder.build(identity(d.Name, f.o.Fleet, address, public, d.Folder), f.live); err != nil {
		return err
	}
	file, err := os.OpenFile(d.Folder.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	d.log = &agentLog{drone: d, file: file}
	listener, err := net.Listen("unix", d.Folder.World())
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.ended.Go(func() { d.World.Run(ctx) })
	f.ended.Go(func() {
		if err := wire.Serve(ctx, listener, d.World); err != nil && ctx.Err() == nil {
			d.say(NoteProcess, fmt.Sprintf("the board is gone: %v", err))
		}
	})
	return nil
}

// Close stops the agents, kills whoever holds a lock and frees everything. The
// folder stays. When it returns no process of the fleet is left.
func (f *Fleet) Close() error {
	f.cancel()
	f.agents.Wait()
	var errs []error
	for _, d := range f.Drones {
		if err := d.DropLock(); err != nil && !errors.Is(err, errNoHolder) {
			errs = append(errs, err)
		}
		if d.Link != nil {
			errs = append(errs, d.Link.Close())
		}
	}
	f.spawn.close()
	f.ended.Wait()
	for _, d := range f.Drones {
		if d.log != nil {
			errs = append(errs, d.log.file.Close())
		}
	}
	if f.server != nil {
		errs = append(errs, f.server.Close())
	}
	return errors.Join(errs...)
}
