package agent

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/store"
)

// The states of a patch. LEDs show some of them.
const (
	patchIdle      = "IDLE"
	patchStaged    = "STAGED"
	patchWaiting   = "WAITING"
	patchApplying  = "APPLYING"
	patchTrial     = "TRIAL"
	patchCommitted = "COMMITTED"
	patchReverted  = "REVERTED"
	patchRejected  = "REJECTED"
)

// telling is what was told last, so that a wait is told once.
type telling struct {
	n     uint64 // of the last report
	wait  string // the hindrance
	state string // of the last report, and of which patch and offer it was
	meta  store.Meta
	epoch uint64
}

// tellAgain tells how a patch has ended, unless that very offer was told so
// last: then the report that the broker retains stands.
func (a *applier) tellAgain(ctx context.Context, j *job, state, reason, detail string) {
	if t := &a.told; t.state != state || t.meta != j.meta || t.epoch != j.epoch {
		a.tell(ctx, j, state, reason, detail)
	}
}

// tell reports a step: to the log and the journal, to the loop for the status,
// and for patch/report.
func (a *applier) tell(ctx context.Context, j *job, state, reason, detail string) {
	a.told.wait = ""
	a.deliver(ctx, j, state, reason, detail, make(chan uint64, 1))
}

// tellTrial tells of the switch; g learns under which number it is in the
// journal.
func (a *applier) tellTrial(ctx context.Context, j *job, g *grip) {
	a.deliver(ctx, j, patchTrial, "", "", g.sent)
}

// tellWait tells why a patch waits, once for each reason.
func (a *applier) tellWait(ctx context.Context, j *job, w hindrance) {
	if this := w.why + "\x00" + w.key; this != a.told.wait {
		a.tell(ctx, j, patchWaiting, w.why, w.detail)
		a.told.wait = this
	}
}

func (a *applier) deliver(ctx context.Context, j *job, state, reason, detail string, entered chan<- uint64) {
	level := levelInfo
	if state == patchReverted || state == patchRejected {
		level = levelWarn
	}
	text := "patch " + orNone(j.meta.Patch) + ": " + state
	for _, more := range []string{reason, detail} {
		if more != "" {
			text += ": " + more
		}
	}
	r := report{kind: "patch." + strings.ToLower(state), level: level, text: text, at: a.src.clock(), wallMS: time.Now().UnixMilli(),
		pairs: pairs("patch", j.meta.Patch, "rollout", j.meta.Rollout, "version", number(j.meta.Version), "old_version", number(j.oldVersion), "reason", reason),
		patch: a.encode(j, state, reason, detail), entered: entered}
	if state == patchCommitted || state == patchReverted {
		r.pairs = append(r.pairs, j.evidence...)
	}
	a.keep.deliver(ctx, r)
	if !j.heard { // somebody's attempt: reported, but it is not this drone's patch
		return
	}
	a.show(ctx, telemetry.Patch{State: state, ID: j.meta.Patch, Reason: clip(reason, 60)})
}

// repeat tells the broker and the status again how the last patch has ended,
// without a new entry in log and journal.
func (a *applier) repeat(ctx context.Context, j *job, state, reason, detail string) {
	a.keep.patches(a.encode(j, state, reason, detail))
	a.show(ctx, telemetry.Patch{State: state, ID: j.meta.Patch, Reason: clip(reason, 60)})
}

func (a *applier) show(ctx context.Context, p telemetry.Patch) {
	a.mu.Lock()
	a.shown = p
	a.mu.Unlock()
	a.src.send(ctx, event{kind: patchState, at: a.src.clock(), patch: p})
}

// encode makes the message. Its number is the time, so that it rises over
// restarts of the agent too.
func (a *applier) encode(j *job, state, reason, detail string) []byte {
	now := a.src.clock() / ms
	a.told.n = max(a.told.n+1, uint64(now))
	a.told.state, a.told.meta, a.told.epoch = state, j.meta, j.epoch
	r := telemetry.Report{Schema: telemetry.Schema, Boot: a.boot, TimeMS: time.Now().UnixMilli(), UpMS: now, N: a.told.n,
		Patch: j.meta.Patch, Rollout: j.meta.Rollout, Epoch: j.epoch, State: state, Reason: clip(reason, 60), Detail: clip(detail, 1500),
		Version: j.meta.Version, SHA256: j.meta.SHA256, OldVersion: j.oldVersion, OldSHA256: j.oldSHA256,
		OfferedMS: j.offered, StagedMS: j.staged, TriedMS: j.tried, EndedMS: j.ended, Evidence: clipped(j.evidence)}
	b, err := telemetry.Append(nil, &r)
	if err != nil {
		a.log.Error("a patch's report cannot be encoded", "err", err)
	}
	return b
}

func (a *applier) say(r report) {
	r.at, r.wallMS = a.src.clock(), time.Now().UnixMilli()
	a.keep.report(r)
}

// trouble tells the loop of a part that is broken; why "": it works again.
func (a *applier) trouble(ctx context.Context, part, why string) {
	a.src.send(ctx, event{kind: trouble, at: a.src.clock(), ok: why == "", text: troubleText(part, why)})
}

func orNone(s string) string {
	if s == "" {
		return "(unreadable)"
	}
	return s
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}
