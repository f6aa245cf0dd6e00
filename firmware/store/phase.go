package store

import (
	"fmt"
	"slices"
)

// Phase is where the newest operation stands.
type Phase uint8

// The phases. Words in upper case are what is stored and shown.
const (
	Idle      Phase = iota // none yet, or one that a restart ended before the switch
	Staged                 // the shadow is complete; the live file is untouched
	Trial                  // the live file is, or is about to be, the shadow's content: not confirmed
	Committed              // confirmed: it is what a revert brings back
	Reverting              // the committed generation is about to be put back
	Reverted               // it is back
	Rejected               // dropped before the switch
)

var phases = []string{"IDLE", "STAGED", "TRIAL", "COMMITTED", "REVERTING", "REVERTED", "REJECTED"}

func (p Phase) String() string {
	if int(p) < len(phases) {
		return phases[p]
	}
	return fmt.Sprintf("Phase(%d)", uint8(p))
}

// MarshalText writes the word.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText knows the words only.
func (p *Phase) UnmarshalText(b []byte) error {
	i := slices.Index(phases, string(b))
	if i < 0 {
		return fmt.Errorf("store: phase %.20q is unknown", b)
	}
	*p = Phase(i)
	return nil
}
