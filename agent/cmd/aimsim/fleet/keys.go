package fleet

import (
	"crypto/rand"
	"fmt"
	"os"

	"aead.dev/minisign"
)

// makeKeys draws the operator's key pair and returns the public key as an
// identity has it. The secret key is not encrypted: it is worth nothing beyond
// this folder.
func (f *Fleet) makeKeys() (public string, err error) {
	pub, secret, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("fleet: operator's key: %w", err)
	}
	text, err := secret.MarshalText()
	if err != nil {
		return "", fmt.Errorf("fleet: operator's key: %w", err)
	}
	if err := os.WriteFile(f.Key(), append(text, '\n'), 0o600); err != nil {
		return "", fmt.Errorf("fleet: %w", err)
	}
	if text, err = pub.MarshalText(); err != nil {
		return "", fmt.Errorf("fleet: operator's key: %w", err)
	}
	if err := os.WriteFile(f.PublicKey(), append(text, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("fleet: %w", err)
	}
	return pub.String(), nil
}
