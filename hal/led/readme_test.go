package led

import (
	"os"
	"strings"
	"testing"
)

// The technician's table in README.md is this package's, word for word and in
// its order.
func TestReadmeTable(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| LEDs | meaning |\n|---|---|\n")
	for _, p := range Patterns() {
		want.WriteString("| " + p.Looks() + " | " + p.Means() + " |\n")
	}
	want.WriteString("\n")
	if !strings.Contains(string(data), want.String()) {
		t.Errorf("README.md has another table of the LEDs; it must be:\n%s", want.String())
	}
}
