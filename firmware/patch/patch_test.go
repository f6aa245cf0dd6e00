package patch

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"aead.dev/minisign"
)

func newKey(t testing.TB) SecretKey {
	t.Helper()
	k, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t testing.TB, k SecretKey, msg string) []byte {
	t.Helper()
	s, err := Sign(k, []byte(msg), "kind:test")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// relabel gives a public key another id: same key, another name.
func relabel(t *testing.T, public string) string {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(public)
	if err != nil {
		t.Fatal(err)
	}
	b[2] ^= 0xff
	return base64.StdEncoding.EncodeToString(b)
}

// relabelSig gives a signature the other id as well.
func relabelSig(t *testing.T, sig []byte) []byte {
	t.Helper()
	lines := strings.Split(string(sig), "\n")
	lines[1] = relabel(t, lines[1])
	return []byte(strings.Join(lines, "\n"))
}

func replace(sig []byte, from, to string) []byte {
	return bytes.Replace(sig, []byte(from), []byte(to), 1)
}

// Each row is an attack, or what an honest fleet does.
func TestVerify(t *testing.T) {
	t.Parallel()
	a, b, c := newKey(t), newKey(t), newKey(t)
	A, B := a.Public(), b.Public()
	const msg = "the message"
	sa, sb, sc := sign(t, a, msg), sign(t, b, msg), sign(t, c, msg)
	long := bytes.Repeat([]byte("x"), MaxSignature+1)
	rows := map[string]struct {
		keys      []string
		threshold int
		sigs      [][]byte
		valid     int // of a *SignatureError; -1: accepted; -2: the caller's error
	}{
		"one-of-one":                   {[]string{A}, 1, [][]byte{sa}, -1},
		"two-of-two":                   {[]string{A, B}, 2, [][]byte{sb, sa}, -1},
		"one-of-two":                   {[]string{A, B}, 1, [][]byte{sb}, -1},
		"strangers-do-no-harm":         {[]string{A}, 1, [][]byte{sc, []byte("x"), nil, sa}, -1},
		"unsigned":                     {[]string{A}, 1, nil, 0},
		"stranger":                     {[]string{A, B}, 1, [][]byte{sc}, 0},
		"same-signature-twice":         {[]string{A, B}, 2, [][]byte{sa, sa}, 1},
		"same-key-two-signatures":      {[]string{A, B}, 2, [][]byte{sa, resign(t, a, msg)}, 1},
		"same-key-listed-twice":        {[]string{A, A, B}, 2, [][]byte{sa, sa}, 1},
		"same-key-under-two-ids":       {[]string{A, relabel(t, A), B}, 2, [][]byte{sa, relabelSig(t, sa)}, 1},
		"threshold-by-repetition-only": {[]string{A, A, relabel(t, A)}, 2, [][]byte{sa, sa}, -2},
		"stranger-under-a-trusted-id":  {[]string{relabel(t, A)}, 1, [][]byte{relabelSig(t, sc)}, 0},
		"other-message":                {[]string{A}, 1, [][]byte{sign(t, a, "the messagE")}, 0},
		"trusted-comment-changed":      {[]string{A}, 1, [][]byte{replace(sa, "kind:test", "kind:agent")}, 0},
		"untrusted-comment-changed":    {[]string{A}, 1, [][]byte{replace(sa, "aimlock key", "somebody's")}, -1},
		"cut":                          {[]string{A}, 1, [][]byte{sa[:len(sa)-10]}, 0},
		"legacy-algorithm":             {[]string{A}, 1, [][]byte{minisign.Sign(a.k, []byte(msg))}, 0},
		"hash-passed-off-as-message":   {[]string{A}, 1, [][]byte{replace(sa, "RU", "RW")}, 0},
		"long-signature":               {[]string{A}, 1, [][]byte{long}, 0},
		"too-many-signatures":          {[]string{A}, 1, make([][]byte, MaxSignatures+1), -2},
		"no-keys":                      {nil, 1, [][]byte{sa}, -2},
		"threshold-zero":               {[]string{A}, 0, [][]byte{sa}, -2},
		"threshold-negative":           {[]string{A}, -1, nil, -2},
		"threshold-beyond-keys":        {[]string{A}, 2, [][]byte{sa, sb}, -2},
		"key-is-none":                  {[]string{A, "RWrubbish"}, 1, [][]byte{sa}, -2},
		"key-with-trailing-bytes":      {[]string{A + "AAAA"}, 1, [][]byte{sa}, -2},
	}
	for name, r := range rows {
		err := Verify(r.keys, r.threshold, []byte(msg), r.sigs)
		var e *SignatureError
		switch {
		case r.valid == -1:
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case r.valid == -2:
			if err == nil || errors.Is(err, ErrSignature) || !errors.Is(err, ErrKey) && !errors.Is(err, ErrSize) {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &e) || e.Valid != r.valid || e.Threshold != r.threshold || !errors.Is(err, ErrSignature):
			t.Errorf("%s: %v, want %d valid", name, err, r.valid)
		}
	}
}

// resign is another valid signature of the same bytes.
func resign(t *testing.T, k SecretKey, msg string) []byte {
	t.Helper()
	s, err := Sign(k, []byte(msg), "another comment")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What Debian's minisign made (testdata) is accepted, and bound to its bytes.
func TestMinisignVector(t *testing.T) {
	t.Parallel()
	read := func(name string) []byte {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	pub, msg, sig := string(read("key.pub")), read("message"), read("message.minisig")
	if err := Verify([]string{pub}, 1, msg, [][]byte{sig}); err != nil {
		t.Error(err)
	}
	if err := Verify([]string{pub}, 1, append(msg, ' '), [][]byte{sig}); !errors.Is(err, ErrSignature) {
		t.Errorf("other bytes: %v", err)
	}
}

func TestSecretKeyFile(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	text, err := k.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseSecretKey(text, "")
	if err != nil || back.Public() != k.Public() || back.ID() != k.ID() {
		t.Fatalf("%v: %s, want %s", err, back.ID(), k.ID())
	}
	if err := Verify([]string{string(k.PublicFile())}, 1, []byte("m"), [][]byte{sign(t, back, "m")}); err != nil {
		t.Error(err)
	}
	if n, err := KeyID(k.Public()); err != nil || n != k.ID() || len(n) != 16 {
		t.Errorf("id %q, %v", n, err)
	}
	for _, bad := range []string{"", "x", k.Public(), strings.Repeat("x", maxKeyText+1)} {
		if _, err := ParseSecretKey([]byte(bad), ""); !errors.Is(err, ErrKey) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	k := newKey(t)
	for name, f := range map[string]func() ([]byte, error){
		"large":          func() ([]byte, error) { return Sign(k, make([]byte, MaxMessage+1), "") },
		"comment-lines":  func() ([]byte, error) { return Sign(k, nil, "a\nb") },
		"comment-length": func() ([]byte, error) { return Sign(k, nil, strings.Repeat("a", maxComment+1)) },
		"zero-key":       func() ([]byte, error) { return Sign(SecretKey{}, nil, "") },
	} {
		if b, err := f(); err == nil {
			t.Errorf("%s: %q", name, b)
		}
	}
}

// No bytes crash Verify or make it accept what the key did not sign.
func FuzzVerify(f *testing.F) {
	k := newKey(f)
	f.Add("message", sign(f, k, "message"))
	f.Add("", []byte("untrusted comment: \n\ntrusted comment: \n"))
	signed := sign(f, k, "message")
	f.Fuzz(func(t *testing.T, msg string, sig []byte) {
		err := Verify([]string{k.Public()}, 1, []byte(msg), [][]byte{sig})
		if err == nil && msg != "message" {
			t.Fatalf("accepted for %q:\n%s\nsigned:\n%s", msg, sig, signed)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3", []byte("untrusted comment: x\nAAAA"))
	f.Fuzz(func(t *testing.T, public string, secret []byte) {
		if id, err := KeyID(public); err == nil && len(id) != 16 {
			t.Fatalf("id %q", id)
		}
		_, _ = ParseSecretKey(secret, "")
	})
}
