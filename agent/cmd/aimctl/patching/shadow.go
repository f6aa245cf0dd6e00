package patching

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aim-control/aimlock/agent/config"
)

// Keys that every patch changes.
const (
	keyVersion   = "version"
	keyTimestamp = "timestamp"
)

// Setting is one key with its new value, as config.Set takes them.
type Setting struct{ Key, Value string }

// Edit is how the next live file is made from the present one.
type Edit struct {
	From []byte // a file in the live file's place; nil: the live file
	Set  []Setting
	Now  time.Time // for the timestamp
}

// Shadow is the live file after an edit, every other byte as it was. Its version
// is one above the live file's and its timestamp now, unless Set names them, or
// From has them higher and later than the live file. It is not checked yet.
func Shadow(live []byte, e Edit) ([]byte, error) {
	present, wrong := config.ParseLive("the live file", live)
	if wrong != nil {
		present = &config.Live{}
	}
	out, from := slices.Clone(live), &config.Live{}
	if e.From != nil {
		out = slices.Clone(e.From)
		if l, err := config.ParseLive("", out); err == nil {
			from = l
		}
	}
	var err error
	for _, s := range e.Set {
		if out, err = config.Set(out, s.Key, s.Value); err != nil {
			return nil, err
		}
	}
	switch {
	case e.sets(keyVersion) || from.Version > present.Version:
	case wrong != nil:
		return nil, fmt.Errorf("the live file is itself wrong, and so its version is not known; say --set version=N, above the drones':\n%w", wrong)
	default:
		if out, err = config.Set(out, keyVersion, strconv.FormatInt(present.Version+1, 10)); err != nil {
			return nil, err
		}
	}
	if !e.sets(keyTimestamp) && !from.Timestamp.After(present.Timestamp) {
		out, err = config.Set(out, keyTimestamp, e.Now.UTC().Format(time.RFC3339))
	}
	return out, err
}

func (e Edit) sets(key string) bool {
	return slices.ContainsFunc(e.Set, func(s Setting) bool { return s.Key == key })
}

// Allowed are the keys of an allow-list together with those that every patch
// changes.
func Allowed(only []string) []string {
	return append(slices.Clone(only), keyVersion, keyTimestamp)
}

// DefaultID is a patch's id that can be read and is not made twice, not within
// one second either: fleet, version, date and the first digits of a nonce, like
// north-42-261124-7f3a91. A revert goes by the id alone.
func DefaultID(fleet string, version int64, now time.Time, nonce string) string {
	tail := fmt.Sprintf("-%d-%s-%.6s", version, now.UTC().Format("060102"), nonce)
	return fleet[:min(len(fleet), 64-len(tail))] + tail
}

// Warnings are what is odd about a patch that was made from live.
func (v *View) Warnings(live []byte) []string {
	var w []string
	if present, err := config.ParseLive("the live file", live); err != nil {
		w = append(w, "the live file is itself wrong, its version is not known: "+Visible(err.Error(), maxValue))
	} else if v.Version <= present.Version {
		w = append(w, fmt.Sprintf("version %d is not above the live file's %d: drones that have that from a patch refuse it", v.Version, present.Version))
	}
	if d := v.Difference; d != nil && d.Unknown == "" && Trivial(d.diff) {
		w = append(w, "nothing but version and timestamp differs")
	}
	return w
}
