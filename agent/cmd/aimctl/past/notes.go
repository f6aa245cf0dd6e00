package past

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Bounds of the notes.
const (
	maxNotes     = 32
	maxNotesFile = 32 << 10 // bytes
)

// Note says who has put a content in the place of the live file with aimctl.
// The agent knows nothing of it: whoever edits the file otherwise leaves none.
type Note struct {
	SHA256 string `json:"sha256"`
	Who    string `json:"who"`
	How    string `json:"how"` // the command
	AtMS   int64  `json:"at_ms"`
}

// Notes are the newest, oldest first.
type Notes []Note

func notesFile(state string) string { return filepath.Join(state, "edited_by.json") }

// ReadNotes reads the notes in the state folder; none are there before the
// first. Notes that cannot be read are an error beside which a history is of use
// all the same.
func ReadNotes(sys durable.Sys, state string) (Notes, error) {
	b, err := durable.Read(sys, notesFile(state), maxNotesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var n Notes
	if err == nil {
		err = json.Unmarshal(b, &n)
	}
	if err != nil {
		return nil, fmt.Errorf("who has edited is not known: %s: %w", notesFile(state), err)
	}
	return n[max(0, len(n)-maxNotes):], nil
}

// Add writes the notes with one more, durably; the oldest go. The caller has the
// lease of the live file.
func (n Notes) Add(sys durable.Sys, state string, note Note) error {
	n = append(n[max(0, len(n)-maxNotes+1):len(n):len(n)], note)
	b, err := json.MarshalIndent(n, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(sys, notesFile(state), append(b, '\n'), 0o644)
}

// who is the newest that had put this content in place when, at atMS, the agent
// took it over.
func (n Notes) who(sha string, atMS int64) string {
	for i := len(n) - 1; i >= 0; i-- {
		if n[i].SHA256 == sha && n[i].AtMS <= atMS {
			return n[i].Who
		}
	}
	return ""
}
