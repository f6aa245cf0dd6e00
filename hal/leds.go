package hal

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/aim-control/aimlock/board"
)

// kernelLEDs shows the two status LEDs on LEDs of the kernel's LED class, by
// their files (Documentation/ABI/testing/sysfs-class-led and -multicolor). The
// kernel hands some brightnesses on to a worker, but promises it for none: on an
// emulated AST2600 one change of a PCA9552's LED took 26 ms, of a GPIO's 2 ms.
type kernelLEDs struct {
	files []ledFile
	shown uint32 // picture; more than both: none yet
}

// ledFile is one file, and what it holds by picture.
type ledFile struct {
	sysFile
	text [4][]byte
}

const lampBoth = lampBlue | lampAmber

// openLEDs takes the LEDs from their triggers and makes them dark. The triggers
// do not get them back: an LED that flashes with the disk would look like a
// living agent. It must be closed.
func openLEDs(l board.LEDs) (*kernelLEDs, error) {
	k := &kernelLEDs{shown: lampBoth + 1}
	err := errors.Join(k.add(l.Blue, lampBlue), k.add(l.Amber, lampAmber), k.add(l.RGB, lampBoth))
	if err == nil {
		err = k.show(0)
	}
	if err != nil {
		k.Close()
		return nil, fmt.Errorf("%w; see /sys/class/leds: the LED must be there, and writable: run as root, or with the udev rule that aimctl doctor shows", err)
	}
	return k, nil
}

// add adds the LED whose folder is dir, if any, which shines in the pictures
// that have one of the bits.
func (k *kernelLEDs) add(dir string, bits uint32) error {
	if dir == "" {
		return nil
	}
	trigger := sysFile{path: dir + "/trigger", fd: -1}
	err := trigger.write([]byte("none\n"))
	trigger.Close()
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel may have no triggers
		return err
	}
	full, err := Kernel{}.ReadFile(dir + "/max_brightness")
	if err == nil && bits == lampBoth {
		err = k.mix(dir, full)
	}
	f := k.file(dir + "/brightness")
	for picture := range f.text {
		if f.text[picture] = full; uint32(picture)&bits == 0 {
			f.text[picture] = []byte("0\n")
		}
	}
	return err
}

// mix adds the colours of a multi-colour LED, of which full is each one's most.
func (k *kernelLEDs) mix(dir string, full []byte) error {
	index, err := Kernel{}.ReadFile(dir + "/multi_index")
	if err != nil {
		return err
	}
	most, err := strconv.Atoi(string(bytes.TrimSpace(full)))
	colours := strings.Fields(string(index))
	f := k.file(dir + "/multi_intensity")
	for picture := range f.text {
		for _, colour := range colours {
			level := 0
			switch bits := uint32(picture); {
			case colour == "blue" && bits&lampBlue != 0, colour == "red" && bits&lampAmber != 0:
				level = most
			case colour == "green" && bits&lampAmber != 0:
				level = most * amberGreen / 255
			}
			f.text[picture] = fmt.Append(f.text[picture], level, " ")
		}
		f.text[picture] = append(bytes.TrimSpace(f.text[picture]), '\n') // a space more is refused
	}
	if err != nil || bytes.Equal(f.text[lampBlue], f.text[lampBoth]) || bytes.Equal(f.text[lampAmber], f.text[lampBoth]) {
		return fmt.Errorf("hal: %s has the colours %q up to %q; it needs red and blue", dir, index, full)
	}
	return nil
}

func (k *kernelLEDs) file(path string) *ledFile {
	k.files = append(k.files, ledFile{sysFile: sysFile{path: path, fd: -1}})
	return &k.files[len(k.files)-1]
}

// show writes what the picture changes; the same picture again is written in
// full, for chips that had a brown-out.
func (k *kernelLEDs) show(picture uint32) error {
	var failed error
	for i := range k.files {
		f := &k.files[i]
		if k.shown <= lampBoth && k.shown != picture && bytes.Equal(f.text[k.shown], f.text[picture]) {
			continue
		}
		if err := f.write(f.text[picture]); err != nil {
			failed = err
		}
	}
	if k.shown = picture; failed != nil {
		k.shown = lampBoth + 1
	}
	return failed
}

// Close lets the LEDs go, as they shine.
func (k *kernelLEDs) Close() (err error) {
	for i := range k.files {
		if e := k.files[i].Close(); e != nil {
			err = e
		}
	}
	return err
}
