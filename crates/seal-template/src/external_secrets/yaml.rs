//! `toYaml` and `fromYaml`, as `sigs.k8s.io/yaml` writes and reads: both by way of JSON. The text itself is
//! `seal_document`'s; here is what stands between it and templates, and what it may cost.

use seal_document::{
    DuplicateKeys, Format, KeyOrder, Limits as DocumentLimits, ParseFault, Schema, ValueFault, documents,
    to_yaml as write_yaml,
};

use crate::function::{Arguments, Call, CallFault};
use crate::limits::Limit;
use crate::sprig::json::{self, Style};
use crate::value::{List, Map, Text, Value};

type Outcome = Result<Value, CallFault>;

/// Levels of lists and maps; the text of more could not be read back.
const DEPTH: usize = 255;
/// Scalars, lists and maps of one text, and those that aliases repeat.
const NODES: usize = 100_000;
const ALIASED_NODES: usize = 20_000;
/// go-yaml folds a line at the next space behind this column.
const LINE: usize = 80;

const NOT_A_MAP: &str = "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ";

/// What a text may ask for.
pub(super) const LIMITS: DocumentLimits = DocumentLimits {
    bytes: 4 << 20,
    depth: DEPTH,
    nodes: NODES,
    aliased_nodes: ALIASED_NODES,
};

/// What cannot be written is an empty text.
pub(super) fn to_yaml(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let style = Style {
        escape_html: false,
        pretty: false,
    };
    let json = match json::write(arguments.any(0), style, call) {
        Ok(Value::Text(json)) => json,
        Ok(_) | Err(json::UNSUPPORTED) => return Ok("".into()),
        Err(other) => return Err(other),
    };
    call.spend(json.len() as u64 / 4)?;
    let value = match read(&json, Format::Json) {
        Ok(value) => value,
        Err(Unreadable::Limit(limit)) => return Err(CallFault::Exceeded(limit)),
        Err(Unreadable::Text(_)) => return Ok("".into()),
    };
    // Indentation repeats with every line, so a text can be far larger than its JSON.
    call.admit(size_of_yaml(&value, 0))?;
    let Ok(yaml) = write_yaml(&value, KeyOrder::Sorted) else {
        return Ok("".into());
    };
    Ok(Value::text(yaml.strip_suffix('\n').unwrap_or(&yaml)))
}

/// What cannot be read is a map with the entry `Error`.
pub(super) fn from_yaml(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?;
    call.spend(text.len() as u64)?;
    let error = |message: String| Ok(Map::new([(Text::from("Error"), Value::text(message))]).into());
    let value = match read(text, Format::Yaml) {
        Ok(value) => value,
        Err(Unreadable::Limit(limit)) => return Err(CallFault::Exceeded(limit)),
        Err(Unreadable::Text(reason)) => return error(format!("error converting YAML to JSON: {reason}")),
    };
    if let Some(number) = unwritable(&value) {
        return error(format!(
            "error converting YAML to JSON: json: unsupported value: {number}"
        ));
    }
    match &value {
        seal_document::Value::Mapping(_) => decoded(&value, call),
        seal_document::Value::Null => Ok(Map::new([]).into()),
        other => error(format!(
            "{NOT_A_MAP}{} into Go value of type map[string]interface {{}}",
            json_kind(other)
        )),
    }
}

/// Why a text has no value.
pub(super) enum Unreadable {
    Limit(Limit),
    /// In words that hold nothing of the text.
    Text(String),
}

/// The first document of a text; of equal keys the last counts, as for Kubernetes.
pub(super) fn read(text: &[u8], format: Format) -> Result<seal_document::Value, Unreadable> {
    let text = seal_document::decode(text)
        .map_err(|_| Unreadable::Text("yaml: invalid leading UTF-8 octet".to_owned()))?;
    let Some(first) = documents(text, format, &LIMITS).next() else {
        return Ok(seal_document::Value::Null);
    };
    let document = first.map_err(|error| match error.fault() {
        ParseFault::TooLong { .. } | ParseFault::TooManyNodes { .. } => {
            Unreadable::Limit(Limit::Intermediate)
        }
        ParseFault::TooDeep { .. } => Unreadable::Limit(Limit::Nesting),
        fault => Unreadable::Text(format!("yaml: line {}: {fault}", error.position().line)),
    })?;
    document
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .map_err(|error| match error.fault {
            ValueFault::TooManyAliases { .. } => Unreadable::Limit(Limit::Intermediate),
            fault => Unreadable::Text(format!("yaml: line {}: {fault}", error.position.line)),
        })
}

/// How Go's JSON calls a value that is no map.
pub(super) fn json_kind(value: &seal_document::Value) -> &'static str {
    match value {
        seal_document::Value::Null => "null",
        seal_document::Value::Bool(_) => "bool",
        seal_document::Value::Integer(_)
        | seal_document::Value::Unsigned(_)
        | seal_document::Value::Float(_) => "number",
        seal_document::Value::String(_) => "string",
        seal_document::Value::Sequence(_) => "array",
        seal_document::Value::Mapping(_) => "object",
    }
}

/// A number that JSON has not, as Go names it.
fn unwritable(value: &seal_document::Value) -> Option<&'static str> {
    match value {
        seal_document::Value::Float(number) if number.is_nan() => Some("NaN"),
        seal_document::Value::Float(number) if *number == f64::INFINITY => Some("+Inf"),
        seal_document::Value::Float(number) if *number == f64::NEG_INFINITY => Some("-Inf"),
        seal_document::Value::Sequence(items) => items.iter().find_map(unwritable),
        seal_document::Value::Mapping(mapping) => mapping.iter().find_map(|(_, value)| unwritable(value)),
        _ => None,
    }
}

/// As Go's JSON decodes into `interface {}`: every number is a float.
fn decoded(value: &seal_document::Value, call: &mut Call<'_>) -> Outcome {
    call.spend(1)?;
    Ok(match value {
        seal_document::Value::Null => Value::Nil,
        seal_document::Value::Bool(truth) => Value::Bool(*truth),
        seal_document::Value::Integer(number) => Value::Float(*number as f64),
        seal_document::Value::Unsigned(number) => Value::Float(*number as f64),
        seal_document::Value::Float(number) => Value::Float(*number),
        seal_document::Value::String(text) => Value::text(text.as_str()),
        seal_document::Value::Sequence(items) => {
            call.admit(items.len().saturating_mul(size_of::<Value>()))?;
            let items: Result<Vec<Value>, CallFault> = items.iter().map(|item| decoded(item, call)).collect();
            List::new(items?).into()
        }
        seal_document::Value::Mapping(mapping) => {
            call.admit(mapping.len().saturating_mul(4 * size_of::<Value>()))?;
            let mut entries = Vec::with_capacity(mapping.len());
            for (key, value) in mapping.iter() {
                entries.push((Text::from(key), decoded(value, call)?));
            }
            Map::new(entries).into()
        }
    })
}

/// No fewer bytes than the value takes as YAML.
fn size_of_yaml(value: &seal_document::Value, depth: usize) -> usize {
    let indent = 2 * depth + 4;
    let text = |text: &str| {
        let lines = 1 + text.len() / LINE + memchr::memchr_iter(b'\n', text.as_bytes()).count();
        let bytes: usize = text
            .bytes()
            .map(|byte| match byte {
                b'"' | b'\\' | b'\'' => 2,
                b'\n' | b' '..=b'~' => 1,
                _ => 4,
            })
            .sum();
        bytes + lines * (indent + 2) + 4
    };
    match value {
        seal_document::Value::String(inside) => text(inside),
        seal_document::Value::Sequence(items) => items
            .iter()
            .map(|item| indent + size_of_yaml(item, depth + 1))
            .sum(),
        seal_document::Value::Mapping(mapping) => mapping
            .iter()
            .map(|(key, value)| indent + text(key) + size_of_yaml(value, depth + 1))
            .sum(),
        _ => 24,
    }
}
