package patching

import (
	"errors"
	"slices"
	"time"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/patch"
)

// What came of a check.
const (
	ResultOK         = "ok"
	ResultRefused    = "refused"
	ResultUnknown    = "unknown"     // only the drone itself can tell
	ResultNotAsked   = "not asked"   // it needs an identity
	ResultNotReached = "not reached" // behind the one that refused
)

// Check is one of a drone's checks, as --json prints it.
type Check struct {
	Check  string `json:"check"`
	Result string `json:"result"`
	Detail string `json:"detail"`
}

// Verdict is a drone's judgement of a patch, as --json prints it.
type Verdict struct {
	Dir     string  `json:"dir"`
	ID      string  `json:"id"`    // "": the manifest cannot be read
	Fleet   string  `json:"fleet"` // of the drone; "": signatures alone were asked for
	Drone   string  `json:"drone"`
	OK      bool    `json:"ok"`
	Refused string  `json:"refused"` // the refusal's name
	Detail  string  `json:"detail"`
	Checks  []Check `json:"checks"`
}

// Judge is what stands in for a drone.
type Judge struct {
	Identity *config.Identity // nil: only Keys are asked for
	Ring     *patch.Ring      // in force there; nil: the identity's trust
	Keys     []string         // each of them must have signed
	LiveName string
	Live     []byte // the file in force; nil: not known
	Now      time.Time
}

// checks are a drone's in their order, with the names of refusals of each; need
// says for which an identity is needed.
var checks = []struct {
	name    string
	refused []string
	need    bool
}{
	{"size", []string{patch.RefusedSize}, false},
	{"signature", []string{patch.RefusedSignature}, false},
	{"manifest", []string{patch.RefusedManifest, patch.RefusedKind}, false},
	{"fleet", []string{patch.RefusedFleet}, true},
	{"target", []string{patch.RefusedTarget}, true},
	{"version", []string{patch.RefusedVersion}, true},
	{"base", []string{patch.RefusedBase}, true},
	{"expiry", []string{patch.RefusedExpired, patch.RefusedOverride, patch.RefusedClock}, true},
	{"hash", []string{patch.RefusedHash}, false},
	{"content", []string{patch.RefusedContent}, true},
	{"new keys", []string{patch.RefusedNewKeys}, true},
	{"floor", []string{patch.RefusedFloor}, true},
	{"quarantine", []string{patch.RefusedQuarantined}, true},
	{"nonce", []string{patch.RefusedNonce}, true},
	{"revert", []string{patch.RefusedRevert}, false},
}

// notOfKeys are the checks that a change of the keys does not go through.
var notOfKeys = []string{"floor", "quarantine", "nonce"}

// Judge makes a drone's judgement, patch.Check, of what is known here.
func (j Judge) Judge(dir string, p *patch.Package) (Verdict, error) {
	v := Verdict{Dir: dir}
	m, err := patch.ParseManifest(p.Manifest)
	if err != nil {
		m = &patch.Manifest{Targets: []string{""}} // Check says what is wrong
	} else {
		v.ID = m.ID
	}
	f := j.facts(m)
	if j.Identity != nil {
		v.Fleet, v.Drone = f.Fleet, f.Drone
	}
	_, err = patch.Check(p, f)
	var no *patch.Refusal
	if err != nil && !errors.As(err, &no) {
		return v, err
	}
	if no != nil {
		v.Refused, v.Detail = no.Name, no.Detail
	}
	v.OK = no == nil
	v.Checks = j.list(v, p, m)
	return v, nil
}

// list says what came of each check.
func (j Judge) list(v Verdict, p *patch.Package, m *patch.Manifest) []Check {
	list := []Check{}
	reached := true
	for _, c := range checks {
		if isKeys := m.Kind == patch.KindKeys; isKeys && slices.Contains(notOfKeys, c.name) || !isKeys && c.name == "new keys" {
			continue
		}
		line := Check{Check: c.name, Result: ResultNotReached}
		switch {
		case c.need && j.Identity == nil:
			line.Result = ResultNotAsked
		case reached && slices.Contains(c.refused, v.Refused):
			line.Result, line.Detail, reached = ResultRefused, v.Detail, false
		case reached:
			line.Result, line.Detail = j.told(c.name, p, m)
		}
		list = append(list, line)
	}
	return list
}

// facts are the drone's. What only the drone knows is put so that it does not
// refuse; told says so.
func (j Judge) facts(m *patch.Manifest) patch.Facts {
	f := patch.Facts{
		Fleet: m.Fleet, Drone: m.Targets[0], Keys: j.Keys, Threshold: len(j.Keys),
		LiveSHA256: m.BaseSHA256, Now: m.Created, ClockTrusted: true,
		Quarantined:  func(int64, string) (string, bool) { return "", false },
		NonceUsed:    func(string) bool { return false },
		CheckContent: func([]byte) (int64, error) { return m.ConfigVersion, nil },
		CheckFloor:   func([]byte) error { return nil },
	}
	id := j.Identity
	if id == nil {
		return f
	}
	f.Fleet, f.Drone, f.Now = id.Fleet, id.Drone, j.Now
	f.Ring = j.ring()
	f.Keys, f.Threshold = f.Ring.Config, f.Ring.Threshold
	if j.Live != nil {
		f.LiveSHA256 = patch.Hash(j.Live)
	}
	f.HighVersion = j.high()
	f.CheckContent = func(b []byte) (int64, error) {
		live, err := config.ParseLive(patch.FileContent, b)
		if err != nil {
			return 0, err
		}
		return live.Version, nil
	}
	f.CheckFloor = func(b []byte) error {
		_, err := config.CheckLive(patch.FileContent, b, id.Safety)
		return err
	}
	return f
}

// ring is the one in force; nil without an identity.
func (j Judge) ring() *patch.Ring {
	if j.Ring != nil || j.Identity == nil {
		return j.Ring
	}
	t := j.Identity.Trust
	return &patch.Ring{Version: t.Version, Threshold: t.Threshold, Config: t.Config, Command: t.Command, Keys: t.Keys, Agent: t.Agent}
}

// high is the live file's version in place of the highest version that was ever
// committed from a patch, which only the drone knows; 0: not known.
func (j Judge) high() int64 {
	live, err := config.ParseLive(j.LiveName, j.Live)
	if err != nil || j.Live == nil {
		return 0
	}
	return live.Version
}
