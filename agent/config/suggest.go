package config

import (
	"slices"
	"strings"
)

// suggest says which key was meant by an unknown one.
func (r *reader) suggest(path string, n *node) string {
	if meant := r.near(n.name); path == "" && (n.kind == kTable || n.kind == kTables) && meant != "" {
		return sprintf("did you mean [%s]?", meant)
	}
	members := r.members(path)
	if meant := nearest(n.name, members); meant != "" {
		return sprintf("did you mean %q?", meant)
	}
	if path == "" && r.field(n.name) != nil {
		return "take out the quotes: " + n.name
	}
	for _, f := range r.fields { // the right key in the wrong table
		if i := strings.LastIndexByte(f.Key, '.'); f.Key[i+1:] == n.name && i >= 0 {
			return sprintf("it belongs under [%s]", f.Key[:i])
		} else if f.Key == n.name {
			return "it belongs at the top, before the first [table]"
		}
	}
	if path == "" && r.schema.foreign {
		return "put keys of your own into a [table] of your own; the keys here are " + strings.Join(members, ", ")
	}
	if path == "" {
		return "the keys here are " + strings.Join(members, ", ")
	}
	return sprintf("the keys of [%s] are %s", path, strings.Join(members, ", "))
}

// members lists the keys and tables directly in a table.
func (s schema) members(path string) []string {
	var list []string
	for _, f := range s.fields {
		rest := f.Key
		if path != "" {
			var ok bool
			if rest, ok = strings.CutPrefix(f.Key, path+"."); !ok {
				continue
			}
		}
		name, _, _ := strings.Cut(rest, ".")
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list
}

// near returns the table of ours that a foreign table's name is a misspelling
// of, or "". A misspelt table would otherwise pass as foreign, and its limits
// with it, without a word. Short names must differ in case or hyphens alone:
// [clock] is not [lock].
func (s schema) near(name string) string {
	name = plain(name)
	for _, table := range s.tables {
		p := plain(table)
		if name == p || len(table) >= 6 && max(len(name), len(p))-min(len(name), len(p)) <= 1 && distance(name, p) == 1 {
			return table
		}
	}
	return ""
}

var separators = strings.NewReplacer("-", "", "_", "")

// plain takes case, hyphens and underscores out of a name.
func plain(s string) string { return separators.Replace(strings.ToLower(s)) }

// nearest returns the word that got is most likely a misspelling of, or "".
func nearest(got string, words []string) string {
	best, least := "", 3
	for _, w := range words {
		d := distance(plain(got), plain(w))
		if d < least && d <= max(1, len(w)/3) {
			best, least = w, d
		}
	}
	return best
}

// distance is the number of letters to change, add, drop or swap with their
// neighbour between two words; words longer than any of ours are far away.
func distance(a, b string) int {
	if len(a) > 32 || len(b) > 32 {
		return 32
	}
	var rows [3][33]int
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur, prev, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
