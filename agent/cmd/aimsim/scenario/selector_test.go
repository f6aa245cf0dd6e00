package scenario

import (
	"strings"
	"testing"
)

func TestSelector(t *testing.T) {
	t.Parallel()
	fleet := []string{"patrol-01", "patrol-02", "patrol-03", "scout-01", "scout-02"}
	tests := []struct{ text, want string }{
		{"all", "patrol-01 patrol-02 patrol-03 scout-01 scout-02"},
		{"p2", "patrol-02"},
		{"patrol-02", "patrol-02"},
		{"p2..p4", "patrol-02 patrol-03 scout-01"},
		{"p2..4", "patrol-02 patrol-03 scout-01"},
		{"scout-*", "scout-01 scout-02"},
		{"p5,p1", "patrol-01 scout-02"},
		{"all-p3", "patrol-01 patrol-02 scout-01 scout-02"},
		{"all-patrol-03", "patrol-01 patrol-02 scout-01 scout-02"},
		{"all-patrol-*", "scout-01 scout-02"},
		{"all,-p1..p2,-scout-02", "patrol-03 scout-01"},
		{"*-01", "patrol-01 scout-01"},
	}
	for _, tt := range tests {
		sel, what, _ := ParseSelector(tt.text)
		if what != "" {
			t.Errorf("%s: %s", tt.text, what)
			continue
		}
		got, err := sel.Match(fleet)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"p6", "p4..p6", "rover", "scout-0[3-9]", "p1,-p1", "all-rover", "all,-all"} {
		sel, what, _ := ParseSelector(text)
		if what != "" {
			t.Errorf("%s: %s", text, what)
			continue
		}
		if got, err := sel.Match(fleet); err == nil || !strings.Contains(err.Error(), "patrol-01 to scout-02 (p1 to p5)") {
			t.Errorf("%s: %v, %v; want an error that names the fleet", text, got, err)
		}
	}
}
