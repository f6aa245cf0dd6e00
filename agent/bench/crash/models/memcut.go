package models

import (
	"encoding/binary"
	"hash/maphash"
	"path"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Cut draws clones until 32 times as many draws as there are different ones have
// brought nothing new: each has a chance of at least one in twice their number
// at each draw, so that the chance to miss one is about e⁻¹⁶. The draws
// themselves cannot be enumerated: they follow a map's order.
func (d *memDisk) Cut(run func(), visit func(Disk)) (states int) {
	cut := func() {
		seen := map[[32]byte]bool{}
		for dry := 0; dry <= d.patience*(len(seen)+1); dry++ {
			after := memDiskOf(d.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: d.random}))
			if k := after.key(nil); !seen[k] {
				seen[k], dry = true, 0
				after.hurry()
				visit(after)
			}
		}
		states += len(seen)
	}
	cut()
	d.changed = cut
	run()
	d.changed = nil
	cut()
	return states
}

// hurry is for recoveries and mutants, of which there are many: 4 times.
func (d *memDisk) hurry() { d.patience = 4 }

// Key is of all paths and contents.
func (d *memDisk) Key() [32]byte { return d.key(untemp) }

func (d *memDisk) key(as func(string) string) [32]byte {
	var h maphash.Hash
	h.SetSeed(seed)
	var list func(dir string)
	list = func(dir string) {
		names, _ := d.fs.List(dir)
		slices.Sort(names)
		for _, name := range names {
			p := path.Join(dir, name)
			st, err := d.fs.Stat(p)
			if err != nil {
				continue
			}
			if as != nil {
				name = as(name)
			}
			h.Write(binary.AppendUvarint([]byte(name), uint64(st.Size())))
			if st.IsDir() {
				h.Write([]byte("/"))
				list(p)
				h.Write([]byte("."))
				continue
			}
			b, _ := d.fs.UnsafeGetFileDataBuffer(p)
			h.Write(b)
		}
	}
	list("/")
	var k [32]byte
	binary.LittleEndian.PutUint64(k[:], h.Sum64())
	return k
}

var seed = maphash.MakeSeed()
