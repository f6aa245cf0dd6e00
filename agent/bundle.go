package agent

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	bundlesName  = "bundles" // in the state folder
	bundleWithin = time.Minute
	maxBundles   = 4 // kept; aimctl makes them of at most 8 MiB
	bundleSuffix = ".tar.gz"
)

var errNoAimctl = errors.New("there is no aimctl: install it beside aimd, or as /usr/bin/aimctl")

// makeBundles makes an archive whenever the loop asks for one, until ctx ends.
// The loop asks for one at a time.
func (p *parts) makeBundles(ctx context.Context) {
	for {
		select {
		case <-p.bundles:
			path, err := p.bundle(ctx)
			if err != nil {
				path = err.Error()
			}
			p.src.send(ctx, event{kind: bundled, at: p.src.clock(), text: path, ok: err == nil})
		case <-ctx.Done():
			return
		}
	}
}

// bundle has aimctl make an archive in the state folder, and returns its path.
func (p *parts) bundle(ctx context.Context) (string, error) {
	beside, err := os.Executable()
	if err != nil {
		return "", err
	}
	program, err := findAimctl(p.s.aimctl, filepath.Join(filepath.Dir(beside), "aimctl"), "/usr/bin/aimctl")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(p.s.Identity.Paths.State, bundlesName)
	n, err := makeRoom(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d%s", p.s.Identity.Drone, n, bundleSuffix))
	argv := []string{program, "bundle", "--out", path}
	if p.s.IdentityPath != "" {
		argv = append(argv, "--identity", p.s.IdentityPath)
	}
	h := hooks{env: []string{"GOMAXPROCS=1"}, low: true}
	if out, err := h.exec(ctx, bundleWithin, argv...); err != nil {
		return "", fmt.Errorf("%s: %w: %s", program, err, out)
	}
	return path, nil
}

// findAimctl is the first of these paths that is there. What others could
// change is not run.
func findAimctl(paths ...string) (string, error) {
	for _, path := range paths {
		if _, err := os.Stat(path); err == nil {
			_, err = owned(path)
			return path, err
		}
	}
	return "", errNoAimctl
}

// makeRoom leaves the newest archives in the folder but one, removes all else,
// and returns the next one's number: a drone's clock may stand still.
func makeRoom(dir string) (next int, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		next = max(next, bundleNumber(e.Name()))
	}
	next++
	for _, e := range entries {
		if bundleNumber(e.Name()) <= next-maxBundles {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return 0, err
			}
		}
	}
	return next, nil
}

// bundleNumber is an archive's number, at least 1; 0: it is none, such as what
// a killed aimctl has left.
func bundleNumber(name string) int {
	name, ok := strings.CutSuffix(name, bundleSuffix)
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if !ok || err != nil || n >= 1<<30 {
		return 0
	}
	return n
}
