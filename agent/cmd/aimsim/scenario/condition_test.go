package scenario

import (
	"encoding/json"
	"strings"
	"testing"
)

const status = `{"state":"PAUSED","requested":true,"causes":[{"name":"lock","text":"overdue since 3s","waived":false}],
"waived":[],"faults":["motor2","fc"],"lock":{"verdict":"OVERDUE","pid":41},"config":{"version":42,"valid":true},"none":null}`

func decode(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var doc any
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestCondition(t *testing.T) {
	t.Parallel()
	doc := decode(t, status)
	tests := []struct {
		cond  string
		holds bool
		seen  string
	}{
		{"state=PAUSED", true, "PAUSED"},
		{"state=PAUSE", false, "PAUSED"},
		{"state~PAUSE", true, "PAUSED"},
		{"state!=NOMINAL", true, "PAUSED"},
		{"requested=true", true, "true"},
		{"lock.verdict=OVERDUE", true, "OVERDUE"},
		{"lock.pid!=41", false, "41"},
		{"config.version=42", true, "42"},
		{"causes=lock", true, "[lock]"},
		{"causes=", false, "[lock]"},
		{"causes!=motor", true, "[lock]"},
		{"causes~overdue", true, "[lock]"},
		{"causes~lo", true, "[lock]"},
		{"waived=", true, "[]"},
		{"waived=lock", false, "[]"},
		{"waived~", false, "[]"},
		{"faults=fc", true, "[motor2 fc]"},
		{"faults!=fc", false, "[motor2 fc]"},
		{"none=", true, ""},
		{"none=lock", false, ""},
		{"lock~OVERDUE", true, `{"pid":41,"verdict":"OVERDUE"}`},
	}
	for _, tt := range tests {
		c, perr := parseCondition(&cursor{}, tt.cond)
		if perr != nil {
			t.Fatal(perr)
		}
		holds, seen, err := c.Holds(doc)
		if err != nil || holds != tt.holds || seen != tt.seen {
			t.Errorf("%s: %v, seen %q, %v; want %v, %q", tt.cond, holds, seen, err, tt.holds, tt.seen)
		}
	}
}

func TestUnknownField(t *testing.T) {
	t.Parallel()
	steps, err := Parse("x.aim", []byte("arm p3\nexpect p1 lock.verdickt=FREE\nexpect p1 state.x=1\nexpect p1 colour=red\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = Check(steps, []string{"a", "b"}, decode(t, status))
	want := `x.aim:1: "p3" names drones that the fleet has not; it has a to b (p1 to p2); correct the list
x.aim:2: no field "lock.verdickt"; fields of lock are pid, verdict; correct the field
x.aim:3: no field "state.x": state has no fields; correct the field
x.aim:4: no field "colour"; fields are causes, config.…, faults, lock.…, none, requested, state, waived; correct the field`
	if err == nil || err.Error() != want {
		t.Fatalf("got\n%v\nwant\n%s", err, want)
	}
	if err := Check(steps[:1], []string{"a", "b", "c"}, nil); err != nil {
		t.Fatal(err)
	}
}
