package telemetry

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// channel is a topic with what travels on it. A leaf without a drone is a
// whole address. The action is the drone's; "operators" are others'.
type channel struct {
	name, leaf, action, message string
	qos                         byte
	retain                      bool
	who                         string
}

var channels = []channel{
	{"availability", LeafAvailability, "send", "Availability", 1, true, "the drone, and its will"},
	{"status", LeafStatus, "send", "Status", 1, true, "the drone, on change and every minute"},
	{"telemetry", LeafTelemetry, "send", "Telemetry", 0, false, "the drone, each telemetry.interval; only the newest is kept"},
	{"event", LeafEvent, "send", "Event", 1, false, "the drone"},
	{"offer", LeafOffer, "receive", "SignedOffer", 1, true, "an operator, who clears it with an empty message; the payload of the envelope is an Offer, signed with minisign by trust.threshold keys of trust.command"},
	{"report", LeafReport, "send", "Report", 1, true, "the drone, at each change of a patch's state"},
	{"command", LeafCommand + "{id}", "receive", "SignedCommand", 1, false, "an operator, never retained; the payload of the envelope is a Command, signed with minisign by trust.threshold keys of trust.command; or a patch's revert.json, signed with it by keys of trust.config"},
	{"reply", LeafReply + "{id}", "send", "Reply", 1, false, "the drone, to command/{id}"},
	{"rollout", RolloutTopic("{fleet}", "{id}"), "operators", "Rollout", 1, true, "the operator's side, on change; for screens, nobody obeys it"},
	{"controller", ControllerTopic("{fleet}"), "operators", "Controller", 1, true, "the operator's side, and its will"},
}

// envelopes say which messages are an Envelope, how long, and around what.
var envelopes = map[string]struct {
	limit int
	holds []string
}{
	"SignedCommand": {maxEnvelope, []string{"Command"}},
	"SignedOffer":   {MaxEnvelope, []string{"Offer"}},
}

func (c channel) address(id string) string {
	leaf := strings.Replace(c.leaf, "{id}", id, 1)
	if c.action == "operators" {
		return leaf
	}
	return Topic("{fleet}", "{drone}", leaf)
}

// TestAsyncAPI holds asyncapi.yaml against wire.go: channels from the table
// above, payloads from the structs, their tags, comments and notes. Run with
// -update after a change of any. It is not parallel: the others read what
// -update writes.
func TestAsyncAPI(t *testing.T) {
	head, err := os.ReadFile("testdata/asyncapi.head.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := string(head) + channelYAML() + schemaYAML(t)
	if *update {
		if err := os.WriteFile("asyncapi.yaml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("asyncapi.yaml is not what wire.go says: run go test -update ./agent/telemetry and read the difference")
	}
}

func channelYAML() string {
	var b strings.Builder
	b.WriteString("channels:\n")
	for _, c := range channels {
		fmt.Fprintf(&b, "  %s:\n    address: %s\n    description: From %s.\n    parameters:\n", c.name, c.address("{id}"), c.who)
		for _, name := range []string{"fleet", "drone"} {
			if strings.Contains(c.address(""), "{"+name+"}") {
				fmt.Fprintf(&b, "      %s:\n        description: \"[a-z0-9][a-z0-9-]{0,31}\"\n", name)
			}
		}
		if strings.Contains(c.leaf, "{id}") {
			b.WriteString("      id:\n        description: 1 to 64 of A-Z a-z 0-9 . _ -\n")
		}
		fmt.Fprintf(&b, "    messages:\n      %s:\n        $ref: \"#/components/messages/%s\"\n", c.message, c.message)
	}
	b.WriteString("operations:\n")
	for _, c := range channels {
		action := c.action
		if action == "operators" {
			action = "send"
		}
		fmt.Fprintf(&b, "  %s:\n    action: %s\n    channel:\n      $ref: \"#/channels/%s\"\n    bindings:\n      mqtt:\n        qos: %d\n        retain: %v\n        bindingVersion: 0.2.0\n",
			c.name, action, c.name, c.qos, c.retain)
	}
	b.WriteString("components:\n  messages:\n")
	limits := map[string]int{}
	for _, m := range samples() {
		limits[reflect.TypeOf(m).Elem().Name()] = m.about().limit
	}
	for _, c := range channels {
		limit, schema, holds := limits[c.message], c.message, ""
		if e, ok := envelopes[c.message]; ok {
			limit, schema, holds = e.limit, "Envelope", fmt.Sprintf(" The payload inside is described by the schema %s.", strings.Join(e.holds, " or "))
		}
		fmt.Fprintf(&b, "    %s:\n      contentType: application/vnd.msgpack\n      description: At most %d bytes.%s\n      payload:\n        $ref: \"#/components/schemas/%s\"\n", c.message, limit, holds, schema)
	}
	return b.String()
}

// schemaYAML makes a schema of each struct of the wire files.
func schemaYAML(t *testing.T) string {
	var b strings.Builder
	n := readNotes(t)
	b.WriteString("  schemas:\n")
	for _, name := range []string{"wire.go", "wire_fleet.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		tuples := map[string]bool{}
		for _, g := range file.Comments {
			for _, c := range g.List {
				if names, ok := strings.CutPrefix(c.Text, "//msgp:vartuple "); ok {
					for _, n := range strings.Fields(names) {
						tuples[n] = true
					}
				}
			}
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			spec := gen.Specs[0].(*ast.TypeSpec)
			if st, ok := spec.Type.(*ast.StructType); ok {
				structYAML(&b, n, spec.Name.Name, gen.Doc.Text(), st, tuples[spec.Name.Name])
			}
		}
	}
	n.done()
	return b.String()
}

func structYAML(b *strings.Builder, n *notes, name, doc string, st *ast.StructType, tuple bool) {
	fmt.Fprintf(b, "    %s:\n      description: %q\n", name, strings.Join(strings.Fields(doc), " "))
	indent := "        "
	if tuple {
		b.WriteString("      type: array\n      prefixItems:\n")
	} else {
		b.WriteString("      type: object\n      additionalProperties: true\n      properties:\n")
	}
	for _, f := range st.Fields.List {
		tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`"))
		key, _, _ := strings.Cut(tag.Get("msg"), ",")
		if tuple {
			fmt.Fprintf(b, "%s- title: %s\n", indent, tag.Get("json"))
		} else {
			fmt.Fprintf(b, "%s%q:\n%s  title: %s\n", indent, key, indent, tag.Get("json"))
		}
		fmt.Fprintf(b, "%s  description: %q\n", indent, n.about(name, key, f.Comment.Text()))
		typeYAML(b, indent+"  ", f.Type)
	}
}

func typeYAML(b *strings.Builder, indent string, e ast.Expr) {
	switch x := e.(type) {
	case *ast.ArrayType:
		if id, ok := x.Elt.(*ast.Ident); ok && id.Name == "byte" {
			fmt.Fprintf(b, "%stype: string\n%sformat: binary\n", indent, indent)
			return
		}
		fmt.Fprintf(b, "%stype: array\n%sitems:\n", indent, indent)
		typeYAML(b, indent+"  ", x.Elt)
	case *ast.Ident:
		switch {
		case x.Name == "string":
			fmt.Fprintf(b, "%stype: string\n", indent)
		case x.Name == "bool":
			fmt.Fprintf(b, "%stype: boolean\n", indent)
		case strings.Contains(x.Name, "int"):
			fmt.Fprintf(b, "%stype: integer\n%sformat: %s\n", indent, indent, x.Name)
			if x.Name[0] == 'u' {
				fmt.Fprintf(b, "%sminimum: 0\n", indent)
			}
		default:
			fmt.Fprintf(b, "%s$ref: \"#/components/schemas/%s\"\n", indent, x.Name)
		}
	}
}

// notes say of fields what their comments in wire.go leave out: unit, range,
// words. They lie in testdata/asyncapi.notes, "Struct.key|text" a line; the
// struct "*" stands for each message whose field has neither line nor comment.
type notes struct {
	t    *testing.T
	text map[string]string
	used map[string]bool
}

func readNotes(t *testing.T) *notes {
	data, err := os.ReadFile("testdata/asyncapi.notes")
	if err != nil {
		t.Fatal(err)
	}
	n := &notes{t, map[string]string{}, map[string]bool{}}
	for line := range strings.Lines(string(data)) {
		key, text, ok := strings.Cut(strings.TrimSpace(line), "|")
		if _, twice := n.text[key]; !ok || twice {
			t.Errorf("asyncapi.notes: %q: not Struct.key|text, or its key is there twice", line)
		}
		n.text[key] = text
	}
	return n
}

// about describes a field; every field needs a comment or a note.
func (n *notes) about(name, key, comment string) string {
	parts := []string{strings.Join(strings.Fields(comment), " ")}
	for _, at := range []string{name + "." + key, "*." + key} {
		// "*" is for the head that all messages share, so no tuple has it.
		if text, ok := n.text[at]; ok && (at[0] != '*' || comment == "" && n.message(name)) {
			n.used[at] = true
			parts = append(parts, text)
			break
		}
	}
	text := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
	if text == "" {
		n.t.Errorf("%s.%s: what is it? Write a comment in wire.go or a line in asyncapi.notes", name, key)
	}
	return text
}

func (n *notes) message(name string) bool {
	m, ok := samples()[strings.ToLower(name)]
	return ok && m.about().hasSchema
}

func (n *notes) done() {
	for key := range n.text {
		if !n.used[key] {
			n.t.Errorf("asyncapi.notes: %s: no such field in wire.go", key)
		}
	}
}
