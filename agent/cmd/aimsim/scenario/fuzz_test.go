package scenario

import (
	"errors"
	"reflect"
	"testing"
)

// FuzzParse feeds any bytes to the parser. What it accepts, it must read the
// same again from the step's own text, and resolve and judge without a panic;
// what it refuses must name a line and a remedy.
func FuzzParse(f *testing.F) {
	for _, v := range Verbs() {
		f.Add([]byte("@1s " + v.Usage))
	}
	f.Add([]byte("drones 3\nlock all,-p2 reason=\"a b\"\nexpect p1..p2 causes~x within 2s\n@5s heat p1 motor1 97°C\n"))
	doc := decode(f, status)
	fleet := []string{"patrol-01", "patrol-02", "patrol-03"}
	f.Fuzz(func(t *testing.T, data []byte) {
		steps, err := Parse("f.aim", data)
		if err != nil {
			var errs Errors
			if !errors.As(err, &errs) || len(errs) == 0 || len(errs) > MaxErrors || steps != nil {
				t.Fatalf("%v, %d steps", err, len(steps))
			}
			for _, e := range errs {
				if e.File != "f.aim" || e.Line < 1 || e.What == "" || e.Remedy == "" {
					t.Fatalf("%+v", e)
				}
			}
			return
		}
		_ = Check(steps, fleet, doc)
		for _, s := range steps {
			again, err := ParseLine(s.File, s.Line, s.Text)
			if err != nil || !reflect.DeepEqual(*again, s) {
				t.Fatalf("%q read again: %+v, %v; was %+v", s.Text, again, err, s)
			}
		}
	})
}
