//! Semantic versions as Masterminds/semver 3.4 reads them, loosely. What a constraint admits is in `constraints`.

mod constraints;

use std::cmp::Ordering;
use std::fmt;

use constraints::Constraints;

use crate::function::{Arguments, Call, CallFault};
use crate::sprig::Outcome;
use crate::value::{Object, Text, Value};

const INVALID_VERSION: CallFault = CallFault::Refused("invalid semantic version");
const IMPROPER: CallFault = CallFault::Refused("improper constraint");

pub(super) fn semver(arguments: Arguments<'_>, _: &mut Call<'_>) -> Outcome {
    Ok(Value::object(Version::parse(arguments.text(0)?)?))
}

pub(super) fn semver_compare(arguments: Arguments<'_>, call: &mut Call<'_>) -> Outcome {
    let text = arguments.text(0)?.to_str().ok_or(IMPROPER)?;
    // Looking for ranges tries every start.
    call.spend((text.len() as u64).saturating_mul(text.len() as u64) / 64)?;
    let constraints = Constraints::parse(text)?;
    let version = Version::parse(arguments.text(1)?)?;
    Ok(constraints.admit(&version).into())
}

/// A version; `*semver.Version` in Go unless one of its own methods made it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    prerelease: String,
    metadata: String,
    original: String,
    by_value: bool,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(formatter, "{major}.{minor}.{patch}")?;
        if !self.prerelease.is_empty() {
            write!(formatter, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(formatter, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Version {
    fn parse(text: &[u8]) -> Result<Version, CallFault> {
        let text = std::str::from_utf8(text).map_err(|_| INVALID_VERSION)?;
        let shape = Shape::read(text, |byte| byte.is_ascii_digit()).ok_or(INVALID_VERSION)?;
        if !shape.rest.is_empty() {
            return Err(INVALID_VERSION);
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(shape.parts) {
            if !part.is_empty() {
                *number = part
                    .parse()
                    .map_err(|_| CallFault::Refused("error parsing version segment"))?;
            }
        }
        check_prerelease(shape.prerelease)?;
        Ok(Version {
            numbers,
            prerelease: shape.prerelease.to_owned(),
            metadata: shape.metadata.to_owned(),
            original: text.to_owned(),
            by_value: false,
        })
    }

    /// By numbers, then by prerelease; metadata does not count.
    fn compare(&self, other: &Version) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| {
            match (self.prerelease.is_empty(), other.prerelease.is_empty()) {
                (true, true) => Ordering::Equal,
                (true, false) => Ordering::Greater,
                (false, true) => Ordering::Less,
                (false, false) => compare_prereleases(&self.prerelease, &other.prerelease),
            }
        })
    }

    fn with(&self, numbers: [u64; 3], prerelease: &str, metadata: &str) -> Value {
        let mut changed = Version {
            numbers,
            prerelease: prerelease.to_owned(),
            metadata: metadata.to_owned(),
            original: String::new(),
            by_value: true,
        };
        changed.original = format!(
            "{}{changed}",
            if self.original.starts_with('v') { "v" } else { "" }
        );
        Value::object(changed)
    }

    fn answer(&self, name: &str, arguments: &[Value]) -> Outcome {
        let wanted = usize::from(matches!(name, "SetPrerelease" | "SetMetadata") || is_comparison(name));
        if arguments.len() != wanted {
            return Err(CallFault::ArgumentCount {
                want: wanted,
                got: arguments.len(),
            });
        }
        let [major, minor, patch] = self.numbers;
        Ok(match name {
            "String" => Value::text(self.to_string()),
            "Original" => Value::text(&self.original),
            "Major" => Value::Uint64(major),
            "Minor" => Value::Uint64(minor),
            "Patch" => Value::Uint64(patch),
            "Prerelease" => Value::text(&self.prerelease),
            "Metadata" => Value::text(&self.metadata),
            // A prerelease comes before its patch, so that patch is next.
            "IncPatch" if !self.prerelease.is_empty() => self.with(self.numbers, "", ""),
            "IncPatch" => self.with([major, minor, patch.wrapping_add(1)], "", ""),
            "IncMinor" => self.with([major, minor.wrapping_add(1), 0], "", ""),
            "IncMajor" => self.with([major.wrapping_add(1), 0, 0], "", ""),
            "SetPrerelease" => {
                let text = argument_text(&arguments[0])?;
                check_prerelease(text)?;
                self.with(self.numbers, text, &self.metadata)
            }
            "SetMetadata" => {
                let text = argument_text(&arguments[0])?;
                if !text.is_empty() && !text.split('.').all(is_identifier) {
                    return Err(CallFault::Refused("invalid metadata string"));
                }
                self.with(self.numbers, &self.prerelease, text)
            }
            _ => {
                let other = arguments[0]
                    .downcast::<Version>()
                    .ok_or(CallFault::WrongType(arguments[0].type_name(), "*semver.Version"))?;
                let order = self.compare(other);
                match name {
                    "LessThan" => order.is_lt().into(),
                    "LessThanEqual" => order.is_le().into(),
                    "GreaterThan" => order.is_gt().into(),
                    "GreaterThanEqual" => order.is_ge().into(),
                    "Equal" => order.is_eq().into(),
                    _ => Value::Int(order as i64),
                }
            }
        })
    }
}

fn argument_text(value: &Value) -> Result<&str, CallFault> {
    match value {
        Value::Text(text) => text
            .to_str()
            .ok_or(CallFault::Refused("invalid prerelease string")),
        other => Err(CallFault::WrongType(other.type_name(), "string")),
    }
}

fn is_comparison(name: &str) -> bool {
    matches!(
        name,
        "LessThan" | "LessThanEqual" | "GreaterThan" | "GreaterThanEqual" | "Equal" | "Compare"
    )
}

impl Object for Version {
    fn type_name(&self) -> &'static str {
        if self.by_value {
            "semver.Version"
        } else {
            "*semver.Version"
        }
    }

    fn kind(&self) -> &'static str {
        if self.by_value { "struct" } else { "ptr" }
    }

    fn text(&self) -> Option<Text> {
        Some(Text::new(self.to_string()))
    }

    fn method(&self, name: &str, arguments: &[Value], _: &mut Call<'_>) -> Option<Outcome> {
        let known = matches!(
            name,
            "String"
                | "Major"
                | "Minor"
                | "Patch"
                | "Prerelease"
                | "Metadata"
                | "IncPatch"
                | "IncMinor"
                | "IncMajor"
                | "SetPrerelease"
                | "SetMetadata"
        );
        // Go gives a value that is no pointer only the methods above.
        let on_pointer = !self.by_value && (name == "Original" || is_comparison(name));
        (known || on_pointer).then(|| self.answer(name, arguments))
    }

    fn equal(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other.downcast_ref::<Version>().is_some_and(|other| self == other)
    }
}

/// `v1[.2[.3]][-prerelease][+metadata]`, whatever its numbers are made of.
struct Shape<'a> {
    /// Major, minor, patch without their dots; empty when missing.
    parts: [&'a str; 3],
    prerelease: &'a str,
    metadata: &'a str,
    rest: &'a str,
}

impl<'a> Shape<'a> {
    fn read(text: &'a str, belongs: impl Fn(u8) -> bool) -> Option<Shape<'a>> {
        let mut rest = text.strip_prefix('v').unwrap_or(text);
        let mut parts = [""; 3];
        for (position, part) in parts.iter_mut().enumerate() {
            let numbers = if position == 0 {
                Some(rest)
            } else {
                rest.strip_prefix('.')
            };
            let Some(numbers) = numbers else {
                break;
            };
            let length = numbers.bytes().take_while(|byte| belongs(*byte)).count();
            if length == 0 {
                break;
            }
            (*part, rest) = numbers.split_at(length);
        }
        if parts[0].is_empty() {
            return None;
        }
        let prerelease = identifiers_after('-', &mut rest);
        let metadata = identifiers_after('+', &mut rest);
        Some(Shape {
            parts,
            prerelease,
            metadata,
            rest,
        })
    }
}

/// Dotted identifiers behind a sign; nothing is taken when there are none.
fn identifiers_after<'a>(sign: char, rest: &mut &'a str) -> &'a str {
    let Some(after) = rest.strip_prefix(sign) else {
        return "";
    };
    let length_of = |text: &str| {
        text.bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            .count()
    };
    let mut length = length_of(after);
    if length == 0 {
        return "";
    }
    while let Some(next) = after[length..]
        .strip_prefix('.')
        .map(length_of)
        .filter(|next| *next > 0)
    {
        length += 1 + next;
    }
    let (identifiers, remaining) = after.split_at(length);
    *rest = remaining;
    identifiers
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn check_prerelease(text: &str) -> Result<(), CallFault> {
    for part in text.split('.').filter(|_| !text.is_empty()) {
        if !is_identifier(part) {
            return Err(CallFault::Refused("invalid prerelease string"));
        }
        if part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CallFault::Refused("version segment starts with 0"));
        }
    }
    Ok(())
}

/// Part by part: numbers by size and before words, words by bytes, fewer parts first.
fn compare_prereleases(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                (Ok(left), Ok(right)) => left.cmp(&right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => left.cmp(right),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}
