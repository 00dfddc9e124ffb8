package main

import (
	"encoding/json"
	"strings"

	"github.com/external-secrets/external-secrets/pkg/esutils"
	"github.com/tidwall/gjson"
)

type property struct {
	In       string `json:"in"` // JSON, as a store answers it
	Property string `json:"property"`
	Whole    string `json:"whole,omitempty"`
	Out      string `json:"out"`
	Missing  bool   `json:"missing,omitempty"`
}

// What the provider vault does with the data of an answer.
func properties() (rows []property) {
	for _, input := range propertyInputs {
		decoder := json.NewDecoder(strings.NewReader(input.json))
		decoder.UseNumber()
		var data map[string]any
		must(decoder.Decode(&data))
		whole, err := json.Marshal(data)
		must(err)
		rows = append(rows, property{In: input.json, Out: string(whole)})
		for _, name := range input.properties {
			row := property{In: input.json, Property: name}
			if _, ok := data[name]; ok {
				value, err := esutils.GetByteValueFromMap(data, name)
				must(err)
				row.Out = string(value)
			} else if value := gjson.Get(string(whole), name); value.Exists() {
				row.Out = value.String()
			} else {
				row.Missing = true
			}
			rows = append(rows, row)
		}
	}
	return rows
}

type extract struct {
	In  string            `json:"in"`
	Out map[string]string `json:"out"` // null where it is refused
}

// What is made of a value by the provider vault's dataFrom.
func extracts() (rows []extract) {
	for _, in := range extractInputs {
		row := extract{In: in}
		var data map[string]any
		if err := json.Unmarshal([]byte(in), &data); err == nil {
			row.Out = map[string]string{}
			for name := range data {
				value, err := esutils.GetByteValueFromMap(data, name)
				must(err)
				row.Out[name] = string(value)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

type path struct {
	In     string `json:"in"`
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
	Out    string `json:"out"`
}

func paths() (rows []path) {
	for _, document := range pathInputs {
		for _, in := range strings.Split(strings.TrimSpace(document.paths), "\n") {
			value := gjson.Get(document.json, in)
			rows = append(rows, path{In: document.json, Path: in, Exists: value.Exists(), Out: value.String()})
		}
	}
	return rows
}

var propertyInputs = []struct {
	json       string
	properties []string
}{
	{`{"foo":{"nested":{"bar":"mysecret","baz":"bang"}},"foo.nested.bar":"literal"}`, []string{"foo.nested.bar", "foo.nested.baz", "foo.nested", "foo", "none", "foo.none"}},
	{`{"s":"text","e":"","n":1.50,"i":42,"big":12345678901234567890,"x":1e21,"neg":-0.0,"t":true,"f":false,"z":null,"o":{"b":1,"a":"<&>"},"l":[1,"two",null,{"k":"<"}],"lo":[],"oo":{}}`,
		[]string{"s", "e", "n", "i", "big", "x", "neg", "t", "f", "z", "o", "l", "lo", "oo", "o.a", "o.b", "l.0", "l.1", "l.2", "l.3", "l.3.k", "l.#", "l.9", "o.none"}},
	{`{"d":{"n":1.50,"i":42,"big":12345678901234567890,"x":1e21,"neg":-0.0,"t":true,"f":false,"z":null,"s":"a\"b\\cé\u2028</","o":{"b": 1,  "a":[ 1 ]},"small":1e-7,"m":-5,"f2":100.0}}`,
		[]string{"d.n", "d.i", "d.big", "d.x", "d.neg", "d.t", "d.f", "d.z", "d.s", "d.o", "d.small", "d.m", "d.f2", "d"}},
	{`{"a.b":"1","a":{"b":"2","c.d":"3"},"*":"star","a*":"as","x\\y":"back","@this":"at","#":"hash","":"empty"}`,
		[]string{"a.b", "a.c\\.d", "a\\.b", "*", "a*", "x\\y", "x\\\\y", "@this", "#", "?", "a.?", "a.@keys", "@pretty", "@ugly", "@valid"}},
	{`{"users":[{"n":"a","p":1},{"n":"b","p":2},{"n":"c","p":3}]}`,
		[]string{"users.#.n", "users.#(n==\"b\").p", "users.#(p>1)#.n", "users.#(p>1)#", "users.1.n", "users.#", "users.#(n==\"zz\")", "users.#(n==\"zz\")#", "users.@reverse.0.n", "users|0|n", "{users.0.n,users.1.p}", "[users.0.n,users.1.p]"}},
	{`{}`, []string{"a", "@this", "#"}},
}

var extractInputs = []string{
	`{"foo":{"nested":{"b":1,"a":"<&>"}},"n":1.5,"b":true,"f":false,"z":null,"s":"t","e":"","l":[1,2.50,"x<"],"big":12345678901234567890,"x":1e21,"y":1e-7,"neg":-0.0,"int":100,"frac":0.1,"long":123456789012345678,"max":1.7976931348623157e308,"tiny":5e-324,"third":0.333333333333333333}`,
	`{"o":{"n":1.50,"big":12345678901234567890,"x":1e21,"y":1e-7,"neg":-0.0,"e":1e20,"h":123456789.125}}`,
	`{"a":1,"a":2}`, `{}`, `null`, `[]`, `"text"`, `1`, `plain`, ``, `{"a":1}x`, ` {"a" : "b"} `, `{"bad":"\ud800","u":"\u00e9","esc":"\"\\\/\b\f\n\r\t"}`, `{"k\u00fcy":"v","":"empty"}`, `{"a":1e400}`,
}

var pathInputs = []struct{ json, paths string }{
	{`{"name":{"first":"Tom","last":"Anderson"},"age":37,"children":["Sara","Alex","Jack"],"fav.movie":"Deer Hunter","friends":[{"first":"Dale","last":"Murphy","age":44,"nets":["ig","fb","tw"]},{"first":"Roger","last":"Craig","age":68,"nets":["fb","tw"]},{"first":"Jane","last":"Murphy","age":47,"nets":["ig","tw"]}],"vals":[{"a":1,"b":"data"},{"a":true},{"a":false},{"a":"0"},{"a":0},{"b":null},{"a":null}]}`, `
name.last
name
age
children
children.0
children.1
children.#
children.-1
children.00
child*.2
c?ildren.0
fav\.movie
fav.movie
friends.#.first
friends.1.last
friends.#.nets.#
friends.#.nets
friends.#.none
friends.#(last=="Murphy").first
friends.#(last=="Murphy")#.first
friends.#(last==Murphy)#.first
friends.#(age>45)#.last
friends.#(age>=47)#.last
friends.#(age<45).first
friends.#(age<=44).first
friends.#(age!=44)#.first
friends.#(first%"D*").last
friends.#(first!%"D*").last
friends.#(nets.#(=="fb"))#.first
friends.#(nets.#(=="fb")).first
friends.#[last=="Murphy"].first
friends.#(first)#.first
friends.#(none)#
friends.#(none)
friends.#(
friends.#(last=="Murphy"
friends.#(last=="Murphy")#|#
friends.#(last=="Murphy")#.#
friends.#|0
friends|#.first
friends.#.first|1
friends.#.first.1
friends|0|nets|1
children.#(="Sara")
children.#(=="Sara")
children.#(!="Sara")#
children.#(%"S*")
children.#(>"B")#
children.#(<"K")#
children.#(=="Sara").x
vals.#(a==true)#
vals.#(a=="true")#
vals.#(a==~true)#
vals.#(a==~false)#
vals.#(a!=~true)#
vals.#(a==~null)#
vals.#(a==~*)#
vals.#(b==~*)#
vals.#(a>0)#
vals.#(a=="0")#
vals.#(a==0)#
children.@reverse
children.@reverse.0
children|@reverse|0
name.@reverse
@reverse
name.@this
@this.age
name.@keys
name.@values
children.@keys
children.@values
age.@keys
@keys
children.@join
friends.#.@this.first
[name.first,age]
{name.first,age}
{"n":name.first,"a":age,"x":none}
[name.first,none,age]
{name.first,"years":age}.years
[children.0,children.1].1
{name.first,age}|@ugly
friends.#.{first,age}
friends.#.[first,age]
friends.#.{first,"n":nets.#}
!"literal"
!true
!{"a":1}.a
[!"x",age]
{age,"k":!"v"}
{"a":!1,name.last}
name.first.
.name
name..first
.
..
..#
name.@pretty
name.@ugly
name.@pretty:{"indent":" ","sortKeys":true}
children.@flatten
@valid
name.@valid.first
name.@tostr
name.@tostr.@fromstr.first
children.@tostr
@none
name.@none
name.@none.first
name.@case:upper
children.@dig:x
@dig:first
@dig:nets
name|first
name|first|
|name
*
?ame.first
n*e.f*t
name.f\irst
n\ame.first
a\*e
friends.0.nets.@join
friends.@join
friends.@join:{"preserve":true}
friends.@group
{"first":friends.#.first,"age":friends.#.age}|@group
children.#.x
age.#
age.0
age.x
none.#
none.@this
none.@keys
friends.#.age|@values
friends.#.age.0
children.3
children.18446744073709551616
friends.#(age==44.0).first
friends.#(age=="44").first
friends.#(nets)#.first
friends.#(nets.0=="ig")#.first
friends.#(nets.1%"t*").first
friends.#(age>40)#.#(age<50)#.first
friends.#(age>40)#|#(age<50)#|#.first
friends.#(first=="Dale").nets.#(=="fb")
friends.#(first=="Dale")|nets|0
children.#(%"*a*")#
children.#(!%"*a*")#
children.#(=="S\u0061ra")
children.#(=="Sa\"ra")
children.#(== "Sara" )
friends.#( last == "Murphy" )#.first
friends.#(last = "Murphy")#.first
friends.#(last==="Murphy")#.first
friends.#(last=>"A")#.first
friends.#(.last=="Murphy").first
friends.#(last.x=="Murphy").first
friends.#(#=="Murphy").first
`},
	{`{"esc":"a\"b\\c\/d\b\f\n\r\té\ud83d\ude00\ud800x","k\"q":1,"k\\b":2,"uni\u00e9":3,"sp ace":4,"tab\tkey":5,"n":-1.5e+3,"big":12345678901234567890,"neg":-9007199254740993,"f":0.1,"e":1E5,"z":0,"nz":-0,"t":true,"fa":false,"nu":null,"em":"","eo":{},"ea":[],"ws": [ 1 , 2 ,  { "a" : [ ] } ] ,"dup":1,"dup":2,"a.b":{"c.d":"x"},"w*":"star","w?":"q","deep":{"er":{"est":{"x":["y",{"z":"!"}]}}}}`, `
esc
k"q
k\"q
k\\b
unié
sp ace
tab	key
n
big
neg
f
e
z
nz
t
fa
nu
em
eo
ea
ws
ws.2
ws.2.a
ws.#
dup
a\.b.c\.d
a\.b
w\*
w\?
w*
w?
deep.er.est.x.1.z
deep.er.est.x.#
deep.er.est.x.1
deep.*.est.x.0
deep.@pretty
deep.@ugly
ws.@ugly
ws.@pretty
nu.x
nu.@this
eo.@keys
eo.@values
ea.@reverse
ea.@flatten
em.@tostr
esc.@tostr
esc.@fromstr
n.@tostr
t.@tostr
{n,f,z}
[t,fa,nu]
[esc]
{esc}
{"sp ace":e}
@this|n
@keys|#
@values|0
`},
	{`[1,[2,3],[[4],5],{"a":[6]},"s",null,true]`, `
0
1
1.0
2.0.0
#
#.0
3.a.0
4
5
6
7
@flatten
@flatten:{"deep":true}
@reverse
@this
@ugly
@pretty
@join
@keys
@values
#(a)
#(>0)#
#(=="s")
[0,4]
{0,"x":4}
..0
..#
@tostr
-1
`},
	{`[{"a":1,"b":2},{"b":3,"c":{"d":4}},{"a":5}]`, `
@join
@join:{"preserve":true}
@join.a
#.a
#.b
#(a==5)
#(c.d==4).b
#(b)#.b
#.c.d
@dig:d
@dig:a
@dig:none
0|@keys
#.@keys
#.{a,b}
@flatten
`},
	{"{\"a\":1}\n{\"a\":2}\n{\"b\":3}", `
..#
..0.a
..1.a
..#.a
..#(a==2).a
..#(b)
a
`},
	{`"plain"`, "@this\nx\n#\n@tostr\n@fromstr\n"},
	{`17.50`, "@this\nx\n"},
	{`not json`, "a\n@this\n@valid\n"},
	{`{"a":{"b":`, "a\na.b\n@valid\n"},
	{`{"a":"unterminated`, "a\n"},
	{`{"a":[1,2`, "a\na.1\na.#\n"},
	{``, "a\n@this\n"},
}
