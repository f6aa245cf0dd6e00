package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
)

const (
	retryEvery = 5 * time.Second // what could not be written is tried again
	maxReports = 256             // that wait for the disk; further ones are counted and lost
)

// journalLimits bounds the events that wait for the broker: a megabyte.
var journalLimits = durable.Limits{Segment: 128 << 10, Total: 1 << 20, Entry: telemetry.MaxEntry}

// persister writes what the loop hands it, so that the loop never waits for a
// disk. Reports come first to the log and then to the journal; of the pause
// machine's state and the configuration only the newest is kept.
type persister struct {
	reports chan report
	dirty   chan struct{}

	mu       sync.Mutex
	pause    *pause.Saved
	config   []byte
	edit     []byte // for the history
	baseline string
	dropped  uint64 // reports since the last one written

	boot    string
	journal *outbox
	state   *stateFile
	last    string // path of the last good configuration
	sys     durable.Sys
	wake    func()                  // the journal has something new
	patches func(report []byte)     // the newest patch report, for what the broker retains
	note    func(data []byte) error // keeps what is in force for the history; nil: nobody does
	trouble func(part, why string)  // a write failed; "" : it works again
	log     Logger
	n       uint64 // of the last event of this boot
	counted bool   // n has gone on from the journal's newest
	broken  map[string]bool
}

func newPersister(sys durable.Sys, boot, lastGood string, state *stateFile, journal *outbox, log Logger) *persister {
	p := &persister{reports: make(chan report, maxReports), dirty: make(chan struct{}, 1), sys: sys, boot: boot, last: lastGood,
		state: state, journal: journal, log: log, wake: func() {}, patches: func([]byte) {}, trouble: func(string, string) {}, broken: map[string]bool{}}
	_ = p.count()
	return p
}

// count goes on from the newest number in the journal: one that was used in
// this boot must not be used again, or its event counts as a duplicate.
func (p *persister) count() error {
	if p.counted {
		return nil
	}
	n, err := p.journal.lastNumber(p.boot)
	if err == nil {
		p.n, p.counted = p.n+n, true
	}
	return err
}

// report implements keeper.
func (p *persister) report(r report) {
	select {
	case p.reports <- r:
	default:
		p.mu.Lock()
		p.dropped++
		p.mu.Unlock()
	}
}

// deliver is report for one that must not be lost; it waits for room.
func (p *persister) deliver(ctx context.Context, r report) {
	select {
	case p.reports <- r:
	case <-ctx.Done():
		p.report(r)
	}
}

// keepPause implements keeper.
func (p *persister) keepPause(s pause.Saved) {
	p.mu.Lock()
	p.pause = &s
	p.mu.Unlock()
	p.nudge()
}

// keepConfig implements keeper.
func (p *persister) keepConfig(data []byte, baseline string) {
	p.mu.Lock()
	p.config, p.edit, p.baseline = data, data, baseline
	p.mu.Unlock()
	p.nudge()
}

func (p *persister) nudge() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (p *persister) run(ctx context.Context) {
	retry := time.NewTicker(retryEvery)
	defer retry.Stop()
	for {
		select {
		case <-retry.C:
			p.flush()
		case r := <-p.reports:
			p.write(r)
		case <-p.dirty:
			p.flush()
		case <-ctx.Done():
			p.drain()
			return
		}
	}
}

func (p *persister) drain() {
	for {
		select {
		case r := <-p.reports:
			p.write(r)
		default:
			p.flush()
			return
		}
	}
}

// write logs a report and appends it to the journal, numbered.
func (p *persister) write(r report) {
	r.write(p.log)
	err := p.count()
	p.mu.Lock()
	p.n += 1 + p.dropped // what was dropped shows as a gap
	p.dropped = 0
	p.mu.Unlock()
	if err == nil {
		err = p.enter(r)
	}
	if r.patch != nil {
		err = errors.Join(err, p.enterPatch(r))
	}
	p.outcome("journal", err)
	if err == nil {
		p.wake()
	}
}

// enterPatch appends a patch report. It is what the broker shall retain though
// the journal cannot be written.
func (p *persister) enterPatch(r report) error {
	n, err := p.journal.append(telemetry.ReportEntry(r.patch, p.n))
	if err != nil {
		n = 0
	}
	r.entered <- n
	p.wake() // first: what the journal delivers is not sent besides
	p.patches(r.patch)
	return err
}

// enter appends a report to the journal.
func (p *persister) enter(r report) error {
	ev := telemetry.Event{Schema: telemetry.Schema, Boot: p.boot, TimeMS: r.wallMS, UpMS: r.at / ms, N: p.n,
		Kind: r.kind, Level: r.level, Text: clip(r.text, 2000), Evidence: clipped(r.pairs)}
	data, err := telemetry.Append(nil, &ev)
	if err != nil {
		return err
	}
	_, err = p.journal.append(telemetry.EventEntry(data))
	return err
}

func clipped(pairs []telemetry.Evidence) []telemetry.Evidence {
	out := make([]telemetry.Evidence, 0, len(pairs))
	for _, e := range pairs {
		out = append(out, telemetry.Evidence{Key: e.Key, Value: clip(e.Value, 1000)})
	}
	return out
}

// flush writes the newest state. Of the configuration the file goes first: a
// state that names a baseline must find it. What could not be written waits
// for the next try, unless something newer has come.
func (p *persister) flush() {
	p.mu.Lock()
	saved, config, edit, baseline := p.pause, p.config, p.edit, p.baseline
	p.pause, p.config, p.edit = nil, nil, nil
	p.mu.Unlock()
	if edit != nil {
		p.history(edit)
	}
	if saved == nil && config == nil {
		return
	}
	var errConfig, errPause error
	if config != nil {
		if errConfig = durable.Replace(p.sys, p.last, config, 0o644); errConfig == nil {
			errConfig = p.state.update(func(s *savedState) { s.Baseline = baseline })
		}
	}
	if saved != nil {
		errPause = p.state.update(func(s *savedState) { s.Pause = *saved })
	}
	p.mu.Lock()
	if errConfig != nil && p.config == nil {
		p.config, p.baseline = config, baseline
	}
	if errPause != nil && p.pause == nil {
		p.pause = saved
	}
	p.mu.Unlock()
	p.outcome("state", errors.Join(errConfig, errPause))
}

// history notes an edit, or keeps it for the next try: the store may not be open
// yet.
func (p *persister) history(edit []byte) {
	if p.note == nil {
		return
	}
	err := p.note(edit)
	if err != nil {
		p.mu.Lock()
		if p.edit == nil {
			p.edit = edit
		}
		p.mu.Unlock()
	}
	if err != errAgain {
		p.outcome("history", err)
	}
}

// outcome tells the loop, which tells the world, when writing begins to fail
// and when it works again.
func (p *persister) outcome(part string, err error) {
	if failed := err != nil; failed == p.broken[part] {
		return
	} else if p.broken[part] = failed; !failed {
		p.trouble(part, "")
		return
	}
	p.log.Error(part+": cannot be written; free space or mend the disk", "err", err)
	p.trouble(part, err.Error())
}
