package patch

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// people are who may sign in the tests of rings: k1 and k2 hold the keys role,
// k3 and k4 are its next holders.
type people struct{ config, command, k1, k2, k3, k4, stranger SecretKey }

func newPeople(t testing.TB) people {
	t.Helper()
	return people{newKey(t), newKey(t), newKey(t), newKey(t), newKey(t), newKey(t), newKey(t)}
}

// ring has one config and command key, and the given ones for keys.
func (w people) ring(version int64, threshold int, keys ...SecretKey) *Ring {
	r := &Ring{Version: version, Threshold: threshold, Config: []string{w.config.Public()}, Command: []string{w.command.Public()}}
	for range threshold - 1 { // as many as have to sign
		r.Config, r.Command = append(r.Config, w.stranger.Public()), append(r.Command, w.stranger.Public())
	}
	for _, k := range keys {
		r.Keys = append(r.Keys, k.Public())
	}
	return r
}

// namesake is a's public key under b's id.
func namesake(t *testing.T, a, b SecretKey) string {
	t.Helper()
	x, err := base64.StdEncoding.DecodeString(a.Public())
	if err != nil {
		t.Fatal(err)
	}
	y, err := base64.StdEncoding.DecodeString(b.Public())
	if err != nil {
		t.Fatal(err)
	}
	copy(x[2:10], y[2:10])
	return base64.StdEncoding.EncodeToString(x)
}

// The text of a ring is what people sign, and what its base hash is of.
func TestRingGolden(t *testing.T) {
	t.Parallel()
	var two []string
	for _, file := range []string{"key.pub", "minisign/key.pub"} {
		b, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		two = append(two, strings.Split(string(b), "\n")[1])
	}
	r := Ring{Version: 3, Threshold: 2, Config: slices.Clone(two), Command: two, Keys: two}
	b := r.Encode()
	golden(t, "keyring.json", b)
	back, err := ParseRing(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back.Encode(), b) || back.SHA256() != Hash(b) || r.SHA256() != Hash(b) {
		t.Errorf("parsed %+v", back)
	}
	slices.Reverse(r.Config)
	if r.SHA256() != back.SHA256() {
		t.Error("the order of the keys makes another ring")
	}
}

// The largest ring there can be fits its limits, and into the keyring's file.
func TestRingLargest(t *testing.T) {
	t.Parallel()
	r := &Ring{Version: maxVersion, Threshold: MaxThreshold}
	for _, role := range []*[]string{&r.Config, &r.Command, &r.Keys, &r.Agent} {
		for range MaxRoleKeys {
			*role = append(*role, newKey(t).Public())
		}
	}
	b := r.Encode()
	back, err := ParseRing(b)
	if err != nil || !reflect.DeepEqual(back.Keys, sorted(r.Keys)) {
		t.Fatalf("%d bytes: %v", len(b), err)
	}
}

// ringAttacks are rings that no drone takes: those that lock somebody out, and
// those of which two readers could see two.
var ringAttacks = map[string]struct {
	do  func(t *testing.T, w people, r *Ring)
	key string // where the error points
}{
	"threshold-above-the-keys":     {func(_ *testing.T, _ people, r *Ring) { r.Threshold = 3 }, "config"},
	"threshold-zero":               {func(_ *testing.T, _ people, r *Ring) { r.Threshold = 0 }, "threshold"},
	"threshold-negative":           {func(_ *testing.T, _ people, r *Ring) { r.Threshold = -1 }, "threshold"},
	"threshold-beyond-signatures":  {func(_ *testing.T, _ people, r *Ring) { r.Threshold = MaxThreshold + 1 }, "threshold"},
	"version-zero":                 {func(_ *testing.T, _ people, r *Ring) { r.Version = 0 }, "version"},
	"version-overflow":             {func(_ *testing.T, _ people, r *Ring) { r.Version = maxVersion + 1 }, "version"},
	"nobody-signs-configurations":  {func(_ *testing.T, _ people, r *Ring) { r.Config = nil }, "config"},
	"nobody-signs-commands":        {func(_ *testing.T, _ people, r *Ring) { r.Command = nil }, "command"},
	"nobody-signs-keys":            {func(_ *testing.T, _ people, r *Ring) { r.Keys = nil }, "keys"},
	"key-twice":                    {func(_ *testing.T, _ people, r *Ring) { r.Keys = append(r.Keys, r.Keys[0]) }, "keys"},
	"key-twice-under-another-id":   {func(t *testing.T, _ people, r *Ring) { r.Keys = append(r.Keys, relabel(t, r.Keys[0])) }, "keys"},
	"two-keys-under-one-id":        {func(t *testing.T, w people, r *Ring) { r.Keys = []string{namesake(t, w.k2, w.k1), w.k1.Public()} }, "keys"},
	"key-cut":                      {func(_ *testing.T, _ people, r *Ring) { r.Config[0] = r.Config[0][:50] }, "config"},
	"key-with-bytes-behind":        {func(_ *testing.T, _ people, r *Ring) { r.Config[0] += "AAAA" }, "config"},
	"key-with-a-line-break-inside": {func(_ *testing.T, _ people, r *Ring) { r.Config[0] = r.Config[0][:10] + "\n" + r.Config[0][10:] }, "config"},
	"key-as-a-file":                {func(_ *testing.T, w people, r *Ring) { r.Config[0] = string(w.config.PublicFile()) }, "config"},
	"key-secret":                   {func(_ *testing.T, w people, r *Ring) { b, _ := w.config.MarshalText(); r.Config[0] = string(b) }, "config"},
	"key-empty":                    {func(_ *testing.T, _ people, r *Ring) { r.Agent = []string{"", ""} }, "agent"},
	"key-of-another-kind":          {func(_ *testing.T, _ people, r *Ring) { r.Config[0] = "AA" + r.Config[0][2:] }, "config"},
	"keys-many": {func(_ *testing.T, _ people, r *Ring) {
		for range MaxRoleKeys {
			r.Agent = append(r.Agent, r.Config[0])
		}
	}, "agent"},
	"agent-too-few": {func(_ *testing.T, w people, r *Ring) {
		r.Threshold = 2
		r.Config, r.Command = append(r.Config, w.k1.Public()), append(r.Command, w.k1.Public())
		r.Agent = []string{w.k1.Public()}
	}, "agent"},
}

func TestRingAttacks(t *testing.T) {
	t.Parallel()
	for name, a := range ringAttacks {
		w := newPeople(t)
		r := w.ring(2, 1, w.k1, w.k2)
		if _, err := ParseRing(r.Encode()); err != nil {
			t.Fatal(err)
		}
		a.do(t, w, r)
		var field *FieldError
		if got, err := ParseRing(r.Encode()); !errors.As(err, &field) || field.Key != a.key || got != nil {
			t.Errorf("%s: %v, want one about %s", name, err, a.key)
		}
	}
}

// Each row changes the text of a good ring.
func TestRingTextRefused(t *testing.T) {
	t.Parallel()
	w := newPeople(t)
	text := string(w.ring(2, 1, w.k1, w.k2).Encode())
	keys := sorted([]string{w.k1.Public(), w.k2.Public()})
	for name, row := range map[string]struct{ from, to string }{
		"unknown-key":          {`"agent"`, `"root": [], "agent"`},
		"role-in-capitals":     {`"agent"`, `"Agent"`},
		"role-twice":           {`"agent"`, `"keys": ["x"], "agent"`},
		"role-twice-the-same":  {`"agent"`, `"agent": [], "agent"`},
		"role-missing":         {",\n  \"agent\": []", ""},
		"role-null":            {`"agent": []`, `"agent": null`},
		"role-as-text":         {`"agent": []`, `"agent": "x"`},
		"nested-bomb":          {`"agent": []`, `"agent": ` + strings.Repeat("[", 2500) + strings.Repeat("]", 2500)},
		"nested-objects":       {`"agent": []`, `"agent": [], "x": ` + strings.Repeat(`{"a":`, 700) + "1" + strings.Repeat("}", 700)},
		"oversize":             {"\n}\n", "\n}" + strings.Repeat("\n", MaxRing)},
		"second-document":      {"\n}\n", "\n}\n{}\n"},
		"schema-of-tomorrow":   {`"schema": 1`, `"schema": 2`},
		"threshold-float":      {`"threshold": 1`, `"threshold": 1.0`},
		"threshold-in-32-bits": {`"threshold": 1`, `"threshold": 4294967297`},
		"version-exponent":     {`"version": 2`, `"version": 2e0`},
		"keys-out-of-order":    {keys[0] + "\",\n    \"" + keys[1], keys[1] + "\",\n    \"" + keys[0]},
		"spaces":               {`"version"`, ` "version"`},
		"escaped":              {`"agent"`, `"\u0061gent"`},
		"empty":                {text, ""},
		"null":                 {text, "null"},
		"not-utf-8":            {`"agent"`, "\"agent\xff\""},
	} {
		changed := strings.Replace(text, row.from, row.to, 1)
		if changed == text {
			t.Fatalf("%s: %q is not there", name, row.from)
		}
		var field *FieldError
		if r, err := ParseRing([]byte(changed)); !errors.As(err, &field) || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
}

// What is accepted is exactly what Encode writes, and nobody counts twice in it.
func FuzzKeyring(f *testing.F) {
	w := newPeople(f)
	f.Add(w.ring(2, 1, w.k1, w.k2).Encode())
	f.Add([]byte(`{"schema":1,"version":1,"threshold":1,"config":[],"command":[],"keys":[],"agent":[]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRing(b)
		if err != nil {
			if field := (*FieldError)(nil); !errors.As(err, &field) || r != nil {
				t.Fatalf("%v, %v", r, err)
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) || r.Validate() != nil {
			t.Fatalf("%s\nagain %s", b, r.Encode())
		}
		for _, role := range [][]string{r.Config, r.Command, r.Keys, r.Agent} {
			if d, err := distinct(role); err != nil || len(d) != len(role) || len(d) > 0 && len(d) < r.Threshold {
				t.Fatalf("%d of %d keys count, %d must sign: %v", len(d), len(role), r.Threshold, err)
			}
		}
	})
}
