// Package externalsecretsvectors runs templates.txt through the template engine v2 of the real external-secrets
// 0.20.4 and writes what came out. Refresh with: TZ=UTC go test -count=1 ./...
//
// What the engine draws at random for PKCS#12 comes from a sequence that the Rust test has too, so that archives
// are equal to the byte. certSANs and hexdec are of 2.9: they run in this file's words, on Go's own library.
package externalsecretsvectors

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"text/template"

	esapi "github.com/external-secrets/external-secrets/apis/externalsecrets/v1"
	"github.com/external-secrets/external-secrets/pkg/feature"
	engine "github.com/external-secrets/external-secrets/pkg/template/v2"
	corev1 "k8s.io/api/core/v1"
	"software.sslmate.com/src/go-pkcs12"
)

type vector struct {
	Template string            `json:"template"`
	Left     string            `json:"left,omitempty"`
	Right    string            `json:"right,omitempty"`
	Scope    string            `json:"scope,omitempty"`
	Output   *string           `json:"output,omitempty"`
	Bytes    []byte            `json:"bytes,omitempty"`
	Entries  map[string]string `json:"entries,omitempty"`
	Fault    string            `json:"fault,omitempty"`
	Message  string            `json:"message,omitempty"`
}

// sequence is SplitMix64.
type sequence struct{ state uint64 }

func (s *sequence) Read(into []byte) (int, error) {
	for at := 0; at < len(into); at += 8 {
		s.state += 0x9e3779b97f4a7c15
		mixed := s.state
		mixed = (mixed ^ mixed>>30) * 0xbf58476d1ce4e5b9
		mixed = (mixed ^ mixed>>27) * 0x94d049bb133111eb
		mixed ^= mixed >> 31
		for byteAt := at; byteAt < min(at+8, len(into)); byteAt++ {
			into[byteAt] = byte(mixed)
			mixed >>= 8
		}
	}
	return len(into), nil
}

func certSANs(input string) ([]string, error) {
	if begin := strings.Index(input, "-----BEGIN"); begin >= 0 {
		input = input[begin:]
	}
	found, _ := pem.Decode([]byte(input))
	if found == nil {
		return nil, errors.New("failed to decode PEM block")
	}
	certificate, err := x509.ParseCertificate(found.Bytes)
	if err != nil {
		return nil, errors.New("failed to parse certificate: " + err.Error())
	}
	names := append([]string{}, certificate.DNSNames...)
	for _, address := range certificate.IPAddresses {
		names = append(names, address.String())
	}
	names = append(names, certificate.EmailAddresses...)
	for _, address := range certificate.URIs {
		names = append(names, address.String())
	}
	return names, nil
}

func hexdec(text string) string {
	decoded, err := hex.DecodeString(text)
	if err != nil {
		return err.Error()
	}
	return string(decoded)
}

func setDelimiters(left, right string) {
	for _, each := range feature.Features() {
		if each.Flags.Lookup("template-left-delimiter") != nil {
			if each.Flags.Set("template-left-delimiter", left) != nil || each.Flags.Set("template-right-delimiter", right) != nil {
				panic("the delimiters cannot be set")
			}
			return
		}
	}
	panic("no feature has delimiters")
}

func evaluate(source string, scope esapi.TemplateScope, dot map[string][]byte) (result vector) {
	result.Template = source
	pkcs12.Modern = pkcs12.Modern2023.WithRand(&sequence{7})
	secret := &corev1.Secret{}
	err := engine.Execute(map[string][]byte{"t": []byte(source)}, dot, scope, esapi.TemplateTargetData, secret)
	if err != nil {
		result.Message = err.Error()
		if at := strings.Index(result.Message, "unable to parse template at key"); at >= 0 {
			result.Fault = "parse"
		} else if strings.HasPrefix(result.Message, "could not unmarshal") {
			result.Fault = "entries"
		} else {
			result.Fault = "run"
		}
		if result.Fault != "entries" && scope == esapi.TemplateScopeValues {
			result.Message = result.Message[strings.Index(result.Message, "template: t:"):]
		}
		return result
	}
	if scope == esapi.TemplateScopeKeysAndValues {
		result.Entries = map[string]string{}
		for key, value := range secret.Data {
			result.Entries[key] = string(value)
		}
		return result
	}
	out := secret.Data["t"]
	text := string(out)
	if strings.ToValidUTF8(text, "") != text {
		result.Bytes = out
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
	TestValues(t)
	dot := readValues(t)
	functions := engine.FuncMap()
	var names []any
	for name := range functions {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i].(string) < names[j].(string) })
	write(t, "names.jsonl", names)
	compareSprig(t)

	functions["certSANs"], functions["hexdec"] = certSANs, hexdec
	unescape := strings.NewReplacer("⏎", "\n", "⇥", "\t", "␍", "\r")
	var vectors []any
	seen := map[string]bool{}
	scope, left, right := esapi.TemplateScopeValues, "{{", "}}"
	for _, line := range strings.Split(string(must(os.ReadFile("templates.txt"))), "\n") {
		if directive, found := strings.CutPrefix(line, "#scope "); found {
			scope = esapi.TemplateScope(directive)
			continue
		}
		if directive, found := strings.CutPrefix(line, "#delimiters "); found {
			left, right, _ = strings.Cut(directive, " ")
			continue
		}
		if line == "" || strings.HasPrefix(line, "# ") {
			continue
		}
		if seen[left+line] {
			t.Errorf("twice: %s", line)
		}
		seen[left+line] = true
		setDelimiters(left, right)
		result := evaluate(unescape.Replace(line), scope, dot)
		if left != "{{" || right != "}}" {
			result.Left, result.Right = left, right
		}
		if scope != esapi.TemplateScopeValues {
			result.Scope = string(scope)
		}
		vectors = append(vectors, result)
	}
	write(t, "expected.jsonl", vectors)
	t.Logf("%d vectors, %d names", len(vectors), len(names))
}

// compareSprig writes what external-secrets' copy of sprig makes otherwise than sprig itself, of sprig's own vectors.
func compareSprig(t *testing.T) {
	var data map[string]any
	var differing []any
	synctest.Test(t, func(t *testing.T) {
		for _, line := range strings.Split(string(must(os.ReadFile("../sprig/expected.jsonl"))), "\n") {
			var theirs vector
			if line == "" {
				continue
			}
			if err := json.Unmarshal([]byte(line), &theirs); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(must(os.ReadFile("../sprig/dot.json")), &data); err != nil {
				t.Fatal(err)
			}
			ours := vector{Template: theirs.Template}
			parsed, err := template.New("t").Funcs(engine.FuncMap()).Parse(theirs.Template)
			var out bytes.Buffer
			if err != nil {
				ours.Fault, ours.Message = "parse", err.Error()
			} else if err := parsed.Execute(&out, data); err != nil {
				ours.Fault, ours.Message = "run", err.Error()
			} else if text := out.String(); strings.ToValidUTF8(text, "") == text {
				ours.Output = &text
			} else {
				ours.Bytes = out.Bytes()
			}
			same := ours.Fault == theirs.Fault && bytes.Equal(ours.Bytes, theirs.Bytes) &&
				(ours.Output == nil) == (theirs.Output == nil) && (ours.Output == nil || *ours.Output == *theirs.Output)
			if !same {
				differing = append(differing, ours)
			}
		}
	})
	write(t, "sprig-differs.jsonl", differing)
}
