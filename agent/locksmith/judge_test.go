package locksmith

import (
	"testing"
	"time"
)

const sec = int64(time.Second)

// held is a record of boot "b1", granted at 100 s for 10 s.
func held(change func(*Record)) Record {
	r := Record{
		Name: "aim_lock_config", Held: true, Epoch: 7, Role: RoleOrchestrator, Holder: "fleet-updater",
		Reason: "update cycle 7", Process: Process{123, 4567}, BootID: "b1",
		Acquired: 100 * sec, Renewed: 100 * sec, Deadline: 110 * sec, WallMS: 1_763_900_000_000,
	}
	if change != nil {
		change(&r)
	}
	return r
}

func TestJudge(t *testing.T) {
	t.Parallel()
	base := Facts{Refused: true, State: ValidRecord, Record: held(nil), BootID: "b1", Now: 105 * sec, MaxTTL: 30 * time.Second, Alive: true}
	for _, tt := range []struct {
		name   string
		change func(*Facts)
		want   Verdict
	}{
		{"holder alive, before its deadline", func(f *Facts) {}, Held},
		{"the last nanosecond of the lease", func(f *Facts) { f.Now = 110*sec - 1 }, Held},
		{"the deadline itself", func(f *Facts) { f.Now = 110 * sec }, Overdue},
		{"half an hour past the deadline", func(f *Facts) { f.Now = 1900 * sec }, Overdue},
		{"seen to have it, past the deadline", func(f *Facts) { f.Now = 110 * sec; f.Has = HasIt }, Overdue},
		{"a shorter limit today", func(f *Facts) { f.MaxTTL = 4 * time.Second }, Overdue},
		{"recorded without an end, today's limit holds", func(f *Facts) { f.Record.Deadline = maxTime; f.Now = 131 * sec }, Overdue},
		{"renewed, past the first deadline", func(f *Facts) { f.Record.Renewed, f.Record.Deadline, f.Now = 109*sec, 119*sec, 115*sec }, Held},
		{"renewed more often than the limit is long", func(f *Facts) { f.Record.Renewed, f.Record.Deadline, f.Now = 900*sec, 910*sec, 905*sec }, Held},

		{"lock free, no record", func(f *Facts) { f.Refused, f.State, f.Record = false, NoRecord, Record{} }, Free},
		{"lock free, released", func(f *Facts) { f.Refused, f.Record.Held = false, false }, Free},
		{"lock free, released in another boot", func(f *Facts) { f.Refused, f.Record.Held, f.BootID = false, false, "b2" }, Free},
		{"lock free, damaged record", func(f *Facts) { f.Refused, f.State, f.Record = false, DamagedRecord, Record{} }, Free},
		{"lock free, says held, holder dead", func(f *Facts) { f.Refused, f.Alive = false, false }, Dead},
		{"lock free, says held, holder lives inside its lease", func(f *Facts) { f.Refused = false }, Dead},
		{"lock free, says held, long past", func(f *Facts) { f.Refused, f.Now = false, 1900*sec }, Dead},
		{"lock free, says held in another boot", func(f *Facts) { f.Refused, f.BootID, f.Alive = false, "b2", false }, Boot},
		{"lock free, another boot, pid in use again", func(f *Facts) { f.Refused, f.BootID = false, "b2" }, Boot},

		{"refused, recorded holder dead", func(f *Facts) { f.Alive = false }, Orphan},
		{"refused, recorded holder dead, past the deadline", func(f *Facts) { f.Alive, f.Now = false, 1900*sec }, Orphan},
		{"refused, no record", func(f *Facts) { f.State, f.Record, f.Alive = NoRecord, Record{}, false }, Unknown},
		{"refused, damaged record", func(f *Facts) { f.State, f.Record, f.Alive = DamagedRecord, Record{}, false }, Unknown},
		{"refused, released: an acquire or a release in progress", func(f *Facts) { f.Record.Held = false }, Unknown},
		{"refused, another boot: no descriptor outlives one", func(f *Facts) { f.BootID, f.Alive = "b2", false }, Unknown},
		{"refused, past its deadline, but another has it", func(f *Facts) { f.Now, f.Has = 1900*sec, HasItNot }, Unknown},
		{"refused, granted in the future", func(f *Facts) { f.Now = 98 * sec }, Unknown},
		{"refused, granted an instant after Now was read", func(f *Facts) { f.Now = 100*sec - 1000 }, Held},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := base
			tt.change(&f)
			if got := Judge(f); got != tt.want {
				t.Errorf("Judge = %v, want %v", got, tt.want)
			}
		})
	}
}

// Whatever the facts: the kernel's answer decides whether anybody is told that
// the lock is taken, and age alone never makes a lock stale.
func TestJudgeNeverContradictsTheKernel(t *testing.T) {
	t.Parallel()
	n := 0
	for _, refused := range []bool{false, true} {
		for _, state := range []RecordState{NoRecord, DamagedRecord, ValidRecord} {
			for _, isHeld := range []bool{false, true} {
				for _, boot := range []string{"b1", "b2"} {
					for _, alive := range []bool{false, true} {
						for _, has := range []Has{HasNotSeen, HasIt, HasItNot} {
							for _, now := range []int64{0, 105 * sec, 1 << 60} {
								f := Facts{refused, state, held(func(r *Record) { r.Held = isHeld }), boot, now, time.Second, alive, has}
								v := Judge(f)
								n++
								if v.Refused() != refused {
									t.Errorf("%+v: %v", f, v)
								}
								if v.Stale() && (refused || state != ValidRecord || !isHeld) {
									t.Errorf("%+v: %v without proof", f, v)
								}
							}
						}
					}
				}
			}
		}
	}
	if n != 2*3*2*2*2*3*3 {
		t.Errorf("%d combinations", n)
	}
}

func TestSuspicion(t *testing.T) {
	t.Parallel()
	type step struct {
		at    int64 // ms
		v     Verdict
		epoch uint64
		hot   bool
	}
	looks := func(from, to, every int64, v Verdict, epoch uint64, hot bool) (s []step) {
		for at := from; at < to; at += every {
			s = append(s, step{at, v, epoch, hot})
		}
		return s
	}
	join := func(parts ...[]step) (s []step) {
		for _, p := range parts {
			s = append(s, p...)
		}
		return s
	}
	for name, steps := range map[string][]step{
		"five seconds": join(looks(0, 5000, 500, Unknown, 0, false), looks(5000, 6000, 500, Unknown, 0, true)),
		"an acquire in progress": join(
			looks(0, 4999, 100, Unknown, 6, false), looks(4999, 9000, 500, Held, 7, false)),
		"a slow acquire, then a reclaim in progress": join(
			looks(0, 4900, 100, Unknown, 6, false), []step{{4950, Held, 7, false}}, looks(5000, 9900, 100, Orphan, 7, false)),
		"one acquire after the other, seen only in progress": join(
			looks(0, 4000, 500, Unknown, 6, false), looks(4000, 8000, 500, Unknown, 7, false),
			looks(8000, 13000, 500, Orphan, 8, false), looks(13000, 14000, 500, Orphan, 8, true)),
		"a verdict that changes while the lock stays taken": join(
			looks(0, 3000, 500, Orphan, 7, false), looks(3000, 5000, 500, Unknown, 0, false),
			looks(5000, 6000, 500, Unknown, 0, true)),
		"suspended for an hour in an acquire": join(
			looks(0, 1000, 500, Unknown, 6, false), looks(3_600_000, 3_603_500, 500, Unknown, 6, false),
			[]step{{3_603_500, Held, 7, false}}),
		"looks ten seconds apart still add up": {
			{0, Orphan, 7, false}, {10_000, Orphan, 7, false}, {20_000, Orphan, 7, false},
			{30_000, Orphan, 7, false}, {40_000, Orphan, 7, false}, {50_000, Orphan, 7, true}},
		"free in between": join(
			looks(0, 4900, 500, Unknown, 0, false), []step{{4950, Free, 0, false}}, looks(5000, 9900, 500, Unknown, 0, false)),
		"overdue is not its business": looks(0, 9000, 500, Overdue, 7, false),
	} {
		t.Run(name, func(t *testing.T) {
			var s Suspicion
			for _, st := range steps {
				if _, hot := s.Step(st.at*int64(time.Millisecond), st.v, st.epoch); hot != st.hot {
					t.Errorf("at %d ms %v epoch %d: hot %v", st.at, st.v, st.epoch, hot)
				}
			}
		})
	}
}

func TestSuspicionSince(t *testing.T) {
	t.Parallel()
	var s Suspicion
	for at := 3 * sec; at < 12*sec; at += sec {
		if since, _ := s.Step(at, Orphan, 7); since != 3*sec {
			t.Errorf("at %d since %d", at, since)
		}
	}
}
