// Package bundle packs a diagnostic archive: a .tar.gz whose size is bounded
// and that never holds a private key.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Bounds of an archive, bytes. What does not fit any more is cut, and the
// manifest says so.
const (
	MaxArchive = 8 << 20
	MaxMember  = 2 << 20

	reserve    = 256 << 10 // the manifest, tar's end, gzip's frame
	tarHeader  = 1024      // a header, and the padding of a member
	maxMembers = 200
)

// Member is one file of the archive, as its manifest lists it.
type Member struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	Cut   bool   `json:"cut,omitempty"`   // it was longer
	Error string `json:"error,omitempty"` // why it is missing
	None  bool   `json:"none,omitempty"`  // there is no such file, which may well be right
}

// Archive is being packed. The zero value is empty.
type Archive struct {
	Folder  string    // that all members lie in
	Made    time.Time // and when
	members []Member
	data    [][]byte
	total   int // uncompressed: what the bound is held against
}

// secrets begin what nobody may hand on: PEM keys, OpenSSH's and minisign's.
var secrets = [...]string{"PRIVATE KEY-----", "minisign encrypted secret key", "minisign secret key", "signify secret key"}

// Add adds a file. A private key that has come into it by mistake keeps the
// whole file out.
func (a *Archive) Add(name string, data []byte) {
	for _, secret := range secrets {
		if bytes.Contains(data, []byte(secret)) {
			a.Missing(name, errors.New("left out: it holds a private key"))
			return
		}
	}
	room := min(MaxMember, MaxArchive-reserve-a.total-tarHeader)
	switch {
	case len(a.members) >= maxMembers: // nor would the manifest list it
	case room <= 0:
		a.Missing(name, errors.New("left out: the archive is full"))
	default:
		m := Member{Name: name, Bytes: min(len(data), room), Cut: len(data) > room}
		a.members, a.data = append(a.members, m), append(a.data, data[:m.Bytes])
		a.total += m.Bytes + tarHeader
	}
}

// AddJSON adds a value, indented.
func (a *Archive) AddJSON(name string, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		a.Missing(name, err)
		return
	}
	a.Add(name, append(b, '\n'))
}

// Missing notes a file that could not be had.
func (a *Archive) Missing(name string, err error) {
	if len(a.members) < maxMembers {
		m := Member{Name: name, Error: short(err.Error()), None: errors.Is(err, fs.ErrNotExist)}
		a.members, a.data = append(a.members, m), append(a.data, nil)
	}
}

func short(s string) string { return s[:min(len(s), 500)] }

// Members lists what was added, and what could not be.
func (a *Archive) Members() []Member { return a.members }

// Pack returns the archive, at most MaxArchive bytes. The manifest, about plus
// the list of members, comes first.
func (a *Archive) Pack(about map[string]any) ([]byte, error) {
	about["members"] = a.members
	manifest, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	t := tar.NewWriter(zip)
	put := func(name string, data []byte) error {
		h := &tar.Header{Name: a.Folder + "/" + name, Mode: 0o600, Size: int64(len(data)), ModTime: a.Made, Typeflag: tar.TypeReg}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		_, err := t.Write(data)
		return err
	}
	if err := put("manifest.json", append(manifest, '\n')); err != nil {
		return nil, err
	}
	for i, m := range a.members {
		if m.Error != "" {
			continue
		}
		if err := put(m.Name, a.data[i]); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	if out.Len() > MaxArchive {
		return nil, fmt.Errorf("bundle: %d bytes, at most %d", out.Len(), MaxArchive)
	}
	return out.Bytes(), nil
}
