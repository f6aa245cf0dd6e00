package durable

import "errors"

var errTODO = errors.New("not yet")

// Replace …
func Replace(sys Sys, path string, data []byte, mode uint32) error { return errTODO }

// ReplaceUnsynced …
func ReplaceUnsynced(sys Sys, path string, data []byte, mode uint32) error { return errTODO }

// Read …
func Read(sys Sys, path string, max int64) ([]byte, error) { return nil, errTODO }

// Sweep removes what a power cut left of an interrupted Replace of path.
func Sweep(sys Sys, path string) error { return errTODO }

// Slots …
type Slots struct{}

// OpenSlots …
func OpenSlots(sys Sys, path string, size int) (*Slots, error) { return nil, errTODO }

// Read …
func (s *Slots) Read() (data []byte, seq uint64, err error) { return nil, 0, errTODO }

// Write …
func (s *Slots) Write(data []byte) error { return errTODO }

// Close …
func (s *Slots) Close() error { return errTODO }

// Limits …
type Limits struct {
	Segment int64 // bytes of one segment
	Total   int64 // bytes of all
	Entry   int   // bytes of one entry
}

// Entry …
type Entry struct {
	N    uint64
	Data []byte
}

// Journal …
type Journal struct{}

// OpenJournal …
func OpenJournal(sys Sys, dir string, limit Limits) (*Journal, error) { return nil, errTODO }

// Append …
func (j *Journal) Append(data []byte) (n uint64, err error) { return 0, errTODO }

// Pending …
func (j *Journal) Pending(max int) ([]Entry, error) { return nil, errTODO }

// Ack …
func (j *Journal) Ack(n uint64) error { return errTODO }

// Last …
func (j *Journal) Last() (Entry, bool) { return Entry{}, false }

// Lost …
func (j *Journal) Lost() uint64 { return 0 }

// Close …
func (j *Journal) Close() error { return errTODO }
