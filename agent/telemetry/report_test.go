package telemetry

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// The journal delivers reports; SetReport sets right what is retained, and only
// that: never before an older report that waits in the journal, never twice.
func TestReportWinsOverJournal(t *testing.T) {
	t.Parallel()
	var s *stub
	j := newJournal()
	j.add(ReportEntry([]byte("old"), 0), ReportEntry([]byte("newest"), 0))
	bubble(t, Options{Journal: j}, func() (Link, error) { s = newStub(); return s, nil }, func(t *testing.T, u *Uplink) {
		say := func(what string, want ...string) {
			t.Helper()
			time.Sleep(2 * housekeep)
			synctest.Wait()
			if said, _ := s.heard(LeafReport); !slices.Equal(said, want) {
				t.Errorf("%s: said %q, want %q", what, said, want)
			}
		}
		u.SetReport([]byte("newest"))
		say("at the start", "old", "newest")
		u.SetReport([]byte("newest"))
		say("the same again", "old", "newest")
		j.add(ReportEntry([]byte("third"), 0))
		u.Wake()
		u.SetReport([]byte("third"))
		say("by the journal", "old", "newest", "third")
		u.SetReport([]byte("unwritten"))
		say("the disk is full", "old", "newest", "third", "unwritten")
		s.Close() // a broker that has forgotten
		say("a new connection", "unwritten")
	})
}

// Nothing overtakes a journal that is long and slow: an older report behind a
// newer one would stay. When the journal could not be read at first, the newer
// one is said again after the older.
func TestReportWaitsForJournal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fail error
		want []string
	}{{nil, []string{"old", "new"}}, {errors.New("I/O error"), []string{"new", "old", "new"}}} {
		var s *stub
		j := newJournal()
		for n := range uint64(3 * window) {
			j.add(event(t, n+1))
		}
		j.add(ReportEntry([]byte("old"), 0))
		j.fail = row.fail
		bubble(t, Options{Journal: j}, func() (Link, error) { s = newStub(); s.mute = true; return s, nil }, func(t *testing.T, u *Uplink) {
			u.SetReport([]byte("new"))
			for acked := uint16(0); ; { // one acknowledgement at a time
				synctest.Wait()
				s.mu.Lock()
				last := s.id
				s.mu.Unlock()
				if acked < last {
					acked++
					s.acks <- acked
					continue
				}
				if events, _ := s.heard(LeafEvent); len(events) == 3*window {
					break
				}
				time.Sleep(housekeep)
			}
			if said, _ := s.heard(LeafReport); !slices.Equal(said, row.want) {
				t.Errorf("journal's error %v: said %q, want %q", row.fail, said, row.want)
			}
		})
	}
}

// A burst of reports costs one message a round trip.
func TestReportBurst(t *testing.T) {
	t.Parallel()
	var s *stub
	bubble(t, Options{}, func() (Link, error) { s = newStub(); return s, nil }, func(t *testing.T, u *Uplink) {
		synctest.Wait()
		s.mu.Lock()
		s.mute = true
		s.mu.Unlock()
		for _, r := range []string{"a", "b", "c"} {
			u.SetReport([]byte(r))
			synctest.Wait()
		}
		s.mu.Lock()
		id := s.id
		s.mu.Unlock()
		s.acks <- id
		synctest.Wait()
		if said, _ := s.heard(LeafReport); !slices.Equal(said, []string{"a", "c"}) {
			t.Errorf("said %q", said)
		}
	})
}

// Without a journal it is sent all the same; one that is not acknowledged ends
// the connection.
func TestReportUnacknowledged(t *testing.T) {
	t.Parallel()
	var all []*stub
	bubble(t, Options{}, func() (Link, error) {
		all = append(all, newStub())
		return all[len(all)-1], nil
	}, func(t *testing.T, u *Uplink) {
		synctest.Wait()
		all[0].mu.Lock()
		all[0].mute = true
		all[0].mu.Unlock()
		u.SetReport([]byte("report"))
		time.Sleep(2 * ackWithin)
		synctest.Wait()
		if len(all) < 2 {
			t.Fatal("the connection goes on")
		}
		if said, _ := all[1].heard(LeafReport); !slices.Equal(said, []string{"report"}) {
			t.Errorf("on the second connection %q", said)
		}
	})
}
