package hal

import (
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/gpio"

	"github.com/aim-control/aimlock/board"
)

// painted is a chip that keeps what it was set to.
type painted struct{ all [][3]uint8 }

func (p *painted) Set(r, g, b uint8) error {
	p.all = append(p.all, [3]uint8{r, g, b})
	return nil
}

// A lamp that is closed while it shines is dark afterwards, and its goroutine
// is gone.
func TestLampEndsDark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		chip := &painted{}
		l := newLamp(colours{chip})
		amber := &lampPin{l, board.LEDAmber, lampAmber}
		if err := amber.Out(gpio.High); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if last := chip.all[len(chip.all)-1]; last != [3]uint8{255, 96, 0} {
			t.Errorf("shows %v", last)
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
		if last := chip.all[len(chip.all)-1]; last != [3]uint8{} {
			t.Errorf("closed, it shows %v", last)
		}
		if err := amber.PWM(gpio.DutyHalf, 1); err == nil {
			t.Error("PWM worked")
		}
	})
}
