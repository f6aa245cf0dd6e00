package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// celsius is a temperature in °C; whole numbers may leave their point out.
func celsius(key string, p *float64, def, lo, hi float64, meaning string) field {
	*p = def
	f := field{KeyDoc: KeyDoc{key, "number", degrees(lo) + " … " + degrees(hi) + " °C", degrees(def), meaning}, want: kFloat}
	f.example = f.Default
	f.take = func(n *node) fault {
		v, _ := parseFloat(n.text)
		if n.kind == kInt {
			i, _ := parseInt(n.text)
			v = float64(i)
		}
		if math.IsNaN(v) || v < lo || v > hi {
			return fault{what: shorten(n.text) + " is out of range", remedy: sprintf("write %s … %s °C", degrees(lo), degrees(hi))}
		}
		*p = v
		return fault{}
	}
	return f
}

// degrees writes a temperature as a TOML number with a point.
func degrees(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func integer(key string, p *int64, def, lo, hi int64, example, meaning string) field {
	*p = def
	return field{
		KeyDoc:  KeyDoc{key, "integer", sprintf("%d … %d", lo, hi), strconv.FormatInt(def, 10), meaning},
		want:    kInt,
		example: example,
		take: func(n *node) fault {
			v, _ := parseInt(n.text)
			if v < lo || v > hi {
				return fault{what: shorten(n.text) + " is out of range", remedy: sprintf("write %d … %d", lo, hi)}
			}
			*p = v
			return fault{}
		},
	}
}

func boolean(key string, p *bool, def bool, meaning string) field {
	*p = def
	return field{
		KeyDoc:  KeyDoc{key, "boolean", "true, false", strconv.FormatBool(def), meaning},
		want:    kBool,
		example: strconv.FormatBool(def),
		take: func(n *node) fault {
			*p = n.text == "true"
			return fault{}
		},
	}
}

// instant is a point in time with its zone.
func instant(key string, p *time.Time, meaning string) field {
	return field{
		KeyDoc:  KeyDoc{key, "time", "1970 … 2199, with its zone", "none", meaning},
		want:    kDateTime,
		example: "2026-11-23T20:00:00Z",
		take: func(n *node) fault {
			v, _ := parseTime(n.text)
			if y := v.UTC().Year(); y < 1970 || y > 2199 {
				return fault{what: shorten(n.text) + " is out of range", remedy: "write a time of the years 1970 … 2199"}
			}
			*p = v.UTC()
			return fault{}
		},
	}
}

// oneOf is a word of a fixed set, the default first.
func oneOf(key string, p *string, words []string, meaning string) field {
	*p = words[0]
	return field{
		KeyDoc:  KeyDoc{key, "string", quoteAll(words), strconv.Quote(words[0]), meaning},
		want:    kString,
		example: strconv.Quote(words[0]),
		take: func(n *node) fault {
			if !slices.Contains(words, n.text) {
				return fault{what: show(n.text) + " is none of its values", remedy: choose(n.text, words)}
			}
			*p = n.text
			return fault{}
		},
	}
}

// choose names the word that was meant, or all that there are.
func choose(got string, words []string) string {
	if w := nearest(got, words); w != "" {
		return sprintf("did you mean %q?", w)
	}
	return "write one of " + quoteAll(words)
}

func quoteAll(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = strconv.Quote(w)
	}
	return strings.Join(q, ", ")
}

func array(words []string) string { return "[" + quoteAll(words) + "]" }

// strs is an array of strings, each of which ok must accept.
func strs(key string, p *[]string, def []string, limit int, rng, example, meaning string, ok func(string) (what, remedy string)) field {
	*p = slices.Clone(def)
	return field{
		KeyDoc:  KeyDoc{key, "array of strings", rng, array(def), meaning},
		want:    kArray,
		example: example,
		take: func(n *node) fault {
			list := []string{}
			for i, c := range n.items {
				if c.kind != kString {
					return fault{sprintf("element %d is %s, not a string", i+1, c.kind), "write it like " + example, c.at}
				}
				if what, remedy := ok(c.text); what != "" {
					return fault{what, remedy, c.at}
				}
				list = append(list, c.text)
			}
			if len(list) > limit {
				return fault{sprintf("it has %d elements", len(list)), sprintf("write at most %d", limit), n.items[limit].at}
			}
			*p = list
			return fault{}
		},
	}
}

// words is an array of different words of a fixed set.
func words(key string, p *[]string, def, set []string, meaning string) field {
	f := strs(key, p, def, len(set), "any of "+quoteAll(set), array(set[:2]), meaning, func(s string) (what, remedy string) {
		if !slices.Contains(set, s) {
			return show(s) + " is none of its values", choose(s, set)
		}
		return "", ""
	})
	take := f.take
	f.take = func(n *node) fault {
		if ft, twice := take(n), repeated(n); ft.what != "" || twice == nil {
			return ft
		} else {
			return fault{show(twice.text) + " stands there twice", "keep one of the two", twice.at}
		}
	}
	return f
}

// repeated returns the first element of an array that an earlier one equals.
func repeated(n *node) *node {
	for i, c := range n.items {
		if slices.ContainsFunc(n.items[:i], func(e *node) bool { return e.text == c.text }) {
			return c
		}
	}
	return nil
}

// text is a string that ok must accept.
func text(key string, p *string, def, rng, example, meaning string, ok func(string) (what, remedy string)) field {
	*p = def
	return field{
		KeyDoc:  KeyDoc{key, "string", rng, strconv.Quote(def), meaning},
		want:    kString,
		example: strconv.Quote(example),
		take: func(n *node) fault {
			if what, remedy := ok(n.text); what != "" {
				return fault{what: what, remedy: remedy}
			}
			*p = n.text
			return fault{}
		},
	}
}
