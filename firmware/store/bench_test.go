package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/store"
)

// A patch from staged to committed on a real file system (seven syncs), with a
// configuration of 2 KiB.
func BenchmarkApply(b *testing.B) {
	conf := filepath.Join(b.TempDir(), "aim_lock_config.conf")
	data := make([]byte, 2<<10)
	must(b, os.WriteFile(conf, data, 0o644))
	s, err := store.Open(durable.Linux, store.Options{Live: conf, Dir: filepath.Join(b.TempDir(), "store")})
	must(b, err, s.Adopt(data))
	for n := 1; b.Loop(); n++ {
		data := fmt.Appendf(nil, "%2048d", n)
		m := store.Meta{Patch: "p", Version: int64(n), SHA256: hash(data)}
		must(b, s.Stage(data, m), s.Try(free), s.Commit())
	}
	must(b, s.Close())
}
