package locksmith

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKernelHost(t *testing.T) {
	t.Parallel()
	h := host(t, nil)
	if len(h.BootID) != 36 || h.Self.PID != os.Getpid() || h.Self.Start == 0 {
		t.Errorf("%+v", h)
	}
	if !h.Alive(h.Self) {
		t.Error("not alive myself")
	}
	for name, p := range map[string]Process{
		"another start": {h.Self.PID, h.Self.Start + 1}, "no process": {1 << 22, 1}, "pid 0": {0, 0}, "pid -1": {-1, 0},
	} {
		if h.Alive(p) {
			t.Errorf("%s lives", name)
		}
	}
	a := h.Now()
	if b := h.Now(); b < a || a < int64(time.Second) {
		t.Errorf("clock %d, then %d", a, b)
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const tail = " S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 4567 1 2 3"
	for line, want := range map[string]procStat{
		"7 (cat)" + tail:            {'S', 3, 4567},
		"7 (a) S 1 (b c) ))" + tail: {'S', 3, 4567},
		"":                          {},
		"7 (cat) S":                 {},
		"7 (cat)" + strings.Replace(tail, "4567", "x", 1):    {},
		"7 (cat)" + strings.Replace(tail, " 3 0", " x 0", 1): {},
	} {
		got, err := parseStat(line)
		if got != want || (err == nil) != (want != procStat{}) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for st, want := range map[procStat]bool{
		{state: 'R', threads: 1}: true, {state: 'T', threads: 1}: true, {state: 'D', threads: 1}: true,
		{state: 'Z', threads: 1}: false, {state: 'Z'}: false, {state: 'X'}: false,
		{state: 'Z', threads: 2}: true, // its first thread has ended, others have its files
	} {
		if st.runs() != want {
			t.Errorf("%+v runs: %v", st, !want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("7 (cat) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 4567 1 2 3")
	f.Add("7 (a) (b")
	f.Fuzz(func(t *testing.T, line string) {
		if st, err := parseStat(line); err != nil && st != (procStat{}) {
			t.Fatalf("%+v with %v", st, err)
		}
	})
}

func TestInfoHasLock(t *testing.T) {
	t.Parallel()
	for info, want := range map[string]bool{
		"pos:\t0\nflags:\t0100002\nlock:\t1: OFDLCK  ADVISORY  WRITE -1 08:01:1234 0 EOF\n": true,
		"pos:\t0\nlock:\t1: POSIX  ADVISORY  WRITE 7 08:01:1234 0 EOF\n":                    false,
		"lock:\t1: OFDLCK  ADVISORY  READ -1 08:01:1234 0 EOF\n":                            false,
		"lock:\t1: FLOCK  ADVISORY  WRITE 7 08:01:1234 0 EOF\n":                             false,
		"pos:\t0\n": false,
		"lock:":     false,
		"":          false,
	} {
		if infoHasLock([]byte(info)) != want {
			t.Errorf("%q: %v", info, !want)
		}
	}
}

func TestHasAndOwners(t *testing.T) {
	t.Parallel()
	s := open(t, folder(t), nil)
	fd, err := s.take(s.lock)
	if err != nil {
		t.Fatal(err)
	}
	st, err := s.sys.Fstat(fd)
	if err != nil {
		t.Fatal(err)
	}
	me := s.host.Self
	if got := procHas(me, st.Dev, st.Ino); got != HasIt {
		t.Errorf("mine: %v", got)
	}
	if got := procHas(Process{me.PID, me.Start + 1}, st.Dev, st.Ino); got != HasNotSeen {
		t.Errorf("another process: %v", got)
	}
	if got := procHas(Process{1 << 22, 1}, st.Dev, st.Ino); got != HasNotSeen {
		t.Errorf("no process: %v", got)
	}
	if got := procOwners(st.Dev, st.Ino); len(got) != 1 || got[0].Process != me {
		t.Errorf("owners %v", got)
	}
	if err := s.sys.Unlock(fd); err != nil { // open, but no lock on it
		t.Fatal(err)
	}
	if got := procHas(me, st.Dev, st.Ino); got != HasItNot {
		t.Errorf("unlocked: %v", got)
	}
	if got := procOwners(st.Dev, st.Ino); len(got) != 0 {
		t.Errorf("owners %v", got)
	}
	_ = unix.Close(fd)
}

func TestWords(t *testing.T) {
	t.Parallel()
	at := 130 * sec
	for v, want := range map[Verdict]string{
		Free:    "Nobody holds the lock.",
		Held:    "fleet-updater (pid 123, orchestrator) has held the lock for 30s (update cycle 7); its lease runs another 40s. Nothing to do.",
		Overdue: "fleet-updater (pid 123, orchestrator) has held the lock for 30s (update cycle 7); its lease ended 20s ago and the process still runs. End that process: the lock is free the moment it dies.",
		Dead:    "fleet-updater (pid 123, orchestrator) took the lock 30s ago (update cycle 7) and is gone without giving it back. The kernel has freed it; the agent reclaims it by itself, \"aimctl lock clear\" does so now.",
		Boot:    "fleet-updater (pid 123, orchestrator) took the lock (update cycle 7) before the last reboot. It is free; the agent reclaims it by itself, \"aimctl lock clear\" does so now.",
		Orphan:  "fleet-updater (pid 123, orchestrator) took the lock 30s ago (update cycle 7) and is dead, but sleep (pid 99) has it open. End that process: the lock is free the moment it dies.",
	} {
		l := Look{Verdict: v, Record: held(nil), HasRecord: true, At: at, Deadline: 110 * sec, Owners: []Owner{{Process{99, 1}, "sleep"}}}
		if v == Held {
			l.Deadline = 170 * sec
		}
		if got := l.Words(); got != want {
			t.Errorf("%v:\ngot  %s\nwant %s", v, got, want)
		}
	}
	l := Look{Verdict: Unknown, Owners: []Owner{{Process{99, 1}, "sleep"}, {Process{98, 1}, "cat"}}}
	if got, want := l.Words(), "The lock is taken and no record explains it: sleep (pid 99), cat (pid 98) have it open. If this lasts longer than 5s, end that process: the lock is free the moment it dies."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	l.Owners = nil
	if got := l.Words(); !strings.Contains(got, "look again as root") {
		t.Error(got)
	}
}
