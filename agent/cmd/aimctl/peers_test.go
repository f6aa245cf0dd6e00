//go:build peers

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestPeersMinisign holds the commands against Debian's minisign: what the one
// signs the other accepts, with keys of either, with and without a passphrase.
func TestPeersMinisign(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("minisign"); err != nil {
		t.Fatalf("%v; apt-get install minisign", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/peers",
		RequireUniqueNames: true,
		Setup:              setup,
		UpdateScripts:      os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds:               map[string]func(*testscript.TestScript, bool, []string){"code": cmdCode, "trust": cmdTrust},
	})
}
