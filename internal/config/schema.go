package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// The example has a comment at every key, which the schema takes over.
//
//go:embed mailvigil.example.yaml
var example []byte

// shape is what the reader takes at one place of a file.
type shape struct {
	kind  string // "mapping", "list", "text", "nothing" for what is refused; "" where the reader did not say
	Enum  []string
	keys  []string
	props map[string]*shape
	item  *shape // of a list, or of a mapping with free keys
}

// describe lets the reader walk over nodes that stand for all there could be,
// and notes what it asks of each: so the schema knows every key that the reader
// does, also those added later.
func describe() *shape {
	r := &reader{described: map[*yaml.Node]*shape{}}
	n := &yaml.Node{}
	s := &shape{}
	r.described[n] = s
	r.root(n, &Config{Aliases: map[string]string{}})
	return s
}

// stand makes a node that stands for all that could be there.
func (r *reader) stand() (*yaml.Node, *shape) {
	n, s := &yaml.Node{}, &shape{}
	r.described[n] = s
	return n, s
}

// Schema is the JSON Schema of the file, for editors and for programs that write
// one. The reader asks more: that zones exist, that times are in order.
func Schema() ([]byte, error) {
	doc, err := exampleNode()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:mailvigil:configuration:1","title":"Mailvigil configuration","description":"The file mailvigil.yaml. \"mailvigil config check\" finds more: this says which keys there are.",`)
	if err := describe().write(&b, doc); err != nil {
		return nil, err
	}
	b.WriteByte('}')
	var out bytes.Buffer
	if err := json.Indent(&out, b.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

func exampleNode() (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(example))
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	var doc yaml.Node
	if err := loader.Load(&doc); err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	return doc.Content[0], nil
}

// write writes the members of a schema; at is the example's node, nil where it
// has none.
func (s *shape) write(b *bytes.Buffer, at *yaml.Node) error {
	switch s.kind {
	case "mapping":
		b.WriteString(`"type":["object","null"],`)
		if s.item != nil {
			b.WriteString(`"additionalProperties":{`)
			if err := s.item.write(b, nil); err != nil {
				return err
			}
			b.WriteString(`}`)
			return nil
		}
		b.WriteString(`"additionalProperties":false,"properties":{`)
		for i, key := range s.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			name, err := json.Marshal(key)
			if err != nil {
				return fmt.Errorf("write the schema: %w", err)
			}
			b.Write(name)
			b.WriteString(`:{`)
			value, comment := lookUp(at, key)
			if comment != "" {
				text, err := json.Marshal(comment)
				if err != nil {
					return fmt.Errorf("write the schema: %w", err)
				}
				fmt.Fprintf(b, `"description":%s,`, text)
			}
			if err := s.props[key].write(b, value); err != nil {
				return err
			}
			b.WriteByte('}')
		}
		b.WriteByte('}')
	case "list":
		b.WriteString(`"type":["array","null"],"items":{`)
		var first *yaml.Node
		if at != nil && at.Kind == yaml.SequenceNode && len(at.Content) > 0 {
			first = at.Content[0]
		}
		if err := s.item.write(b, first); err != nil {
			return err
		}
		b.WriteByte('}')
	case "text":
		if s.Enum != nil {
			words, err := json.Marshal(s.Enum)
			if err != nil {
				return fmt.Errorf("write the schema: %w", err)
			}
			fmt.Fprintf(b, `"enum":%s`, words)
			return nil
		}
		// What the reader takes as text may look like a number to YAML.
		b.WriteString(`"type":["string","number","boolean"]`)
	case "nothing":
		b.WriteString(`"not":{}`)
	default:
		b.WriteString(`"$comment":"see the example"`)
	}
	return nil
}

// lookUp finds a key of the example, with the comment before it.
func lookUp(at *yaml.Node, key string) (*yaml.Node, string) {
	if at == nil || at.Kind != yaml.MappingNode {
		return nil, ""
	}
	for i := 0; i+1 < len(at.Content); i += 2 {
		if at.Content[i].Value == key {
			return at.Content[i+1], uncomment(at.Content[i].HeadComment)
		}
	}
	return nil, ""
}

// uncomment is the last paragraph of a comment, as one line of text.
func uncomment(comment string) string {
	paragraphs := strings.Split(comment, "\n\n")
	var words []string
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		words = append(words, strings.Fields(strings.TrimLeft(line, "# "))...)
	}
	return strings.Join(words, " ")
}
