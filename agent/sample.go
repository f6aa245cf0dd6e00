package agent

import (
	"context"
	"time"

	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/physic"

	"github.com/aim-control/aimlock/agent/pause"
	"github.com/aim-control/aimlock/hal"
)

const (
	busEvery       = 100 * time.Millisecond // 10 Hz: three hot samples in 0.3 s
	companionEvery = time.Second
	lineEvery      = 500 * time.Millisecond // a line is read again though no edge came
	staleAfter     = 3 * time.Second        // an older sample is UNKNOWN
	heartbeatLost  = 1500 * time.Millisecond
	contradiction  = time.Second // DISARMED and HOLDING together: a broken wire
)

// source feeds the loop's channel.
type source struct {
	clock func() int64
	out   chan<- event
}

// send hands an event over; it waits for the loop, which never blocks for
// long, and gives up when ctx ends.
func (s source) send(ctx context.Context, ev event) {
	select {
	case s.out <- ev:
	case <-ctx.Done():
	}
}

// sampleBus makes a round over a bus's sensors each period until ctx ends;
// index is each temperature's number as a motor, supplies each power monitor's
// as a supply. A stuck transfer takes a second: it
// delays this bus alone, and the samples that were due meanwhile are dropped,
// never made up for.
func (s source) sampleBus(ctx context.Context, bus hal.SensorBus, index, supplies []int) {
	tick := time.NewTicker(busEvery)
	defer tick.Stop()
	tell := func(i int, t physic.Temperature, err error) {
		s.send(ctx, event{kind: motorTemp, at: s.clock(), index: index[i], milliC: milli(t), ok: err == nil})
	}
	tellSupply := func(i int, v hal.Supply, err error) {
		s.send(ctx, event{kind: supply, at: s.clock(), index: supplies[i], ok: err == nil, power: power{
			int32(v.Voltage / physic.MilliVolt), int32(v.Current / physic.MilliAmpere), int32(v.Power / physic.MilliWatt)}})
	}
	for {
		bus.Round(tell, tellSupply)
		if !wait(ctx, tick.C) {
			return
		}
	}
}

// sampleCompanion reads the companion computer's own temperature.
func (s source) sampleCompanion(ctx context.Context, sensor hal.Sensor) {
	tick := time.NewTicker(companionEvery)
	defer tick.Stop()
	for {
		milliC, ok := sense(sensor.Sense)
		s.send(ctx, event{kind: compTemp, at: s.clock(), milliC: milliC, ok: ok})
		if !wait(ctx, tick.C) {
			return
		}
	}
}

// wait waits for a tick; false: ctx has ended, also when both have come.
func wait(ctx context.Context, c <-chan time.Time) bool {
	select {
	case <-c:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

func sense(f func() (physic.Temperature, error)) (milliC int32, ok bool) {
	t, err := f()
	return milli(t), err == nil
}

func milli(t physic.Temperature) int32 {
	return int32((t - physic.ZeroCelsius) / (physic.Kelvin / 1000))
}

// watchLine tells of each edge at once and of the level every lineEvery, so
// that a level is known to be fresh. Until ctx ends.
func (s source) watchLine(ctx context.Context, in hal.Input, id lineID) {
	free := context.AfterFunc(ctx, func() { _ = in.Halt() })
	defer free()
	stamped, _ := in.(hal.Stamped)
	for ctx.Err() == nil {
		ev := event{kind: line, index: int(id), level: pause.Unknown}
		if l, err := in.Sense(); err == nil {
			ev.level = pause.TriOf(l == gpio.High)
		}
		if ev.at = s.clock(); stamped != nil {
			if age, ok := stamped.EdgeAge(); ok {
				ev.edge = ev.at - int64(age)
			}
		}
		level := ev.level
		s.send(ctx, ev)
		if level == pause.Unknown { // a broken line would spin
			t := time.NewTimer(lineEvery)
			wait(ctx, t.C)
			t.Stop()
			continue
		}
		in.WaitForEdge(lineEvery)
	}
}
