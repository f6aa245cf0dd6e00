//go:build e2e

package e2e

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kernel is a kernel package of Debian, unpacked.
type kernel struct {
	image, dtb string
	modules    map[string]string // by name, '_' for '-': the file
}

// fetchKernel returns the kernel that the meta package of that name and
// architecture stands for, from the cache or by apt. apt works on folders of
// its own here: the machine's lists and architectures stay as they are.
func fetchKernel(t *testing.T, arch, meta string) string {
	t.Helper()
	cache := os.Getenv("AIM_E2E_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatalf("no cache folder for the kernel: set AIM_E2E_CACHE: %v", err)
		}
		cache = filepath.Join(user, "aimlock-e2e")
	}
	dir := filepath.Join(cache, meta)
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	work, err := os.MkdirTemp(cache, "fetch-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	if err := download(work, arch, meta); err != nil {
		t.Fatalf("Debian's kernel %s:%s cannot be fetched: %v", meta, arch, err)
	}
	// Another run may have been faster: then its folder serves.
	if err := os.Rename(filepath.Join(work, "root"), dir); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return dir
}

var depends = regexp.MustCompile(`(?m)^Depends: (linux-image-\S+)`)

// download leaves the unpacked package in work/root.
func download(work, arch, meta string) error {
	for _, d := range []string{"state/lists/partial", "cache/archives/partial", "root"} {
		if err := os.MkdirAll(filepath.Join(work, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(work, "status"), nil, 0o644); err != nil {
		return err
	}
	apt := func(program string, args ...string) ([]byte, error) {
		c := exec.Command(program, append([]string{"-q", "-o", "Dir::State=" + work + "/state", "-o", "Dir::State::status=" + work + "/status",
			"-o", "Dir::Cache=" + work + "/cache", "-o", "APT::Architecture=" + arch, "-o", "APT::Architectures=" + arch,
			"-o", "APT::Sandbox::User=", "-o", "Acquire::Languages=none"}, args...)...)
		c.Dir = work
		var errs bytes.Buffer
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			err = fmt.Errorf("%s %s: %w: %s", program, args[0], err, bytes.TrimSpace(errs.Bytes()))
		}
		return out, err
	}
	// A list that one mirror lacks is no harm if the package can be had.
	_, updated := apt("apt-get", "update")
	show, err := apt("apt-cache", "show", meta)
	if err != nil {
		return errors.Join(err, updated)
	}
	m := depends.FindSubmatch(show)
	if m == nil {
		return fmt.Errorf("%s names no kernel; are apt's sources Debian's?", meta)
	}
	if _, err := apt("apt-get", "download", string(m[1])); err != nil {
		return errors.Join(err, updated)
	}
	debs, err := filepath.Glob(filepath.Join(work, "*.deb"))
	if err != nil || len(debs) != 1 {
		return fmt.Errorf("apt-get download left %v (%w)", debs, err)
	}
	if out, err := exec.Command("dpkg-deb", "-x", debs[0], filepath.Join(work, "root")).CombinedOutput(); err != nil {
		return fmt.Errorf("dpkg-deb: %w: %s", err, out)
	}
	return nil
}

// openKernel finds its way in an unpacked package.
func openKernel(t *testing.T, dir, dtb string) *kernel {
	t.Helper()
	k := &kernel{modules: map[string]string{}}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		switch {
		case err != nil || d.IsDir():
		case strings.HasPrefix(name, "vmlinu"):
			k.image = path
		case name == dtb:
			k.dtb = path
		case strings.HasSuffix(name, ".ko"):
			k.modules[strings.ReplaceAll(strings.TrimSuffix(name, ".ko"), "-", "_")] = path
		}
		return err
	})
	if err != nil || k.image == "" || dtb != "" && k.dtb == "" {
		t.Fatalf("%s holds no kernel with %s (%v); remove it to fetch another", dir, dtb, err)
	}
	return k
}

// load lists the files of modules and of what they depend on, in the order in
// which they must be loaded. What is no module is built in.
func (k *kernel) load(names ...string) ([]string, error) {
	var order []string
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		name = strings.ReplaceAll(name, "-", "_")
		file, ok := k.modules[name]
		if done[name] || !ok {
			return nil
		}
		done[name] = true
		needs, err := moduleDepends(file)
		if err != nil {
			return err
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		order = append(order, file)
		return nil
	}
	for _, n := range names {
		if err := visit(n); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// moduleDepends reads "depends=a,b" of the section .modinfo.
func moduleDepends(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return nil, fmt.Errorf("%s: no .modinfo", file)
	}
	info, err := s.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for field := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := strings.CutPrefix(string(field), "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
