package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/aim-control/aimlock/agent/cmd/aimsim/fleet"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/play"
	"github.com/aim-control/aimlock/agent/cmd/aimsim/scenario"
)

// read plays lines as they come in, from the prompt of the live view or from
// standard input. strict: the first malformed line ends the run; else it is
// told, and the next one may be better.
func (x *flight) read(ctx context.Context, strict bool) error {
	lines := make(chan string)
	if !x.prompts() {
		go scan(x.cmd.InOrStdin(), lines, ctx.Done())
	} else {
		lines = x.typed
	}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			if err := x.line(ctx, n, line, strict); err != nil {
				return err
			}
		}
	}
}

// line plays one line that was read.
func (x *flight) line(ctx context.Context, n int, text string, strict bool) error {
	step, wrong := scenario.ParseLine("input", n, text)
	if wrong == nil && step == nil {
		return nil
	}
	if wrong == nil && scenario.Setup(step.Do) {
		wrong = &scenario.Error{Pos: step.Pos, What: "the fleet has started already", Remedy: "use --drones, or put it at the top of a file"}
	}
	if wrong == nil {
		wrong = scenario.CheckStep(*step, x.fleet.Names(), fleet.Template())
	}
	if wrong == nil {
		err := x.player.Do(ctx, *step)
		if errors.Is(err, play.ErrStopped) && !strict {
			return nil // whoever types sees it and may go on
		}
		return err
	}
	if strict {
		return scenario.Errors{wrong}
	}
	x.tale.Note(fleet.Note{At: time.Now(), Kind: fleet.NoteFleet, Text: wrong.Error()})
	return nil
}

// scan hands out lines until the input's end or done. The goroutine may stay
// behind in a read of a terminal; it ends with the program.
func scan(in io.Reader, lines chan<- string, done <-chan struct{}) {
	defer close(lines)
	s := bufio.NewScanner(in)
	s.Buffer(nil, scenario.MaxLine+2)
	for s.Scan() {
		select {
		case lines <- s.Text():
		case <-done:
			return
		}
	}
}
