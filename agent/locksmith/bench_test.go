package locksmith

import (
	"context"
	"testing"
	"time"
)

// One grant is one fdatasync; everything else happens in memory.
func BenchmarkAcquireRelease(b *testing.B) {
	s := open(b, folder(b), nil)
	for b.Loop() {
		l, err := s.Acquire(context.Background(), claim("bench"))
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	s := open(b, folder(b), nil)
	l := acquire(b, s, claim("bench"))
	defer l.Release()
	for b.Loop() {
		if _, err := s.Look(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	f := Facts{Refused: true, State: ValidRecord, Record: held(nil), BootID: "b1", Now: 105 * sec, MaxTTL: 30 * time.Second, Alive: true}
	b.ReportAllocs()
	for b.Loop() {
		if Judge(f) != Held {
			b.Fatal("judged wrong")
		}
	}
}
