package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"path/filepath"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/bundle"
	"github.com/aim-control/aimlock/agent/cmd/aimctl/doctor"
	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/agent/locksmith"
	"github.com/aim-control/aimlock/agent/telemetry"
	"github.com/aim-control/aimlock/board"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// Names of the agent's files in the state folder.
const (
	lastGoodFile = "last_good.conf"
	agentState   = "agent.state"
	journalDir   = "journal"
	storeState   = "store/state"
)

const (
	maxEvents = 2000
	maxFact   = 64 << 10 // bytes of a kernel's file
)

// packDrone adds what the identity leads to.
func (a *app) packDrone(ctx context.Context, ar *bundle.Archive) {
	id, err := a.load()
	if err != nil {
		ar.Missing("identity.json", err)
		return
	}
	ar.AddJSON("identity.json", withoutSecrets(*id))
	if b, err := board.Lookup(id.Board); err == nil {
		ar.AddJSON("board.json", b)
	}
	if st, err := askStatus(ctx, id.Paths.Run); err == nil {
		ar.AddJSON("status.json", st)
	} else {
		ar.Missing("status.json", err)
	}
	state := id.Paths.State
	for _, path := range []string{id.Paths.Config, store.Shadow(id.Paths.Config), filepath.Join(state, lastGoodFile)} {
		addFile(ar, filepath.Base(path), path, 2*config.MaxLive)
	}
	addSlots(ar, "store.json", filepath.Join(state, storeState))
	addSlots(ar, "agent_state.json", filepath.Join(state, agentState))
	addFile(ar, "lock.rec", filepath.Join(state, lockName+".rec"), locksmith.MaxRecord)
	if look, err := a.look(); err == nil {
		ar.AddJSON("lock.json", row(look))
	} else {
		ar.Missing("lock.json", err)
	}
	addEvents(ar, filepath.Join(state, journalDir))
}

func (a *app) look() (locksmith.Look, error) {
	s, _, err := a.smith()
	if err != nil {
		return locksmith.Look{}, err
	}
	return s.Look()
}

// withoutSecrets is an identity that may be shown: without the broker's user
// and password, and without arguments of commands, where a token may stand.
// Of keys it never held more than the public ones, and paths.
func withoutSecrets(id config.Identity) config.Identity {
	if u, err := url.Parse(id.MQTT.Broker); err == nil {
		u.User = nil
		id.MQTT.Broker = u.String()
	} else {
		id.MQTT.Broker = "not a URL"
	}
	if len(id.Hooks.Reload) > 1 {
		id.Hooks.Reload = []string{id.Hooks.Reload[0], "…"}
	}
	return id
}

// addFile adds a file of at most limit bytes.
func addFile(ar *bundle.Archive, name, path string, limit int64) {
	data, err := durable.Read(durable.Linux, path, limit)
	if err != nil {
		ar.Missing(name, err)
		return
	}
	ar.Add(name, data)
}

// addSlots adds the newest value of a file of slots, which is JSON. The agent
// may have the file open: it is only read.
func addSlots(ar *bundle.Archive, name, path string) {
	data, seq, err := durable.PeekSlots(durable.Linux, path)
	switch {
	case err != nil:
		ar.Missing(name, err)
	case seq == 0:
		ar.Missing(name, errors.New("nothing was written yet"))
	default:
		var b bytes.Buffer
		if json.Indent(&b, data, "", "  ") != nil {
			b.Reset()
			b.Write(data)
		}
		ar.Add(name, b.Bytes())
	}
}

// entry is one line of journal.jsonl.
type entry struct {
	N       uint64            `json:"entry"`
	Leaf    string            `json:"leaf,omitempty"`
	Message telemetry.Message `json:"message,omitempty"`
	Error   string            `json:"error,omitempty"`
}

// addEvents adds the journal's newest entries, decoded, oldest first. Among
// them are some that the broker has already.
func addEvents(ar *bundle.Archive, dir string) {
	const name = "journal.jsonl"
	list, err := durable.PeekJournal(durable.Linux, dir, maxEvents)
	if err != nil {
		ar.Missing(name, err)
		return
	}
	var lines [][]byte
	total := 0
	for i := len(list) - 1; i >= 0; i-- { // the newest are the ones to keep
		b, err := json.Marshal(decodeEntry(list[i]))
		if err != nil || total+len(b)+1 > bundle.MaxMember {
			break
		}
		total += len(b) + 1
		lines = append(lines, b)
	}
	var out bytes.Buffer
	for i := len(lines) - 1; i >= 0; i-- {
		out.Write(append(lines[i], '\n'))
	}
	ar.Add(name, out.Bytes())
}

func decodeEntry(e durable.Entry) entry {
	line := entry{N: e.N}
	leaf, payload, ok := telemetry.OpenEntry(e.Data)
	if !ok {
		line.Error = "no message"
		return line
	}
	var m telemetry.Message = new(telemetry.Event)
	if leaf == telemetry.LeafReport {
		m = new(telemetry.Report)
	}
	if err := telemetry.Decode(payload, m); err != nil {
		line.Error = err.Error()
		return line
	}
	line.Leaf, line.Message = leaf, m
	return line
}

// facts are files of the kernel that say what machine this is. None is of the
// network, and the command line is left out: boards put keys there.
var facts = []string{
	"/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo", "/proc/cpuinfo", "/proc/modules", "/proc/devices",
	"/proc/locks", "/proc/pressure/io", "/proc/pressure/memory", "/proc/sys/kernel/random/boot_id", "/proc/sys/kernel/tainted",
	"/proc/device-tree/model", "/proc/device-tree/compatible", "/etc/os-release",
	"/sys/class/watchdog/watchdog0/identity", "/sys/class/watchdog/watchdog0/state", "/sys/class/watchdog/watchdog0/bootstatus",
	"/sys/class/watchdog/watchdog0/timeout", "/sys/class/watchdog/watchdog0/pretimeout", "/sys/class/watchdog/watchdog0/pretimeout_governor",
	"/sys/class/thermal/thermal_zone0/temp",
}

// packMachine adds facts of kernel and board.
func packMachine(ar *bundle.Archive, m doctor.Machine) {
	for _, path := range facts {
		data, err := durable.Read(durable.Linux, path, maxFact)
		if errors.Is(err, fs.ErrNotExist) {
			continue // not every board has each
		}
		if name := "machine" + path; err != nil {
			ar.Missing(name, err)
		} else {
			ar.Add(name, data)
		}
	}
	if chips, err := m.GPIO(); err == nil {
		ar.AddJSON("machine/gpio.json", chips)
	} else {
		ar.Missing("machine/gpio.json", err)
	}
}
