package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/agent"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/hal/sim"
)

const (
	fleet = 8   // agents at the same time
	rises = 200 // requests to measure
	limit = 10 * time.Millisecond
)

// latency measures once, and a second time if the machine was too busy the
// first: what only this program does wrong it does wrong again.
func latency(ctx context.Context, dir string) ([]row, error) {
	rows, err := latencyOnce(ctx, filepath.Join(dir, "first"))
	if err == nil && !rows[0].OK {
		first := rows[0].Measured
		if rows, err = latencyOnce(ctx, filepath.Join(dir, "second")); err == nil {
			rows[0].Measured += "; at first " + first
		}
	}
	return rows, err
}

// latencyOnce heats and cools motors of eight agents until 200 requests have come,
// and holds each against the bus transfer that proved it. A control goroutine
// that only sleeps says what the machine itself adds.
func latencyOnce(ctx context.Context, dir string) ([]row, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var got collector
	got.enough = cancel
	var wg sync.WaitGroup
	var control []time.Duration
	wg.Go(func() { control = sleepOnly(ctx) })
	errs := make([]error, fleet)
	for i := range fleet {
		wg.Go(func() {
			errs[i] = heatAndCool(ctx, filepath.Join(dir, fmt.Sprint("latency-", i)), uint64(i+1), &got)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(got.after) < rises {
		return nil, fmt.Errorf("only %d of %d requests came in time", len(got.after), rises)
	}
	if got.early > 0 {
		return nil, fmt.Errorf("%d requests came before three hot samples had proven anything", got.early)
	}
	ours, machine := p99(got.after), p99(control)
	beyond := ours - machine
	return []row{{What: "hot sample → request line, p99 beyond a sleeper's", Budget: "≤ 10 ms",
		Measured: fmt.Sprintf("%.2f ms (p99 %.2f, median %.2f; sleeper's p99 %.2f; %d requests)", msec(beyond), msec(ours), msec(got.after[len(got.after)/2]), msec(machine), len(got.after)),
		OK:       beyond <= limit, Note: "eight agents in one process, real time; from the end of the transfer that proved it to the line's edge"}}, nil
}

func msec(d time.Duration) float64 { return float64(d) / 1e6 }

// p99 sorts d in place.
func p99(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*99/100)]
}

// sleepOnly measures by how much a sleep of a millisecond is overslept.
func sleepOnly(ctx context.Context) (over []time.Duration) {
	for ctx.Err() == nil {
		start := time.Now()
		time.Sleep(time.Millisecond)
		over = append(over, time.Since(start)-time.Millisecond)
	}
	return over
}

type collector struct {
	mu     sync.Mutex
	after  []time.Duration
	early  int // requests that nothing had proven
	enough func()
}

func (c *collector) add(d time.Duration, proven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !proven {
		c.early++
		return
	}
	if c.after = append(c.after, d); len(c.after) == rises {
		c.enough()
	}
}

// heatAndCool runs one agent on a drone whose motors follow heat within a
// second, by some 2 °C a sample where they get hot: more than 4 °C no motor does,
// and the driver looks twice.
func heatAndCool(ctx context.Context, dir string, seed uint64, got *collector) error {
	b, err := board.Lookup("sim")
	if err != nil {
		return err
	}
	w := sim.New(b, seed)
	m := w.Model()
	m.Tau, m.BrakeTime = 250*time.Millisecond, 50*time.Millisecond
	w.SetModel(m)
	o := &proof{World: w, look: secondLook, rose: make(chan struct{}, 1)}
	w.Observe(func(line string, high bool, _ time.Duration) {
		if line != board.PauseReq {
			return
		}
		if high {
			got.add(o.since())
		}
		select {
		case o.rose <- struct{}{}:
		default:
		}
	})
	id, err := identity(dir, "mqtt://127.0.0.1:9", "clear_for = \"0s\"")
	if err != nil {
		return err
	}
	host, err := locksmith.KernelHost()
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() { w.Run(ctx) })
	wg.Go(func() { swing(ctx, w, o) })
	err = agent.Run(ctx, agent.Start{Identity: id, Board: b, Opener: o, Host: host, Version: "bench", Log: slog.New(slog.DiscardHandler)})
	wg.Wait()
	return err
}

// swing heats a motor until the request rises and cools it until it falls.
func swing(ctx context.Context, w *sim.World, o *proof) {
	for i := 0; ctx.Err() == nil; i++ {
		motor := 1 + i%4
		_ = w.HeatMotor(motor, 100)
		wait(ctx, o.rose)
		_ = w.HeatMotor(motor, 60)
		wait(ctx, o.rose)
	}
}

func wait(ctx context.Context, c <-chan struct{}) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// proof is a board whose transfers are read along: it knows from the data
// sheet when three samples in a row have proven a motor hot.
type proof struct {
	*sim.World
	rose chan struct{}
	mu   sync.Mutex
	hot  map[uint16]int
	last map[uint16]time.Time // of the last sample that counted
	look time.Duration        // a reading so soon after it is a second look
	at   time.Time
}

// secondLook: a reading that jumps is looked at twice within its round; rounds
// are 100 ms apart, and only one look of each is a sample.
const secondLook = 50 * time.Millisecond

func (p *proof) Bus(b board.Bus) (i2c.BusCloser, error) {
	bus, err := p.World.Bus(b)
	return &tappedBus{bus, p}, err
}

// since is how long ago the proof came; each proof counts once.
func (p *proof) since() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		return 0, false
	}
	d := time.Since(p.at)
	p.at = time.Time{}
	return d, true
}

type tappedBus struct {
	i2c.BusCloser
	p *proof
}

func (t *tappedBus) Tx(addr uint16, w, r []byte) error {
	err := t.BusCloser.Tx(addr, w, r)
	if len(w) == 1 && w[0] == 0 && len(r) == 2 {
		t.p.sample(addr, r, err)
	}
	return err
}

// sample reads the temperature register as the TMP102's data sheet has it.
func (p *proof) sample(addr uint16, r []byte, err error) {
	raw := int16(uint16(r[0])<<8 | uint16(r[1]))
	c := float64(raw>>4) / 16
	if raw&1 != 0 { // extended mode
		c = float64(raw>>3) / 16
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hot == nil {
		p.hot, p.last = map[uint16]int{}, map[uint16]time.Time{}
	}
	if err != nil || c < 95 {
		p.hot[addr] = 0
		return
	}
	again := time.Since(p.last[addr]) < p.look
	if !again {
		p.hot[addr]++
		p.last[addr] = time.Now()
	}
	if p.hot[addr] == 3 && !again {
		p.at = time.Now()
	}
}

// identity makes a drone's folder: identity, live file, with the motor's clear
// rule replaced.
func identity(dir, broker, clear string, more ...string) (*config.Identity, error) {
	for _, d := range []string{dir, filepath.Join(dir, "state"), filepath.Join(dir, "run")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	live := "version = 1\n[safe_pause]\nmotor = { warm = 80.0, hot = 95.0, clear = 80.0, " + clear + " }\n"
	path := filepath.Join(dir, config.LiveName)
	if err := os.WriteFile(path, []byte(live), 0o644); err != nil {
		return nil, err
	}
	tls := ""
	if len(more) > 0 {
		tls = ", " + more[0]
	}
	text := fmt.Sprintf("drone = %q\nfleet = \"bench\"\nboard = \"sim\"\nmqtt = { broker = %q%s }\npaths = { config = %q, state = %q, run = %q }\n",
		filepath.Base(dir), broker, tls, path, filepath.Join(dir, "state"), filepath.Join(dir, "run"))
	file := filepath.Join(dir, "drone.toml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return config.ParseIdentity(file, []byte(text))
}
