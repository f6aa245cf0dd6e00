package telemetry

import (
	"context"
	"errors"
	"time"
)

// publisher is what Run knows of one connection. It ends with it, so that an
// acknowledgement can only belong to what this connection sent.
type publisher struct {
	u    *Uplink
	l    Link
	conn uint64
	buf  []byte

	hello    uint16    // packet id of the availability on the way; 0: none
	helloAt  time.Time // sent
	statusID uint16    // of the status on the way; 0: none
	statusAt time.Time // sent
	repeat   bool      // the status is due again
	journal  []flight  // on the way, in order
	sent     uint64    // highest entry sent
	anySent  bool
	said     []byte    // the last report published on this connection
	reportID uint16    // of SetReport's on the way; 0: none
	reportAt time.Time // sent
	more     bool      // the journal may have more to send
	open     bool      // the subscription is answered: the journal may flow
}

// flight is a journal entry on the way.
type flight struct {
	id    uint16
	n     uint64
	at    time.Time // sent
	acked bool
}

// publish says that the drone is online and then sends whatever there is
// until the connection or ctx ends.
func (u *Uplink) publish(ctx context.Context, l Link, conn uint64) error {
	u.forgetFlights()
	p := &publisher{u: u, l: l, conn: conn, repeat: true, more: true}
	if err := p.announce(true, ""); err != nil {
		return err
	}
	u.o.OnLink(true, conn, nil)
	subs := p.subscribe()
	house := time.NewTicker(housekeep)
	defer house.Stop()
	refused := false
	for {
		if err := p.send(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return p.goodbye(ctx)
		case <-l.Done():
			return l.Err()
		case id := <-l.Acked():
			p.ack(id)
		case <-u.wake:
		case err := <-subs:
			p.open, subs = true, nil
			if refused = err != nil; refused {
				u.o.OnLink(true, conn, err)
			}
		case now := <-house.C:
			if err := p.overdue(now); err != nil {
				return err
			}
			p.repeat = p.repeat || now.Sub(p.statusAt) > statusEvery-housekeep
			p.more = true
			if refused && subs == nil {
				subs = p.subscribe()
			}
		}
	}
}

// subscribe asks beside the publishing: a broker that is slow to answer must
// not hold up telemetry.
func (p *publisher) subscribe() <-chan error {
	answer := make(chan error, 1)
	go func() {
		var command, offer error
		if p.u.o.OnCommand != nil {
			command = p.l.Subscribe(p.u.topic(LeafCommand+"+"), 1)
		}
		if p.u.o.OnOffer != nil {
			offer = p.l.Subscribe(p.u.topic(LeafOffer), 1)
		}
		answer <- errors.Join(command, offer)
	}()
	return answer
}

func (p *publisher) announce(online bool, reason string) error {
	b, err := p.u.availability(online, p.conn, reason)
	if err != nil {
		return err
	}
	p.hello, err = p.l.Publish(p.u.topic(LeafAvailability), 1, true, b)
	p.helloAt = time.Now()
	return err
}

// send publishes all that may go now.
func (p *publisher) send() error {
	if err := p.sendStatus(); err != nil {
		return err
	}
	if err := p.sendReplies(); err != nil {
		return err
	}
	var ok bool
	if p.buf, ok = p.u.telemetry.take(p.buf, false); ok {
		if _, err := p.l.Publish(p.u.topic(LeafTelemetry), 0, false, p.buf); err != nil {
			return err
		}
	}
	if err := p.sendJournal(); err != nil {
		return err
	}
	return p.sendReport()
}

// sendReport sets right what the broker retains, once the journal, which may
// hold older reports, has run empty.
func (p *publisher) sendReport() (err error) {
	flowing := p.u.o.Journal != nil && (p.more || len(p.journal) > 0)
	if !p.open || flowing || p.reportID != 0 {
		return nil
	}
	var ok bool
	if p.buf, ok = p.u.report.copyIfOther(p.buf, p.said); !ok {
		return nil
	}
	p.said = append(p.said[:0], p.buf...)
	p.reportID, err = p.l.Publish(p.u.topic(LeafReport), 1, true, p.buf)
	p.reportAt = time.Now()
	return err
}

// sendStatus keeps one status on the way, so that a burst of changes costs
// one message a round trip.
func (p *publisher) sendStatus() (err error) {
	if p.statusID != 0 {
		return nil
	}
	var ok bool
	if p.buf, ok = p.u.status.take(p.buf, p.repeat); !ok {
		return nil
	}
	p.statusID, err = p.l.Publish(p.u.topic(LeafStatus), 1, true, p.buf)
	p.repeat, p.statusAt = false, time.Now()
	return err
}

// sendReplies publishes outside the lock: Reply must not wait for a write.
// The publisher alone removes replies, so an index stays what it is.
func (p *publisher) sendReplies() error {
	for i := 0; ; i++ {
		p.u.mu.Lock()
		if i >= len(p.u.replies) {
			p.u.mu.Unlock()
			return nil
		}
		r := p.u.replies[i]
		p.u.mu.Unlock()
		if r.flight != 0 {
			continue
		}
		id, err := p.l.Publish(p.u.topic(LeafReply+r.id), 1, false, r.b)
		if err != nil {
			return err
		}
		p.u.mu.Lock()
		p.u.replies[i].flight, p.u.replies[i].at = id, time.Now()
		p.u.mu.Unlock()
	}
}

// sendJournal fills the window. The journal is read only when there may be
// something new: it lies on a disk.
func (p *publisher) sendJournal() error {
	if p.u.news.Swap(false) {
		p.more = true
	}
	if p.u.o.Journal == nil || !p.open || !p.more || len(p.journal) >= window {
		return nil
	}
	p.more = false
	entries, err := p.u.o.Journal.Pending(window)
	if err != nil {
		p.u.log.Error("journal cannot be read; trying again", "err", err, "in", housekeep)
		return nil
	}
	for _, e := range entries {
		if p.anySent && e.N <= p.sent || len(p.journal) >= window {
			continue
		}
		f := flight{n: e.N, at: time.Now()}
		if leaf, retained, payload, ok := openEntry(e.Data); ok {
			if f.id, err = p.l.Publish(p.u.topic(leaf), 1, retained, payload); err != nil {
				return err
			}
			if leaf == LeafReport {
				p.said = append(p.said[:0], payload...)
			}
		} else {
			p.u.log.Error("journal entry cannot be sent and is dropped", "n", e.N, "bytes", len(e.Data))
			f.acked = true
		}
		p.journal = append(p.journal, f)
		p.sent, p.anySent = e.N, true
	}
	p.settle()
	return nil
}
