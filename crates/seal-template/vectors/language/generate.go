// Runs cases.txt, and every printf verb on every kind, through the real text/template and writes what
// came out to expected.jsonl. Refresh with: go run . > expected.jsonl
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/template"
	"unicode/utf8"
)

//go:embed cases.txt
var cases string

// Point is a struct without methods for printing.
type Point struct {
	X, Y int
}

// Scale is a method with an argument.
func (p Point) Scale(by int) int { return (p.X + p.Y) * by }

// Named is a struct that prints itself.
type Named struct{ Name string }

func (n Named) String() string { return "named " + n.Name }

func rich() any {
	return map[string]any{
		"nil": nil, "yes": true, "no": false, "int": 42, "negative": -7, "zero": 0, "big": int64(1) << 62,
		"int64": int64(5), "byte": uint8(200), "uint64": uint64(18446744073709551615),
		"float": 3.25, "tiny": 1e-7, "huge": 1e21, "whole": 2.0, "text": "hello", "empty": "",
		"unicode": "héllo, 世界 ☺", "binary": "a\xff\x00b\x80", "control": "a\tb\n\"q\"\\`\x07\x7f\u00a0\u200b",
		"html": "<a href='x'>&\"\x00</a>", "bytes": []byte("hi\xff"), "noBytes": []byte{},
		"list": []any{1, "two", 3.5, nil, true}, "emptyList": []any{}, "texts": []string{"a", "b", "c"},
		"numbers": []int{10, 20, 30}, "noTexts": []string(nil),
		"map":    map[string]any{"b": 2, "a": "one", "c": nil, "d": map[string]any{"e": "deep"}},
		"labels": map[string]string{"tier": "web", "app": "shop"}, "emptyMap": map[string]any{},
		"maps":  []any{map[string]any{"name": "x"}, map[string]any{"name": "y"}},
		"point": Point{3, 4}, "named": Named{"n"}, "complex": complex(1, -2.5),
	}
}

func plain() any {
	return map[string]string{"user": "admin", "password": "p<>&\"'", "binary": "\xff\xfe", "empty": "", "number": "12"}
}

var functions = template.FuncMap{
	"fail":       func(message string) (string, error) { return "", errors.New(message) },
	"wantBool":   func(v bool) bool { return v },
	"wantFloat":  func(v float64) float64 { return v },
	"wantInt":    func(v int) int { return v },
	"wantInt64":  func(v int64) int64 { return v },
	"wantList":   func(v []any) []any { return v },
	"wantMap":    func(v map[string]any) map[string]any { return v },
	"wantText":   func(v string) string { return v },
	"wantTexts":  func(v []string) []string { return v },
	"wantMany":   func(first string, rest ...int) string { return fmt.Sprint(first, rest) },
	"nothing":    func() any { return nil },
	"seven":      func() int { return 7 },
	"second":     func(a, b any) any { return b },
	"upperFirst": func(a string, b ...string) string { return strings.ToUpper(a) + strings.Join(b, "+") },
}

type vector struct {
	Dot      string `json:"dot"`
	Option   string `json:"option,omitempty"`
	Template string `json:"template"`
	Output   string `json:"output,omitempty"`
	Bytes    []byte `json:"bytes,omitempty"`
	Error    string `json:"error,omitempty"`
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	dot, option := "rich", ""
	run := func(source string) {
		result := vector{Dot: dot, Option: option, Template: source}
		parsed := template.New("x").Funcs(functions)
		if option != "" {
			parsed = parsed.Option(option)
		}
		data := rich()
		if dot == "plain" {
			data = plain()
		}
		var rendered bytes.Buffer
		_, err := parsed.Parse(source)
		if err == nil {
			err = parsed.Execute(&rendered, data)
		}
		switch {
		case err != nil:
			result.Error = err.Error()
		case utf8.Valid(rendered.Bytes()):
			result.Output = rendered.String()
		default:
			result.Bytes = rendered.Bytes()
		}
		if err := encoder.Encode(result); err != nil {
			panic(err)
		}
	}
	unescape := strings.NewReplacer("⏎", "\n", "⇥", "\t", "␍", "\r")
	for _, line := range strings.Split(strings.TrimRight(cases, "\n"), "\n") {
		switch {
		case strings.HasPrefix(line, "#dot "):
			dot, option = line[5:], ""
		case strings.HasPrefix(line, "#option "):
			option = line[8:]
		case line == "" || strings.HasPrefix(line, "# "):
		default:
			run(unescape.Replace(line))
		}
	}
	dot, option = "rich", ""
	kinds := []string{"nil", "yes", "int", "negative", "byte", "uint64", "float", "tiny", "huge", "text",
		"unicode", "binary", "control", "bytes", "list", "texts", "numbers", "noTexts", "map", "labels",
		"point", "named", "complex"}
	verbs := []string{"%v", "%+v", "%#v", "%T", "%t", "%d", "%+d", "%x", "%X", "%#x", "% x", "% #X", "%o", "%#o",
		"%O", "%b", "%c", "%q", "%+q", "%#q", "%U", "%#U", "%e", "%E", "%f", "%F", "%g", "%G", "%#g", "%s", "%5s",
		"%-8s|", "%.2s", "%8.3f", "%08.3f", "%+.2e", "%6d", "%-6d|", "%06d", "%+06d", "%.3d", "%8.3d", "% d",
		"%08v", "%12v", "%-12v|", "%.1v", "%20q", "%.3x", "%10x", "%w", "%z", "%!", "%5.1f", "%.0f", "%#.3x"}
	for _, verb := range verbs {
		for _, kind := range kinds {
			run(fmt.Sprintf("{{printf %q .%s}}", verb, kind))
		}
	}
	for _, number := range []string{"0.0", "-0.0", "1.0", "100000.0", "1000000.0", "123456789.0", "0.0001", "0.00001",
		"1e20", "1e21", "1e22", "1e100", "5e-324", "1.7976931348623157e308", "0.1", "2.5", "3.5", "1.005", "99.995"} {
		for _, verb := range []string{"%v", "%g", "%e", "%f", "%b", "%x", "%X", "%.0f", "%.1f", "%.2f", "%.3g", "%.10g",
			"%.0e", "%.17e", "%.30f", "%#v", "%#g", "%#.3g", "%#f", "%#.0f", "%#x", "%.2x", "%.0x", "%+g", "% g", "%012g"} {
			run(fmt.Sprintf("{{printf %q %s}}", verb, number))
		}
	}
}
