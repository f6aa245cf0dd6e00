package store_test

import (
	"bytes"
	"testing"

	"github.com/aim-control/aimlock/firmware/durable"
	"github.com/aim-control/aimlock/firmware/durable/faultfs"
	"github.com/aim-control/aimlock/firmware/store"
)

// FuzzPeek reads states that no store has written: an error, or a list in which
// every hash that is said to be kept names nothing outside the folder.
func FuzzPeek(f *testing.F) {
	f.Add([]byte(`{"Schema":1}`))
	f.Add([]byte(`{"Schema":1,"Generations":[{"SHA256":"aa","N":2}],"Edits":[{"SHA256":"../x","Local":true,"N":3}],"History":[{"Phase":"REVERTED","N":9}]}`))
	f.Add([]byte(`{"Schema":1,"Op":{"Phase":"TRIAL","Meta":{"SHA256":"../../other"}}}`))
	f.Add([]byte(`{"Schema":2}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		if len(state) > 32<<10 {
			return
		}
		disk := newDisk()
		disk.Put(dir+"/x", nil, 0o644)
		disk.Put("/var/lib/aimlock/other.toml", []byte("secret"), 0o600)
		slots, err := durable.OpenSlots(disk, dir+"/state", 32<<10)
		must(t, err, slots.Write(state), slots.Close())
		p, err := store.Peek(faultfsReadOnly{disk}, dir)
		if err != nil {
			return
		}
		for i, it := range p.Items {
			if i > 0 && it.N > p.Items[i-1].N && p.Items[i-1].N > 0 {
				t.Errorf("number %d behind %d", it.N, p.Items[i-1].N)
			}
			if data, err := store.PeekContent(disk, dir, it.Meta.SHA256); err == nil && bytes.Equal(data, []byte("secret")) {
				t.Errorf("%q leads out of the folder", it.Meta.SHA256)
			}
		}
	})
}

// faultfsReadOnly ends the test of whoever writes.
type faultfsReadOnly struct{ *faultfs.FS }

func (faultfsReadOnly) Pwrite(int, []byte, int64) (int, error) { panic("peek writes") }
func (faultfsReadOnly) Unlinkat(int, string, int) error        { panic("peek removes") }
