package patch

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// What is accepted is valid and says the same when written again, and the
// library's own, laxer reader sees the same patch in it.
func FuzzParseManifest(f *testing.F) {
	m := sample()
	f.Add(m.Encode())
	f.Add([]byte(`{"schema":1,"Schema":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			if field := (*FieldError)(nil); !errors.As(err, &field) || m != nil {
				t.Fatalf("%v, %v", m, err)
			}
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
		back, err := ParseManifest(m.Encode())
		if err != nil || !reflect.DeepEqual(m, back) {
			t.Fatalf("%+v\nwritten again: %+v, %v", m, back, err)
		}
		var lax manifestJSON
		if err := json.Unmarshal(b, &lax); err != nil || !bytes.Equal(encodeJSON(lax), m.Encode()) {
			t.Fatalf("%+v\nthe library reads: %+v, %v", m, lax, err)
		}
	})
}

func FuzzParseRevert(f *testing.F) {
	r := sampleRevert()
	f.Add(r.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRevert(b)
		if err != nil {
			return
		}
		if back, err := ParseRevert(r.Encode()); err != nil || !reflect.DeepEqual(r, back) {
			t.Fatalf("%+v\nwritten again: %+v, %v", r, back, err)
		}
		if _, err := ParseManifest(b); err == nil {
			t.Fatal("a revert is a manifest too")
		}
	})
}

// What is accepted is exactly what Encode writes.
func FuzzSignedRevert(f *testing.F) {
	f.Add(SignedRevert{Revert: []byte("x"), Signatures: [][]byte{[]byte("a"), []byte("b")}}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSignedRevert(b)
		if err != nil {
			return
		}
		if again := s.Encode(); len(again) > len(b) {
			t.Fatalf("%x\nagain %x", b, again)
		}
		back, err := ParseSignedRevert(s.Encode())
		if err != nil || !reflect.DeepEqual(s, back) {
			t.Fatalf("%+v, %+v, %v", s, back, err)
		}
	})
}

// Whatever is changed in a good package, it is refused, and by name; what is
// accepted has the signed manifest and the signed content.
func FuzzCheck(f *testing.F) {
	key := newKey(f)
	good := make1(f, []SecretKey{key}, newer, nil)
	f.Add([]byte("{}"), []byte(newer), good.Signatures[0], good.Revert, true)
	f.Add(good.Manifest, []byte("x"), []byte("x"), []byte{0x82}, false)
	f.Fuzz(func(t *testing.T, manifest, content, sig, revert []byte, resigned bool) {
		p := &Package{Manifest: manifest, Content: content, Signatures: [][]byte{sig}, Revert: revert}
		if resigned && len(manifest) <= MaxMessage { // a signer who is careless, or bribed
			resignAs(t, p, key, manifest)
		}
		m, err := Check(p, facts(key.Public()))
		var r *Refusal
		switch {
		case err == nil:
			if m.Size != int64(len(content)) || m.SHA256 != Hash(content) || m.Fleet != "north" || m.ConfigVersion != 42 {
				t.Fatalf("accepted: %+v", m)
			}
		case !errors.As(err, &r) || r.Name == "" || r.Wait:
			t.Fatal(err)
		}
	})
}

// Whatever lies in a folder, reading ends, and what was read is the same again
// once written, unless a signature is none.
func FuzzReadFolder(f *testing.F) {
	key := newKey(f)
	good := make1(f, []SecretKey{key}, newer, nil)
	f.Add(good.Manifest, good.Content, "a.minisig", good.Signatures[0], []byte("revert"))
	f.Add([]byte{}, []byte{}, "revert.a.minisig", []byte("x"), []byte{})
	f.Fuzz(func(t *testing.T, manifest, content []byte, name string, sig, revert []byte) {
		dir := t.TempDir()
		files := map[string][]byte{FileManifest: manifest, FileContent: content, FileRevert: revert}
		if filepath.Base(name) == name && name != "." && name != ".." {
			files[name] = sig
		}
		for name, b := range files {
			if len(b) > 0 {
				_ = os.WriteFile(filepath.Join(dir, name), b, 0o644) // a name may be none
			}
		}
		p, err := ReadFolder(dir)
		if err != nil {
			return
		}
		if err := p.WriteFolder(dir); err != nil {
			return
		}
		if again, err := ReadFolder(dir); err != nil || !equalPackage(p, again) {
			t.Fatalf("%+v\nagain %+v, %v", p, again, err)
		}
	})
}

// Nothing differs exactly when the bytes are the same, and a difference has no
// two sides: what is new one way is gone the other.
func FuzzDiff(f *testing.F) {
	f.Add([]byte(live), []byte(older))
	f.Add([]byte("a = { b = 1 } # x\n"), []byte("[a]\nb = 1\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d, err := Diff(a, b)
		if err != nil {
			return
		}
		if d.Empty() != bytes.Equal(a, b) {
			t.Fatalf("%q\n%q\n%v", a, b, d)
		}
		back, err := Diff(b, a)
		if err != nil || len(back.Changes) != len(d.Changes) || back.Comments != d.Comments {
			t.Fatalf("%q\n%q\n%+v\n%+v, %v", a, b, d, back, err)
		}
	})
}
