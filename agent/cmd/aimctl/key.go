package main

import (
	"fmt"
	"io"
	"os"

	"aead.dev/minisign"
	"golang.org/x/term"
)

// maxKey is far above the size of a minisign secret key file, bytes.
const maxKey = 4 << 10

// signers are secret keys that sign together.
type signers []minisign.PrivateKey

// readKeys reads minisign secret key files; the passphrase of an encrypted one
// is asked for at the terminal.
func (a *app) readKeys(paths []string) (signers, error) {
	var keys signers
	for _, path := range paths {
		k, err := a.readKey(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (a *app) readKey(path string) (k minisign.PrivateKey, err error) {
	f, err := os.Open(path)
	if err != nil {
		return k, fmt.Errorf("secret key: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return k, fmt.Errorf("secret key: %w", err)
	}
	if len(data) > maxKey {
		return k, fmt.Errorf("secret key %s: larger than %d bytes: give the file that \"minisign -G\" made", path, maxKey)
	}
	if !minisign.IsEncrypted(data) {
		if err := k.UnmarshalText(data); err != nil {
			return k, fmt.Errorf("secret key %s is damaged or no minisign secret key: give the file that \"minisign -G\" made", path)
		}
		return k, nil
	}
	if !term.IsTerminal(int(a.in.Fd())) {
		return k, fmt.Errorf("secret key %s has a passphrase, and there is no terminal to ask for it", path)
	}
	fmt.Fprintf(a.err, "Passphrase of %s: ", path)
	pass, err := term.ReadPassword(int(a.in.Fd()))
	fmt.Fprintln(a.err)
	if err != nil {
		return k, fmt.Errorf("passphrase: %w", err)
	}
	if k, err = minisign.DecryptKey(string(pass), data); err != nil {
		return k, fmt.Errorf("secret key %s: wrong passphrase", path)
	}
	return k, nil
}

// sign returns a signature file of each key over msg.
func (s signers) sign(msg []byte) [][]byte {
	var sigs [][]byte
	for _, k := range s {
		sigs = append(sigs, minisign.Sign(k, msg))
	}
	return sigs
}
