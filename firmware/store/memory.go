package store

import (
	"fmt"
	"slices"
)

// Quarantined tells whether this content failed here before, and why. The last
// few are remembered.
func (s *Store) Quarantined(version int64, sha string) (reason string, ok bool) {
	for _, q := range s.cur.Load().Quarantine {
		if q.Version == version && q.SHA256 == sha {
			return q.Reason, true
		}
	}
	return "", false
}

// NonceUsed tells what UseNonce would say, and takes nothing.
func (s *Store) NonceUsed(n string) bool { return slices.Contains(s.cur.Load().Nonces, n) }

// UseNonce uses a nonce up, durably, before what it allows is done; ErrUsed if
// it was before. The last 128 are remembered: an override lives an hour at
// most, and a revert's patch cannot become current twice.
func (s *Store) UseNonce(n string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	switch {
	case n == "" || !validID(n):
		return fmt.Errorf("store: nonce: %w: 1 to %d printable bytes", ErrContent, maxID)
	case slices.Contains(st.Nonces, n):
		return fmt.Errorf("store: nonce %s: %w", n, ErrUsed)
	}
	next := st.clone()
	next.Nonces = newest(append(next.Nonces, n), maxNonces)
	return wrap("nonce", s.save(next))
}

// OfferEpoch is the highest epoch of an offer, and whose it was; 0 and "" before
// the first.
func (s *Store) OfferEpoch() (epoch uint64, controller string) {
	st := s.cur.Load()
	return st.Epoch, st.Controller
}

// RaiseOffer notes the epoch of an offer, durably. ErrOldEpoch: a lower one, or
// the same from another controller. Epochs begin at 1.
func (s *Store) RaiseOffer(epoch uint64, controller string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.cur.Load()
	switch {
	case controller == "" || !validID(controller):
		return fmt.Errorf("store: offer: %w: the controller is a name of 1 to %d printable bytes", ErrContent, maxID)
	case epoch < st.Epoch || epoch == st.Epoch && controller != st.Controller:
		return fmt.Errorf("store: offer: %w: epoch %d of %s; epoch %d of %s has been here", ErrOldEpoch, epoch, controller, st.Epoch, st.Controller)
	case epoch == st.Epoch:
		return nil
	}
	next := st.clone()
	next.Epoch, next.Controller = epoch, controller
	return wrap("offer", s.save(next))
}
