package words

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Report is a page for a terminal: a headline and rows of a label and its
// paragraphs.
type Report struct {
	Head string
	Rows []Row
}

// Row is one label with its paragraphs. A paragraph that starts with a tab is
// a command to type: it is never wrapped.
type Row struct {
	Label string
	Lines []string
}

// Add adds a row; without lines it adds nothing.
func (r *Report) Add(label string, lines ...string) {
	if len(lines) > 0 {
		r.Rows = append(r.Rows, Row{label, lines})
	}
}

// gutter is the width of the label column.
const gutter = 11

// Write prints the report, its paragraphs wrapped at width columns (at least
// 40). bold styles the headline and the labels; nil leaves them plain.
func (r Report) Write(w io.Writer, width int, bold func(string) string) error {
	if bold == nil {
		bold = func(s string) string { return s }
	}
	width = max(width, 40)
	var b strings.Builder
	for i, line := range Wrap(r.Head, width) {
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(bold(line) + "\n")
	}
	b.WriteByte('\n')
	for _, row := range r.Rows {
		label := row.Label
		for _, par := range row.Lines {
			for i, line := range wrapPar(par, width-gutter-2) {
				pad := strings.Repeat(" ", max(gutter-utf8.RuneCountInString(label), 1))
				fmt.Fprintf(&b, "  %s%s%s%s\n", bold(label), pad, hang(par, i), line)
				label = ""
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func wrapPar(par string, width int) []string {
	if cmd, ok := strings.CutPrefix(par, "\t"); ok {
		return []string{"   " + cmd}
	}
	return Wrap(par, width-len(hang(par, 1)))
}

// hang indents the later lines of a numbered step under its text.
func hang(par string, line int) string {
	if line > 0 && len(par) > 3 && par[0] >= '1' && par[0] <= '9' && par[1:3] == ". " {
		return "   "
	}
	return ""
}

// Wrap breaks s at spaces into lines of at most width characters; a longer
// word stands alone on its line, unbroken, so that it can still be copied. A
// number stays with its unit.
func Wrap(s string, width int) []string {
	var lines []string
	line, n := "", 0
	fields := strings.Fields(s)
	for i := 0; i < len(fields); i++ {
		word := fields[i]
		if i+1 < len(fields) && isUnit(fields[i+1]) {
			i++
			word += " " + fields[i]
		}
		w := utf8.RuneCountInString(word)
		if n > 0 && n+1+w > width {
			lines, line, n = append(lines, line), "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+w
	}
	return append(lines, line)
}

// Steps numbers paragraphs when there is more than one step; commands (a
// leading tab) belong to the step before them.
func Steps(lines []string) []string {
	steps := 0
	for _, l := range lines {
		if !strings.HasPrefix(l, "\t") {
			steps++
		}
	}
	if steps < 2 {
		return lines
	}
	out, n := make([]string, 0, len(lines)), 0
	for _, l := range lines {
		if !strings.HasPrefix(l, "\t") {
			n++
			l = fmt.Sprintf("%d. %s", n, l)
		}
		out = append(out, l)
	}
	return out
}

// isUnit tells whether a word is a unit of Span, maybe with punctuation.
func isUnit(word string) bool {
	switch strings.TrimRight(word, ".,;:)") {
	case "s", "min", "h", "d", "°C":
		return true
	}
	return false
}
