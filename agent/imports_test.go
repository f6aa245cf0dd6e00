package agent_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/aim-control/aimlock/"

// forbidden names what a package must not import, and why. A pattern ends in
// "/..." for a folder and all below it; "*" is every package of the module but
// those in allow.
var forbidden = []struct {
	pkg, imports, why string
	allow             []string
}{
	{"agent/pause", "time", "the machine is pure: time is an argument", nil},
	{"agent/pause", "net", "the machine is pure", nil},
	{"agent/pause", "os", "the machine is pure", nil},
	{"agent/pause", "*", "the machine imports values only", nil},
	{"hal/led", "*", "patterns are data", nil},
	{"agent/config", "*", "leaves never import each other", []string{"firmware/durable"}},
	{"agent/locksmith", "*", "leaves never import each other", []string{"firmware/durable"}},
	{"agent/telemetry", "*", "leaves never import each other", []string{"firmware/durable", "firmware/msgp"}},
	{"firmware/patch", "*", "leaves never import each other", []string{"firmware/durable", "firmware/msgp", "firmware/plainjson"}},
	{"firmware/store", "*", "leaves never import each other", []string{"firmware/durable", "firmware/plainjson"}},
	{"firmware/durable", "*", "it is below everything", nil},
	{"firmware/msgp", "*", "it is below everything", nil},
	{"firmware/plainjson", "*", "it is below everything", nil},
	{"agent/rollout", "time", "the planner is pure: time is an argument", nil},
	{"agent/rollout", "net", "the planner is pure", nil},
	{"agent/rollout", "os", "the planner is pure", nil},
	{"agent/rollout", "*", "the planner imports values only", nil},
	{"agent/rollout/run", "*", "aimctl → rollout/run → {rollout, telemetry, patch}", []string{"agent/rollout", "agent/telemetry", "firmware/patch", "firmware/durable"}},
	{"board", "*", "tables know nobody", nil},
	{"hal/tmp102", "*", "a driver knows its chip and a bus", nil},
	{"hal/ina226", "*", "a driver knows its chip and a bus", nil},
	{"hal/ina228", "*", "a driver knows its chip and a bus", nil},
	{"hal/tca62724", "*", "a driver knows its chip and a bus", nil},
	{"hal/ncp5623", "*", "a driver knows its chip and a bus", nil},
	{"hal/thermal", "*", "a driver knows its file", nil},
	{"hal/watchdog", "*", "a driver knows its device", nil},
	{"hal", "*", "hal opens a board with its drivers", []string{"board", "hal/tmp102", "hal/ina226", "hal/ina228", "hal/tca62724", "hal/ncp5623", "hal/thermal"}},
	{"hal/sim", "*", "the simulator shares only the data sheet with the drivers", []string{"board", "hal/sim/internal/edges"}},
	{"hal/sim/wire", "*", "the simulator shares only the data sheet with the drivers", []string{"board", "hal/sim", "hal/sim/internal/edges"}},
	{"agent", "*", "aimd → agent → leaves", []string{"agent/pause", "agent/config", "agent/locksmith", "agent/telemetry", "board", "firmware/durable", "firmware/patch", "firmware/plainjson", "firmware/store", "hal", "hal/led"}},
	{"agent/cmd/aimd", "*", "aimd wires the agent, nothing else", []string{"agent", "agent/config", "agent/locksmith", "board", "hal", "hal/watchdog"}},
	{"agent/cmd/aimctl", "agent", "aimctl works on the leaves, the agent runs elsewhere", nil},
	{"agent/cmd/aimctl", "hal/sim/...", "nothing is simulated in aimctl", nil},
	{"agent/cmd/aimctl/doctor", "*", "it looks at a drone through the leaves", []string{"agent/cmd/aimctl/words", "agent/config", "agent/telemetry", "board", "firmware/durable", "hal", "hal/thermal", "hal/watchdog"}},
	{"agent/cmd/aimctl/bundle", "*", "an archive knows no drone", nil},
}

// reach names what a program must not link, however it comes.
var reach = []struct{ program, links, why string }{
	{"agent/cmd/aimd", "github.com/spf13/cobra", "aimd is small: standard flags"},
	{"agent/cmd/aimd", "github.com/mochi-mqtt/server/v2", "no broker on a drone"},
	{"agent/cmd/aimd", "github.com/charmbracelet/bubbletea", "no terminal on a drone"},
	{"agent/cmd/aimd", "github.com/gorilla/websocket", "a megabyte for a transport that is not used"},
	{"agent/cmd/aimd", "net/http", "a megabyte for a protocol that is not used"},
	{"agent/cmd/aimd", "periph.io/x/host/v3", "half a megabyte of drivers; hal opens buses and lines itself"},
	{"agent/cmd/aimd", "encoding/json", "0.2 MB with what it needs; firmware/plainjson reads and writes what drones keep"},
	{"agent/cmd/aimd", "log/slog", "handlers that are not used, and encoding/json; agent.Log writes the same lines"},
	{"agent/cmd/aimd", "github.com/tinylib/msgp/msgp", "its tables link encoding/json; firmware/msgp has what generated code calls"},
	{"agent/cmd/aimd", module + "hal/sim", "nothing is simulated on a drone"},
	{"agent/cmd/aimd", "github.com/pelletier/go-toml/v2", "the decoder costs 300 kB; its parser alone (unstable) is linked"},
	{"agent/cmd/aimctl", "github.com/mochi-mqtt/server/v2", "aimctl is no broker"},
	{"agent/cmd/aimctl", module + "hal/sim", "nothing is simulated in aimctl"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs[strings.TrimPrefix(p.ImportPath, module)] = p
	}
}

// TestImports holds who may import whom. Each rule has its reason; a broken
// one is not a style error, it is a part in the wrong place.
func TestImports(t *testing.T) {
	t.Parallel()
	pkgs := list(t)
	for _, r := range forbidden {
		p, ok := pkgs[r.pkg]
		if !ok {
			t.Errorf("%s: no such package; the rule is of no use", r.pkg)
		}
		for _, imp := range p.Imports {
			if matches(r.imports, imp) && !allowed(r.allow, imp) {
				t.Errorf("%s imports %s: %s", r.pkg, imp, r.why)
			}
		}
	}
	for _, r := range reach {
		for _, dep := range pkgs[r.program].Deps {
			if dep == r.links {
				t.Errorf("%s links %s: %s", r.program, dep, r.why)
			}
		}
		if len(pkgs[r.program].Deps) == 0 {
			t.Errorf("%s: no such program", r.program)
		}
	}
}

func matches(pattern, imp string) bool {
	local := strings.TrimPrefix(imp, module)
	switch folder, tree := strings.CutSuffix(pattern, "/..."); {
	case pattern == "*":
		return local != imp
	case tree:
		return local == folder || strings.HasPrefix(local, folder+"/")
	}
	return imp == pattern || (local != imp && local == pattern)
}

func allowed(allow []string, imp string) bool {
	for _, a := range allow {
		if imp == module+a {
			return true
		}
	}
	return false
}
