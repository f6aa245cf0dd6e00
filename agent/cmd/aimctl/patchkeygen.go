package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"aead.dev/minisign"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/words"
	"github.com/aim-control/aimlock/firmware/patch"
)

// keyMade is what "patch keygen --json" prints.
type keyMade struct {
	ID         string `json:"id"`
	Public     string `json:"public"`
	SecretFile string `json:"secret_file"`
	PublicFile string `json:"public_file"`
	Passphrase bool   `json:"passphrase"`
}

var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (a *app) patchKeygenCmd() *cobra.Command {
	var name, out string
	var open bool
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a key that signs patches and commands",
		Long: `keygen makes a minisign key: NAME.key, the secret, and NAME.pub, and says what
to put into the identity of the drones that shall trust it. It overwrites nothing.

The passphrase is asked for at the terminal. A key with --no-password is for
machines: whoever can read the file commands the fleet.`,
		Example: "  aimctl patch keygen --name fleet-op --out ~/.aimlock",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if !keyName.MatchString(name) {
				return usagef("--name %q: letters, digits and . _ - only", name)
			}
			return a.keygen(filepath.Join(out, name), open)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&name, "name", "operator", "the files' `NAME`")
	fl.StringVar(&out, "out", ".", "`FOLDER` to put them in; made if it is missing")
	fl.BoolVar(&open, "no-password", false, "keep the secret key without a passphrase")
	return cmd
}

func (a *app) keygen(path string, open bool) error {
	m := keyMade{SecretFile: path + ".key", PublicFile: path + ".pub", Passphrase: !open}
	for _, file := range []string{m.SecretFile, m.PublicFile} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return keyThere(file, err)
		}
	}
	pass := ""
	if !open {
		var err error
		if pass, err = a.newPassphrase(m.SecretFile); err != nil {
			return err
		}
	}
	key, err := patch.GenerateKey()
	if err != nil {
		return err
	}
	secret, err := secretFile(key, pass)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if err := writeNew(m.SecretFile, secret, 0o600); err != nil {
		return err
	}
	if err := writeNew(m.PublicFile, key.PublicFile(), 0o644); err != nil {
		os.Remove(m.SecretFile)
		return err
	}
	m.ID, m.Public = key.ID(), key.Public()
	if a.json {
		return a.printJSON(m)
	}
	return a.page(m.report())
}

func keyThere(file string, err error) error {
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return fmt.Errorf("%s is there already and is not overwritten: choose another --name or --out", file)
}

// newPassphrase asks twice: a slip would lock its owner out.
func (a *app) newPassphrase(path string) (string, error) {
	if !term.IsTerminal(int(a.in.Fd())) {
		return "", errors.New("there is no terminal to ask for a passphrase; --no-password makes a key without one")
	}
	pass, err := a.passphrase(path)
	if err != nil {
		return "", fmt.Errorf("%w; --no-password makes a key without one", err)
	}
	again, err := a.passphrase(path + ", again")
	if err != nil {
		return "", err
	}
	if pass != again {
		return "", errors.New("the two passphrases differ; no key was made")
	}
	return pass, nil
}

// secretFile is minisign's secret key file, encrypted unless pass is "".
func secretFile(key patch.SecretKey, pass string) ([]byte, error) {
	text, err := key.MarshalText()
	if err != nil || pass == "" {
		return text, err
	}
	var k minisign.PrivateKey
	if err := k.UnmarshalText(bytes.TrimSpace(text)); err != nil {
		return nil, err
	}
	text, err = minisign.EncryptKey(pass, k)
	return append(text, '\n'), err
}

// writeNew writes a file that must not be there yet.
func writeNew(path string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return keyThere(path, nil)
	}
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("key: %w", err)
	}
	return nil
}

func (m keyMade) report() words.Report {
	r := words.Report{Head: "Key " + m.ID + " is made."}
	care := "whoever has it and its passphrase commands the fleet. Keep it, and a copy of it, to yourself."
	if !m.Passphrase {
		care = "NO PASSPHRASE: whoever can read it commands the fleet. Keep it, and a copy of it, to yourself."
	}
	r.Add("Secret", m.SecretFile+": "+care)
	r.Add("Public", m.PublicFile+", which is no secret:", "\t"+m.Public)
	r.Add("Do now", "Put it into the identity (drone.toml) of each drone that shall take patches and commands by it, "+
		"beside the keys that are there already; threshold says how many must sign:",
		"\t[trust]", "\tthreshold = 1", fmt.Sprintf("\tconfig  = [%q]", m.Public), fmt.Sprintf("\tcommand = [%q]", m.Public))
	return r
}
