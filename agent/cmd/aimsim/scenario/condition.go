package scenario

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Op compares a field with a value.
type Op string

// The comparisons. On a list, Is asks whether an element is the value (an
// empty value: whether the list is empty), Has whether an element contains it;
// an element that is an object stands by its name, for Has by all its texts.
const (
	Is    Op = "="
	IsNot Op = "!="
	Has   Op = "~"
)

// Condition is one FIELD=VALUE.
type Condition struct {
	Field string // dotted
	Op    Op
	Value string
}

func (c Condition) String() string { return c.Field + string(c.Op) + c.Value }

// Holds judges the condition against a document as encoding/json decodes it
// into an any. seen is the field's value for a person. The error is a field
// that the document has not.
func (c Condition) Holds(doc any) (holds bool, seen string, err error) {
	at := doc
	path := strings.Split(c.Field, ".")
	for i, key := range path {
		object, ok := at.(map[string]any)
		if !ok {
			return false, "", fmt.Errorf("no field %q: %s has no fields", c.Field, strings.Join(path[:i], "."))
		}
		value, ok := object[key]
		if !ok {
			return false, "", fmt.Errorf("no field %q; %s", c.Field, fields(path[:i], object))
		}
		at = value
	}
	if list, ok := at.([]any); ok {
		holds, seen = c.list(list)
		return holds, seen, nil
	}
	seen = text(at)
	switch c.Op {
	case Is:
		return seen == c.Value, seen, nil
	case IsNot:
		return seen != c.Value, seen, nil
	default:
		return strings.Contains(seen, c.Value), seen, nil
	}
}

func (c Condition) list(list []any) (holds bool, seen string) {
	names := make([]string, len(list))
	is, has := c.Value == "" && len(list) == 0, false
	for i, element := range list {
		names[i] = name(element)
		is = is || names[i] == c.Value
		has = has || strings.Contains(texts(element), c.Value)
	}
	seen = "[" + strings.Join(names, " ") + "]"
	switch c.Op {
	case Is:
		return is, seen
	case IsNot:
		return !is, seen
	default:
		return has, seen
	}
}

// fields lists what an object offers, for an error.
func fields(path []string, object map[string]any) string {
	names := make([]string, 0, len(object))
	for key, value := range object {
		if _, nested := value.(map[string]any); nested {
			key += ".…"
		}
		names = append(names, key)
	}
	sort.Strings(names)
	where := "fields are "
	if len(path) > 0 {
		where = "fields of " + strings.Join(path, ".") + " are "
	}
	return where + strings.Join(names, ", ")
}

// text is a scalar as it stands in JSON, without quotes.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func name(v any) string {
	if object, ok := v.(map[string]any); ok {
		return text(object["name"])
	}
	return text(v)
}

func texts(v any) string {
	object, ok := v.(map[string]any)
	if !ok {
		return text(v)
	}
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var all []string
	for _, key := range keys {
		all = append(all, text(object[key]))
	}
	return strings.Join(all, "\n")
}
