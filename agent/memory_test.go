package agent

import (
	"os"
	"strings"
	"testing"
)

// TestForgetStart drops this very program's code and goes on: what it counted
// as clean must be the file's own bytes.
func TestForgetStart(t *testing.T) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(cleanMappings(string(smaps), exe)) == 0 {
		t.Error("no clean mapping of the program found")
	}
	if err := forgetStart(); err != nil {
		t.Fatal(err)
	}
}

// TestCleanMappings leaves alone what has private pages, is another file's, or
// can be written.
func TestCleanMappings(t *testing.T) {
	t.Parallel()
	entry := func(perms, file, anon string) string {
		return "00400000-00401000 " + perms + " 00000000 fe:00 123 " + file + "\nRss: 4 kB\nAnonymous: " + anon + " kB\nVmFlags: rd mr\n"
	}
	smaps := strings.Join([]string{
		entry("r-xp", "/usr/bin/aimd", "0"),
		entry("r--p", "/usr/bin/aimd", "4"), // relocated
		entry("rw-p", "/usr/bin/aimd", "0"),
		entry("r-xp", "/lib/libc.so", "0"),
		entry("r--s", "/usr/bin/aimd", "0"),
		"00500000-00501000 rw-p 00000000 00:00 0\nAnonymous: 0 kB\n",
	}, "")
	if got := cleanMappings(smaps, "/usr/bin/aimd"); len(got) != 1 || got[0] != (mapping{0x400000, 0x401000}) {
		t.Errorf("got %x, want the first one alone", got)
	}
}
