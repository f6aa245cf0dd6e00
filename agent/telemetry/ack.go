package telemetry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ack notes that the broker has taken message id.
func (p *publisher) ack(id uint16) {
	if id == 0 {
		return
	}
	switch {
	case id == p.hello:
		p.hello = 0
	case id == p.statusID:
		p.statusID = 0
	case id == p.reportID:
		p.reportID = 0
	case p.ackReply(id):
	default:
		i := slices.IndexFunc(p.journal, func(f flight) bool { return f.id == id })
		if i < 0 {
			return // nothing of ours: it proves nothing
		}
		p.journal[i].acked = true
		p.settle()
	}
}

func (p *publisher) ackReply(id uint16) bool {
	p.u.mu.Lock()
	defer p.u.mu.Unlock()
	n := len(p.u.replies)
	p.u.replies = slices.DeleteFunc(p.u.replies, func(r reply) bool { return r.flight == id })
	return len(p.u.replies) < n
}

// overdue ends a connection whose broker takes messages and acknowledges
// them not.
func (p *publisher) overdue(now time.Time) error {
	late := func(at time.Time) bool { return now.Sub(at) > ackWithin }
	owes := p.hello != 0 && late(p.helloAt) || p.statusID != 0 && late(p.statusAt) || p.reportID != 0 && late(p.reportAt)
	owes = owes || len(p.journal) > 0 && late(p.journal[0].at)
	p.u.mu.Lock()
	for _, r := range p.u.replies {
		owes = owes || r.flight != 0 && late(r.at)
	}
	p.u.mu.Unlock()
	if owes {
		return fmt.Errorf("telemetry: %w: a message is not acknowledged within %v", ErrLink, ackWithin)
	}
	return nil
}

// forgetFlights makes every reply unsent: what an ended connection did not
// see acknowledged goes out again.
func (u *Uplink) forgetFlights() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for i := range u.replies {
		u.replies[i].flight = 0
	}
}

// settle acknowledges the longest prefix of the journal that has arrived.
func (p *publisher) settle() {
	n := 0
	for n < len(p.journal) && p.journal[n].acked {
		n++
	}
	if n == 0 {
		return
	}
	if err := p.u.o.Journal.Ack(p.journal[n-1].n); err != nil {
		// They stay in the journal and are sent again, recognisable by boot and number.
		p.u.log.Error("journal cannot note what arrived", "n", p.journal[n-1].n, "err", err)
	}
	p.journal = slices.Delete(p.journal, 0, n)
	p.more = true
}

// goodbye leaves the newest status and the reason for going, and waits for
// the broker to have them. The will stays unsent: Close says goodbye.
func (p *publisher) goodbye(ctx context.Context) error {
	reason := "stopped"
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		reason = cause.Error()[:min(len(cause.Error()), 200)]
	}
	p.statusID = 0
	if err := p.sendStatus(); err != nil {
		return err
	}
	if err := p.announce(false, reason); err != nil {
		return err
	}
	t := time.NewTimer(stopWithin)
	defer t.Stop()
	for p.hello != 0 || p.statusID != 0 {
		select {
		case id := <-p.l.Acked():
			p.ack(id)
		case <-p.l.Done():
			return p.l.Err()
		case <-t.C:
			return nil
		}
	}
	return nil
}
