package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// word is written as a text.
type word uint8

func (w word) MarshalText() ([]byte, error) { return []byte(strings.Repeat("w", int(w))), nil }
func (w *word) UnmarshalText(b []byte) error {
	if len(b) > 9 || strings.Trim(string(b), "w") != "" {
		return errors.New("no word")
	}
	*w = word(len(b))
	return nil
}

type inner struct {
	ID   string `json:",omitempty"`
	N    int64  `json:"n,omitempty"`
	Word word
}

// all has every kind that is written.
type all struct {
	Text    string `json:"text"`
	Yes     bool
	I       int
	I64     int64
	U8      uint8
	U16     uint16
	U64     uint64
	Inner   inner
	List    []inner
	Names   []string
	Numbers [3]int64
	Bits    [2]bool
	Ptr     *inner `json:"ptr"`
	Left    string `json:"-"`
	//lint:ignore U1000 nobody may write what is not exported
	hidden int
}

func values() []all {
	return []all{
		{},
		{
			Text: "a \"b\" \\ / \b\f\n\r\t\x00\x1f\x7f <&> é € 𝄞 \u2028\u2029 \xff\xc0 \ufffd", Yes: true,
			I: -1, I64: math.MinInt64, U8: 255, U16: 65535, U64: math.MaxUint64,
			Inner: inner{"i", 1, 3}, List: []inner{{}, {"x", -2, 1}}, Names: []string{"", "a"},
			Numbers: [3]int64{1, 0, math.MaxInt64}, Bits: [2]bool{false, true}, Ptr: &inner{ID: "p"},
		},
		{List: []inner{}, Names: []string{}, Ptr: &inner{}},
	}
}

// TestSameBytes: what is written is what encoding/json writes, and it reads
// back the same.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	for _, v := range values() {
		for indent, marshal := range map[string]func(any) ([]byte, error){"": Marshal, "  ": MarshalIndent} {
			got, err := marshal(v)
			if want := standard(t, v, indent); err != nil || string(got) != want {
				t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
			}
			var mine, theirs all
			if err := errors.Join(Unmarshal(got, &mine), json.Unmarshal(got, &theirs)); err != nil || !reflect.DeepEqual(mine, theirs) {
				t.Errorf("%v\n%+v\nwant\n%+v", err, mine, theirs)
			}
		}
	}
}

func standard(t *testing.T, v any, indent string) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestOverOldValue: like encoding/json, keys left out and null leave a value
// alone, lists begin anew.
func TestOverOldValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, `null`, `{"text":null,"Yes":null,"I":null,"Inner":null,"Numbers":null}`, `{"List":null,"ptr":null}`,
		`{"Names":["z"],"Numbers":[9],"List":[{"n":4}]}`, `{"Numbers":[1,2,3,4,[5],{"a":6}]}`,
		`{"unknown":[{"text":"}]"}],"ptr":{"n":7}}`, `{"I":1,"I":2}`, `{"Left":"l","hidden":3,"":1}`,
	} {
		mine, theirs := values()[1], values()[1]
		if err := errors.Join(Unmarshal([]byte(text), &mine), json.Unmarshal([]byte(text), &theirs)); err != nil || !reflect.DeepEqual(mine, theirs) {
			t.Errorf("%s: %v\n%+v\nwant\n%+v", text, err, mine, theirs)
		}
	}
}

// TestRefused: what does not fit is refused where encoding/json refuses it.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"text":1}`, `{"Yes":"true"}`, `{"I":"1"}`, `{"I":1.5}`, `{"I":1e2}`, `{"U8":256}`, `{"U8":-1}`, `{"U64":true}`,
		`{"I64":9223372036854775808}`, `{"List":{}}`, `{"Inner":[]}`, `{"Inner":{"Word":"x"}}`, `{"Inner":{"Word":1}}`, `[]`, `"x"`,
	} {
		var mine, theirs all
		if json.Unmarshal([]byte(text), &theirs) == nil {
			t.Errorf("%s: the standard library takes it", text)
		}
		if Unmarshal([]byte(text), &mine) == nil {
			t.Errorf("%s: taken: %+v", text, mine)
		}
	}
	for _, v := range []any{map[string]int{}, 1.5, []byte("b"), struct{ C chan int }{}} {
		if b, err := Marshal(v); err == nil {
			t.Errorf("%T: %s", v, b)
		}
	}
	if err := Unmarshal([]byte("{}"), all{}); err == nil {
		t.Error("a value that is no pointer was taken")
	}
	var s *SyntaxError
	if err := Unmarshal([]byte(`{"a": tru}`), new(all)); !errors.As(err, &s) || s.Offset != 6 {
		t.Errorf("%v, want a fault at byte 6", err)
	}
}

// TestDepth: MaxDepth is taken, one more is not.
func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	if _, err := Read(nested(MaxDepth)); err != nil {
		t.Error(err)
	}
	if _, err := Read(nested(MaxDepth + 1)); err == nil {
		t.Error("deeper than MaxDepth")
	}
	type ring struct{ Next *ring }
	r := &ring{}
	if r.Next = r; Unmarshal([]byte(`{}`), r) != nil {
		t.Error("an empty object")
	}
	if _, err := Marshal(r); err == nil {
		t.Error("a ring was written to its end")
	}
}
