//go:build heavy

package locksmith

import (
	"testing"
	"time"
)

// The long forms of TestHistories and TestStorm, "make histories": one after
// the other, about two and a half minutes on two cores.

func TestHeavyHistories(t *testing.T) { histories(t, 500, 4) }

func TestHeavyStorm(t *testing.T) { weather(t, 50, time.Minute, false) }

func TestHeavyStormWithoutLockFiles(t *testing.T) { weather(t, 50, 15*time.Second, true) }
