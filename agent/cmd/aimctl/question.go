package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

var (
	// errNoAnswer: nobody is there to ask.
	errNoAnswer = errors.New("nobody has answered")
	// errCut: a signal came in the place of the answer.
	errCut = errors.New("interrupted")
)

// unanswered is the error of a question before a change.
func unanswered(err error) error {
	if errors.Is(err, errNoAnswer) {
		err = fmt.Errorf("%w (--yes does not ask)", err)
	}
	return fmt.Errorf("the live file is untouched: %w", err)
}

// maxAnswer bounds an answer, bytes.
const maxAnswer = 200

// question puts a question until the answer is one of the choices, a letter each:
// the first letter counts, as it is written.
func (a *app) question(ctx context.Context, w io.Writer, question, choices string) (string, error) {
	ctx, stop := interruptible(ctx)
	defer stop()
	for {
		fmt.Fprintf(w, "%s ", question)
		line, err := a.answer(ctx)
		if err != nil {
			fmt.Fprintln(w)
			return "", err
		}
		if line != "" && strings.Contains(choices, line[:1]) {
			return line[:1], nil
		}
		fmt.Fprintf(w, "One of %s, please.\n", strings.Join(strings.Split(choices, ""), ", "))
	}
}

// answer reads one line and not a byte more: an editor reads from there too.
func (a *app) answer(ctx context.Context) (string, error) {
	type got struct {
		line string
		err  error
	}
	c := make(chan got, 1)
	go func() { // left behind after a signal: the program ends then
		var line []byte
		for b := make([]byte, 1); ; {
			n, err := a.in.Read(b)
			switch {
			case n == 1 && b[0] == '\n':
				c <- got{line: strings.TrimSpace(string(line))}
				return
			case n == 1 && len(line) < maxAnswer:
				line = append(line, b[0])
			case err != nil:
				c <- got{err: errNoAnswer}
				return
			}
		}
	}()
	select {
	case g := <-c:
		return g.line, g.err
	case <-ctx.Done():
		return "", errCut
	}
}
