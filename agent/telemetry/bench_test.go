package telemetry

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
)

// BenchmarkMessages measures each message beside encoding/json: bytes, and ns
// and allocations of encoding into a buffer that is reused, and of decoding.
func BenchmarkMessages(b *testing.B) {
	all := samples()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		m := all[name]
		packed := encode(b, m)
		text, err := json.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		buf := make([]byte, 0, 4096)
		b.Run(name+"/encode/msgpack", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Append(buf, m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(packed)), "bytes")
		})
		b.Run(name+"/encode/json", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := json.Marshal(m); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(text)), "bytes")
		})
		b.Run(name+"/decode/msgpack", func(b *testing.B) {
			b.ReportAllocs()
			into := fresh(m)
			for b.Loop() {
				if err := Decode(packed, into); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/decode/json", func(b *testing.B) {
			b.ReportAllocs()
			into := reflect.ValueOf(fresh(m))
			for b.Loop() {
				into.Elem().SetZero()
				if err := json.Unmarshal(text, into.Interface()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSetters is a turn of the loop: a status and a telemetry encoded and
// handed over.
func BenchmarkSetters(b *testing.B) {
	u, err := NewUplink(Options{Fleet: "north", Drone: "a", Broker: "mqtt://localhost"})
	if err != nil {
		b.Fatal(err)
	}
	st, te := samples()["status"], samples()["telemetry"]
	sb, tb := make([]byte, 0, 2048), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		p, _ := Append(sb, st)
		u.SetStatus(p)
		p, _ = Append(tb, te)
		u.SetTelemetry(p)
	}
}
