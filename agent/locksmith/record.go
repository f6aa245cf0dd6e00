package locksmith

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a record, in bytes.
const (
	MaxRecord = 2048 // the whole file
	maxName   = 64   // name, holder, boot id
	maxReason = 200
)

// ErrRecord is wrapped by every error about a record that cannot be used.
var ErrRecord = errors.New("damaged record")

// The roles of a holder.
const (
	RoleAgent        = "agent"
	RoleTechnician   = "technician"
	RoleOrchestrator = "orchestrator"
)

// Record says whose lock it is. It proves nothing by itself.
type Record struct {
	Name     string  // of the lock
	Held     bool    // false: released, kept as evidence
	Epoch    uint64  // of the grant, from 1
	Role     string  // agent, technician, orchestrator
	Holder   string  // printable, at most 64 bytes
	Reason   string  // printable, at most 200 bytes
	Process  Process // that holds it
	BootID   string  // of the boot in which it was granted
	Acquired int64   // CLOCK_BOOTTIME ns of the grant
	Renewed  int64   // CLOCK_BOOTTIME ns of the grant or the latest renewal
	Deadline int64   // CLOCK_BOOTTIME ns
	WallMS   int64   // wall clock of the grant, Unix ms: for display, may be wrong
}

// The record is text, so that cat(1) is a diagnosis: a line a field, in this
// order, each value in its one canonical form, and last the CRC-32C of
// everything before it.
const recordHead = "aimlock-record 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode is the record's one canonical form.
func (r Record) Encode() []byte {
	state := "released"
	if r.Held {
		state = "held"
	}
	b := []byte(recordHead)
	text := func(key, v string) { b = append(strconv.AppendQuote(append(b, key...), v), '\n') }
	number := func(key string, v int64) { b = append(strconv.AppendInt(append(b, key...), v, 10), '\n') }
	text("name ", r.Name)
	text("state ", state)
	b = append(strconv.AppendUint(append(b, "epoch "...), r.Epoch, 10), '\n')
	text("role ", r.Role)
	text("holder ", r.Holder)
	text("reason ", r.Reason)
	number("pid ", int64(r.Process.PID))
	b = append(strconv.AppendUint(append(b, "start "...), r.Process.Start, 10), '\n')
	text("boot ", r.BootID)
	number("acquired ", r.Acquired)
	number("renewed ", r.Renewed)
	number("deadline ", r.Deadline)
	number("wall ", r.WallMS)
	return fmt.Appendf(b, "crc %08x\n", crc32.Checksum(b, castagnoli))
}

// DecodeRecord reads a record. Its errors wrap ErrRecord and say what is
// wrong; a damaged record never yields fields.
func DecodeRecord(data []byte) (Record, error) {
	if len(data) > MaxRecord {
		return Record{}, fmt.Errorf("%w: larger than %d bytes", ErrRecord, MaxRecord)
	}
	if !bytes.HasPrefix(data, []byte(recordHead)) {
		return Record{}, fmt.Errorf("%w: does not begin with %q", ErrRecord, strings.TrimSpace(recordHead))
	}
	tail := bytes.LastIndex(data, []byte("\ncrc ")) + 1
	if want := fmt.Sprintf("crc %08x\n", crc32.Checksum(data[:tail], castagnoli)); string(data[tail:]) != want {
		return Record{}, fmt.Errorf("%w: checksum is missing or wrong", ErrRecord)
	}
	r, err := parseFields(string(data[len(recordHead):tail]))
	if err == nil {
		err = r.check()
	}
	if err == nil && !bytes.Equal(r.Encode(), data) {
		err = errors.New("not in canonical form")
	}
	if err != nil {
		return Record{}, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return r, nil
}

// fields reads lines "key value" in a fixed order and keeps the first error.
type fields struct {
	rest string
	err  error
}

func (f *fields) next(key string) string {
	line, rest, _ := strings.Cut(f.rest, "\n")
	value, ok := strings.CutPrefix(line, key+" ")
	if !ok && f.err == nil {
		f.err = fmt.Errorf("line of %q is missing", key)
	}
	f.rest = rest
	return value
}

func (f *fields) text(key string) string {
	s, err := strconv.Unquote(f.next(key))
	f.note(key, err)
	return s
}

func (f *fields) number(key string) int64 {
	n, err := strconv.ParseInt(f.next(key), 10, 64)
	f.note(key, err)
	return n
}

func (f *fields) unsigned(key string) uint64 {
	n, err := strconv.ParseUint(f.next(key), 10, 64)
	f.note(key, err)
	return n
}

func (f *fields) note(key string, err error) {
	if err != nil && f.err == nil {
		f.err = fmt.Errorf("%s: %w", key, err)
	}
}

func parseFields(text string) (Record, error) {
	f := &fields{rest: text}
	r := Record{Name: f.text("name")}
	state := f.text("state")
	r.Held = state == "held"
	r.Epoch = f.unsigned("epoch")
	r.Role, r.Holder, r.Reason = f.text("role"), f.text("holder"), f.text("reason")
	pid := f.number("pid")
	r.Process = Process{PID: int(pid), Start: f.unsigned("start")}
	r.BootID = f.text("boot")
	r.Acquired, r.Renewed, r.Deadline = f.number("acquired"), f.number("renewed"), f.number("deadline")
	r.WallMS = f.number("wall")
	return r, f.err
}

// maxTime keeps sums of a time and a duration inside int64.
const maxTime = 1 << 61

func (r Record) check() error {
	switch {
	case r.Name == "" || len(r.Name) > maxName || !printable(r.Name):
		return errors.New("name: not 1 to 64 printable bytes")
	case r.Holder == "" || len(r.Holder) > maxName || !printable(r.Holder):
		return errors.New("holder: not 1 to 64 printable bytes")
	case len(r.Reason) > maxReason || !printable(r.Reason):
		return errors.New("reason: not 200 printable bytes or fewer")
	case r.BootID == "" || len(r.BootID) > maxName || !printable(r.BootID):
		return errors.New("boot: not 1 to 64 printable bytes")
	case !validRole(r.Role):
		return fmt.Errorf("role: %q is none of agent, technician, orchestrator", r.Role)
	case r.Epoch == 0:
		return errors.New("epoch: 0 was never granted")
	case r.Process.PID <= 0 || r.Process.PID > 1<<30:
		return errors.New("pid: not that of a process")
	case r.Acquired < 0 || r.Renewed < r.Acquired || r.Renewed > maxTime || r.Deadline < 0 || r.Deadline > maxTime:
		return errors.New("times: negative, out of order or out of range")
	}
	return nil
}

func validRole(role string) bool {
	return role == RoleAgent || role == RoleTechnician || role == RoleOrchestrator
}

func printable(s string) bool { return clean(s, len(s)) == s }

// clean makes s fit for a terminal and a record: valid UTF-8, printable, at
// most limit bytes. Records are shown to people who did not write them.
func clean(s string, limit int) string {
	var b strings.Builder
	for _, c := range s {
		if c == utf8.RuneError || !strconv.IsPrint(c) {
			c = '?'
		}
		if b.Len()+utf8.RuneLen(c) > limit {
			break
		}
		b.WriteRune(c)
	}
	return b.String()
}
