// Package sprigvectors runs templates.txt through the real text/template and sprig and writes what
// came out. Refresh with: TZ=UTC go test -count=1 ./...
//
// It is a test because testing/synctest stops the clock: inside its bubble it is always
// 2000-01-01T00:00:00Z, so that the date functions have one answer.
package sprigvectors

import (
	"bytes"
	"encoding/json"
	"os"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

type vector struct {
	Template string  `json:"template"`
	Output   *string `json:"output,omitempty"`
	Bytes    []byte  `json:"bytes,omitempty"`
	Fault    string  `json:"fault,omitempty"`
	Message  string  `json:"message,omitempty"`
}

func evaluate(source string, dot []byte) (result vector) {
	result.Template = source
	functions := template.FuncMap(sprig.GenericFuncMap())
	// As the sealed-secrets controller does.
	delete(functions, "env")
	delete(functions, "expandenv")
	delete(functions, "getHostByName")
	parsed, err := template.New("t").Funcs(functions).Parse(source)
	if err != nil {
		result.Fault, result.Message = "parse", err.Error()
		return result
	}
	var data map[string]any
	if err := json.Unmarshal(dot, &data); err != nil {
		panic(err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		result.Fault, result.Message = "run", err.Error()
		return result
	}
	text := out.String()
	if strings.ToValidUTF8(text, "") != text {
		result.Bytes = out.Bytes()
		return result
	}
	result.Output = &text
	return result
}

func write(t *testing.T, path string, lines []any) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, line := range lines {
		if err := encoder.Encode(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGenerate(t *testing.T) {
	templates, err := os.ReadFile("templates.txt")
	if err != nil {
		t.Fatal(err)
	}
	dot, err := os.ReadFile("dot.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []any
	seen := map[string]bool{}
	synctest.Test(t, func(t *testing.T) {
		for _, line := range strings.Split(string(templates), "\n") {
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if seen[line] {
				t.Errorf("twice: %s", line)
			}
			seen[line] = true
			vectors = append(vectors, evaluate(line, dot))
		}
	})
	write(t, "expected.jsonl", vectors)

	var names []any
	functions := sprig.GenericFuncMap()
	for name := range functions {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i].(string) < names[j].(string) })
	for _, name := range names {
		if !strings.Contains(string(templates), name.(string)) {
			t.Errorf("no template uses %s", name)
		}
	}
	write(t, "names.jsonl", names)
	t.Logf("%d vectors, %d names", len(vectors), len(names))
}
