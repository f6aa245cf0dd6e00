package patch

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/aim-control/aimlock/firmware/plainjson"
)

// Limits of a ring.
const (
	MaxRing     = 6 << 10 // bytes of its text
	MaxRoleKeys = 16      // keys of one role
	// MaxThreshold leaves room in one patch for the signatures of the old and of
	// the new keys together.
	MaxThreshold = MaxSignatures / 2
)

// Ring says whose signatures count on a drone, and how many of them it takes.
// The first one stands in the drone's identity; a patch of kind keys brings the
// next. It is TUF's root: version by version, each one signed by the keys that
// the one before it names, and by its own.
type Ring struct {
	Version   int64 // rises by exactly one with each change, 1 … 2^53-1
	Threshold int   // signatures that everything but an offer needs, 1 … MaxThreshold
	// Minisign's public keys, in one line each, by what they may sign. A key may
	// stand in several roles, and counts once in each.
	Config, Command, Keys, Agent []string
}

type ringJSON struct {
	Schema    int      `json:"schema"`
	Version   int64    `json:"version"`
	Threshold int      `json:"threshold"`
	Config    []string `json:"config"`
	Command   []string `json:"command"`
	Keys      []string `json:"keys"`
	Agent     []string `json:"agent"`
}

// Encode is the ring's text, keyring.json: the same bytes for the same ring, in
// whatever order its keys came.
func (r *Ring) Encode() []byte {
	return encodeJSON(ringJSON{Schema, r.Version, r.Threshold, sorted(r.Config), sorted(r.Command), sorted(r.Keys), sorted(r.Agent)})
}

func sorted(keys []string) []string {
	keys = append([]string{}, keys...)
	slices.Sort(keys)
	return keys
}

// SHA256 is the hash of the ring's text: the base of the patch that follows it.
func (r *Ring) SHA256() string { return Hash(r.Encode()) }

// ParseRing reads keyring.json. Only what Encode writes is taken, byte for byte,
// so that no two readers can see two rings in it, and only a ring that locks
// nobody out; the error is a *FieldError.
func ParseRing(data []byte) (*Ring, error) {
	f := faults(FileRing)
	var j ringJSON
	if len(data) > MaxRing || plainjson.Unmarshal(data, &j) != nil || j.Schema != Schema {
		return nil, f("", fmt.Sprintf("is no ring of schema %d in at most %d bytes; make it with aimctl keys new", Schema, MaxRing))
	}
	r := &Ring{Version: j.Version, Threshold: j.Threshold, Config: j.Config, Command: j.Command, Keys: j.Keys, Agent: j.Agent}
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if !bytes.Equal(r.Encode(), data) {
		return nil, f("", "is not written as aimctl keys new writes it, keys in order and nothing else; make it with that")
	}
	return r, nil
}

// Role is what a key may sign, with the keys that may.
type Role struct {
	Name string // KindConfig …
	Keys []string
}

// Roles are the ring's four.
func (r *Ring) Roles() [4]Role {
	return [...]Role{{KindConfig, r.Config}, {KindCommand, r.Command}, {KindKeys, r.Keys}, {KindAgent, r.Agent}}
}

// Validate says what is wrong with a ring, as a *FieldError; nil: nothing.
// Agent may be empty: no program is replaced by a patch yet. Every other role
// needs as many keys as have to sign, or a drone could be reached only by hand.
func (r *Ring) Validate() error {
	f := faults(FileRing)
	switch {
	case r.Version < 1 || r.Version > maxVersion:
		return f("version", "is not within 1 … 2^53-1; write the present one and one more")
	case r.Threshold < 1 || r.Threshold > MaxThreshold:
		return f("threshold", fmt.Sprintf("is not within 1 … %d; write how many must sign", MaxThreshold))
	}
	for _, role := range r.Roles() {
		why := wrongKeys(role.Keys)
		switch n := len(role.Keys); {
		case n > MaxRoleKeys:
			why = fmt.Sprintf("has more than %d keys", MaxRoleKeys)
		case why == "" && n < r.Threshold && (n > 0 || role.Name != KindAgent):
			why = fmt.Sprintf("has %d keys, and %d must sign: nobody could; add keys, or lower the threshold", n, r.Threshold)
		}
		if why != "" {
			return f(role.Name, why)
		}
	}
	return nil
}

// wrongKeys: each is a key, and no two count for one signer. The same key under
// two ids would be two signers for whoever has it; two keys under one id cannot
// be told apart by people.
func wrongKeys(keys []string) string {
	seen := map[string]bool{}
	for _, text := range keys {
		k, err := parsePublic(text)
		if err != nil || k.String() != text {
			return fmt.Sprintf("%.60q is not a minisign public key; write the line of its .pub file that begins with RW", text)
		}
		for _, mark := range []string{id(k.ID()), material(k)} {
			if seen[mark] {
				return "key " + id(k.ID()) + " is there twice; keep one"
			}
			seen[mark] = true
		}
	}
	return ""
}
