package patch

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"aead.dev/minisign"
)

// SignatureError says why a message does not count as signed.
type SignatureError struct {
	Valid     int      // distinct trusted keys that signed
	Threshold int      // how many must
	Why       []string // one reason for each signature that did not count
}

func (e *SignatureError) Error() string {
	s := fmt.Sprintf("patch: %v: %d of %d", ErrSignature, e.Valid, e.Threshold)
	if len(e.Why) > 0 {
		s += " (" + strings.Join(e.Why, "; ") + ")"
	}
	return s
}

// Unwrap makes errors.Is(err, ErrSignature) true.
func (e *SignatureError) Unwrap() error { return ErrSignature }

// Verify returns nil when at least threshold different keys of keys (public
// keys, one line each) signed exactly msg. Signatures by other keys, broken
// ones and repetitions count for nothing but do no harm, so that a message may
// carry the signatures of a changing set of people. Only minisign's prehashed
// signatures count (its default): in the older kind the algorithm's name is
// not signed, and one kind can be passed off as the other.
//
// An error other than a *SignatureError is the caller's: a key that is none, a
// threshold that cannot be reached, or sizes beyond the limits.
func Verify(keys []string, threshold int, msg []byte, sigs [][]byte) error {
	if len(msg) > MaxMessage || len(sigs) > MaxSignatures || len(keys) > MaxKeys {
		return fmt.Errorf("patch: verify: %d bytes, %d signatures, %d keys (at most %d, %d, %d): %w",
			len(msg), len(sigs), len(keys), MaxMessage, MaxSignatures, MaxKeys, ErrSize)
	}
	trusted, err := distinct(keys)
	if err != nil {
		return err
	}
	if threshold < 1 || threshold > len(trusted) {
		return fmt.Errorf("patch: verify: threshold %d with %d different %ws; it is between 1 and their number", threshold, len(trusted), ErrKey)
	}
	h := hashed(msg)
	signed := make([]bool, len(trusted))
	e := &SignatureError{Threshold: threshold}
	for i, sig := range sigs {
		n, why := signer(trusted, h, sig)
		switch {
		case why != "":
			e.Why = append(e.Why, fmt.Sprintf("signature %d: %s", i+1, why))
		case signed[n]:
			e.Why = append(e.Why, fmt.Sprintf("signature %d: key %s signed already", i+1, id(trusted[n].ID())))
		default:
			signed[n] = true
			e.Valid++
		}
	}
	if e.Valid < threshold {
		return e
	}
	return nil
}

// distinct parses keys and drops repetitions of the same key, under whatever
// id: the id is a label beside the key that anybody can change.
func distinct(keys []string) ([]minisign.PublicKey, error) {
	var out []minisign.PublicKey
	seen := map[string]bool{}
	for _, text := range keys {
		k, err := parsePublic(text)
		if err != nil {
			return nil, err
		}
		if m := material(k); !seen[m] {
			seen[m] = true
			out = append(out, k)
		}
	}
	return out, nil
}

// material is the key without its label: what the line's 42 bytes hold behind
// two of algorithm and eight of id.
func material(k minisign.PublicKey) string {
	b, err := base64.StdEncoding.DecodeString(k.String())
	if err != nil || len(b) != 42 {
		return k.String() // never: the library encoded it
	}
	return string(b[10:])
}

// signer finds the trusted key that made sig, or says why none did.
func signer(trusted []minisign.PublicKey, h *minisign.Reader, sig []byte) (n int, why string) {
	if len(sig) > MaxSignature {
		return 0, fmt.Sprintf("longer than %d bytes", MaxSignature)
	}
	var s minisign.Signature
	if err := s.UnmarshalText(sig); err != nil {
		return 0, "not minisign's format"
	}
	if s.Algorithm != minisign.HashEdDSA {
		return 0, fmt.Sprintf("made by key %s with the legacy algorithm; sign without -l", id(s.KeyID))
	}
	known := false
	for i, k := range trusted {
		if k.ID() != s.KeyID {
			continue
		}
		known = true
		if h.Verify(k, sig) {
			return i, ""
		}
	}
	if known {
		return 0, fmt.Sprintf("key %s did not sign these bytes", id(s.KeyID))
	}
	return 0, fmt.Sprintf("key %s is not trusted here", id(s.KeyID))
}

// hashed reads msg through minisign's hash.
func hashed(msg []byte) *minisign.Reader {
	h := minisign.NewReader(bytes.NewReader(msg))
	_, _ = io.Copy(io.Discard, h) // a bytes.Reader does not fail
	return h
}
