package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/aim-control/aimlock/firmware/plainjson"
)

// TestFormat: the state on disk is what encoding/json writes and reads, as in
// every version before.
func TestFormat(t *testing.T) {
	t.Parallel()
	m := Meta{Patch: "p-1", Rollout: "r", Version: 7, SHA256: "ab", Local: true}
	for _, st := range []*state{{Schema: schema}, {
		Schema: schema, Generations: []generation{{m, 3, 44}, {Meta{SHA256: "cd"}, 0, 0}}, High: 1 << 40, Op: Status{Trial, m, "a <b> & \u2028 \"c\" é", -5},
		Quarantine: []quarantined{{1, "ef", "why"}}, Nonces: []string{"n1", "n2"}, Epoch: 1<<64 - 1, Controller: "c",
		History: []Entry{{m, Reverted, "", 1, 0}, {m, Rejected, "x", 2, 4}}, Edits: []generation{{m, 9, 8}}, Last: 9, data: []byte("not kept"),
	}} {
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		if err := e.Encode(st); err != nil {
			t.Fatal(err)
		}
		got, err := plainjson.Marshal(st)
		if err != nil || string(got)+"\n" != want.String() {
			t.Errorf("%v\n%s\nwant\n%s", err, got, want.String())
		}
		back := &state{data: st.data}
		if err := plainjson.Unmarshal(want.Bytes(), back); err != nil || !reflect.DeepEqual(st, back) {
			t.Errorf("%v\n%+v\nwant\n%+v", err, back, st)
		}
	}
}
