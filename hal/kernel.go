package hal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/warthog618/go-gpiocdev"
	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/i2c"

	"github.com/aim-control/aimlock/board"
)

// maxFile bounds ReadFile, in bytes: an attribute of sysfs is at most a page.
const maxFile = 4096

// Kernel is the board that this program runs on: i2c-dev buses and GPIO
// character devices. Every error keeps the kernel's number and says what to do.
type Kernel struct{}

var _ Opener = Kernel{}

// Bus opens an i2c-dev bus such as /dev/i2c-1.
func (Kernel) Bus(b board.Bus) (i2c.BusCloser, error) {
	bus, err := openBus(b)
	if err != nil {
		return nil, err // a nil *kernelBus must not hide in the interface
	}
	return bus, nil
}

// Input requests a line as input, with edges, pull and debounce of its table.
// It must be closed; it is an Input and an io.Closer.
func (Kernel) Input(l board.Line) (gpio.PinIn, error) {
	p := newInput(l, l.Offset)
	opts := []gpiocdev.LineReqOption{gpiocdev.AsInput, gpiocdev.WithBothEdges,
		gpiocdev.WithEventHandler(func(e gpiocdev.LineEvent) { p.edge(e.Timestamp) })}
	switch {
	case l.PullUp:
		opts = append(opts, gpiocdev.WithPullUp)
	case l.PullDown:
		opts = append(opts, gpiocdev.WithPullDown)
	}
	if l.Debounce > 0 {
		opts = append(opts, gpiocdev.WithDebounce(l.Debounce))
	}
	line, err := request(l, opts)
	if err != nil {
		return nil, err
	}
	p.line, p.num = line, line.Offset()
	return p, nil
}

// Output requests a line as push-pull output that starts at its initial level.
// It must be closed; it is an io.Closer, and Halt drives it low.
func (Kernel) Output(l board.Line, initial gpio.Level) (gpio.PinOut, error) {
	v := 0
	if initial {
		v = 1
	}
	line, err := request(l, []gpiocdev.LineReqOption{gpiocdev.AsOutput(v)})
	if err != nil {
		return nil, err
	}
	return &output{name: l.Name, num: line.Offset(), line: line}, nil
}

// ReadFile reads a file of at most 4 KiB.
func (Kernel) ReadFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("hal: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("hal: %w", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("hal: %s is larger than %d bytes: %w", name, maxFile, unix.EFBIG)
	}
	return data, nil
}

// request finds the line's chip by label and requests the line. The numbers of
// /dev/gpiochipN change from boot to boot and decide nothing.
func request(l board.Line, opts []gpiocdev.LineReqOption) (*gpiocdev.Line, error) {
	var seen []string
	var failed error
	for _, dev := range gpiocdev.Chips() {
		chip, err := gpiocdev.NewChip(dev, gpiocdev.WithConsumer("aimlock "+l.Name))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", dev, err))
			continue
		}
		seen = append(seen, chip.Label)
		line, found, err := requestOn(chip, l, opts)
		chip.Close()
		if found {
			return line, err
		}
	}
	there := "there are none: this kernel has no GPIO character device"
	if len(seen) > 0 {
		there = "chips here: " + strings.Join(seen, ", ")
	}
	err := fmt.Errorf("hal: line %s: no chip %q with that line (%s); is this the board that the identity names? %w", l.Name, l.Chip, there, os.ErrNotExist)
	if failed != nil {
		err = fmt.Errorf("%w; not readable, needs root or the group gpio: %w", err, failed)
	}
	return nil, err
}

// requestOn requests the line if chip is the one: found says so.
func requestOn(chip *gpiocdev.Chip, l board.Line, opts []gpiocdev.LineReqOption) (line *gpiocdev.Line, found bool, err error) {
	if ok, err := path.Match(l.Chip, chip.Label); err != nil || !ok {
		return nil, false, nil
	}
	offset := l.Offset
	if l.Line != "" {
		if offset, err = chip.FindLine(l.Line); err != nil {
			return nil, false, nil
		}
	}
	line, err = chip.RequestLine(offset, opts...)
	if err == nil {
		return line, true, nil
	}
	var remedy string
	var old gpiocdev.ErrUapiIncompatibility
	switch {
	case errors.Is(err, unix.EBUSY):
		info, _ := chip.LineInfo(offset)
		remedy = fmt.Sprintf("; %q holds it: stop that program, or free the line in the device tree", info.Consumer)
	case errors.Is(err, gpiocdev.ErrInvalidOffset):
		remedy = fmt.Sprintf("; the chip has %d lines", chip.Lines())
	case errors.As(err, &old):
		remedy = "; it needs Linux 5.10 or later"
	}
	return nil, true, fmt.Errorf("hal: line %s: chip %s (%s) offset %d: %w%s", l.Name, chip.Name, chip.Label, offset, err, remedy)
}
