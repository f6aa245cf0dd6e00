package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aim-control/aimlock/firmware/msgp"
)

var update = flag.Bool("update", false, "rewrite testdata/golden and the fuzz corpora")

// fresh returns an empty message of m's type.
func fresh(m Message) Message {
	return reflect.New(reflect.TypeOf(m).Elem()).Interface().(Message)
}

func encode(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := Append(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes of every message are a contract with programs that we do not
// build; the JSON beside them says what they mean.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, m := range samples() {
		b := encode(t, m)
		js, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		js = append(js, '\n')
		golden(t, name+".msgpack", b)
		golden(t, name+".json", js)

		back := fresh(m)
		if err := Decode(b, back); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(m, back) {
			t.Errorf("%s: decoded\n%+v\nwant\n%+v", name, back, m)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test -run TestGolden -update writes it)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%x\nwant\n%x", name, got, want)
	}
}

// Every field is set in a sample, so that no golden file hides one.
func TestSamplesAreComplete(t *testing.T) {
	t.Parallel()
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			walk(path, v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			if v.Len() == 0 {
				t.Errorf("%s is empty", path)
				return
			}
			walk(path+"[0]", v.Index(0))
		default:
			if v.IsZero() {
				t.Errorf("%s is zero", path)
			}
		}
	}
	for name, m := range samples() {
		walk(name, reflect.ValueOf(m))
	}
}

// A message cut anywhere, or with anything behind it, is refused whole.
func TestDecodeRefusesCutAndTrailing(t *testing.T) {
	t.Parallel()
	for name, m := range samples() {
		b := encode(t, m)
		for n := range len(b) {
			if err := Decode(b[:n], fresh(m)); err == nil {
				t.Fatalf("%s: %d of %d bytes decoded", name, n, len(b))
			}
		}
		got := fresh(m)
		if err := Decode(append(slices.Clone(b), 0xc0), got); !errors.Is(err, ErrTrailing) {
			t.Errorf("%s: trailing byte: %v", name, err)
		}
		if !reflect.DeepEqual(got, fresh(m)) {
			t.Errorf("%s: a refused message left something behind: %+v", name, got)
		}
	}
}

// Nothing survives from the message that a target held before.
func TestDecodeResets(t *testing.T) {
	t.Parallel()
	for name, m := range samples() {
		b := []byte{0x81, 0xa1, 'v', Schema}
		if name == "envelope" {
			b = []byte{0x80}
		}
		if err := Decode(b, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := fresh(m)
		if name != "envelope" {
			reflect.ValueOf(want).Elem().FieldByName("Schema").SetUint(Schema)
		}
		if !reflect.DeepEqual(m, want) {
			t.Errorf("%s keeps %+v", name, m)
		}
	}
}

func TestOversize(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", MaxPayload+1)
	for name, m := range map[string]Message{
		"availability": &Availability{Schema: 1, Reason: long},
		"status":       &Status{Schema: 1, Causes: []Cause{{Text: long}}},
		"telemetry":    &Telemetry{Schema: 1, Boot: long},
		"event":        &Event{Schema: 1, Text: long},
		"envelope":     &Envelope{Payload: []byte(long)},
		"signatures":   &Envelope{Signatures: make([][]byte, MaxSignatures+1)},
		"command":      &Command{Schema: 1, Arg: long},
		"reply":        &Reply{Schema: 1, Reason: long},
	} {
		if b, err := Append([]byte("kept"), m); !errors.Is(err, ErrSize) || string(b) != "kept" {
			t.Errorf("%s: appended %d bytes, %v", name, len(b), err)
		}
		b, err := m.MarshalMsg(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := Decode(b, fresh(m)); err == nil {
			t.Errorf("%s: %d bytes decoded", name, len(b))
		}
	}
	many := &Telemetry{Schema: 1, Motors: make([]Sample, 65)}
	if _, err := Append(nil, many); !errors.Is(err, msgp.ErrLimitExceeded) {
		t.Errorf("65 motors: %v", err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	for _, v := range []uint8{0, Schema + 1, 255} {
		b := encode(t, &Event{Schema: v, Boot: "b"})
		if err := Decode(b, &Event{}); !errors.Is(err, ErrSchema) {
			t.Errorf("schema %d: %v", v, err)
		}
	}
}
