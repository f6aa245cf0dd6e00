package telemetry

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/msgp"
)

// key is a message with one key, its value as given.
func key(name string, value ...byte) []byte {
	b := msgp.AppendMapHeader(nil, 2)
	b = append(b, 0xa1, 'v', Schema)
	return append(msgp.AppendString(b, name), value...)
}

// Lengths that the bytes do not bear out allocate nothing worth speaking of.
func TestHostileLengths(t *testing.T) {
	rows := map[string]struct {
		m Message
		b []byte
	}{
		"array-4g":          {&Telemetry{}, key("m", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"array-65535":       {&Telemetry{}, key("m", 0xdc, 0xff, 0xff)},
		"strings-4g":        {&Status{}, key("w", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"string-4g":         {&Status{}, key("s", 0xdb, 0xff, 0xff, 0xff, 0xff)},
		"bytes-4g":          {&Envelope{}, []byte{0x81, 0xa1, 'p', 0xc6, 0xff, 0xff, 0xff, 0xff}},
		"bytes-128k":        {&Envelope{}, []byte{0x81, 0xa1, 'p', 0xc6, 0x00, 0x02, 0x00, 0x00}},
		"signatures-4g":     {&Envelope{}, []byte{0x81, 0xa1, 's', 0xdd, 0xff, 0xff, 0xff, 0xff}},
		"map-4g":            {&Status{}, []byte{0xdf, 0xff, 0xff, 0xff, 0xff}},
		"unknown-array-4g":  {&Event{}, key("zz", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"unknown-ext-4g":    {&Event{}, key("zz", 0xc9, 0xff, 0xff, 0xff, 0xff, 1)},
		"unknown-map-4g":    {&Event{}, key("zz", 0xdf, 0x80, 0x00, 0x00, 0x00)}, // 2 × its count is 0 in 32 bits
		"tuple-4g":          {&Status{}, key("l", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"never-used-byte":   {&Event{}, key("zz", 0xc1)},
		"not-a-map":         {&Event{}, []byte{0x93, 1, 2, 3}},
		"empty":             {&Event{}, nil},
		"text":              {&Command{}, []byte(`{"v":1}`)},
		"wrong-type":        {&Event{}, key("n", 0xa1, 'x')},
		"negative-unsigned": {&Event{}, key("n", 0xff)},
		"nested":            {&Event{}, key("zz", bytes.Repeat([]byte{0x91}, 10000)...)},
		"nested-and-closed": {&Event{}, key("zz", append(bytes.Repeat([]byte{0x91}, maxDepth), 0xc0)...)},
	}
	for name, r := range rows {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Decode(r.b, r.m)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: decoded %+v", name, r.m)
		} else if !strings.Contains(err.Error(), r.m.about().name) {
			t.Errorf("%s: error does not name the message: %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
			t.Errorf("%s: %d bytes allocated for a message of %d", name, n, len(r.b))
		}
	}
}

// The generated code alone bounds what it allocates as well: somebody will
// call UnmarshalMsg.
func TestGeneratedLimits(t *testing.T) {
	for name, r := range map[string]struct {
		m Message
		b []byte
	}{
		"motors":     {&Telemetry{}, key("m", 0xdd, 0x00, 0x00, 0x00, 0x41)},
		"causes":     {&Status{}, key("c", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"evidence":   {&Event{}, key("e", 0xdd, 0xff, 0xff, 0xff, 0xff)},
		"signatures": {&Envelope{}, []byte{0x81, 0xa1, 's', 0xdd, 0xff, 0xff, 0xff, 0xff}},
		"payload":    {&Envelope{}, []byte{0x81, 0xa1, 'p', 0xc6, 0xff, 0xff, 0xff, 0xff}},
		"keys":       {&Reply{}, []byte{0xdf, 0xff, 0xff, 0xff, 0xff}},
	} {
		if _, err := r.m.UnmarshalMsg(r.b); !errors.Is(err, msgp.ErrLimitExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A key twice in what is signed could mean one thing to the signer's tool and
// another to the drone.
func TestTrustedRefuseDuplicates(t *testing.T) {
	t.Parallel()
	cmd := []byte{0x83, 0xa1, 'v', Schema, 0xa1, 'w', 0xa5, 'p', 'a', 'u', 's', 'e', 0xa1, 'w', 0xa6, 'r', 'e', 's', 'u', 'm', 'e'}
	if err := Decode(cmd, &Command{}); !errors.Is(err, msgp.ErrDuplicateEntry) {
		t.Errorf("command: %v", err)
	}
	env := []byte{0x82, 0xa1, 'p', 0xc4, 0, 0xa1, 'p', 0xc4, 0}
	if err := Decode(env, &Envelope{}); err == nil {
		t.Error("an envelope with two payloads decoded")
	}
}

// Tuples may grow and be shorter; unknown keys are skipped.
func TestOtherSchemasTuplesAndKeys(t *testing.T) {
	t.Parallel()
	longer := key("c", 0x95, 0x0a, 0x14, 0xc3, 0xa3, 'n', 'e', 'w', 0x91, 0x01)
	want := &Telemetry{Schema: Schema, Companion: Sample{MilliC: 10, AgeMS: 20, OK: true}}
	got := &Telemetry{}
	if err := Decode(longer, got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("longer tuple: %+v, %v", got, err)
	}
	want.Companion = Sample{MilliC: 10}
	if err := Decode(key("c", 0x91, 0x0a), got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("shorter tuple: %+v, %v", got, err)
	}
	if err := Decode(key("c", 0x90), got); err != nil || got.Companion != (Sample{}) {
		t.Errorf("empty tuple: %+v, %v", got, err)
	}
	for name, m := range samples() {
		b := encode(t, m)
		if b[0] == 0xde { // a map of up to 65,535 pairs
			b[2]++
		} else {
			b[0]++
		}
		b = append(b, 0xa3, 'n', 'e', 'w', 0x92, 0x81, 0xa1, 'k', 0xcb, 1, 2, 3, 4, 5, 6, 7, 8, 0xc7, 2, 9, 1, 2)
		back := fresh(m)
		if err := Decode(b, back); err != nil || !reflect.DeepEqual(back, m) {
			t.Errorf("%s with a new key: %+v, %v", name, back, err)
		}
	}
}
