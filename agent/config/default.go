package config

import (
	"fmt"
	"strings"
)

// Default returns a complete live file: every key with its default, under its
// meaning and range. Keys that would have no effect stand there as comments.
func Default() []byte {
	var b strings.Builder
	b.WriteString("# " + LiveName + ": what every program on this drone reads.\n" +
		"# A key that is left out has the value shown here. Tables of your own pass through.\n")
	table := ""
	for _, d := range Keys() {
		i := strings.LastIndexByte(d.Key, '.')
		if t := d.Key[:max(0, i)]; t != table {
			table = t
			fmt.Fprintf(&b, "\n[%s]", table)
		}
		name, value := d.Key[i+1:], d.Default
		switch d.Key {
		case "version": // the first
			value = "1"
		case "timestamp":
			name, value = "# "+name, "2026-11-23T20:00:00Z"
		case "update_window.start": // of no effect while length is none
			name = "# " + name
		}
		fmt.Fprintf(&b, "\n# %s (%s)\n%s = %s\n", d.Meaning, strings.ReplaceAll(d.Range, `"`, ""), name, value)
	}
	return []byte(b.String())
}
