package thermal

import (
	"errors"
	"testing"

	"periph.io/x/conn/v3/physic"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in     string
		milliC int64
		ok     bool
	}{
		{"48312\n", 48312, true},
		{"48312", 48312, true},
		{"0\n", 0, true},
		{"-5000\n", -5000, true},
		{"-55000\n", -55000, true},
		{"150000\n", 150000, true},
		{"150001\n", 0, false},
		{"-55001\n", 0, false},
		{"-273150\n", 0, false}, // what a driver says of a sensor that is off
		{"", 0, false},
		{"\n", 0, false},
		{"-", 0, false},
		{"-\n", 0, false},
		{"--5\n", 0, false},
		{"+5\n", 0, false},
		{"48.3\n", 0, false},
		{"48312\n\n", 0, false},
		{" 48312\n", 0, false},
		{"48312 \x00\n", 0, false},
		{"0x30\n", 0, false},
		{"99999999999999999999999999999\n", 0, false},
		{"18446744073709599928\n", 0, false},              // 2^64 + 48312
		{"000000000000000000000000000048312\n", 0, false}, // longer than MaxSize
	} {
		got, err := Parse([]byte(c.in))
		if ok := err == nil; ok != c.ok || !ok && !errors.Is(err, ErrImplausible) {
			t.Errorf("Parse(%q): %v, %v", c.in, got, err)
		}
		want := physic.ZeroCelsius + physic.Temperature(c.milliC)*physic.MilliKelvin
		if c.ok && got != want {
			t.Errorf("Parse(%q) = %v, want %v", c.in, got, want)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	in := []byte("48312\n")
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := Parse(in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("48312\n"))
	f.Add([]byte("-5000"))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := Parse(in)
		low, high := physic.ZeroCelsius-55*physic.Kelvin, physic.ZeroCelsius+150*physic.Kelvin
		if err == nil && (got < low || got > high || len(in) > MaxSize) {
			t.Errorf("Parse(%q) = %v", in, got)
		}
	})
}
