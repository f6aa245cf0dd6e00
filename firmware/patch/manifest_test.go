package patch

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The bytes of a manifest are what people sign with other programs.
func TestManifestGolden(t *testing.T) {
	t.Parallel()
	full := sample()
	plain := full
	plain.Targets, plain.BaseSHA256, plain.Expires, plain.DespiteLock, plain.Notes = []string{Everyone}, "", time.Time{}, nil, ""
	for name, m := range map[string]Manifest{"full.json": full, "plain.json": plain} {
		b := m.Encode()
		golden(t, name, b)
		back, err := ParseManifest(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(*back, m) {
			t.Errorf("%s: parsed\n%+v\nwant\n%+v", name, *back, m)
		}
		if !bytes.Equal(back.Encode(), b) {
			t.Errorf("%s: encoded anew:\n%s", name, back.Encode())
		}
	}
}

// What a person may write differently is still the same manifest.
func TestManifestByHand(t *testing.T) {
	t.Parallel()
	want := sample()
	want.BaseSHA256, want.Expires, want.DespiteLock, want.Notes = "", time.Time{}, nil, ""
	text := string(want.Encode())
	for _, key := range []string{"base_sha256", "expires", "despite_lock", "notes"} {
		at := strings.Index(text, `  "`+key)
		end := at + strings.IndexByte(text[at:], '\n') + 1
		text = text[:at] + text[end:]
	}
	text = strings.Replace(text, ",\n}", "\n\n}\n\n", 1)
	text = strings.ReplaceAll(text, "\n  ", " ")
	back, err := ParseManifest([]byte(strings.Replace(text, "north", `n\u006frth`, 1)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	if !reflect.DeepEqual(*back, want) {
		t.Errorf("parsed %+v", *back)
	}
}

// Each row changes the text of a good manifest; its key is where the error
// must point.
func TestManifestRefused(t *testing.T) {
	t.Parallel()
	full := sample()
	text := string(full.Encode())
	rows := map[string]struct{ from, to, key string }{
		"unknown-key":              {`"notes"`, `"motes": "", "notes"`, "motes"},
		"unknown-key-inside":       {`"kill": true`, `"kill": true, "how": 1`, "despite_lock.how"},
		"key-in-capitals":          {`"fleet"`, `"Fleet"`, "fleet"},
		"key-twice":                {`"notes"`, `"fleet": "south", "notes"`, "fleet"},
		"key-twice-escaped":        {`"notes"`, `"\u0066leet": "south", "notes"`, "fleet"},
		"key-twice-inside":         {`"kill": true`, `"kill": true, "kill": false`, "despite_lock.kill"},
		"key-missing":              {`"fleet": "north",`, ``, "fleet"},
		"key-missing-inside":       {`"kill": true`, `"kill2": true`, "despite_lock.kill"},
		"second-document":          {"\n}\n", "\n}\n{}\n", ""},
		"bytes-behind":             {"\n}\n", "\n}\nx", ""},
		"nul-behind":               {"\n}\n", "\n}\n\x00", ""},
		"byte-order-mark":          {"{", "\ufeff{", ""},
		"comment":                  {"{", "{ // a comment", ""},
		"comma-too-many":           {"\n}\n", ",\n}\n", ""},
		"cut":                      {"\n}\n", "", ""},
		"list-for-document":        {text, `[` + text + `]`, ""},
		"null-for-document":        {text, "null", ""},
		"empty":                    {text, "", ""},
		"not-utf-8":                {"lease", "le\xffse", ""},
		"deep":                     {`"kill": true`, `"kill": {"a": {"b": 1}}`, "despite_lock.kill"},
		"deep-list":                {`"patrol-01"`, `["patrol-01"]`, "targets"},
		"very-deep":                {`"patrol-01"`, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), ""},
		"schema-of-tomorrow":       {`"schema": 1`, `"schema": 2, "new": 1`, "schema"},
		"schema-in-32-bits":        {`"schema": 1`, `"schema": 4294967297`, "schema"},
		"schema-as-text":           {`"schema": 1`, `"schema": "1"`, "schema"},
		"schema-overflow":          {`"schema": 1`, `"schema": 18446744073709551617`, "schema"},
		"kind-unknown":             {`"kind": "config"`, `"kind": "firmware"`, "kind"},
		"kind-revert":              {`"kind": "config"`, `"kind": "revert"`, "kind"},
		"kind-null":                {`"kind": "config"`, `"kind": null`, "kind"},
		"id-path":                  {"p-2026-11-24.a", "../p", "id"},
		"id-hidden":                {"p-2026-11-24.a", ".p", "id"},
		"id-empty":                 {"p-2026-11-24.a", "", "id"},
		"id-long":                  {"p-2026-11-24.a", strings.Repeat("p", 65), "id"},
		"fleet-wildcard":           {`"north"`, `"+"`, "fleet"},
		"fleet-case":               {`"north"`, `"North"`, "fleet"},
		"targets-none":             {"\"patrol-01\",\n    \"patrol-03\"", "", "targets"},
		"targets-text":             {"[\n    \"patrol-01\",\n    \"patrol-03\"\n  ]", `"*"`, "targets"},
		"targets-all-and-one":      {`"patrol-01"`, `"*"`, "targets"},
		"targets-twice":            {`"patrol-01"`, `"patrol-03"`, "targets"},
		"targets-number":           {`"patrol-01"`, `1`, "targets"},
		"targets-many":             {`"patrol-01"`, manyNames(MaxTargets), "targets"},
		"version-zero":             {`: 42`, `: 0`, "config_version"},
		"version-negative":         {`: 42`, `: -42`, "config_version"},
		"version-float":            {`: 42`, `: 42.0`, "config_version"},
		"version-exponent":         {`: 42`, `: 42e0`, "config_version"},
		"version-minus-zero":       {`: 42`, `: -0`, "config_version"},
		"version-too-high":         {`: 42`, `: 9007199254740992`, "config_version"},
		"hash-upper-case":          {full.SHA256, strings.ToUpper(full.SHA256), "sha256"},
		"hash-short":               {full.SHA256, full.SHA256[1:], "sha256"},
		"base-short":               {full.BaseSHA256, full.BaseSHA256[1:], "base_sha256"},
		"size-zero":                {fmt.Sprintf(`"size": %d`, full.Size), `"size": 0`, "size"},
		"size-beyond":              {fmt.Sprintf(`"size": %d`, full.Size), fmt.Sprintf(`"size": %d`, MaxContent+1), "size"},
		"created-local":            {"11:59:00Z", "11:59:00+01:00", "created"},
		"created-fraction":         {"11:59:00Z", "11:59:00.5Z", "created"},
		"created-zero-fraction":    {"11:59:00Z", "11:59:00.000Z", "created"},
		"created-comma":            {"11:59:00Z", "11:59:00,5Z", "created"},
		"created-empty":            {"2026-11-24T11:59:00Z", "", "created"},
		"created-1970":             {"2026-11-24T11:59:00Z", "1970-01-01T00:00:00Z", "created"},
		"created-29-february":      {"2026-11-24T11:59:00Z", "2026-02-29T11:59:00Z", "created"},
		"expires-before-created":   {"12:50:00Z", "11:59:00Z", "expires"},
		"expires-text":             {"2026-11-24T12:50:00Z", "tomorrow", "expires"},
		"expires-null":             {`"2026-11-24T12:50:00Z"`, "null", "expires"},
		"override-as-text":         {"\"despite_lock\": {", `"x": {`, "x"},
		"override-nonce-short":     {"00112233445566778899aabbccddeeff", "001122334455667", "despite_lock.nonce"},
		"override-nonce-path":      {"00112233445566778899aabbccddeeff", "../../0011223344556677", "despite_lock.nonce"},
		"override-nobody":          {"fleet-updater", "", "despite_lock.holder"},
		"override-holder-terminal": {"fleet-updater", `fleet\u001b[2J`, "despite_lock.holder"},
		"override-kill-as-text":    {`"kill": true`, `"kill": "true"`, "despite_lock.kill"},
		"notes-terminal":           {"second line", `\u001b]0;x\u0007`, "notes"},
		"notes-bidi":               {"second line", `\u202e`, "notes"},
		"notes-surrogate":          {"second line", `\ud800`, "notes"},
		"notes-long":               {"second line", strings.Repeat("x", MaxNotes), "notes"},
		"manifest-long":            {"second line", strings.Repeat("x", MaxManifest), ""},
	}
	for name, r := range rows {
		bad := strings.Replace(text, r.from, r.to, 1)
		if bad == text {
			t.Errorf("%s: changes nothing", name)
		}
		m, err := ParseManifest([]byte(bad))
		var f *FieldError
		if !errors.As(err, &f) || f.Key != r.key || f.File != "patch.json" || m != nil {
			t.Errorf("%s: %+v, %v; want an error at %q", name, m, err, r.key)
		} else if len(err.Error()) > 300 || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: not for a terminal: %q", name, err)
		}
	}
}

func manyNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("%q", fmt.Sprint("d", i)))
	}
	return strings.Join(names, ", ")
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Manifest){
		"fleet":   func(m *Manifest) { m.Fleet = "" },
		"targets": func(m *Manifest) { m.Targets = nil },
		"expires": func(m *Manifest) { m.Expires = m.Created.Add(-time.Hour) },
		"notes":   func(m *Manifest) { m.Notes = "\x07" },
	} {
		m := sample()
		change(&m)
		var f *FieldError
		if p, err := New(m, []byte(newer)); !errors.As(err, &f) || f.Key != name || p != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(sample(), nil); err == nil {
		t.Error("empty content")
	}
	if _, err := New(sample(), make([]byte, MaxContent+1)); err == nil {
		t.Error("long content")
	}
	local := sample()
	local.Created = time.Date(2026, 11, 24, 13, 0, 0, 999, time.FixedZone("", 3600))
	p, err := New(local, []byte(newer))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := ParseManifest(p.Manifest); err != nil || !m.Created.Equal(noon) {
		t.Errorf("%v, %v", m, err)
	}
}
