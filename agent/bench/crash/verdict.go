package main

import "fmt"

// verdict says what is not as it must be.
func verdict(rows []row) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	taped := map[string]counts{}
	for _, r := range rows {
		if r.kind == "taped" {
			taped[r.name] = r.counts
		}
	}
	for _, r := range rows {
		lost := r.torn + r.missing + r.old
		switch t, ok := taped[r.name]; {
		case r.states < 10:
			wrong("%s: only %d states: too few to prove anything", r.name, r.states)
		case r.ours && r.kind == "fat" && r.name[0] == 'R' && r.missing == 0: // Replace
			wrong("%s: nothing is missing: the enumeration does not see the split", r.name)
		case r.ours && (r.kind != "fat" || r.name[0] != 'R') && lost > 0:
			wrong("%s: %d torn, %d missing, %d acknowledged but old", r.name, r.torn, r.missing, r.old)
		case !r.ours && lost == 0:
			wrong("%s: its known weakness is not found", r.name)
		case r.ours && r.kind == "direct" && (!ok || t != r.counts):
			wrong("%s: taped %+v, direct %+v", r.name, t, r.counts)
		}
	}
	return problems
}
