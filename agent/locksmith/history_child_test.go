package locksmith

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
)

// scribe is one process of a history. It does what chance tells it and says
// before and after each operation what and when (CLOCK_BOOTTIME, the same for
// all), so that a death leaves the operation open:
//
//	call ID TIME KIND LEASE
//	back ID TIME RESULT NUMBER
//	leak PID LEASE
//	end
type scribe struct {
	dir      string
	chance   *rand.Rand
	r        *reaper
	s        *Smith
	operator bool // its clock is two hours ahead: everybody is overdue, and it passes them over
	id       uint64

	lease *Lease // nil: none
	grant uint64 // the operation that was granted it
	old   *Lease // given back before
}

// scribes are told histories, a line each: DIR FIRST-ID OPERATIONS SEED OPERATOR.
func scribes() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var dir string
		var first, seed uint64
		var operations int
		var operator bool
		if _, err := fmt.Sscan(in.Text(), &dir, &first, &operations, &seed, &operator); err != nil {
			panic(err)
		}
		sc := &scribe{dir: dir, id: first, operator: operator, chance: rand.New(rand.NewPCG(seed, first))}
		sc.r = &reaper{Sys: durable.Linux, left: -1}
		sc.s = process(sc.r, dir, func(h *Host) {
			h.Owners = nil // a search of all /proc at each refusal: most of the time, for nothing
			if operator {
				h.Now = func() int64 { return bootNow() + int64(2*time.Hour) }
			}
		})
		sc.s.brief, sc.s.patience = 3*time.Millisecond, time.Minute
		for range operations {
			sc.one()
		}
		if sc.lease != nil {
			sc.release()
		}
		sc.s.slots.close()
		say("end")
	}
}

// one does one operation.
func (sc *scribe) one() {
	n := sc.chance.IntN(100)
	switch {
	case n < 20:
		sc.do("read", 0, sc.read)
	case n < 24 && sc.old != nil:
		sc.do("late", 0, sc.late)
	case sc.lease == nil && sc.operator:
		sc.do("supersede", 0, sc.supersede)
	case sc.lease == nil:
		sc.do("acquire", 0, sc.acquire)
	case n < 70:
		sc.do("commit", sc.grant, sc.commit)
	case n < 80:
		sc.do("renew", sc.grant, func() (uint64, error) { return 0, sc.lease.Renew() })
	case n < 81 && !sc.operator:
		sc.leak()
	default:
		sc.release()
	}
}

// do does it between its two lines. One in forty ends in a SIGKILL at some call.
func (sc *scribe) do(kind string, grant uint64, act func() (uint64, error)) {
	sc.id++
	say("call %d %d %s %d", sc.id, bootNow(), kind, grant)
	if sc.chance.IntN(40) == 0 {
		sc.r.arm(sc.chance.IntN(30))
	}
	number, err := act()
	sc.r.left = -1
	say("back %d %d %s %d", sc.id, bootNow(), result(err), number)
}

// result is one word; "failed:" has no place in a history.
func result(err error) string {
	refused := (*Refused)(nil)
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused):
		return "refused"
	case errors.Is(err, ErrStale):
		return "stale"
	case errors.Is(err, ErrReleased):
		return "released"
	case errors.Is(err, ErrGone):
		return "gone"
	case errors.Is(err, ErrOther):
		return "other"
	}
	return "failed:" + strings.ReplaceAll(err.Error(), " ", "_")
}

func (sc *scribe) granted(l *Lease, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	sc.lease, sc.grant = l, sc.id
	return l.Epoch(), nil
}

func (sc *scribe) acquire() (uint64, error) {
	return sc.granted(sc.s.Acquire(context.Background(), Claim{Role: RoleTechnician, Holder: "scribe", TTL: time.Hour}))
}

func (sc *scribe) supersede() (uint64, error) {
	l, err := sc.s.Look()
	if err != nil {
		return 0, err
	}
	x := Expect{Holder: "unknown"}
	if l.HasRecord && l.Record.Held {
		x = Expect{Holder: l.Record.Holder, Epoch: l.Record.Epoch}
	}
	return sc.granted(sc.s.Supersede(context.Background(), Claim{Role: RoleAgent, Holder: "operator"}, x))
}

// commit writes the operation's own number: no two writes are alike.
func (sc *scribe) commit() (uint64, error) {
	return sc.id, sc.lease.Commit(func() error {
		return durable.ReplaceUnsynced(sc.r, live(sc.dir), []byte(strconv.FormatUint(sc.id, 10)), 0o644)
	})
}

func (sc *scribe) read() (uint64, error) {
	b, err := os.ReadFile(live(sc.dir))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(b), 10, 64)
}

// late uses a lease after its release, a second release among them.
func (sc *scribe) late() (uint64, error) {
	switch sc.chance.IntN(3) {
	case 0:
		return 0, sc.old.Release()
	case 1:
		return 0, sc.old.Renew()
	}
	return 0, sc.old.Commit(func() error { return errors.New("a late commit went through") })
}

func (sc *scribe) release() {
	sc.do("release", sc.grant, func() (uint64, error) { return 0, sc.lease.Release() })
	sc.old, sc.lease = sc.lease, nil
}

// leak hands the lock's descriptor to a child, and dies.
func (sc *scribe) leak() {
	pid, err := leak(sc.lease)
	if err != nil {
		panic(err)
	}
	say("leak %s %d", pid, sc.grant)
	die()
}
