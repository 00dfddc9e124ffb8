//! What a scalar is in YAML 1.1 as go-yaml v2 reads it. Whether it stands in quotes is known elsewhere.

use crate::number::{self, Whole};
use crate::timestamp::is_timestamp;

/// What a scalar resolves to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Timestamp,
    String,
}

/// The tags whose scalars are resolved; under any other the text stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScalarTag {
    String,
    Bool,
    Integer,
    Float,
    Null,
    Timestamp,
}

impl ScalarTag {
    /// The tag by its long name.
    pub(crate) fn of(tag: &str) -> Option<Self> {
        Some(match tag.strip_prefix("tag:yaml.org,2002:")? {
            "str" => Self::String,
            "bool" => Self::Bool,
            "int" => Self::Integer,
            "float" => Self::Float,
            "null" => Self::Null,
            "timestamp" => Self::Timestamp,
            _ => return None,
        })
    }
}

/// What a plain scalar without a tag is.
pub(crate) fn untagged(text: &str) -> Resolved {
    resolve(text, true)
}

/// What a scalar with a tag is, or none where text and tag do not fit.
pub(crate) fn tagged(tag: ScalarTag, text: &str) -> Option<Resolved> {
    if tag == ScalarTag::String {
        return Some(Resolved::String);
    }
    let resolved = resolve(text, tag == ScalarTag::Timestamp);
    match (tag, resolved) {
        #[expect(clippy::cast_precision_loss, reason = "`!!float 5` is a float in Go as well")]
        (ScalarTag::Float, Resolved::Integer(number)) => Some(Resolved::Float(number as f64)),
        (ScalarTag::Bool, Resolved::Bool(_))
        | (ScalarTag::Integer, Resolved::Integer(_) | Resolved::Unsigned(_))
        | (ScalarTag::Float, Resolved::Float(_))
        | (ScalarTag::Null, Resolved::Null)
        | (ScalarTag::Timestamp, Resolved::Timestamp) => Some(resolved),
        _ => None,
    }
}

fn resolve(text: &str, timestamps: bool) -> Resolved {
    let Some(first) = text.bytes().next() else {
        return Resolved::Null;
    };
    match first {
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => word(text),
        b'.' => match text {
            ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" => Resolved::Float(f64::INFINITY),
            _ => dotted(text).map_or(Resolved::String, Resolved::Float),
        },
        b'+' | b'-' | b'0'..=b'9' => number(text, timestamps),
        _ => Resolved::String,
    }
}

fn word(text: &str) -> Resolved {
    match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        _ => Resolved::String,
    }
}

/// Go's `ParseFloat` takes underscores between digits; only here does go-yaml leave them in.
fn dotted(text: &str) -> Option<f64> {
    if !text.contains('_') {
        return number::parse_float(text);
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let between = (0..bytes.len())
        .filter(|at| bytes[*at] == b'_')
        .all(|at| digit(at - 1) && digit(at + 1));
    between.then(|| number::parse_float(&text.replace('_', "")))?
}

fn number(text: &str, timestamps: bool) -> Resolved {
    match text {
        "+.inf" | "+.Inf" | "+.INF" => return Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if timestamps && is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let stripped;
    let plain = if text.contains('_') {
        stripped = zeroize::Zeroizing::new(text.replace('_', ""));
        stripped.as_str()
    } else {
        text
    };
    if let Some(whole) = number::parse_whole(plain) {
        return whole.into();
    }
    if let Some(float) = number::parse_float(plain) {
        return Resolved::Float(float);
    }
    plain
        .strip_prefix("0b")
        .and_then(number::parse_binary)
        .map_or(Resolved::String, Resolved::from)
}

impl From<Whole> for Resolved {
    fn from(whole: Whole) -> Self {
        match whole {
            Whole::Signed(number) => Self::Integer(number),
            Whole::Unsigned(number) => Self::Unsigned(number),
        }
    }
}
