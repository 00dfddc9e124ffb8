// Writes the vectors of seal-document with the engine that Kubernetes uses.
// Run it here: go run . && git diff --stat ..
package main

import (
	"bytes"
	"encoding/json"
	"math/rand"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// write puts one JSON object on each line.
func write[T any](name string, rows []T) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, row := range rows {
		must(encoder.Encode(row))
	}
	must(os.WriteFile("../"+name+".jsonl", out.Bytes(), 0o644))
}

type scalar struct {
	In     string  `json:"in"`
	JSON   *string `json:"json"`   // as an untyped value; null where it is refused
	String *string `json:"string"` // in a Go string field
	Key    *string `json:"key"`    // as a key
}

func scalarRow(in string) scalar {
	row := scalar{In: in}
	if out, err := yaml.YAMLToJSON([]byte("v: " + in + "\n")); err == nil {
		var wrapped map[string]json.RawMessage
		must(json.Unmarshal(out, &wrapped))
		text := string(wrapped["v"])
		row.JSON = &text
	}
	var target struct {
		V string `json:"v"`
	}
	if err := yaml.Unmarshal([]byte("v: "+in+"\n"), &target); err == nil {
		row.String = &target.V
	}
	if out, err := yaml.YAMLToJSON([]byte("? " + in + "\n: v\n")); err == nil {
		var wrapped map[string]any
		must(json.Unmarshal(out, &wrapped))
		for key := range wrapped {
			row.Key = &key
		}
	}
	return row
}

func scalars() (rows []scalar) {
	for _, in := range strings.Split(strings.Trim(scalarInputs, "\n"), "\n") {
		rows = append(rows, scalarRow(in))
	}
	return rows
}

type document struct {
	In     string  `json:"in"`
	JSON   *string `json:"json"`
	Strict *string `json:"strict"` // with duplicate keys refused
}

func documents() (rows []document) {
	for _, in := range documentInputs {
		row := document{In: in}
		if out, err := yaml.YAMLToJSON([]byte(in)); err == nil {
			text := string(out)
			row.JSON = &text
		}
		if out, err := yaml.YAMLToJSONStrict([]byte(in)); err == nil {
			text := string(out)
			row.Strict = &text
		}
		rows = append(rows, row)
	}
	return rows
}

type text struct {
	In    string `json:"in"`
	Value string `json:"value"`
	Key   string `json:"key"`
	Item  string `json:"item"`
	Deep  string `json:"deep"`
	Root  string `json:"root"`
}

func marshal(value any) string {
	out, err := yaml.Marshal(value)
	must(err)
	return string(out)
}

func textRow(in string) text {
	return text{
		In:    in,
		Value: marshal(map[string]any{"k": in}),
		Key:   marshal(map[string]any{in: "v"}),
		Item:  marshal(map[string]any{"k": []any{in, []any{in}, map[string]any{"a": in}}}),
		Deep:  marshal(map[string]any{"a": map[string]any{"b": map[string]any{"c": map[string]any{in: in}}}}),
		Root:  marshal(in),
	}
}

func texts() (rows []text) {
	seen := map[string]bool{}
	add := func(in string) {
		if !seen[in] {
			seen[in] = true
			rows = append(rows, textRow(in))
		}
	}
	for _, in := range textInputs {
		add(in)
	}
	for _, in := range strings.Split(strings.Trim(scalarInputs, "\n"), "\n") {
		if in != "<<" { // go-yaml writes this key so that it reads it as a merge
			add(in)
		}
	}
	random := rand.New(rand.NewSource(1))
	for range 400 {
		var in strings.Builder
		for range 1 + random.Intn(7) {
			in.WriteString(textPieces[random.Intn(len(textPieces))])
		}
		if in.String() != "<<" {
			add(in.String())
		}
	}
	words := strings.Fields("lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod: tempor #incididunt 'ut' \"labore\" et")
	for range 60 {
		var in []string
		for range 8 + random.Intn(40) {
			in = append(in, words[random.Intn(len(words))]+strings.Repeat(" ", random.Intn(20)/18))
		}
		add(strings.Join(in, " "))
	}
	return rows
}

type value struct {
	In      string `json:"in"` // JSON
	YAML    string `json:"yaml"`
	Compact string `json:"compact"`
	Pretty  string `json:"pretty"`
	Plain   string `json:"plain"` // compact, without HTML escapes
}

func values() (rows []value) {
	for _, in := range valueInputs {
		var decoded any
		decoder := json.NewDecoder(strings.NewReader(in))
		decoder.UseNumber()
		must(decoder.Decode(&decoded))
		// Whole numbers survive as numbers of their own; the rest become floats.
		decoded = numbers(decoded)
		compact, err := json.Marshal(decoded)
		must(err)
		pretty, err := json.MarshalIndent(decoded, "", "  ")
		must(err)
		var plain bytes.Buffer
		encoder := json.NewEncoder(&plain)
		encoder.SetEscapeHTML(false)
		must(encoder.Encode(decoded))
		rows = append(rows, value{in, marshal(decoded), string(compact), string(pretty), strings.TrimSuffix(plain.String(), "\n")})
	}
	return rows
}

func numbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		float, err := value.Float64()
		must(err)
		return float
	case []any:
		for i := range value {
			value[i] = numbers(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = numbers(value[key])
		}
	}
	return value
}

func main() {
	write("scalars", scalars())
	write("documents", documents())
	write("texts", texts())
	write("values", values())
}
