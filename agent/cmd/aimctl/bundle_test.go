package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// cmdRemembers fills the state folder as a running agent does, and keeps store
// and journal open, as it does: two events, of which the broker has the first,
// and a report.
func cmdRemembers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: remembers")
	}
	state := ts.MkAbs("state")
	j, err := durable.OpenJournal(durable.Linux, filepath.Join(state, journalDir), durable.Limits{Segment: 128 << 10, Total: 1 << 20, Entry: telemetry.MaxEvent})
	ts.Check(err)
	ts.Defer(func() { j.Close() })
	for i, text := range []string{"aimd v1.0.0 starts", "the lock is HOT"} {
		data, err := telemetry.Append(nil, &telemetry.Event{Schema: 1, Boot: "boot-1", N: uint64(i + 1), Kind: "agent.started", Text: text})
		ts.Check(err)
		_, err = j.Append(telemetry.EventEntry(data))
		ts.Check(err)
	}
	ts.Check(j.Ack(1))
	data, err := telemetry.Append(nil, &telemetry.Report{Schema: 1, Boot: "boot-1", Patch: "p-1", State: "REVERTED"})
	ts.Check(err)
	_, err = j.Append(telemetry.ReportEntry(data, 2))
	ts.Check(err)

	s, err := store.Open(durable.Linux, store.Options{Live: ts.MkAbs(config.LiveName), Dir: filepath.Join(state, path.Dir(storeState))})
	ts.Check(err)
	ts.Defer(func() { s.Close() })
	ts.Check(s.Adopt(config.Default()))
}

// cmdUnpack unpacks an archive's members into a folder, without the folder that
// they lie in, and checks the archive's mode.
func cmdUnpack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unpack ARCHIVE FOLDER")
	}
	f, err := os.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	info, err := f.Stat()
	ts.Check(err)
	if info.Mode() != 0o600 {
		ts.Fatalf("%s has mode %v", args[0], info.Mode())
	}
	zip, err := gzip.NewReader(f)
	ts.Check(err)
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		ts.Check(err)
		data, err := io.ReadAll(r)
		ts.Check(err)
		_, name, ok := cut(h.Name)
		if !ok {
			ts.Fatalf("%s lies in no folder", h.Name)
		}
		to := filepath.Join(ts.MkAbs(args[1]), name)
		ts.Check(os.MkdirAll(filepath.Dir(to), 0o755))
		ts.Check(os.WriteFile(to, data, 0o644))
	}
}

// cut parts a name at its first slash.
func cut(name string) (folder, rest string, ok bool) {
	for i := range name {
		if name[i] == '/' {
			return name[:i], name[i+1:], filepath.IsLocal(name)
		}
	}
	return name, "", false
}
