package telemetry

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// stub is a Link in virtual time: it may stall, and acknowledges by hand.
type stub struct {
	mu    sync.Mutex
	id    uint16
	said  []string // "leaf payload"
	at    []time.Time
	stall time.Duration // of each Publish
	mute  bool          // acknowledge nothing
	subs  error
	acks  chan uint16
	done  chan struct{}
	once  sync.Once
}

func newStub() *stub { return &stub{acks: make(chan uint16, 256), done: make(chan struct{})} }

func (s *stub) Publish(topic string, qos byte, _ bool, payload []byte) (uint16, error) {
	s.mu.Lock()
	stall := s.stall
	s.mu.Unlock()
	time.Sleep(stall)
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, leaf, _ := ParseTopic(topic)
	s.said, s.at = append(s.said, leaf+" "+string(payload)), append(s.at, time.Now())
	if qos == 0 {
		return 0, nil
	}
	s.id++
	if !s.mute {
		s.acks <- s.id
	}
	return s.id, nil
}

func (s *stub) Subscribe(string, byte) error { return s.subs }
func (s *stub) Acked() <-chan uint16         { return s.acks }
func (s *stub) Done() <-chan struct{}        { return s.done }
func (s *stub) Err() error                   { return ErrLink }
func (s *stub) Close() error                 { s.once.Do(func() { close(s.done) }); return nil }

// heard returns what was said on leaf and when.
func (s *stub) heard(leaf string) (said []string, at []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, m := range s.said {
		if p, ok := strings.CutPrefix(m, leaf+" "); ok {
			said, at = append(said, p), append(at, s.at[i])
		}
	}
	return said, at
}

// bubble runs f with an uplink whose links dial returns.
func bubble(t *testing.T, o Options, dial func() (Link, error), f func(t *testing.T, u *Uplink)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Fleet, o.Drone = "north", "a"
		o.Dial = func(context.Context, Hello) (Link, error) { return dial() }
		if o.Jitter == nil {
			o.Jitter = func() time.Duration { return 0 }
		}
		u, err := NewUplink(o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); u.Run(ctx) }()
		f(t, u)
		cancel()
		<-done
	})
}

// A status is said again every minute, however little changes.
func TestStatusRepeats(t *testing.T) {
	t.Parallel()
	var s *stub
	bubble(t, Options{}, func() (Link, error) { s = newStub(); return s, nil }, func(t *testing.T, u *Uplink) {
		u.SetStatus([]byte("same"))
		time.Sleep(10*time.Minute + 30*time.Second)
		synctest.Wait()
		said, at := s.heard(LeafStatus)
		if len(said) < 11 {
			t.Fatalf("said %d times in ten and a half minutes", len(said))
		}
		for i := 1; i < len(at); i++ {
			if d := at[i].Sub(at[i-1]); d > statusEvery || d < statusEvery-housekeep {
				t.Errorf("said again after %v", d)
			}
		}
	})
}

// A new connection says the status at once, although it has not changed.
func TestStatusAtReconnect(t *testing.T) {
	t.Parallel()
	var all []*stub
	bubble(t, Options{}, func() (Link, error) { all = append(all, newStub()); return all[len(all)-1], nil }, func(t *testing.T, u *Uplink) {
		u.SetStatus([]byte("same"))
		time.Sleep(20 * time.Second)
		synctest.Wait()
		all[0].Close()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(all) != 2 {
			t.Fatalf("%d links", len(all))
		}
		_, hello := all[1].heard(LeafAvailability)
		said, at := all[1].heard(LeafStatus)
		if len(said) != 1 || !at[0].Equal(hello[0]) {
			t.Errorf("status %q at %v, availability at %v", said, at, hello)
		}
	})
}

// A link that stalls half a minute holds up nobody who sets; when it goes on,
// the newest goes out and nothing that is old.
func TestStalledLink(t *testing.T) {
	t.Parallel()
	var s *stub
	bubble(t, Options{}, func() (Link, error) { s = newStub(); return s, nil }, func(t *testing.T, u *Uplink) {
		u.SetStatus([]byte("s0"))
		synctest.Wait()
		s.mu.Lock()
		s.stall = 30 * time.Second
		s.mu.Unlock()
		for i := range 300 {
			start := time.Now()
			u.SetTelemetry([]byte{byte(i), byte(i >> 8)})
			u.SetStatus([]byte{byte(i)})
			u.Wake()
			if d := time.Since(start); d != 0 {
				t.Fatalf("setting took %v", d)
			}
			time.Sleep(100 * time.Millisecond)
		}
		s.mu.Lock()
		s.stall = 0
		s.mu.Unlock()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		said, _ := s.heard(LeafTelemetry)
		if len(said) == 0 || len(said) > 2 || said[len(said)-1] != "\x2b\x01" {
			t.Errorf("telemetry %q", said)
		}
		said, _ = s.heard(LeafStatus)
		if len(said) > 3 || said[len(said)-1] != "\x2b" {
			t.Errorf("status %q", said)
		}
	})
}

// A broker that takes everything and acknowledges nothing is left after a
// minute or so, and with it everything counts as unsent.
func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	c, onLink := links()
	j := newJournal()
	j.add([]byte("e1"), []byte("e2"))
	var all []*stub
	bubble(t, Options{OnLink: onLink, Journal: j}, func() (Link, error) {
		s := newStub()
		s.mute = len(all) == 0
		all = append(all, s)
		return s, nil
	}, func(t *testing.T, u *Uplink) {
		time.Sleep(ackWithin + 2*housekeep)
		synctest.Wait()
		if l := nextLink(t, c, false); !errors.Is(l.err, ErrLink) || len(all) != 2 {
			t.Fatalf("%+v, %d links", l, len(all))
		}
		for _, s := range all {
			if said, _ := s.heard(LeafEvent); !slices.Equal(said, []string{"e1", "e2"}) {
				t.Errorf("events %q", said)
			}
		}
		if j.acked != 2 {
			t.Errorf("acknowledged up to %d", j.acked)
		}
	})
}

// A journal that cannot be read is read again; an entry that cannot be sent
// does not stand in the way for ever.
func TestJournalTrouble(t *testing.T) {
	t.Parallel()
	j := newJournal()
	j.fail = errors.New("EIO")
	j.add(nil, make([]byte, MaxEvent+1), []byte("good"), []byte{reportMark})
	var s *stub
	bubble(t, Options{Journal: j}, func() (Link, error) { s = newStub(); return s, nil }, func(t *testing.T, u *Uplink) {
		time.Sleep(2 * housekeep)
		synctest.Wait()
		if said, _ := s.heard(LeafEvent); !slices.Equal(said, []string{"good"}) {
			t.Errorf("events %q", said)
		}
		if j.acked != 4 {
			t.Errorf("acknowledged up to %d", j.acked)
		}
	})
}

// After failures the pauses double up to a minute, and each attempt has its
// own number.
func TestBackoff(t *testing.T) {
	t.Parallel()
	var at []time.Time
	c, onLink := links()
	bubble(t, Options{OnLink: onLink, Conn: 1}, func() (Link, error) {
		at = append(at, time.Now())
		return nil, errors.New("no route")
	}, func(t *testing.T, u *Uplink) { time.Sleep(5 * time.Minute) })
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for i, w := range want {
		if d := at[i+1].Sub(at[i]); d != w*time.Second {
			t.Errorf("pause %d is %v, want %ds", i, d, w)
		}
		if l := <-c; l.conn != uint64(i+1) || l.err.Error() != "no route" {
			t.Errorf("%+v", l)
		}
	}
}

// A fleet whose broker comes back does not dial as one.
func TestNoHerd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var mu sync.Mutex
		dials := map[time.Duration]int{} // per tenth of a second
		start := time.Now()
		var all sync.WaitGroup
		for range 200 {
			u, err := NewUplink(Options{Fleet: "north", Drone: "a", Dial: func(context.Context, Hello) (Link, error) {
				mu.Lock()
				defer mu.Unlock()
				dials[time.Since(start).Truncate(100*time.Millisecond)]++
				return newStub(), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() { u.Run(ctx) })
		}
		time.Sleep(jitterMax)
		cancel()
		all.Wait()
		total := 0
		for at, n := range dials {
			if total += n; n > 25 {
				t.Errorf("%d of 200 dial at %v", n, at)
			}
		}
		if total != 200 {
			t.Errorf("%d dials", total)
		}
	})
}

// Setting costs no allocation once the buffers have grown.
func TestSettersAllocateNothing(t *testing.T) {
	u, err := NewUplink(Options{Fleet: "north", Drone: "a", Broker: "mqtt://localhost"})
	if err != nil {
		t.Fatal(err)
	}
	st, te := samples()["status"], samples()["telemetry"]
	sb, tb := make([]byte, 0, 2048), make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(100, func() {
		b, _ := Append(sb, st)
		u.SetStatus(b)
		b, _ = Append(tb, te)
		u.SetTelemetry(b)
		u.Wake()
	}); n != 0 {
		t.Errorf("%v allocations a turn", n)
	}
}
