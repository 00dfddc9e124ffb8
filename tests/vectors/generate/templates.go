package main

import (
	"fmt"

	ssv1 "github.com/bitnami/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const dockerConfig = `{"auths":{"{{ .registry }}":{"username":"{{ .user }}","password":{{ toJson .password }},"auth":"{{ printf "%s:%s" .user .password | b64enc }}"}}}`

// rendered: one template each over the same sealed values.
var rendered = map[string]string{
	"case 10, index":                  `secret {{ index . "foo" }} !`,
	"case 10, toJson":                 `{"password": {{ toJson .password }}}`,
	"case 11, missing field":          `{{ .nope }}`,
	"case 11, missing index":          `[{{ index . "nope" }}]`,
	"printf of nothing":               `{{ printf "%s" .none }}`,
	"toJson of nothing":               `{{ .none | toJson }}`,
	"toJson escapes HTML":             `{{ toJson .html }}`,
	"toRawJson does not":              `{{ toRawJson .html }}`,
	"toPrettyJson":                    `{{ dict "a" .html "b" (list 1 2.5 nil true) | toPrettyJson }}`,
	"toJson of dot":                   `{{ toJson . }}`,
	"docker configuration":            dockerConfig,
	"trim markers":                    "a\n{{- /* gone */ -}}\n b {{- .foo -}} c",
	"if with else":                    `{{ if .foo }}y{{ else }}n{{ end }}{{ with .nope }}{{ . }}{{ else }}none{{ end }}{{ if and .foo (not .nope) }}&{{ end }}`,
	"range over dot":                  `{{ range $k, $v := . }}{{ $k }}={{ len $v }};{{ end }}`,
	"range with break and continue":   `{{ range $i, $e := list 1 2 3 4 }}{{ if eq $e 2 }}{{ continue }}{{ end }}{{ if eq $e 4 }}{{ break }}{{ end }}{{ $e }}{{ end }}`,
	"range over a number":             `{{ range $i := 3 }}{{ $i }}{{ end }}`,
	"define and template":             `{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .foo }}{{ template "t" .user }}`,
	"block":                           `{{ block "b" .foo }}[{{ . }}]{{ end }}`,
	"assignment":                      `{{ $a := "x" }}{{ range list 1 2 }}{{ $a = printf "%s%d" $a . }}{{ end }}{{ $a }}`,
	"numbers print as Go has them":    `{{ 1.50 }} {{ 1e3 }} {{ 0x10 }} {{ 1_000 }} {{ 'a' }} {{ -0.0 }} {{ 1e21 }}`,
	"printf verbs":                    `{{ printf "%q|%x|%X|%5s|%-5s|%05d|%.2f|%v|%T|%%|%t" .foo .foo .user "a" "b" 42 3.14159 (list 1 "a") .foo true }}`,
	"printf mistakes":                 `{{ printf "%d" .foo }}{{ printf "%s" 1 }}{{ printf "%z" 1 }}{{ printf "%s" }}{{ printf "x" 1 }}`,
	"comparison":                      `{{ eq .foo "bar" "baz" }}{{ ne .foo "x" }}{{ lt 1 2 }}{{ ge 2.5 2.5 }}{{ gt "b" "a" }}`,
	"html, js, urlquery":              `{{ html .html }}|{{ js .html }}|{{ urlquery .password }}`,
	"b64 and digests":                 `{{ .foo | b64enc }}{{ "YmFy" | b64dec }}{{ sha256sum .foo }}{{ sha1sum .foo }}{{ adler32sum .foo }}`,
	"default, coalesce, ternary":      `{{ default "d" .nope }}{{ coalesce .nope .foo }}{{ ternary "y" "n" true }}{{ empty .none }}`,
	"strings":                         `{{ .user | upper | quote }}{{ .foo | repeat 2 }}{{ trimSuffix "r" .foo }}{{ nospace " a b " }}{{ indent 2 .foo }}{{ nindent 2 .foo }}{{ snakecase "FooBar" }}{{ title "a b" }}`,
	"lists":                           `{{ splitList "," "a,b,c" | join "-" }}{{ list 3 1 2 | sortAlpha | join "" }}{{ first (list 1 2) }}{{ has 1 (list 1 2) }}{{ uniq (list 1 1 2) }}`,
	"dictionaries":                    `{{ $d := dict "k" .foo }}{{ $d.k }}{{ hasKey $d "k" }}{{ keys $d }}{{ get $d "none" }}{{ set $d "z" 1 | toJson }}`,
	"regular expressions":             `{{ regexReplaceAll "[aeiou]" .user "_" }}{{ regexMatch "[" "a" }}{{ regexFindAll "." .foo 2 }}`,
	"arithmetic":                      `{{ add 1 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }} {{ max 1 5 2 }} {{ atoi "x" }} {{ int64 "0x10" }} {{ float64 "1.5" }} {{ round 2.555 2 }}`,
	"semver":                          `{{ semverCompare "^1.2.0" "1.3.4" }}{{ (semver "1.2.3-a+b").Prerelease }}`,
	"dates of a fixed time":           `{{ toDate "2006-01-02" "2024-02-29" | date "Mon Jan 2 2006" }}`,
	"urls":                            `{{ urlParse "https://u:p@h:1/p?q#f" | toJson }}`,
	"sealed text with template marks": `{{ .braces }}`,
	"comparison of several kinds":     `{{ eq 1 1 }}{{ eq "a" "a" }}{{ eq 1.0 1.0 }}{{ eq true true }}`,
	"unicode":                         `{{ "ü" | upper }}{{ len "ü" }}{{ trunc 1 "aü" }}{{ substr 0 2 "abc" }}`,
	"raw string and comments":         "{{/* c */}}{{ `a\\n` }}{{ \"a\\tb\" }}",
	"call chain":                      `{{ .foo | printf "%s-%s" "a" | upper | quote }}`,
	"derived password":                `{{ derivePassword 1 "long" .password .user "example.com" }}`,
	"untyped map print":               `{{ dict "b" 1 "a" (list "x") }}`,
	"a pipe that leads nowhere":       `{{ .foo | }}`,
	"slice":                           `{{ slice (list 1 2 3) 1 2 }}`,
	"empty template":                  ``,
	"only text":                       `no actions { } here`,
	"NUL byte out":                    `{{ "AA==" | b64dec }}`,
}

// unreadable: upstream's words exactly, since no value can be in them.
var unreadable = map[string]string{
	"env":            `{{ env "HOME" }}`,
	"expandenv":      `{{ expandenv "$HOME" }}`,
	"getHostByName":  `{{ getHostByName "localhost" }}`,
	"include":        `{{ include "a" . }}`,
	"tpl":            `{{ tpl "a" . }}`,
	"required":       `{{ required "a" .foo }}`,
	"lookup":         `{{ lookup "v1" "Secret" "a" "b" }}`,
	"toYaml":         `{{ toYaml . }}`,
	"fromYaml":       `{{ fromYaml "a" }}`,
	"unclosed":       `{{ .foo`,
	"unclosed-line":  "a\n{{ .foo\n}",
	"end":            `{{ end }}`,
	"else":           `{{ else }}`,
	"hyphen":         `{{ .my-key }}`,
	"break":          `{{ break }}`,
	"continue":       `{{ continue }}`,
	"missing-end":    `{{ if .foo }}`,
	"quote":          `{{ "a }}`,
	"raw-quote":      "{{ `a }}",
	"char":           `{{ ' }}`,
	"variable":       `{{ $a }}`,
	"comment":        `{{/* a }}`,
	"number":         `{{ 1a }}`,
	"empty":          `{{ }}`,
	"paren":          `{{ (.foo }}`,
	"right-paren":    `{{ .foo) }}`,
	"template-name":  `{{ template a }}`,
	"define-within":  `{{ if true }}{{ define "a" }}{{ end }}{{ end }}`,
	"not-a-function": `{{ .foo | "a" }}`,
	"range":          `{{ range }}{{ end }}`,
	"defined-twice":  `{{ define "x" }}a{{ end }}{{ template "x" }}`,
	"multi-line":     "a\nb\n{{ nope }}",
}

// failing: the place is upstream's; what follows it may hold values there and never does here.
var failing = map[string]string{
	"fail":           `{{ fail "msg" }}`,
	"fail-value":     `{{ fail .password }}`,
	"field-of-text":  `{{ .foo.bar }}`,
	"index-range":    `{{ index .foo 100000 }}`,
	"incomparable":   `{{ eq .foo 1 }}`,
	"arguments":      `{{ abbrev }}`,
	"recursion":      `{{ define "y" }}{{ template "y" }}{{ end }}{{ template "y" }}`,
	"undefined":      `{{ template "nope" }}`,
	"second-line":    "a\n  {{ .foo.bar }}",
	"nil-argument":   `{{ upper .none }}`,
	"range-text":     `{{ range .foo }}{{ end }}`,
	"mustToDate":     `{{ mustToDate "2006-01-02" .password }}`,
	"mustRegexMatch": `{{ mustRegexMatch (cat "[" .password) "a" }}`,
	"fromJson":       `{{ mustFromJson .password }}`,
	"semver":         `{{ semver .password }}`,
	"slice":          `{{ slice .foo 5 }}`,
	"len":            `{{ len 3 }}`,
	"call":           `{{ call .foo }}`,
	"genPrivateKey":  `{{ index (list) 0 }}`,
	"type-of-number": `{{ .foo | trunc "x" }}`,
}

var sealedValues = map[string]string{
	"foo": "bar", "user": "admin", "registry": "registry.example", "password": `hunter2'"=`, "html": `<a href="x">&'`, "braces": `{{ .foo }}`,
}

func writeTemplates() {
	keys := []string{"2048.pkcs1.pem"}
	base := seal("2048", plain("templated", sealedValues))
	with := func(templates map[string]*string) *ssv1.SealedSecret {
		object := base.DeepCopy()
		object.Spec.Template = ssv1.SecretTemplateSpec{Data: templates}
		return object
	}
	single := func(templates map[string]string, faults map[string]string) []object {
		var cases []object
		for _, about := range sorted(templates) {
			cases = append(cases, judge(about, keys, with(texts(map[string]string{"x": templates[about]})), false, faults))
		}
		return cases
	}
	write("templates", "rendered", single(rendered, nil))
	write("templates", "unreadable", single(unreadable, map[string]string{"x": "template-unreadable"}))
	write("templates", "failing", single(failing, map[string]string{"x": "template-failed"}))

	several := with(texts(map[string]string{"a": `{{ env "A" }}`, "b": `{{ end }}`, "c": `{{ .foo }}`, "d": `{{ .foo.d }}`}))
	write("templates", "several-faults", judge("each template has its own fault, and one is enough to refuse all", keys, several, false,
		map[string]string{"a": "template-unreadable", "b": "template-unreadable", "d": "template-failed"}))

	var precedence []object
	rule := func(about string, templates map[string]*string, faults map[string]string) {
		precedence = append(precedence, judge(about, keys, with(templates), false, faults))
	}
	text := func(text string) *string { return &text }
	rule("case 12: the sealed value wins over its template, in context and output", map[string]*string{"foo": text("templated"), "uses": text("{{ .foo }}")}, nil)
	rule("a shadowed template is still parsed", map[string]*string{"foo": text("{{ end }}")}, map[string]string{"foo": "template-unreadable"})
	rule("a shadowed template is still run", map[string]*string{"foo": text("{{ .foo.bar }}")}, map[string]string{"foo": "template-failed"})
	rule("case 12: null leaves the sealed value out, and siblings see it", map[string]*string{"foo": nil, "uses": text("{{ .foo }}")}, nil)
	rule("null for what does not exist", map[string]*string{"nothing": nil}, nil)
	rule("only nulls", map[string]*string{"foo": nil, "user": nil}, nil)
	rule("siblings are seen unrendered", map[string]*string{"ref": text("{{ .foo }}"), "uses": text("{{ .ref }}")}, nil)
	rule("a template sees its own text", map[string]*string{"self": text("{{ len .self }}")}, nil)
	rule("no templates", map[string]*string{}, nil)
	write("templates", "precedence", precedence)

	alone := &ssv1.SealedSecret{ObjectMeta: metav1.ObjectMeta{Name: "alone", Namespace: "prod"}}
	alone.Spec.EncryptedData = map[string]string{}
	alone.Spec.Template.Data = texts(map[string]string{"a": "plain", "b": "{{ .a }}", "c": "{{ .nope }}"})
	write("templates", "nothing-sealed", judge("case 11: templates alone", keys, alone, false, nil))

	var bad []object
	for index, item := range []struct{ about, text, code string }{
		{"case 13: not base64", "!", "not-base64"},
		{"white space", "Ag A=", "not-base64"},
		{"nothing", "", "truncated"},
	} {
		object := base.DeepCopy()
		object.Spec.EncryptedData = map[string]string{"foo": base.Spec.EncryptedData["foo"], fmt.Sprintf("bad%d", index): item.text}
		object.Spec.Template = ssv1.SecretTemplateSpec{}
		bad = append(bad, judge(item.about, keys, object, false, map[string]string{fmt.Sprintf("bad%d", index): item.code}))
	}
	write("envelopes", "bad-beside-good", bad)
}
