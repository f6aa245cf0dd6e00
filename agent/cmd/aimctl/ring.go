package main

import (
	"fmt"
	"path/filepath"

	"github.com/aim-control/aimlock/agent/config"
	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/patch"
)

// ringFound is whose signatures count on a drone, and where that is written.
type ringFound struct {
	*patch.Ring
	from  string         // a file
	root  string         // hash of the identity's ring; "": not known
	chain *patch.Keyring // nil: from a file of --ring
}

// ringOf finds the ring in force: that of --ring, else the drone's own where its
// state folder can be read here, else the identity's trust. nil: there is
// neither a file nor an identity.
func (a *app) ringOf(id *config.Identity) (*ringFound, error) {
	if a.ring != "" {
		data, err := durable.Read(durable.Linux, a.ring, patch.MaxRing)
		if err != nil {
			return nil, fmt.Errorf("--ring: %w", err)
		}
		r, err := patch.ParseRing(data)
		if err != nil {
			return nil, fmt.Errorf("--ring %s: %w", a.ring, plain(err))
		}
		return &ringFound{Ring: r, from: a.ring}, nil
	}
	if id == nil {
		return nil, nil
	}
	t := id.Trust
	root := &patch.Ring{Version: t.Version, Threshold: t.Threshold, Config: t.Config, Command: t.Command, Keys: t.Keys, Agent: t.Agent}
	f := &ringFound{from: a.identity, root: root.SHA256()}
	path := filepath.Join(id.Paths.State, patch.FileKeyring)
	f.chain = patch.OpenKeyring(durable.Linux, path, root)
	var err error
	if f.Ring, err = f.chain.Ring(); err != nil {
		return nil, plain(err)
	}
	if f.Ring != root {
		f.from = path
	}
	return f, nil
}
