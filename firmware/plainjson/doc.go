// Package plainjson reads and writes JSON for programs that fly. It does what
// encoding/json does for structs of texts, whole numbers and booleans, byte for
// byte (its tests hold both against each other), in an eighth of its code, and
// refuses everything else. Keys are compared exactly.
package plainjson

import "fmt"

// MaxDepth bounds how deep objects and lists may be nested.
const MaxDepth = 16

// SyntaxError says where a text is not JSON.
type SyntaxError struct {
	Offset int    // bytes before the fault
	Want   string // what should stand there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("plainjson: byte %d: want %s", e.Offset, e.Want)
}

// ValueError says that a value does not fit where it is to go, or cannot be
// written.
type ValueError struct {
	Key  string // dotted; "": the whole
	What string
}

func (e *ValueError) Error() string {
	return fmt.Sprintf("plainjson: %q: %s", e.Key, e.What)
}
