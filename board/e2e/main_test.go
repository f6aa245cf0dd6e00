//go:build e2e

package e2e

import (
	"os"
	"testing"
)

// TestMain finds mosquitto and mkfs, which are not in everybody's PATH.
func TestMain(m *testing.M) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	os.Exit(m.Run())
}
