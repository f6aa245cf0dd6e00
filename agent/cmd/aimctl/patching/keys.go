package patching

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aim-control/aimlock/firmware/patch"
)

// KeysView is the ring that a patch of kind keys brings, as --json prints it.
type KeysView struct {
	Fault     string   `json:"fault"` // why no drone takes it; "": none
	Threshold int      `json:"threshold"`
	Config    []string `json:"config"` // ids of the keys by what they may sign
	Command   []string `json:"command"`
	Keys      []string `json:"keys"`
	Agent     []string `json:"agent"`
	Against   int64    `json:"against"` // version of the ring it is held against; 0: none
	IsBase    bool     `json:"is_base"` // that ring is the one that the patch was made from
	Changes   []string `json:"changes"` // against it, like "config + 9F3A01BC04D1E2A7"
}

// lookKeys reads the ring; it believes nothing.
func lookKeys(content []byte) *KeysView {
	r, err := patch.ParseRing(content)
	if err != nil {
		return &KeysView{Fault: fault(err), Config: []string{}, Command: []string{}, Keys: []string{}, Agent: []string{}, Changes: []string{}}
	}
	return &KeysView{Threshold: r.Threshold, Config: KeyIDs(r.Config), Command: KeyIDs(r.Command), Keys: KeyIDs(r.Keys), Agent: KeyIDs(r.Agent), Changes: []string{}}
}

// KeyIDs are the ids of public keys.
func KeyIDs(keys []string) []string {
	ids := []string{}
	for _, k := range keys {
		id, err := patch.KeyID(k)
		if err != nil {
			id = "unreadable"
		}
		ids = append(ids, id)
	}
	return ids
}

// HoldAgainst says what of a ring the patch changes; a configuration's changes
// none.
func (v *View) HoldAgainst(old *patch.Ring, content []byte) {
	if v.Keys == nil || v.Keys.Fault != "" || old == nil {
		return
	}
	next, err := patch.ParseRing(content)
	if err != nil {
		return
	}
	v.Keys.Against, v.Keys.IsBase, v.Keys.Changes = old.Version, v.BaseSHA256 == old.SHA256(), RingChanges(old, next)
}

// RingChanges are the differences of two rings, a line each.
func RingChanges(old, next *patch.Ring) []string {
	lines := []string{}
	if old.Threshold != next.Threshold {
		lines = append(lines, fmt.Sprintf("threshold %d → %d", old.Threshold, next.Threshold))
	}
	was, is := old.Roles(), next.Roles()
	for i := range is {
		for _, side := range []struct {
			sign       string
			from, than []string
		}{{"-", was[i].Keys, is[i].Keys}, {"+", is[i].Keys, was[i].Keys}} {
			for _, k := range side.from {
				if !slices.Contains(side.than, k) {
					lines = append(lines, fmt.Sprintf("%-7s %s %s", is[i].Name, side.sign, KeyIDs([]string{k})[0]))
				}
			}
		}
	}
	return lines
}

// RingWarnings are what is risky about a ring that is sound.
func RingWarnings(r *patch.Ring) []string {
	var w []string
	if len(r.Keys) == r.Threshold {
		w = append(w, "every key of keys must sign a change, so that none can be made any more when one is lost: keep a spare one in a safe place")
	}
	for _, k := range r.Keys {
		var also []string
		for _, role := range r.Roles() {
			if role.Name != patch.KindKeys && slices.Contains(role.Keys, k) {
				also = append(also, role.Name)
			}
		}
		if len(also) > 0 {
			w = append(w, fmt.Sprintf("key %s of keys stands in %s too: whoever takes it where it is used daily can change the keys", KeyIDs([]string{k})[0], strings.Join(also, ", ")))
		}
	}
	return w
}

// keys is the row of a patch of kind keys.
func (v *View) keys() []string {
	k := v.Keys
	if k.Fault != "" {
		return []string{"OF NO USE: " + k.Fault}
	}
	lines := []string{fmt.Sprintf("From then on %d must sign, of:", k.Threshold)}
	for _, r := range []struct {
		name string
		ids  []string
	}{{patch.KindConfig, k.Config}, {patch.KindCommand, k.Command}, {patch.KindKeys, k.Keys}, {patch.KindAgent, k.Agent}} {
		ids := strings.Join(r.ids, " ")
		if ids == "" {
			ids = "nobody"
		}
		lines = append(lines, fmt.Sprintf("\t%-8s %s", r.name, ids))
	}
	if k.Against == 0 {
		return lines
	}
	lines = append(lines, fmt.Sprintf("Against version %d:", k.Against))
	if len(k.Changes) == 0 {
		lines = append(lines, "\tthe same keys")
	}
	for _, c := range k.Changes {
		lines = append(lines, "\t"+c)
	}
	if !k.IsBase {
		lines = append(lines, "THAT IS NOT THE RING that it was made from: a drone which has that one refuses it (base).")
	}
	return lines
}
