package fleet

import (
	"fmt"
	"os"

	"github.com/aim-control/aimlock/firmware/patch"
)

// makeKeys draws the operator's key pair and returns the public key as an
// identity has it. The secret key is not encrypted: it is worth nothing beyond
// this folder.
func (f *Fleet) makeKeys() (public string, err error) {
	if f.key, err = patch.GenerateKey(); err != nil {
		return "", fmt.Errorf("fleet: operator's key: %w", err)
	}
	secret, err := f.key.MarshalText()
	if err != nil {
		return "", fmt.Errorf("fleet: operator's key: %w", err)
	}
	if err := os.WriteFile(f.Key(), secret, 0o600); err != nil {
		return "", fmt.Errorf("fleet: %w", err)
	}
	if err := os.WriteFile(f.PublicKey(), f.key.PublicFile(), 0o644); err != nil {
		return "", fmt.Errorf("fleet: %w", err)
	}
	return f.key.Public(), nil
}
