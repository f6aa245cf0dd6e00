package show

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// WritePlain writes the tale's lines as they come until ctx ends, and then the
// rest. It returns the first error of w.
func WritePlain(ctx context.Context, t *Tale, w io.Writer) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	from := 0
	for {
		final := false
		select {
		case <-ticker.C:
		case <-ctx.Done():
			final = true
		}
		var lines []Line
		lines, from = t.News(from, final)
		for _, l := range lines {
			if _, err := io.WriteString(w, t.format(l)); err != nil {
				return fmt.Errorf("show: %w", err)
			}
		}
		if final {
			return nil
		}
	}
}

// format is one line as plain text.
func (t *Tale) format(l Line) string {
	at, who := l.stamp(), label(l.Drones, t.names)
	switch l.Tone {
	case Chapter:
		return "\n" + at + "  " + l.Text + "\n" + strings.Repeat(" ", 8) + strings.Repeat("─", min(len([]rune(l.Text)), 100)) + "\n"
	case Action:
		return at + "  ▸ " + l.Text + "\n"
	case Passed:
		return at + "  ✓ " + l.Text + "\n"
	case Failed:
		return at + "  ✗ " + l.Text + "\n"
	}
	if who == "" {
		return at + "    " + l.Text + "\n"
	}
	return fmt.Sprintf("%s    %-15s %s\n", at, who, wrap(l.Text+alike(l), 27, 0))
}

// plainWidth is where lines are folded if no width is known, as in a pipe.
const plainWidth = 150

// wrap folds a long text between words; what follows is indented.
func wrap(text string, indent, width int) string {
	if width <= 0 {
		width = plainWidth
	}
	folded := ansi.Wordwrap(text, max(20, width-indent-1), "")
	return strings.ReplaceAll(folded, "\n", "\n"+strings.Repeat(" ", indent))
}
