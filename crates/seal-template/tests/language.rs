//! Every case that the real text/template was run on (`vectors/language`): output byte for byte, faults
//! word for word, except where Go's words hold a value and ours must not.

use jiff::Timestamp;
use seal_template::environment::{Random, UtcOnly};
use seal_template::function::{Arguments, Call, CallFault, Function, Type};
use seal_template::value::{Element, List, Map, Object, Text};
use seal_template::{Env, Functions, Limits, MissingKeys, Template, Value};

const EXPECTED: &str = include_str!("../vectors/language/expected.jsonl");

struct NoRandom;

impl Random for NoRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

struct Point {
    x: i64,
    y: i64,
}

impl Object for Point {
    fn type_name(&self) -> &'static str {
        "main.Point"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("X", Value::Int(self.x)), ("Y", Value::Int(self.y))]
    }

    fn method(&self, name: &str, arguments: &[Value], _: &mut Call<'_>) -> Option<Result<Value, CallFault>> {
        match (name, arguments) {
            ("Scale", [Value::Int(by)]) => Some(Ok(Value::Int((self.x + self.y) * by))),
            ("Scale", arguments) => Some(Err(CallFault::ArgumentCount {
                want: 1,
                got: arguments.len(),
            })),
            _ => None,
        }
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other
            .downcast_ref::<Point>()
            .is_some_and(|other| (self.x, self.y) == (other.x, other.y))
    }
}

struct Named(&'static str);

impl Object for Named {
    fn type_name(&self) -> &'static str {
        "main.Named"
    }

    fn text(&self) -> Option<Text> {
        Some(Text::new(format!("named {}", self.0)))
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Name", Value::from(self.0))]
    }

    fn method(&self, name: &str, _: &[Value], _: &mut Call<'_>) -> Option<Result<Value, CallFault>> {
        (name == "String").then(|| self.text().map(Value::Text).ok_or(CallFault::Failed))
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other
            .downcast_ref::<Named>()
            .is_some_and(|other| self.0 == other.0)
    }
}

const fn function(
    name: &'static str,
    parameters: &'static [Type],
    rest: Option<Type>,
    call: fn(Arguments<'_>, &mut Call<'_>) -> Result<Value, CallFault>,
) -> Function {
    Function {
        name,
        parameters,
        rest,
        call,
    }
}

static FUNCTIONS: &[Function] = &[
    function("fail", &[Type::Text], None, |_, _| Err(CallFault::Failed)),
    function("nothing", &[], None, |_, _| Ok(Value::Nil)),
    function("second", &[Type::Any, Type::Any], None, |arguments, _| {
        Ok(arguments.any(1).clone())
    }),
    function("seven", &[], None, |_, _| Ok(Value::Int(7))),
    function(
        "upperFirst",
        &[Type::Text],
        Some(Type::Text),
        |arguments, call| {
            let mut buffer = call.buffer();
            buffer.extend(arguments.text(0)?.to_ascii_uppercase())?;
            for (index, value) in arguments.from(1).iter().enumerate() {
                let Value::Text(text) = value else {
                    return Err(CallFault::Refused("not a text"));
                };
                buffer.extend(if index > 0 { "+" } else { "" })?;
                buffer.extend(text)?;
            }
            Ok(buffer.into_text().into())
        },
    ),
    function("wantBool", &[Type::Bool], None, first),
    function("wantFloat", &[Type::Float], None, first),
    function("wantInt", &[Type::Int], None, first),
    function("wantInt64", &[Type::Int64], None, first),
    function("wantList", &[Type::List], None, first),
    function("wantMany", &[Type::Text], Some(Type::Int), |arguments, call| {
        let mut buffer = call.buffer();
        buffer.extend(arguments.text(0)?)?;
        buffer.extend(" [")?;
        for (index, value) in arguments.from(1).iter().enumerate() {
            let Value::Int(number) = value else {
                return Err(CallFault::Refused("not an int"));
            };
            buffer.extend(if index > 0 { " " } else { "" })?;
            buffer.extend(number.to_string())?;
        }
        buffer.push(b']')?;
        // Sprint puts no space between a string and what follows it.
        let text = buffer.into_text();
        Ok(Value::text(String::from_utf8_lossy(&text).replacen(" [", "[", 1)))
    }),
    function("wantMap", &[Type::Map], None, first),
    function("wantText", &[Type::Text], None, first),
    function("wantTexts", &[Type::Texts], None, first),
];

fn first(arguments: Arguments<'_>, _: &mut Call<'_>) -> Result<Value, CallFault> {
    Ok(arguments.any(0).clone())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Map::new(entries.map(|(key, value)| (Text::from(key), value))).into()
}

fn texts(texts: &[&str]) -> Value {
    List::texts(texts.iter().map(|text| Text::from(*text))).into()
}

/// The same dot as in `generate.go`.
fn rich() -> Value {
    map([
        ("nil", Value::Nil),
        ("yes", true.into()),
        ("no", false.into()),
        ("int", Value::Int(42)),
        ("negative", Value::Int(-7)),
        ("zero", Value::Int(0)),
        ("big", Value::Int64(1 << 62)),
        ("int64", Value::Int64(5)),
        ("byte", Value::Uint8(200)),
        ("uint64", Value::Uint64(u64::MAX)),
        ("float", Value::Float(3.25)),
        ("tiny", Value::Float(1e-7)),
        ("huge", Value::Float(1e21)),
        ("whole", Value::Float(2.0)),
        ("text", "hello".into()),
        ("empty", "".into()),
        ("unicode", "héllo, 世界 ☺".into()),
        ("binary", Value::text(b"a\xff\x00b\x80")),
        ("control", "a\tb\n\"q\"\\`\x07\x7f\u{a0}\u{200b}".into()),
        ("html", "<a href='x'>&\"\x00</a>".into()),
        ("bytes", Value::Bytes(Text::new(b"hi\xff"))),
        ("noBytes", Value::Bytes(Text::new(b""))),
        (
            "list",
            List::new(vec![
                Value::Int(1),
                "two".into(),
                Value::Float(3.5),
                Value::Nil,
                true.into(),
            ])
            .into(),
        ),
        ("emptyList", List::new(vec![]).into()),
        ("texts", texts(&["a", "b", "c"])),
        (
            "numbers",
            List::of(Element::Int, [10, 20, 30].map(Value::Int).to_vec()).into(),
        ),
        ("noTexts", List::nil(Element::Text).into()),
        (
            "map",
            map([
                ("b", Value::Int(2)),
                ("a", "one".into()),
                ("c", Value::Nil),
                ("d", map([("e", "deep".into())])),
            ]),
        ),
        (
            "labels",
            Map::texts([("tier".into(), "web".into()), ("app".into(), "shop".into())]).into(),
        ),
        ("emptyMap", map([])),
        (
            "maps",
            List::new(vec![map([("name", "x".into())]), map([("name", "y".into())])]).into(),
        ),
        ("point", Value::object(Point { x: 3, y: 4 })),
        ("named", Value::object(Named("n"))),
        ("complex", Value::Complex(1.0, -2.5)),
    ])
}

fn plain() -> Value {
    let entries: [(&str, &[u8]); 5] = [
        ("user", b"admin"),
        ("password", b"p<>&\"'"),
        ("binary", b"\xff\xfe"),
        ("empty", b""),
        ("number", b"12"),
    ];
    Map::texts(entries.map(|(key, value)| (Text::from(key), Text::new(value)))).into()
}

/// Go's complaint without what may be a value.
fn withheld(upstream: &str) -> String {
    let rules: [(&str, &str); 8] = [
        ("error calling fail: ", "error calling fail"),
        (": index out of range: ", ": index out of range"),
        ("invalid slice index: ", "invalid slice index"),
        ("too many slice indexes: ", "too many slice indexes"),
        ("range can't iterate over ", "range can't iterate over a value"),
        ("non-comparable types ", "non-comparable types"),
        ("non-comparable type ", "non-comparable type"),
        (
            "reflect: call of reflect.Value.Type on zero Value",
            "len of nil pointer",
        ),
    ];
    let (place, message) = upstream.split_once(">: ").unwrap_or(("", upstream));
    if message.starts_with("can't use ") {
        return format!("{place}>: can't use a number to iterate over more than one variable");
    }
    if let Some(rest) = message.strip_prefix("error calling call: non-function ") {
        let (_, rest) = rest.split_once(" of type").expect("as Go words it");
        return format!("{place}>: error calling call: non-function of type{rest}");
    }
    match rules
        .iter()
        .find_map(|(start, kept)| upstream.find(start).map(|at| (at, kept)))
    {
        Some((at, kept)) if !place.is_empty() => format!("{}{kept}", &upstream[..at]),
        _ => upstream.to_owned(),
    }
}

fn agrees(ours: &str, upstream: &str) -> bool {
    let expected = withheld(upstream);
    let prefix_rules = [
        "range can't iterate over a value",
        "non-comparable type",
        "non-comparable types",
    ];
    ours == expected
        || prefix_rules.iter().any(|rule| expected.ends_with(rule)) && ours.starts_with(&expected)
}

fn base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text
        .bytes()
        .filter_map(|byte| ALPHABET.iter().position(|digit| *digit == byte));
    let bits: String = digits.map(|digit| format!("{digit:06b}")).collect();
    (0..bits.len() / 8)
        .map(|at| u8::from_str_radix(&bits[8 * at..8 * at + 8], 2).expect("eight bits"))
        .collect()
}

#[test]
fn every_case_comes_out_as_from_the_real_engine() {
    let functions = Functions::builtin().with(FUNCTIONS);
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in EXPECTED.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| vector[name].as_str().unwrap_or_default();
        let dot = if field("dot") == "plain" { plain() } else { rich() };
        let missing = if field("option").ends_with("error") {
            MissingKeys::Fault
        } else {
            MissingKeys::NoValue
        };
        let mut random = NoRandom;
        let mut env = Env {
            now: Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut random,
        };
        let rendered = match Template::parse("x", field("template"), &functions) {
            Ok(template) => template
                .with_missing_keys(missing)
                .render(&dot, &mut env, &Limits::default())
                .map_err(|fault| fault.to_string()),
            Err(fault) => Err(fault.to_string()),
        };
        count += 1;
        let expected_bytes = match vector.get("bytes") {
            Some(bytes) => base64(bytes.as_str().unwrap()),
            None => field("output").as_bytes().to_vec(),
        };
        let right = match &rendered {
            Ok(bytes) => field("error").is_empty() && **bytes == expected_bytes,
            Err(fault) => !field("error").is_empty() && agrees(fault, field("error")),
        };
        if !right {
            let ours = match &rendered {
                Ok(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
                Err(fault) => format!("fault {fault}"),
            };
            let theirs = match field("error") {
                "" => format!("{:?}", String::from_utf8_lossy(&expected_bytes)),
                error => format!("fault {error}"),
            };
            wrong.push(format!(
                "{}\n  ours   {ours}\n  theirs {theirs}",
                field("template")
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 2_000, "vectors went missing: {count}");
}
