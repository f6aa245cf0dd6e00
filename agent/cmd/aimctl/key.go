package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"aead.dev/minisign"
	"golang.org/x/term"

	"github.com/aim-control/aimlock/firmware/patch"
)

// maxKey is far above the size of a minisign secret key file, bytes.
const maxKey = 4 << 10

// signers are secret keys that sign together.
type signers []patch.SecretKey

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

func (a *app) readKey(path string) (k patch.SecretKey, err error) {
	data, err := readSmall(path, maxKey)
	if err != nil {
		return k, fmt.Errorf("secret key: %w", err)
	}
	pass := ""
	if minisign.IsEncrypted(data) {
		if pass, err = a.passphrase(path); err != nil {
			return k, err
		}
	}
	k, err = patch.ParseSecretKey(data, pass)
	switch {
	case err != nil && pass != "":
		return k, fmt.Errorf("secret key %s: wrong passphrase", path)
	case err != nil:
		return k, fmt.Errorf("secret key %s is damaged or no minisign secret key: give the file that \"minisign -G\" made", path)
	}
	return k, nil
}

// readSmall reads a file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s: larger than %d bytes: give the file that \"minisign -G\" made", path, limit)
	}
	return data, err
}

// passphrase asks at the terminal, without an echo.
func (a *app) passphrase(path string) (string, error) {
	if !term.IsTerminal(int(a.in.Fd())) {
		return "", fmt.Errorf("secret key %s has a passphrase, and there is no terminal to ask for it", path)
	}
	fmt.Fprintf(a.err, "Passphrase of %s: ", path)
	pass, err := term.ReadPassword(int(a.in.Fd()))
	fmt.Fprintln(a.err)
	if err == nil && len(pass) == 0 {
		err = errors.New("none given")
	}
	if err != nil {
		return "", fmt.Errorf("passphrase of %s: %w", path, err)
	}
	return string(pass), nil
}

// sign returns a signature file of each key over msg. The comment, which is
// signed too, tells what a message is to a person who finds it.
func (s signers) sign(msg []byte, comment string) ([][]byte, error) {
	var sigs [][]byte
	for _, k := range s {
		sig, err := patch.Sign(k, msg, comment)
		if err != nil {
			return nil, err
		}
		sigs = append(sigs, sig)
	}
	return sigs, nil
}
