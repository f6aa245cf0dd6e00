package past

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/store"
)

// The states of a row, in words.
const (
	InForce   = "in force"
	Committed = "committed"
	Edited    = "edited" // a local edit that was in force
	Reverted  = "reverted"
	Rejected  = "rejected"
	Staged    = "staged"
	Trial     = "on trial"
	Reverting = "reverting"
)

// Row is something that was in force, or was to be, as --json prints it.
type Row struct {
	N       uint64 `json:"n"`       // its number; 0: has none before it has ended
	Version int64  `json:"version"` // 0: none, or not known
	SHA256  string `json:"sha256"`
	AtMS    int64  `json:"at_ms"`   // Unix; 0: not known
	Patch   string `json:"patch"`   // id; "": local
	Rollout string `json:"rollout"` // id
	Local   bool   `json:"local"`   // not from a signed patch
	State   string `json:"state"`
	Reason  string `json:"reason"` // of what was reverted or rejected
	Who     string `json:"who"`    // has edited it; "": not known
	Kept    bool   `json:"kept"`   // its content can be shown and brought back
}

// List makes rows of a past, newest first. inForce is the hash of what the agent
// has in force; version reads the version of a content that is kept.
func List(p *store.Past, inForce string, version func(sha string) int64, notes Notes) []Row {
	rows := []Row{}
	taken := p.Op.Phase == store.Trial || p.Op.Phase == store.Reverting // another has taken its place, for now
	for _, it := range p.Items {
		m := it.Meta
		r := Row{N: it.N, Version: m.Version, SHA256: m.SHA256, AtMS: it.At, Patch: m.Patch, Rollout: m.Rollout,
			Local: m.Patch == "", State: word(it.Phase), Reason: it.Reason, Kept: it.Kept}
		if r.Local {
			r.Who = notes.who(m.SHA256, it.At)
		}
		if r.Version == 0 && r.Kept {
			r.Version = version(m.SHA256)
		}
		if !taken && m.SHA256 == inForce && (r.State == Committed || r.State == Edited) {
			r.State, taken = InForce, true
		}
		rows = append(rows, r)
	}
	return rows
}

func word(p store.Phase) string {
	return map[store.Phase]string{store.Idle: Edited, store.Staged: Staged, store.Trial: Trial, store.Committed: Committed,
		store.Reverting: Reverting, store.Reverted: Reverted, store.Rejected: Rejected}[p]
}

// From is where a row's content came from: a patch's id, or "local" and who.
func (r Row) From() string {
	switch {
	case !r.Local:
		return words.Clean(r.Patch, 64)
	case r.Who != "":
		return "local: " + words.Clean(r.Who, 64)
	}
	return "local"
}

// Short is enough of a hash to name it.
func Short(sha string) string { return sha[:min(len(sha), 12)] }

// Write prints rows as a table. bold marks what is in force; nil: nothing.
func Write(w io.Writer, rows []Row, zone *time.Location, bold func(string) string) error {
	cells := [][]string{{"#", "VERSION", "SHA-256", "WHEN", "FROM", "STATE"}}
	for _, r := range rows {
		n, version, when := "-", "-", "-"
		if r.N > 0 {
			n = fmt.Sprint(r.N)
		}
		if r.Version > 0 {
			version = fmt.Sprint(r.Version)
		}
		if r.AtMS > 0 {
			when = time.UnixMilli(r.AtMS).In(zone).Format("2006-01-02 15:04:05")
		}
		state := r.State
		if r.Reason != "" {
			state += ": " + words.Clean(r.Reason, 200)
		}
		cells = append(cells, []string{n, version, Short(r.SHA256), when, r.From(), state})
	}
	width := make([]int, 6)
	for _, row := range cells {
		for i, c := range row {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for i, row := range cells {
		line := fmt.Sprintf("%*s  %*s  %-*s  %-*s  %-*s  %s", width[0], row[0], width[1], row[1], width[2], row[2], width[3], row[3], width[4], row[4], row[5])
		if bold != nil && i > 0 && rows[i-1].State == InForce {
			line = bold(line)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
