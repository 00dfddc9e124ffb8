package main

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var hashedData = []map[string][]byte{
	{},
	{"a": []byte("va1"), "b": []byte("vb1"), "c": []byte("vc1")},
	{"a": []byte("va7"), "b": []byte("vb7"), "c": []byte("vc7")},
	{"a": []byte("A0"), "b": []byte("B0"), "c": []byte("C0")},
	{"k1": []byte("1")},
	{"a": []byte("va1"), "b": []byte("vb1"), "c": []byte("vc1"), "x": []byte("1")},
	{"k": {}},
	{"u": []byte("é")},
	{"bin": {0, 1, 127, 128, 255}},
	{"B": []byte("1"), "a": []byte("2"), "_": []byte("3"), "-": []byte("4"), ".x": []byte("5"), "a.b": []byte("6"), "a-b": []byte("7"), "10": []byte("8"), "9": []byte("9")},
	{"long": []byte(strings.Repeat("x", 5000))},
}

var hashedTexts = []string{
	"", "es1/c-tok", "es1/c-k8s", "es1/vec1", "es1/vec2", "short-name",
	"name-of-forty-characters-aaaaaaaaaaaaaaaa",
	"name-of-seventy-characters-" + strings.Repeat("a", 44),
}

var hashedMetadata = []metav1.ObjectMeta{
	meta(1, nil, nil),
	meta(1, map[string]string{}, map[string]string{}),
	meta(1, map[string]string{"app": "x", "team": "red"}, map[string]string{"note": "hello world"}),
	meta(0, nil, nil),
	meta(12, nil, map[string]string{"force-sync": "1758888888", "kubectl.kubernetes.io/last-applied-configuration": "{\"a\":\"[1 2]\"}\n"}),
	meta(2, map[string]string{"b": "", "a": "é", "a-1": "1", "a.1": "2"}, map[string]string{"": "empty"}),
}

var durationInputs = []string{
	"1h", "1h0m0s", "0", "0s", "-0", "+0", "+5s", "-1.5h", ".5s", "1.s", "5.0s", "5.6s", "5.s", "0.5m", "-.5s", "1h15m30.918273645s",
	"39h9m14.425s", "12\u00b5s", "12\u03bcs", "12us", "10ns", "11ms", "13s", "14m", "15h", "2m3.4s", "1h2m3s4ms5us6ns",
	"9223372036854775807ns", "-9223372036854775808ns", "9223372036854775.807us", "9223372036s854ms775us807ns", "-9223372036854775.808us",
	"-9223372036s854ms775us808ns", "-2562047h47m16.854775808s", "0.3333333333333333333h", "0.100000000000000000000h", "0.830103483285477580700h",
	"0.9223372036854775807h", "0.92233720368547758079999h", "9007199254740993ns", "0.000000000000000000001s",
	"", "3", "-", "+", "s", ".", "-.", ".s", "+.s", "1d", "1w", "1h ", " 1h", "1H", "1h-1m", "1 h", "3000000h", "9223372036854775808ns",
	"-9223372036854775809ns", "9223372036854775.808us", "9223372036854ms775us808ns", "1e3s", "1h1", "0x1s", "1..s", "1.2.3s", "--1s", "1\x00s", "\u0661s",
	"99999999999999999999s", "1h99999999999999999999ns",
}

var scheduleInputs = []string{
	"* * * * *", "0 22 * * *", "*/15 * * * *", "5/20 * * * *", "5-40/20 * * * *", "0 0 1 * *", "0 0 31 * *", "0 0 29 2 *", "0 0 30 2 *",
	"0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "0 0 * * mon-fri", "0 0 * * 5-7", "0 0 13 * 5", "0 0 13 * *", "0 0 */2 * 1", "0 0 ? * ?", "0 12 15 ? 3",
	"0 0 1 jan,Jul *", "30 4 1,15 * 5", "0 9-17/4 * * MON,WED", "59 23 31 12 *", "0 0 1-5,20-25/3 */3 *", "0-59/59 * * * *", "1,2,,3 * * * *",
	"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@every 1h", "@every 90m", "@every 1.5s", "@every 500ms", "@every 0s", "@every -1h", "@every 1h30m",
	"@every", "@every x", "@reboot", "@Daily", "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8",
	"a * * * *", "*/0 * * * *", "5-1 * * * *", "1-2-3 * * * *", "*/2/3 * * * *", "-1 * * * *", "1.5 * * * *", "* * * foo *", "  0   22  *  * * ", "0\t22\t*\t*\t*",
	"*-5 * * * *", "*,5 * * * *", "+5 * * * *", "05 * * * *", "0 0 L * *", "0 0 * * 5#2", "*/70 * * * *", "0 0 10-20/5 * 1-3",
}

var scheduleTimes = []string{
	"2026-06-01T22:00:00Z", "2026-06-01T21:59:59.5Z", "2024-02-28T23:59:30Z", "2026-12-31T23:59:59.999999999Z",
}

var nameInputs = [][]string{
	{"a"}, {"foo/bar"}, {"foo/bar", "foo_bar"}, {"a b", "a.b", "a-b"}, {"dev/config/x"}, {"ünï"}, {"日本"}, {"a\u0301"}, {"½"}, {"Ⅷ"}, {"٣"},
	{"😀"}, {"a\u00a0b"}, {""}, {"", "a"}, {"$", "%"}, {"$", "_"}, {"a\x00b"}, {"tab\tnew\nline"}, {strings.Repeat("a", 253)}, {strings.Repeat("a", 254)}, {strings.Repeat("ü", 126), strings.Repeat("ü", 127)},
	{"ǅ", "ʰ", "ª", "ⓐ", "Ⓐ", "〇", "㈠", "²"}, {"\u200d", "\ufeff"}, {"x\u2028y"}, {"𐍈", "𝒳", "🄐"}, {"_U0024_", "$x"},
}

var encodedInputs = []string{
	"", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYg", "Zm9vYg=", "Zm 9v", "Zm\n9v\r\n", "plain text", "+/+/", "-_-_", "-/-_", "aGVsbG8gd29ybGQ=", "YmF=", "abcd", "abc", "====", "A===", "Zm9v=", "Zm9vZm9v\n\n", "\n", "é", "\x00\xff", "e30=", "-_==", "_w==", "/w==",
}

var rewriteInputs = []struct {
	rewrite string
	in      map[string]string
}{
	{`[]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"exa-(.*)-ple","target":"$1"}}]`, map[string]string{"exa-x-ple": "1", "other": "2"}},
	{`[{"regexp":{"source":"(?P<first>[a-z]+)-([a-z]+)","target":"${2}_$first"}}]`, map[string]string{"one-two": "1"}},
	{`[{"regexp":{"source":"/","target":"_"}},{"regexp":{"source":"^dev_","target":""}}]`, map[string]string{"dev/config": "1", "dev/a/b": "2"}},
	{`[{"regexp":{"source":"","target":"-"}}]`, map[string]string{"ab": "1"}},
	{`[{"regexp":{"source":"b*","target":"-"}}]`, map[string]string{"abbc": "1", "é": "2"}},
	{`[{"regexp":{"source":"a","target":"$1x"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"a","target":"$$"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"a","target":"$"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"a","target":"${1"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"(a","target":"x"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"a(?=b)","target":"x"}}]`, map[string]string{"a": "1"}},
	{`[{"regexp":{"source":"\\d","target":"n"}}]`, map[string]string{"a1b2": "1", "٣": "2"}},
	{`[{"regexp":{"source":"\\pL+","target":"n"}}]`, map[string]string{"日本1": "1"}},
	{`[{"regexp":{"source":".*","target":"x"}}]`, map[string]string{"a": "1"}},
	{`[{"transform":{"template":"{{ .value | upper }}"}}]`, map[string]string{"a": "1", "b": "2"}},
	{`[{"transform":{"template":"prefix-{{ .value | replace \"/\" \"_\" | trimPrefix \"x\" }}"}}]`, map[string]string{"xa/b": "1"}},
	{`[{"transform":{"template":"{{ .nothing }}"}}]`, map[string]string{"a": "1"}},
	{`[{"transform":{"template":"{{ .value"}}]`, map[string]string{"a": "1"}},
	{`[{"transform":{"template":"{{ fail \"no\" }}"}}]`, map[string]string{"a": "1"}},
	{`[{"transform":{"template":"x"}}]`, map[string]string{"a": "1"}},
	{`[{"merge":{}}]`, map[string]string{"a": `{"x":"1","y":{"z":[1,2]}}`, "b": `{"w":true,"v":null,"u":1.50,"t":1e21,"s":12345678901234567890}`}},
	{`[{"merge":{}}]`, map[string]string{"a": `{"x":"1"}`, "b": `{"x":"2"}`}},
	{`[{"merge":{"conflictPolicy":"Ignore"}}]`, map[string]string{"a": `{"x":"1","q":"a"}`, "b": `{"x":"2"}`}},
	{`[{"merge":{"conflictPolicy":"Ignore","priority":["a"]}}]`, map[string]string{"a": `{"x":"1"}`, "b": `{"x":"2"}`}},
	{`[{"merge":{"conflictPolicy":"Ignore","priority":["b","a"]}}]`, map[string]string{"a": `{"x":"1"}`, "b": `{"x":"2"}`, "c": `{"x":"3"}`}},
	{`[{"merge":{"conflictPolicy":"Ignore","priority":["a","a"]}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"priority":["a","a"]}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"priority":["none"]}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"priority":["none"],"priorityPolicy":"IgnoreNotFound"}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"strategy":"JSON","into":"all"}}]`, map[string]string{"a": `{"x":"<1>","n":1.50}`, "b": `{"y":{"b":1,"a":"&"}}`}},
	{`[{"merge":{"strategy":"JSON","into":"a"}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"strategy":"JSON"}}]`, map[string]string{"a": `{"x":"1"}`}},
	{`[{"merge":{"strategy":"JSON","into":"all","conflictPolicy":"Ignore","priority":["b"]}}]`, map[string]string{"a": `{"x":"1"}`, "b": `{"x":"2"}`, "c": `{"x":"3"}`}},
	{`[{"merge":{}}]`, map[string]string{"a": `plain`}},
	{`[{"merge":{}}]`, map[string]string{"a": `["list"]`}},
	{`[{"merge":{}}]`, map[string]string{"a": `null`}},
	{`[{"merge":{}}]`, map[string]string{}},
	{`[{"merge":{"strategy":"JSON","into":"all"}}]`, map[string]string{}},
	{`[{"merge":{}}]`, map[string]string{"a": `{"h":{"k":"<&>\u2028"},"l":["<"],"s":"<&>"}`}},
	{`[{"merge":{}}]`, map[string]string{"a": `{"x":1,"x":2}`}},
	{`[{"merge":{}},{"transform":{"template":"p_{{.value}}"}}]`, map[string]string{"a": `{"x":"1"}`, "b": `{"y":"2"}`}},
	{`[{"regexp":{"source":"^a","target":"b"}},{"merge":{"priority":["bx"]}}]`, map[string]string{"ax": `{"x":"1"}`}},
}
