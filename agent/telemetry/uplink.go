package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aim-control/aimlock/firmware/durable"
)

// Bounds of an Uplink.
const (
	maxReplies  = 16                              // waiting for their acknowledgement
	maxCommands = 16                              // waiting for OnCommand
	maxEnvelope = MaxOrder + MaxSignatures*(1<<9) // bytes of one
	window      = 16                              // journal entries on the way

	statusEvery = time.Minute     // a status is repeated, so that silence shows
	housekeep   = 5 * time.Second // journal errors and failed subscriptions are retried
	ackWithin   = time.Minute     // an unacknowledged message ends the connection
	stopWithin  = 2 * time.Second // for the goodbye
	jitterMax   = 4 * time.Second // before each connect, so that fleets do not dial as one
	backoffMax  = time.Minute
	livedWell   = 10 * time.Second // a connection that lasted so long was a success
)

// Outbox is the journal of what must arrive: entries made by EventEntry and
// ReportEntry. *durable.Journal is one. It is called from Run's goroutine.
type Outbox interface {
	Pending(max int) ([]durable.Entry, error) // the oldest not acknowledged
	Ack(n uint64) error                       // all up to n
}

// Options of an Uplink. Fleet, Drone and one of Broker and Dial are required.
type Options struct {
	Fleet, Drone string
	Broker       string      // see the function Broker
	TLS          *tls.Config // for mqtts; see TLSConfig
	Dial         Dial        // nil: the broker's
	Boot         string      // boot id, for the availability
	Version      string      // of the agent
	// Conn is the first connection's number; it grows by one with each
	// attempt. The caller makes sure, across restarts, that it lies above
	// every number used before, or an old will may be believed.
	Conn    uint64
	Journal Outbox // nil: none
	// Jitter is waited before each attempt; nil: random, up to 4 s.
	Jitter func() time.Duration
	// OnCommand gets what arrives on command/<id>: an Envelope, not yet
	// judged. Calls come one after the other from one goroutine; while it is
	// busy 16 wait and further ones are dropped. nil: not subscribed.
	OnCommand func(id string, payload []byte)
	// OnOffer gets what lies on patch/offer: an Envelope, not yet judged, of
	// at most MaxPacket bytes; empty: the offer was withdrawn. The same offer
	// comes again with each connection. Calls come one after the other from a
	// goroutine of their own; while it is busy only the newest waits. nil: not
	// subscribed.
	OnOffer func(payload []byte)
	// OnLink tells of each connection and of each failed attempt, from Run's
	// goroutine; it must not block. Up with an error: connected, but the
	// broker refuses the commands (asked again every 5 s).
	OnLink func(up bool, conn uint64, err error)
	Log    Logger // nil: silent
}

// Uplink keeps one drone connected. Its setters may be called from any
// goroutine at any time, connected or not; they never block.
type Uplink struct {
	o    Options
	dial Dial
	log  Logger

	status, telemetry slot
	report            slot
	offer             slot          // arrived, not handed on yet
	offered           chan struct{} // there is one
	news              atomic.Bool   // the journal has something new
	wake              chan struct{} // something is there to publish
	commands          chan command

	mu      sync.Mutex
	replies []reply
}

// NewUplink checks the options. Nothing happens before Run.
func NewUplink(o Options) (*Uplink, error) {
	if !ValidName(o.Fleet) || !ValidName(o.Drone) {
		return nil, fmt.Errorf("telemetry: fleet %q, drone %q: names are [a-z0-9][a-z0-9-]{0,31}", o.Fleet, o.Drone)
	}
	u := &Uplink{o: o, dial: o.Dial, log: o.Log, wake: make(chan struct{}, 1), offered: make(chan struct{}, 1), commands: make(chan command, maxCommands)}
	if u.dial == nil {
		var err error
		if u.dial, err = Broker(o.Broker, o.TLS); err != nil {
			return nil, err
		}
	}
	if u.log == nil {
		u.log = silent{}
	}
	if u.o.Jitter == nil {
		u.o.Jitter = func() time.Duration { return rand.N(jitterMax) }
	}
	if u.o.OnLink == nil {
		u.o.OnLink = func(bool, uint64, error) {}
	}
	return u, nil
}

// Run connects and publishes until ctx ends, then says goodbye: the
// availability turns offline, with ctx's cause as its reason. It returns nil
// within a few seconds of ctx's end. Call it once.
func (u *Uplink) Run(ctx context.Context) error {
	var worker sync.WaitGroup
	worker.Go(func() { u.work(ctx) })
	worker.Go(func() { u.workOffers(ctx) })
	defer worker.Wait()
	conn, failures := u.o.Conn, 0
	for {
		if !pause(ctx, u.o.Jitter()+backoff(failures)) {
			return nil
		}
		start := time.Now()
		err := u.connection(ctx, conn)
		if ctx.Err() != nil {
			u.o.OnLink(false, conn, nil)
			return nil
		}
		u.o.OnLink(false, conn, err)
		conn++
		if failures++; time.Since(start) > livedWell && !errors.Is(err, errNoLink) {
			failures = 0
		}
	}
}

// errNoLink marks an attempt that never became a connection.
var errNoLink = errors.New("not connected")

// connection is one connection's life.
func (u *Uplink) connection(ctx context.Context, conn uint64) error {
	will, err := u.availability(false, conn, "connection lost")
	if err != nil {
		return errors.Join(errNoLink, err)
	}
	l, err := u.dial(ctx, Hello{
		ClientID: "aim_" + u.o.Fleet + "_" + u.o.Drone, // names hold no _: no two are alike
		User:     u.o.Fleet + "/" + u.o.Drone,
		Will:     &Will{Topic: u.topic(LeafAvailability), Payload: will},
		Receive:  u.receive,
	})
	if err != nil {
		return &noLink{err}
	}
	defer l.Close()
	return u.publish(ctx, l, conn)
}

type noLink struct{ error }

func (e *noLink) Unwrap() []error { return []error{errNoLink, e.error} }

// backoff after n failures in a row: 0, 1 s, 2 s, 4 s … 60 s.
func backoff(n int) time.Duration {
	if n == 0 {
		return 0
	}
	return min(time.Second<<min(n-1, 6), backoffMax)
}

// pause waits; it is false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func (u *Uplink) topic(leaf string) string { return Topic(u.o.Fleet, u.o.Drone, leaf) }

func (u *Uplink) availability(online bool, conn uint64, reason string) ([]byte, error) {
	return Append(nil, &Availability{
		Schema: Schema, Boot: u.o.Boot, TimeMS: time.Now().UnixMilli(), Online: online,
		Conn: conn, Version: u.o.Version, Reason: reason,
	})
}
