package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimctl/fleet"
	"github.com/aim-control/aimlock/agent/telemetry"
)

const (
	surveyTime  = 30 * time.Second // for all that the broker keeps
	surveyQuiet = 3 * time.Second  // without a message, where the end cannot be marked
	maxSurvey   = 8192             // messages: status and availability of 2,048 drones, twice
)

// survey returns what the broker keeps on some topics. Retained messages have
// no end of their own: a marker that is published behind the subscriptions
// comes after them. To whoever may not publish it, quiet is the end.
func (b *broker) survey(ctx context.Context, topics []string) ([]fleet.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, surveyTime)
	defer cancel()
	var id [8]byte
	rand.Read(id[:]) // never fails
	marker := telemetry.RolloutTopic(b.fleet, "probe-"+hex.EncodeToString(id[:]))
	got := make(chan fleet.Msg, 64)
	l, err := b.connect(ctx, 0, append(topics, marker), func(topic string, payload []byte, retained bool) {
		select {
		case got <- fleet.Msg{Topic: topic, Payload: payload, Retained: retained, At: time.Now()}:
		case <-ctx.Done():
		}
	})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	defer cancel() // before Close: the reader must not stand in its way
	if _, err := l.Publish(marker, 0, false, nil); err != nil {
		return nil, fmt.Errorf("broker %s: %w", b.name, plain(err))
	}
	var kept []fleet.Msg
	quiet := time.NewTimer(surveyQuiet)
	defer quiet.Stop()
	for {
		select {
		case m := <-got:
			if m.Topic == marker {
				return kept, nil
			}
			if kept = append(kept, m); len(kept) > maxSurvey {
				return nil, fmt.Errorf("broker %s keeps more than %d messages of fleet %s; look at fewer topics, or clear old ones", b.name, maxSurvey, b.fleet)
			}
			quiet.Reset(surveyQuiet)
		case <-quiet.C:
			return kept, nil
		case <-l.Done():
			return nil, fmt.Errorf("broker %s: %w", b.name, plain(l.Err()))
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// drones are all drones that the broker knows, by name.
func (b *broker) drones(ctx context.Context) ([]*fleet.Drone, error) {
	kept, err := b.survey(ctx, []string{
		telemetry.Topic(b.fleet, "+", telemetry.LeafAvailability), telemetry.Topic(b.fleet, "+", telemetry.LeafStatus)})
	if err != nil {
		return nil, err
	}
	var f fleet.Fleet
	for _, m := range kept {
		f.Apply(m)
	}
	return f.Drones(), nil
}
