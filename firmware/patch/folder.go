package patch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aead.dev/minisign"
	"github.com/aim-control/aimlock/firmware/durable"
)

// The files of a patch's folder. A signer's file is <key id>.minisig over
// patch.json and revert.<key id>.minisig over revert.json; the names minisign
// chooses by itself (patch.json.minisig, revert.json.minisig) will do.
const (
	FileManifest = "patch.json"
	FileContent  = "config.toml"
	FileRing     = "keyring.json" // in place of config.toml, in a patch of kind keys
	FileRevert   = "revert.json"

	signatureSuffix = ".minisig"
	revertPrefix    = "revert."
)

// ErrFolder is a folder that holds no patch, or more than one can have.
var ErrFolder = errors.New("not a patch's folder")

// WriteFolder writes the patch's files, 0644, into dir, which it creates.
// Signatures that lie there and are not the patch's are removed: they would be
// another's. A power cut leaves each file old or new.
func (p *Package) WriteFolder(dir string) error {
	files, err := p.files()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("patch: %w", err)
	}
	old, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("patch: %w", err)
	}
	for _, e := range old {
		_, ours := files[e.Name()]
		if stale := strings.HasSuffix(e.Name(), signatureSuffix) || slices.Contains([]string{FileRevert, FileContent, FileRing}, e.Name()); stale && !ours {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("patch: %w", err)
			}
		}
	}
	for name, b := range files {
		if err := durable.Replace(durable.Linux, filepath.Join(dir, name), b, 0o644); err != nil {
			return fmt.Errorf("patch: %w", err)
		}
	}
	return nil
}

// files are the folder's, by name.
func (p *Package) files() (map[string][]byte, error) {
	content := FileContent
	if m, err := ParseManifest(p.Manifest); err == nil {
		content = m.File()
	}
	files := map[string][]byte{FileManifest: p.Manifest, content: p.Content}
	if err := addSignatures(files, "", p.Signatures); err != nil {
		return nil, err
	}
	if len(p.Revert) > 0 {
		r, err := ParseSignedRevert(p.Revert)
		if err != nil {
			return nil, err
		}
		files[FileRevert] = r.Revert
		if err := addSignatures(files, revertPrefix, r.Signatures); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func addSignatures(files map[string][]byte, prefix string, sigs [][]byte) error {
	for _, sig := range sigs {
		key, err := signedBy(sig)
		if err != nil {
			return err
		}
		name := prefix + key + signatureSuffix
		if _, twice := files[name]; twice {
			return fmt.Errorf("patch: two signatures by key %s; keep one: %w", key, ErrFolder)
		}
		files[name] = sig
	}
	return nil
}

// signedBy is the id of the key that a signature names.
func signedBy(sig []byte) (string, error) {
	var s minisign.Signature
	if err := s.UnmarshalText(sig); len(sig) > MaxSignature || err != nil {
		return "", fmt.Errorf("patch: a signature is not in minisign's format: %w", ErrFolder)
	}
	return id(s.KeyID), nil
}

// ReadFolder reads a patch from its folder. It reads only: nothing is judged
// but sizes, and other files are left alone.
func ReadFolder(dir string) (*Package, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	var p Package
	if p.Manifest, err = readPart(dir, FileManifest, MaxManifest); err != nil {
		return nil, err
	}
	if p.Content, err = readContent(dir, entries); err != nil {
		return nil, err
	}
	var revert SignedRevert
	for _, e := range entries { // in the order of names: the same folder is the same package
		if !strings.HasSuffix(e.Name(), signatureSuffix) {
			continue
		}
		sig, err := readPart(dir, e.Name(), MaxSignature)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(e.Name(), revertPrefix) {
			revert.Signatures = append(revert.Signatures, sig)
		} else {
			p.Signatures = append(p.Signatures, sig)
		}
	}
	if len(p.Signatures) > MaxSignatures || len(revert.Signatures) > MaxSignatures {
		return nil, fmt.Errorf("patch: %s: more than %d signatures; remove the superfluous ones: %w", dir, MaxSignatures, ErrFolder)
	}
	hasRevert := slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == FileRevert })
	if !hasRevert && len(revert.Signatures) > 0 {
		return nil, fmt.Errorf("patch: %s: signatures of a %s that is not there; sign the patch anew: %w", dir, FileRevert, ErrFolder)
	}
	if hasRevert {
		if revert.Revert, err = readPart(dir, FileRevert, MaxRevert); err != nil {
			return nil, err
		}
		p.Revert = revert.Encode()
	}
	return &p, nil
}

// File is the name of its content in a folder.
func (m *Manifest) File() string {
	if m.Kind == KindKeys {
		return FileRing
	}
	return FileContent
}

// readContent reads the content under either name; under both, nobody could
// tell what is signed.
func readContent(dir string, entries []fs.DirEntry) ([]byte, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	switch {
	case has(FileRing) && has(FileContent):
		return nil, fmt.Errorf("patch: %s: both %s and %s; keep the one that is signed: %w", dir, FileContent, FileRing, ErrFolder)
	case has(FileRing):
		return readPart(dir, FileRing, MaxContent)
	}
	return readPart(dir, FileContent, MaxContent)
}

func readPart(dir, name string, limit int64) ([]byte, error) {
	b, err := durable.Read(durable.Linux, filepath.Join(dir, name), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("patch: %s: no %s; aimctl patch new makes one: %w: %w", dir, name, ErrFolder, err)
	}
	if err != nil {
		return nil, fmt.Errorf("patch: %w", err)
	}
	return b, nil
}
