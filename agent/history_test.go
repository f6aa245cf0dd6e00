package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// past is the drone's history in short, newest first.
func (b *patchBench) past() string {
	p, err := store.Peek(durable.Linux, filepath.Join(b.Identity.Paths.State, storeName))
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, it := range p.Items {
		what := it.Meta.Patch
		if it.Meta.Local {
			what = "local " + it.Meta.SHA256[:6]
		}
		out = append(out, strings.TrimSpace(what+" "+it.Phase.String()))
	}
	return strings.Join(out, ", ")
}

func (b *patchBench) remembers(want string) {
	b.t.Helper()
	b.eventually("the history "+want, func() bool { return b.past() == want })
}

// edit changes the live file as editors do, and waits until it is in force. An
// empty file is a configuration too, so none may show in between.
func (b *patchBench) edit(text string) {
	b.t.Helper()
	next := b.Identity.Paths.Config + "~"
	err := os.WriteFile(next, []byte(text), 0o644)
	if err == nil {
		err = os.Rename(next, b.Identity.Paths.Config)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	var st telemetry.Status
	b.wait("the edit in force", telemetry.LeafStatus, &st, func() bool { return st.Config.SHA256 == config.Hash([]byte(text)) })
}

// TestLocalEditsInTheHistory: what was edited on the drone and adopted is in
// the history with its content, across a restart too. A patch that fails goes
// back to the last committed patch and one that is taken back to the one before
// it, never to the edit; its version counts for nothing.
func TestLocalEditsInTheHistory(t *testing.T) {
	t.Parallel()
	b := patchDrone(t, func(s *Start) { s.watch = 100 * time.Millisecond })
	short := func(text string) string { return "local " + config.Hash([]byte(text))[:6] }
	first := short(oldFile)
	b.remembers(first + " IDLE")
	b.offer(b.patch("p8", 8, newFile, nil), nil)
	b.reported("p8", patchCommitted)
	b.remembers("p8 COMMITTED, " + first + " COMMITTED")

	edited := strings.Replace(oldFile, "version = 7", "version = 99", 1)
	b.edit(edited)
	b.remembers(short(edited) + " IDLE, p8 COMMITTED, " + first + " COMMITTED")
	data, err := store.PeekContent(durable.Linux, filepath.Join(b.Identity.Paths.State, storeName), config.Hash([]byte(edited)))
	if err != nil || string(data) != edited {
		t.Errorf("the edit's content is %q, %v", data, err)
	}
	b.again()
	b.remembers(short(edited) + " IDLE, p8 COMMITTED, " + first + " COMMITTED")

	bad := strings.Replace(newFile, "version = 8", "version = 9 # refuse", 1)
	b.offer(b.patch("p9", 9, bad, nil), nil)
	b.reported("p9", patchReverted)
	b.lies(newFile)
	b.remembers("p9 REVERTED, " + short(edited) + " IDLE, p8 COMMITTED, " + first + " COMMITTED")

	b.edit(edited)
	b.sendRaw("back", b.patch("p8", 8, newFile, nil).Revert)
	if r := b.reported("p8", patchReverted); r.Reason != "ordered" {
		t.Errorf("%+v", r)
	}
	b.lies(oldFile)
	b.remembers("p8 REVERTED, p9 REVERTED, " + short(edited) + " IDLE, " + first + " COMMITTED")
	if p, err := store.Peek(durable.Linux, filepath.Join(b.Identity.Paths.State, storeName)); err != nil || p.High != 8 {
		t.Errorf("highest version %+v, %v", p, err)
	}
}
