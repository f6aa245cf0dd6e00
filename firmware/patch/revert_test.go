package patch

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func sampleRevert() Revert {
	return Revert{
		Schema: Schema, Kind: KindRevert, Fleet: "north", Targets: []string{"patrol-01", "patrol-03"}, Patch: sample().ID,
		RestoreSHA256: Hash([]byte(older)), Nonce: "ffeeddccbbaa99887766554433221100",
	}
}

func TestRevertGolden(t *testing.T) {
	t.Parallel()
	r := sampleRevert()
	b := r.Encode()
	golden(t, "revert.json", b)
	back, err := ParseRevert(b)
	if err != nil || !reflect.DeepEqual(*back, r) {
		t.Errorf("%+v, %v", back, err)
	}
	golden(t, "revert.envelope", SignedRevert{Revert: b, Signatures: [][]byte{[]byte("one"), []byte("two")}}.Encode())
}

func TestRevertRefused(t *testing.T) {
	t.Parallel()
	full := sampleRevert()
	text := string(full.Encode())
	for name, r := range map[string]struct{ from, to, key string }{
		"unknown-key":    {`"nonce"`, `"x": 1, "nonce"`, "x"},
		"schema":         {`"schema": 1`, `"schema": 2`, "schema"},
		"kind-of-patch":  {`"revert"`, `"config"`, "kind"},
		"patch-none":     {full.Patch, "", "patch"},
		"targets-none":   {"\"patrol-01\",\n    \"patrol-03\"", "", "targets"},
		"restore-short":  {full.RestoreSHA256, "00", "restore_sha256"},
		"restore-absent": {`"restore_sha256"`, `"restore_sha"`, "restore_sha256"},
		"nonce-short":    {full.Nonce, "1", "nonce"},
		"long":           {"{", "{" + strings.Repeat(" ", MaxRevert), ""},
	} {
		var f *FieldError
		if _, err := ParseRevert([]byte(strings.Replace(text, r.from, r.to, 1))); !errors.As(err, &f) || f.Key != r.key || f.File != "revert.json" {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := sample()
	if _, err := ParseRevert(m.Encode()); err == nil {
		t.Error("a patch passed off as a revert")
	}
}

// Each row is an attack on the rollback of a patch, which is signed in advance.
func TestRevertAttacks(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	all := sampleRevert()
	all.Targets, all.RestoreSHA256 = []string{"*"}, ""
	rows := []struct {
		name string
		do   func(s *SignedRevert, f *RevertFacts)
		want string
	}{
		{"honest", func(*SignedRevert, *RevertFacts) {}, ""},
		{"honest-for-everyone-and-anything", func(s *SignedRevert, f *RevertFacts) {
			s.Revert = all.Encode()
			s.Signatures = [][]byte{sign(t, key, string(s.Revert))}
			f.BeforeSHA256 = "whatever"
		}, ""},
		{"beyond-limit", func(s *SignedRevert, _ *RevertFacts) { s.Revert = make([]byte, MaxRevert+1) }, RefusedSize},
		{"many-signatures", func(s *SignedRevert, _ *RevertFacts) { s.Signatures = make([][]byte, MaxSignatures+1) }, RefusedSize},
		{"unsigned", func(s *SignedRevert, _ *RevertFacts) { s.Signatures = nil }, RefusedSignature},
		{"changed", func(s *SignedRevert, _ *RevertFacts) { s.Revert = append(s.Revert, ' ') }, RefusedSignature},
		{"stranger", func(s *SignedRevert, _ *RevertFacts) { s.Signatures = [][]byte{sign(t, other, string(s.Revert))} }, RefusedSignature},
		{"one-of-two", func(_ *SignedRevert, f *RevertFacts) { f.Threshold, f.Keys = 2, append(f.Keys, other.Public()) }, RefusedSignature},
		{"patch-passed-off-as-revert", func(s *SignedRevert, _ *RevertFacts) {
			m := sample()
			s.Revert = m.Encode()
			s.Signatures = [][]byte{sign(t, key, string(s.Revert))}
		}, RefusedManifest},
		{"other-kind", func(s *SignedRevert, _ *RevertFacts) {
			s.Revert = bytes.Replace(s.Revert, []byte(`"revert"`), []byte(`"slot"`), 1)
			s.Signatures = [][]byte{sign(t, key, string(s.Revert))}
		}, RefusedKind},
		{"other-fleet", func(_ *SignedRevert, f *RevertFacts) { f.Fleet = "south" }, RefusedFleet},
		{"other-drone", func(_ *SignedRevert, f *RevertFacts) { f.Drone = "patrol-04" }, RefusedTarget},
		{"a-later-patch-is-current", func(_ *SignedRevert, f *RevertFacts) { f.Patch = "p-2" }, RefusedPatch},
		{"no-patch-is-current", func(_ *SignedRevert, f *RevertFacts) { f.Patch = "" }, RefusedPatch},
		{"another-file-was-before", func(_ *SignedRevert, f *RevertFacts) { f.BeforeSHA256 = Hash([]byte("x")) }, RefusedRestore},
		{"replayed", func(_ *SignedRevert, f *RevertFacts) {
			f.NonceUsed = func(n string) bool { return n == sampleRevert().Nonce }
		}, RefusedNonce},
	}
	for _, row := range rows {
		r := sampleRevert()
		s := SignedRevert{Revert: r.Encode()}
		s.Signatures = [][]byte{sign(t, key, string(s.Revert))}
		f := RevertFacts{
			Fleet: "north", Drone: "patrol-03", Keys: []string{key.Public()}, Threshold: 1, Patch: sample().ID,
			BeforeSHA256: Hash([]byte(older)), NonceUsed: func(string) bool { return false },
		}
		row.do(&s, &f)
		got, err := CheckRevert(s, f)
		var no *Refusal
		switch {
		case row.want == "" && (err != nil || got.Patch != f.Patch):
			t.Errorf("%s: %v", row.name, err)
		case row.want != "" && (!errors.As(err, &no) || no.Name != row.want || got != nil || no.Wait):
			t.Errorf("%s: %v, want %s", row.name, err, row.want)
		}
	}
	if _, err := CheckRevert(SignedRevert{}, RevertFacts{}); err == nil {
		t.Error("accepted without NonceUsed")
	}
}

func TestSignedRevertEncoding(t *testing.T) {
	t.Parallel()
	for _, s := range []SignedRevert{
		{Revert: []byte("x"), Signatures: [][]byte{[]byte("a"), []byte("b")}}, {Revert: []byte("x")}, {},
		{Revert: make([]byte, MaxRevert), Signatures: slices.Repeat([][]byte{make([]byte, MaxSignature)}, MaxSignatures)},
	} {
		b := s.Encode()
		back, err := ParseSignedRevert(b)
		if err != nil || !bytes.Equal(back.Revert, s.Revert) || !slices.EqualFunc(back.Signatures, s.Signatures, bytes.Equal) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
		for n := range min(len(b), 200) {
			if _, err := ParseSignedRevert(b[:n]); err == nil {
				t.Fatalf("%d of %d bytes accepted", n, len(b))
			}
		}
		if _, err := ParseSignedRevert(append(b, 0xc0)); err == nil {
			t.Error("bytes behind it accepted")
		}
	}
	for name, s := range map[string]SignedRevert{
		"revert":     {Revert: make([]byte, MaxRevert+1)},
		"signature":  {Signatures: [][]byte{make([]byte, MaxSignature+1)}},
		"signatures": {Signatures: make([][]byte, MaxSignatures+1)},
	} {
		if _, err := ParseSignedRevert(s.Encode()); err == nil {
			t.Errorf("%s beyond its limit accepted", name)
		}
	}
	for _, bad := range []string{"\x82\xa1s\x90\xa1p\xc4\x00", "\x81\xa1p\xc4\x00", "\x83\xa1p\xc4\x00\xa1s\x90\xa1x\xc0", "\x82\xa1p\xc4\x00\xa1p\xc4\x00",
		"\x82\xa1p\xc6\xff\xff\xff\xff\xa1s\x90", "\x82\xa1p\xc4\x00\xa1s\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff"} {
		if _, err := ParseSignedRevert([]byte(bad)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}
