package main

import "strings"

// One plain, quoted or tagged scalar a line; all of them keep to one line.
const scalarInputs = `
y
Y
yes
Yes
YES
yEs
n
N
no
No
NO
nO
true
True
TRUE
tRUE
false
False
FALSE
on
On
ON
oN
off
Off
OFF
~
null
Null
NULL
nULL
nil
none
""
''
"yes"
'no'
"12"
'null'
0
-0
+0
1
-1
+1
12
-12
+12
007
08
09
0755
0o755
0O17
-0755
+0755
0x10
0X1f
-0x10
+0x10
0xg
0x
0b101
0B101
-0b101
+0b101
0b2
0b
0b-1
0b+1
0b_1
1_000
1_000_000
_1000
1__000
1000_
0x_10
0x1_0
0_755
9223372036854775807
9223372036854775808
-9223372036854775808
-9223372036854775809
18446744073709551615
18446744073709551616
123456789012345678901234567890
0xFFFFFFFFFFFFFFFF
0xFFFFFFFFFFFFFFFFF
0x7FFFFFFFFFFFFFFF
01777777777777777777777
1.0
1.5
1.50
-1.5
+1.5
.5
-.5
+.5
5.
-5.
1.
.
..
...x
.e5
.5e3
.5e-3
1e3
1E3
1e+3
1e-3
1.5e3
-1.5e-3
+1.5E+3
1e
1e+
e3
1e400
-1e400
1e308
1e-400
1e21
1e20
1e6
1e5
123456789.0
1234567.5
100000.5
999999.5
0.1
0.2
0.30000000000000004
0.0001
0.00001
0.000001
0.0000001
1.7976931348623157e308
2.2250738585072014e-308
4.9e-324
3.4028235e38
3.4028236e38
1e39
16777217.0
16777216.5
3.141592653589793
1.1
1.10
1.01
-0.0
0.0
+0.0
1_0.5
1_0.5_0
.1_0
.1__0
._1
.1_
1.5_e3
1e1_0
.inf
.Inf
.INF
+.inf
-.inf
-.Inf
+.INF
.iNF
inf
-inf
+inf
Infinity
.nan
.NaN
.NAN
.Nan
nan
NaN
0x1p4
0x1.8p1
1:20
1:20:30
190:20:30
-1:20
12:60
12:59
1:2:3.5
1:20.
1:2x
12:30:45
2001-01-01
2001-1-1
2001-12-14
2001-13-01
2001-02-29
2000-02-29
2001-12-14t21:59:43.10-05:00
2001-12-14T21:59:43Z
2001-12-14T21:59:43
2001-12-14 21:59:43.10 -5
2001-12-14 21:59:43
2001-12-14 21:59:43.10
2001-12-15 2:59:43.10
2001-12-15 2:5:3
2001-12-15 24:00:00
2001-12-15T2:59:43.10Z
2001-12-15T02:59:43+24:60
2001-12-15T02:59:43+25:00
2001-12-15T02:59:43+0100
2001-12-15T02:59:43,5Z
2001-12-15T02:59:43.Z
2001-12-15T02:59:60Z
2001-12-15x
02001-01-01
20010101
2001-01
2002
a
abc
a b
a: b
a:b
a #b
a#b
#a
- a
-a
-
--
---x
+
++
+a
-a1
1a
1-2
1.2.3
1.2.3.4
192.168.0.1
127.0.0.1:8080
v1
v1.2
1Gi
100m
5s
1h30m
=
<
<<
>=1.0
!a
a!
?a
a?
:a
a:
@a
%a
*.example.com
/etc/passwd
C:\path
foo@example.com
http://example.com/?a=b&c=d
YWJj
YWJjZA==
AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq=
1234567890abcdef
0123456789
00
000
0e0
00e1
0x1e
1e1000
12e03
12e3
12E+30
4e-7
6e7
5e5
!!str 5
!!str yes
!!str
!!str ""
!!int 5
!!int "5"
!!int 0x10
!!int 1.5
!!int a
!!int 99999999999999999999
!!float 5
!!float 1.5
!!float "1.5"
!!float .inf
!!float 18446744073709551615
!!float a
!!bool yes
!!bool "no"
!!bool a
!!bool 1
!!null ~
!!null ""
!!null a
!!timestamp 2001-01-01
!!timestamp a
!!binary YWJj
!!binary "YWJjZA=="
!!binary YWJ
!!binary gIA=
!!binary "*"
!!foo 5
!foo 5
!foo yes
! 5
! "5"
! yes
!<tag:yaml.org,2002:int> "7"
!<tag:yaml.org,2002:str> 7
!!merge a
"a\tb\u00e9\x41\n"
"\U0001F600"
"a\/b"
"\e\0\a\b\v\f\r\N\_\L\P"
'it''s'
"5"
"0x10"
"~"
ünïcode
日本
😀
tRue
falsey
nope
yess
Oni
offset
~a
~~
.5.5
1,000
1;2
1 000
`

var documentInputs = []string{
	"", "\n", "# c\n", "---\n", "--- # c\n", "...\n", "~\n", "a\n", "5\n", "[]\n", "{}\n", "[1, 2.5, yes, ~]\n",
	"a: 1\n", "a:\n", "a: ~\nb: null\nc: ''\n", "a: 1\nb:\n  c: 2\n  d:\n  - e\n  - f: g\n    h: i\n",
	"n: a\ny: b\n", "yes: a\nno: b\non: c\noff: d\n", "1: a\n2.5: b\ntrue: c\n0x10: d\n", "~: a\n", "null: a\n",
	".inf: a\n-.inf: b\n.nan: c\n", "18446744073709551615: a\n", "1e10: a\n1.5e300: b\n0.1: c\n", "2001-01-01: a\n",
	"[a]: b\n", "{a: b}: c\n", "? a\n: b\n? c\n", "'1': a\n\"2\": b\n",
	"a: 1\na: 2\n", "a: 1\nb: {c: 1, c: 2}\n", "a: &x 1\nb: *x\n", "a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "a: &x {b: *x}\n",
	"a: *x\n", "&a a: b\nc: *a\n", "*a : b\n", "x: &x k\n*x : v\n",
	"base: &b {a: 1, b: 2}\nc:\n  <<: *b\n  b: 3\n", "base: &b {a: 1, b: 2}\nc:\n  b: 3\n  <<: *b\n",
	"a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  <<: [*a, *b]\n", "c:\n  <<: {a: 1}\n  d: 2\n", "c:\n  <<: 5\n",
	"c:\n  '<<': {a: 1}\n", "c:\n  <<: [5]\n", "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n",
	"a: |\n  x\n  y\n", "a: |-\n  x\n  y\n\n", "a: |+\n  x\n\nb: 1\n", "a: |2\n    x\n  y\n", "a: |\n  x", "a: |\n  x\n\n", "a: |+\n  x",
	"a: >\n  x\n  y\n\n  z\n    w\n  v\n", "a: >-\n  x\n\n\n  y\n", "a: |\n\n  x\n", "a: |\n", "a: >\n", "a: |\nb: 1\n",
	"a: x\n  y\n  z\n", "a: x\n\n  y\n", "a: 'x\n  y'\n", "a: \"x\n  y\\\n  z\"\n", "a: \"x\n\n  y\"\n",
	"\ufeffa: 1\n", "a: 1\r\nb: |\r\n  x\r\n  y\r\n", "a: 1\rb: 2\r", "a: 1 # c\n# d\nb: 2\n",
	"{a: 1, b: [2, 3], c: {d: e}}\n", "{a: 1, b,}\n", "{\"a\":1}\n", "{\"a\":\"b\\u003c\"}\n", "[a, b: c]\n", "{a:1}\n", "[a,b]\n",
	"{a: 'b', \"c\": \"d\"}\n", "- a\n- - b\n  - c\n-\n  - d\n", "- a: 1\n  b: 2\n-\n- c\n", "a:\n- b\n- c\nd: e\n",
	"a: b: c\n", "a: [1\n", "a: {b\n", "a: 'b\n", "\ta: 1\n", "a:\n\tb: 1\n", "a: @b\n", "a: `b\n", "a: %b\n", "- a\nb: c\n", "a: 1\n b: 2\n",
	"a: 1\n---\nb: 2\n", "a: 1\n...\nb: 2\n", "%YAML 1.1\n---\na: 1\n", "%YAML 1.2\n---\na: 1\n", "%TAG ! tag:x,2000:\n---\na: !b c\n",
	"a: !!str 1\nb: !!int '2'\n", "a: !!set {b, c}\n", "a: !!seq [1]\n", "a: !!map {b: 1}\n", "!!map {a: 1}\n", "a: !foo {b: 1}\n", "a: !!omap [b: 1]\n",
	"apiVersion: v1\nkind: Secret\nmetadata:\n  name: n\nstringData:\n  port: 5432\n  on: yes\n  empty:\n  multi: |\n    a\n    b\n",
	"a: \"\\ud83d\\ude00\"\n", "a: \"\\x41\\u00e9\"\n", "a: b#c\nd: e #f\n", "a: -\n", "a: - b\n", "a: ?\n", "a: ? b\n", "a: :b\n", "a: b:c\n", "a::b: c\n",
	"a: 1\n\n\n# end\n", "  a: 1\n  b: 2\n", "a: \n  - 1\n  - 2\n", "a: &x\nb: *x\n", "a: &x !!str\nb: !!str &y\n", "? |\n  k\n: v\n",
	"a: 123456789012345678901234567890\nb: 1e400\nc: 0x\n", "a: 'b' c\n", "a: \"b\"c\n", "a: {b: c}d\n", "key with spaces: v\n\"a: b\": c\n", "a: b\n  \n\t\nc: d\n",
}

var textPieces = []string{
	"a", "b", "Z", "0", "1", "9", " ", " ", "  ", "\n", "\n", "\n\n", "\t", ":", ": ", " #", "#", "-", "- ", "?", "? ", ",", "[", "]", "{", "}",
	"&", "*", "!", "|", ">", "'", "\"", "%", "@", "`", "\\", "=", "<", "~", ".", "e", "x", "_", "é", "日", "😀", "\r", "\r\n", "\u00a0", "\x00", "\x1b",
	"null", "true", "yes", "---", "...", "/", "+", "(", ")", ";", "$", "^",
}

var textInputs = append([]string{
	"", " ", "  ", "\n", "\n\n", "\n\n\n", "a\n", "a\n\n", "a\n\n\n", "\na", "\n\na", " a", "a ", " a ", "a\nb", "a\nb\n", "a\n\nb", "a\n b", " a\nb", "a \nb", "a\nb ",
	"a\n b\n", "  a\n b\n", "a\n\n\n b\n\n", "a\tb", "\ta", "a\t", "a\t\nb", "\t", "\ta\nb", "a\n\tb", "a\rb", "a\r\nb\r\n", "\r", "\x00", "\x01", "\x1b[0m", "\x07\x08\x0b\x0c\x0d\x0e",
	"é", "日本語", "日本語\nテキスト\n", "😀", "a😀\nb", "\u00a0", "\u00a0a", "a\u00ad", "\u200b", "\ue000", "\ufffd", "\ufeff", "\ufeffa b", "a\ufeff", "\ufeff\n",
	"-", "- a", "-a", "--", "---", "--- a", "---a", "----", "...", "... a", "....", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
	"?", "? a", "?a", ":", ": a", ":a", "a:", "a: b", "a:b", "a :b", "a : b", "#", "#a", "a#", "a #", "a #b", "a# b", "&a", "*a", "!a", "!!str a", "|", "|a", ">", ">a", "'", "'a", "a'b", "it's", "''",
	"\"", "\"a\"", "a\"b", "\\", "a\\b", "%", "%a", "@a", "`a", ",", ",a", "a,b", "[", "[a", "[a]", "]", "a]", "{", "{a", "{a}", "{}", "[]", "}", "{{ .x }}", "${x}", "$(x)", "a,", "a, b",
	"=", "<", "<a>", "a & b", "a < b > c", "</script>", "it's: \"both\"", "'\"", "#!/bin/sh\necho hi\n", "{\"auths\":{\"r\":{\"auth\":\"YTpi\"}}}", "{\n  \"a\": 1\n}\n", "key=value\nother=value\n",
	"a\nb: c\n# d\n", "- a\n- b\n", "a:\n  b:\n    c\n", "trailing space \nx", "x\n trailing", "x\n\n  y\n\n", "\n x", "\n\n x\n", "a\n ", "a\n \n", "a\n \nb", " \n", " \na", "\n ",
	strings.Repeat("a", 79), strings.Repeat("a", 80), strings.Repeat("a", 81), strings.Repeat("a", 127), strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("é", 64), strings.Repeat("é", 65), strings.Repeat("a", 500),
	strings.Repeat("a ", 40), strings.Repeat("a ", 40) + "a", strings.Repeat("word ", 30) + "end", strings.Repeat("word  ", 30) + "end", strings.Repeat("word ", 30) + "end\nsecond", strings.Repeat("a", 90) + " b", strings.Repeat("a", 90) + "  b",
	strings.Repeat("a", 90) + " b c", strings.Repeat("it's ", 30) + ": end", strings.Repeat("a: b ", 30) + "end", strings.Repeat("\"q\" ", 30) + ": end", strings.Repeat("t\tab ", 30) + "end", strings.Repeat("t\tab  ", 30) + "end",
	strings.Repeat("é日 ", 40) + "end", strings.Repeat("x", 78) + " y", strings.Repeat("x", 79) + " y", strings.Repeat("x", 77) + " y", strings.Repeat("x", 76) + " y z", "'" + strings.Repeat("x", 90) + " y", "\t" + strings.Repeat("x", 90) + " y", "\t" + strings.Repeat("x", 90) + "  y",
	"\t" + strings.Repeat("x", 90) + " ", "# " + strings.Repeat("x", 90) + " y z", strings.Repeat("x", 90) + "   y   z   w",
}, lengths()...)

// Lines that end around the column where go-yaml folds, in each style.
func lengths() (texts []string) {
	for length := 70; length <= 84; length++ {
		word := strings.Repeat("w", length)
		texts = append(texts, word+" tail of words", "# "+word+" tail of words", word+" tail\tof words", word+" it's #of words: x")
	}
	return texts
}

var valueInputs = []string{
	`null`, `true`, `5`, `-5`, `1.5`, `"a"`, `""`, `[]`, `{}`, `[[]]`, `[{}]`, `{"a":[]}`, `{"a":{}}`, `{"a":null}`, `[null]`, `[[1,2],[3,[4,5]],[]]`, `[{"a":1,"b":2},{"c":[1]}]`,
	`{"a":{"b":{"c":[1,{"d":[{"e":"f"}]}]}}}`, `{"a":[["b"],{"c":"d"}]}`, `{"b":1,"a":2,"a10":3,"a2":4,"A":5,"_":6,"1":7,"10":8,"2":9,"a-b":10,"a.b":11,"a/b":12,"ab":13}`,
	// No a1b beside a2 and a10: go-yaml's order goes in circles there, and its output is random.
	`{"01":1,"1":2,"001":3,"1a":4,"a1":5,"a2":6,"a10":7,"a10b2":8,"a10b10":9,"é":10,"z":11,"0":12,"00":13}`,
	`{"tls.crt":"a","tls.key":"b","ca.crt":"c",".dockerconfigjson":"d","FOO_BAR":"e","FOO-BAR":"f","foo":"g","FOO":"h"}`,
	`{"yes":1,"no":2,"5":3,"0x1":4,"null":5,"~":6,"":7,"true":8,"1.5":9,"a b":10,"a: b":11,"#":12,"- ":13,"2001-01-01":14}`,
	`[1e21,1e20,1e6,123456789.5,0.1,1e-5,1e-7,1.0,100.0,-0.0,9007199254740993,9223372036854775807,1.7976931348623157e308,5e-324,1e-6,1e15,123456789012345680000]`,
	`{"a":"<b> & c","d":"\u0000\u0001\u001f"}`,
	`{"a":"\b\f\n\r\t\"\\/"}`, `{"a":"😀 é"}`, `{"a<b":1,"a&b":2}`,
	`{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"s","namespace":"n","annotations":{"sealedsecrets.bitnami.com/cluster-wide":"true"}},"spec":{"encryptedData":{"b":"AgB","a":"AgA"},"template":{"metadata":{"name":"s","namespace":"n"},"type":"Opaque"}}}`,
	`{"data":{"config":"[a]\nb=c\n","key":"x\n\ny\n"},"list":["a\nb","c"],"nested":{"list":[{"text":"a\nb\n"}]}}`,
	`{"` + strings.Repeat("k", 129) + `":"v","` + strings.Repeat("k", 128) + `":["a"],"` + strings.Repeat("l", 140) + `":["a",{"b":"c"}],"` + strings.Repeat("m", 140) + `":{"x":{"y":"z"}}}`,
}
