package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/show"
	"github.com/aim-control/aimlock/agent/config"
)

// The smallest terminal that the live view fits into.
const (
	leastWidth  = 70
	leastHeight = 20
)

// live reports whether there is a terminal to draw in.
func (x *flight) live() bool {
	out, ok := x.cmd.OutOrStdout().(*os.File)
	if !ok || x.plain || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(out.Fd())) {
		return false
	}
	w, h, err := term.GetSize(int(out.Fd()))
	return err == nil && w >= leastWidth && h >= leastHeight
}

// width of the terminal; 0 if there is none.
func (x *flight) width() int {
	if out, ok := x.cmd.OutOrStdout().(*os.File); ok {
		if w, _, err := term.GetSize(int(out.Fd())); err == nil {
			return w
		}
	}
	return 0
}

// keyboard is standard input if a person types there.
func (x *flight) keyboard() (*os.File, bool) {
	in, ok := x.cmd.InOrStdin().(*os.File)
	return in, ok && term.IsTerminal(int(in.Fd()))
}

// prompts reports whether the live view reads the keyboard for lines.
func (x *flight) prompts() bool {
	_, keys := x.keyboard()
	return x.interactive && keys && x.live()
}

// show tells the run until ctx ends.
func (x *flight) show(ctx context.Context, stop func()) error {
	out := x.cmd.OutOrStdout()
	where := fmt.Sprintf("folder %s · broker %s", x.dir, x.fleet.Broker())
	if !x.live() {
		fmt.Fprintf(out, "aimsim: %d drones, %s, seed %d\n", len(x.fleet.Drones), where, x.seed)
		return show.WritePlain(ctx, x.tale, out)
	}
	o := show.LiveOptions{Title: x.title, Footer: where, Look: newLooker(x).look, Cancel: stop, Out: out}
	if in, ok := x.keyboard(); ok {
		o.In = in
	}
	if x.prompts() {
		o.Submit = func(line string) {
			select {
			case x.typed <- line:
			default: // sixteen lines wait already
			}
		}
	}
	return show.RunLive(ctx, x.tale, o)
}

// looker answers what the live view asks about a drone.
type looker struct {
	x    *flight
	mu   sync.Mutex
	hold map[string]held // by drone
}

// held is the longest hold of the configuration with this hash.
type held struct {
	hash string
	most time.Duration
}

func newLooker(x *flight) *looker { return &looker{x: x, hold: map[string]held{}} }

func (l *looker) look(name string) show.World {
	d := l.x.fleet.Drone(name)
	s := d.World.Snapshot()
	w := show.World{Mode: s.Mode, Leg: s.Leg, Blue: s.Blue, Amber: s.Amber, Status: d.Status()}
	_, motors, _, _ := d.Seen()
	for _, m := range motors {
		if c := float64(m.MilliC) / 1000; m.OK && (!w.Known || c > w.HottestC) {
			w.HottestC, w.Known = c, true
		}
	}
	if w.Status != nil {
		w.MaxHold = l.maxHold(name, d.Folder.Live(), w.Status.Config.SHA256)
	}
	return w
}

// maxHold is the longest hold of the configuration in force, as long as it is
// or was the one on disk; 0 if it was never seen there.
func (l *looker) maxHold(name, path, hash string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.hold[name]; h.hash == hash {
		return h.most
	}
	data, err := os.ReadFile(path)
	if err != nil || config.Hash(data) != hash {
		return 0
	}
	live, err := config.ParseLive(path, data)
	if err != nil {
		return 0
	}
	l.hold[name] = held{hash, live.SafePause.MaxHold}
	return live.SafePause.MaxHold
}
