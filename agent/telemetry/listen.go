package telemetry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// Received is a message that a listener gets.
type Received struct {
	Topic    string
	Payload  []byte
	Retained bool // it lay at the broker: what was last said, not what is now
}

// Listen subscribes to filters at QoS 0, at which brokers deliver any number
// of retained messages, and calls got for each message, until ctx ends; then
// it returns nil. It reconnects after 1 to 2 s. onLink, if not nil, tells of
// every change. got and onLink are called from one goroutine and may take their
// time: 1,024 messages wait, and further ones are dropped and counted.
//
// A refused connection or subscription on the first attempt is returned: a
// reader with the wrong rights should not wait for ever.
func Listen(ctx context.Context, dial Dial, user string, filters []string, got func(Received), onLink func(up bool, dropped uint64, err error)) error {
	if onLink == nil {
		onLink = func(bool, uint64, error) {}
	}
	for first := true; ; first = false {
		err := listenOnce(ctx, dial, user, filters, got, onLink)
		if ctx.Err() != nil {
			return nil
		}
		onLink(false, 0, err)
		if no := (*RefusedError)(nil); first && errors.As(err, &no) {
			return err
		}
		if !pause(ctx, time.Second+rand.N(time.Second)) {
			return nil
		}
	}
}

func listenOnce(ctx context.Context, dial Dial, user string, filters []string, got func(Received), onLink func(bool, uint64, error)) error {
	in := make(chan Received, 1024)
	var lost atomic.Uint64
	l, err := dial(ctx, Hello{
		ClientID: fmt.Sprintf("aim_listen_%016x", rand.Uint64()), User: user, Clean: true,
		Receive: func(topic string, payload []byte, retained bool) {
			select {
			case in <- Received{topic, payload, retained}:
			default:
				lost.Add(1)
			}
		},
	})
	if err != nil {
		return err
	}
	defer l.Close()
	answer := make(chan error, 1)
	go func() {
		for _, f := range filters {
			if err := l.Subscribe(f, 0); err != nil {
				answer <- err
				return
			}
		}
		answer <- nil
	}()
	var dropped uint64
	for {
		select {
		case m := <-in:
			got(m)
			if n := lost.Load(); n != dropped {
				dropped = n
				onLink(true, dropped, nil)
			}
		case err := <-answer:
			if err != nil {
				return err
			}
			onLink(true, dropped, nil)
		case <-l.Acked():
		case <-l.Done():
			return l.Err()
		case <-ctx.Done():
			return nil
		}
	}
}
