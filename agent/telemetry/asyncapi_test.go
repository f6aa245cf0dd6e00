package telemetry

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"
)

// channels are the topics below aim/v1/{fleet}/{drone}/.
var channels = []struct {
	name, leaf, action, message string
	qos                         int
	retain                      bool
	who                         string
}{
	{"availability", "availability", "send", "Availability", 1, true, "the drone, and its will"},
	{"status", "status", "send", "Status", 1, true, "the drone, on change and every minute"},
	{"telemetry", "telemetry", "send", "Telemetry", 0, false, "the drone, each telemetry.interval; only the newest is kept"},
	{"event", "event", "send", "Event", 1, false, "the drone"},
	{"command", "command/{id}", "receive", "Envelope", 1, false, "an operator, never retained; the payload of the envelope is a Command, signed with minisign by trust.threshold keys of trust.command"},
	{"reply", "reply/{id}", "send", "Reply", 1, false, "the drone, to command/{id}"},
}

// TestAsyncAPI holds asyncapi.yaml against wire.go: channels from the table
// above, payloads from the structs, their tags and comments. Run with -update
// after a change of either.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
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
		fmt.Fprintf(&b, "  %s:\n    address: aim/v1/{fleet}/{drone}/%s\n    description: From %s.\n    parameters:\n", c.name, c.leaf, c.who)
		b.WriteString("      fleet:\n        description: \"[a-z0-9][a-z0-9-]{0,31}\"\n      drone:\n        description: \"[a-z0-9][a-z0-9-]{0,31}\"\n")
		if strings.Contains(c.leaf, "{id}") {
			b.WriteString("      id:\n        description: 1 to 64 of A-Z a-z 0-9 . _ -\n")
		}
		fmt.Fprintf(&b, "    messages:\n      %s:\n        $ref: \"#/components/messages/%s\"\n", c.message, c.message)
	}
	b.WriteString("operations:\n")
	for _, c := range channels {
		fmt.Fprintf(&b, "  %s:\n    action: %s\n    channel:\n      $ref: \"#/channels/%s\"\n    bindings:\n      mqtt:\n        qos: %d\n        retain: %v\n        bindingVersion: 0.2.0\n",
			c.name, c.action, c.name, c.qos, c.retain)
	}
	b.WriteString("components:\n  messages:\n")
	for _, c := range channels {
		fmt.Fprintf(&b, "    %s:\n      payload:\n        $ref: \"#/components/schemas/%s\"\n", c.message, c.message)
	}
	return b.String()
}

// schemaYAML makes a schema of each struct of wire.go.
func schemaYAML(t *testing.T) string {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "wire.go", nil, parser.ParseComments)
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
	var b strings.Builder
	b.WriteString("  schemas:\n")
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		if st, ok := spec.Type.(*ast.StructType); ok {
			structYAML(&b, spec.Name.Name, gen.Doc.Text(), st, tuples[spec.Name.Name])
		}
	}
	return b.String()
}

func structYAML(b *strings.Builder, name, doc string, st *ast.StructType, tuple bool) {
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
		if text := strings.Join(strings.Fields(f.Comment.Text()), " "); text != "" {
			fmt.Fprintf(b, "%s  description: %q\n", indent, text)
		}
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
		default:
			fmt.Fprintf(b, "%s$ref: \"#/components/schemas/%s\"\n", indent, x.Name)
		}
	}
}
