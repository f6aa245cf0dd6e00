package patch

import (
	"fmt"
	"slices"
	"time"

	"github.com/aim-control/aimlock/firmware/plainjson"
)

// Schema is the version of manifests and reverts. Another one is refused.
const Schema = 1

// Limits of a patch.
const (
	MaxManifest = 16 << 10 // bytes of patch.json
	MaxContent  = 64 << 10 // bytes of config.toml; a ring's are MaxRing
	MaxRevert   = 12 << 10 // bytes of revert.json
	MaxTargets  = 256      // names; a larger fleet is addressed as "*"
	MaxNotes    = 2000     // bytes

	// MaxOverride is how long an override of a lock may live.
	MaxOverride = time.Hour

	maxVersion = 1<<53 - 1 // as in the live file
)

// What a manifest may sign. A drone has a list of keys for each.
const (
	KindConfig  = "config"
	KindCommand = "command"
	KindKeys    = "keys"
	KindAgent   = "agent"
	KindSlot    = "slot"
)

// Every drone of the fleet is a target.
const Everyone = "*"

// Manifest is patch.json: what is signed. Times are UTC, whole seconds.
type Manifest struct {
	Schema        int
	Kind          string    // KindConfig …
	ID            string    // 1 to 64 of A-Z a-z 0-9 . _ -
	Fleet         string    // [a-z0-9][a-z0-9-]{0,31}
	Targets       []string  // drones' names, each once, or Everyone alone
	ConfigVersion int64     // of the content, configuration or ring, 1 … 2^53-1
	SHA256        string    // of the content, 64 lower-case hexadecimal digits
	BaseSHA256    string    // of the file that it was made from; "": any
	Size          int64     // bytes of the content
	Created       time.Time // by the signer's clock
	Expires       time.Time // zero: never
	DespiteLock   *Override // nil: the lock is respected
	Notes         string    // for people; printable, may have several lines
}

// Override lets a patch go past a lock. It needs an Expires at most
// MaxOverride after Created, and works once a drone.
type Override struct {
	Nonce  string `json:"nonce"`  // 16 to 64 of A-Z a-z 0-9
	Holder string `json:"holder"` // whose lock it is, as the lock's record has it; "unknown" for one without a record
	Kill   bool   `json:"kill"`   // that process may be ended, once it is overdue
}

// timeLayout is how times are written: nothing else is taken for one.
const timeLayout = "2006-01-02T15:04:05Z"

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(timeLayout)
}

// manifestJSON gives patch.json its keys and their order.
type manifestJSON struct {
	Schema        int       `json:"schema"`
	Kind          string    `json:"kind"`
	ID            string    `json:"id"`
	Fleet         string    `json:"fleet"`
	Targets       []string  `json:"targets"`
	ConfigVersion int64     `json:"config_version"`
	SHA256        string    `json:"sha256"`
	BaseSHA256    string    `json:"base_sha256"`
	Size          int64     `json:"size"`
	Created       string    `json:"created"`
	Expires       string    `json:"expires"`
	DespiteLock   *Override `json:"despite_lock"`
	Notes         string    `json:"notes"`
}

// Encode is patch.json: indented, always the same bytes for the same manifest.
// It does not judge; Validate does.
func (m *Manifest) Encode() []byte {
	return encodeJSON(manifestJSON{
		m.Schema, m.Kind, m.ID, m.Fleet, m.Targets, m.ConfigVersion, m.SHA256, m.BaseSHA256, m.Size,
		formatTime(m.Created), formatTime(m.Expires), m.DespiteLock, m.Notes,
	})
}

func encodeJSON(v any) []byte {
	b, err := plainjson.MarshalIndent(v)
	if err != nil {
		panic(err) // never: strings, numbers and booleans
	}
	return append(b, '\n')
}

// ParseManifest reads patch.json. What it returns is valid. Whatever is not
// exactly a manifest is refused with a *FieldError: unknown keys, a key twice,
// bytes behind the document, values of another type or beyond their range.
// base_sha256, expires, despite_lock and notes may be left out.
func ParseManifest(data []byte) (*Manifest, error) {
	o, err := readObject("patch.json", data, MaxManifest)
	if err != nil {
		return nil, err
	}
	if err := o.schema(); err != nil {
		return nil, err
	}
	m := &Manifest{Schema: Schema}
	m.Kind, m.ID, m.Fleet = o.text("kind"), o.text("id"), o.text("fleet")
	m.Targets = o.texts("targets")
	m.ConfigVersion = o.integer("config_version")
	m.SHA256, m.BaseSHA256 = o.text("sha256"), o.optional("base_sha256")
	m.Size = o.integer("size")
	m.Created, m.Expires = o.time("created", o.text("created")), o.time("expires", o.optional("expires"))
	if d := o.object("despite_lock"); d != nil {
		m.DespiteLock = &Override{d.text("nonce"), d.text("holder"), d.boolean("kill")}
		o.take(d.done())
	}
	m.Notes = o.optional("notes")
	if err := o.done(); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Validate says what is wrong with a manifest, as a *FieldError; nil: nothing.
// Whether it is for this drone, and now, is Check's business.
func (m *Manifest) Validate() error {
	f := faults("patch.json")
	switch {
	case m.Schema != Schema:
		return f("schema", fmt.Sprintf("is %d; write %d", m.Schema, Schema))
	case !slices.Contains([]string{KindConfig, KindCommand, KindKeys, KindAgent, KindSlot}, m.Kind):
		return f("kind", fmt.Sprintf("%.32q is not known; a configuration's is %q", m.Kind, KindConfig))
	}
	if err := address(f, m.ID, "id", m.Fleet, m.Targets); err != nil {
		return err
	}
	switch {
	case m.ConfigVersion < 1 || m.ConfigVersion > maxVersion:
		return f("config_version", fmt.Sprintf("%d is not within 1 … 2^53-1; write the version that stands in config.toml", m.ConfigVersion))
	case !isSHA256(m.SHA256):
		return f("sha256", "is not 64 lower-case hexadecimal digits; write what sha256sum config.toml prints")
	case m.BaseSHA256 != "" && !isSHA256(m.BaseSHA256):
		return f("base_sha256", `is not 64 lower-case hexadecimal digits; write what sha256sum prints of the file in force, or "" for any`)
	case m.Size < 1 || m.Size > MaxContent:
		return f("size", fmt.Sprintf("%d is not within 1 … %d bytes; write the size of config.toml", m.Size, MaxContent))
	case !validTime(m.Created):
		return f("created", "is not a UTC time in whole seconds; write it like 2026-11-24T10:00:00Z")
	case !m.Expires.IsZero() && !validTime(m.Expires):
		return f("expires", `is not a UTC time in whole seconds; write it like 2026-11-24T10:00:00Z, or "" for never`)
	case !m.Expires.IsZero() && !m.Expires.After(m.Created):
		return f("expires", "is not after created; give it a later time")
	case len(m.Notes) > MaxNotes || !printable(m.Notes, true):
		return f("notes", fmt.Sprintf("are longer than %d bytes, or not printable; shorten them, without control characters", MaxNotes))
	}
	if m.Kind == KindKeys {
		return m.validateKeys(f)
	}
	return m.DespiteLock.validate(f)
}

// validateKeys: a change of the keys follows one ring and no other, and changes
// nothing that a lock guards.
func (m *Manifest) validateKeys(f faultOf) error {
	switch {
	case m.BaseSHA256 == "":
		return f("base_sha256", "is missing; write the hash of the ring that it follows, as aimctl keys show does")
	case m.Size > MaxRing:
		return f("size", fmt.Sprintf("%d is not within 1 … %d bytes of a ring", m.Size, MaxRing))
	case m.DespiteLock != nil:
		return f("despite_lock", "does not belong here: no lock guards the keys; take it out")
	}
	return nil
}

func (d *Override) validate(f faultOf) error {
	switch {
	case d == nil:
		return nil
	case !validNonce(d.Nonce):
		return f("despite_lock.nonce", "is not 16 to 64 of A-Z a-z 0-9; write what openssl rand -hex 16 prints")
	case d.Holder == "" || len(d.Holder) > 64 || !printable(d.Holder, false):
		return f("despite_lock.holder", `is not 1 to 64 printable bytes; write the holder that aimctl lock status shows, "unknown" if it shows none`)
	}
	return nil
}

// address checks what a manifest and a revert have in common.
func address(f faultOf, id, idKey, fleet string, targets []string) error {
	switch {
	case !validID(id):
		return f(idKey, fmt.Sprintf("%.80q is not an id; write 1 to 64 of A-Z a-z 0-9 . _ -, a letter or digit first", id))
	case !validName(fleet):
		return f("fleet", fmt.Sprintf("%.80q is not a name; write [a-z0-9][a-z0-9-]{0,31}", fleet))
	case len(targets) == 0 || len(targets) > MaxTargets:
		return f("targets", fmt.Sprintf(`are %d names of 1 to %d; write drones' names, or "*" for the whole fleet`, len(targets), MaxTargets))
	case slices.Equal(targets, []string{Everyone}):
		return nil
	}
	seen := map[string]bool{}
	for _, t := range targets {
		if !validName(t) {
			return f("targets", fmt.Sprintf(`%.80q is not a drone's name; write [a-z0-9][a-z0-9-]{0,31}, or "*" alone`, t))
		}
		if seen[t] {
			return f("targets", fmt.Sprintf("%q is there twice; write it once", t))
		}
		seen[t] = true
	}
	return nil
}
