//! Semantic versions and constraints as Masterminds/semver 3.4 reads them: loose versions, `x` wildcards, ranges.
//! Knows nothing of Cargo's idea of a requirement.

use std::cmp::Ordering;
use std::fmt;

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
    let alternatives = parse_constraints(text)?;
    let version = Version::parse(arguments.text(1)?)?;
    Ok(alternatives.iter().any(|all| all.admits(&version)).into())
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::TildeOrEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

struct Constraint {
    operator: Operator,
    version: Version,
    /// Some number is missing or a wildcard.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// Constraints that must all hold.
struct Conjunction {
    constraints: Vec<Constraint>,
    /// One of them names a prerelease, so prereleases are looked at.
    prereleases: bool,
}

impl Conjunction {
    fn admits(&self, version: &Version) -> bool {
        (version.prerelease.is_empty() || self.prereleases)
            && self
                .constraints
                .iter()
                .all(|constraint| constraint.admits(version))
    }
}

fn parse_constraints(text: &str) -> Result<Vec<Conjunction>, CallFault> {
    rewrite_ranges(text).split("||").map(parse_conjunction).collect()
}

fn is_number_part(byte: u8) -> bool {
    byte.is_ascii_digit() || b"|xX*".contains(&byte)
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(['\t', '\n', '\x0c', '\r', ' '])
}

/// `1.2 - 1.4` means `>= 1.2, <= 1.4`.
fn rewrite_ranges(text: &str) -> String {
    let mut rewritten = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match leading_range(rest) {
            Some((low, high, after)) => {
                rewritten.push_str(&format!(">= {low}, <= {high} "));
                rest = after;
            }
            None => {
                rewritten.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    rewritten
}

fn leading_range(text: &str) -> Option<(&str, &str, &str)> {
    let start = skip_space(text);
    let low = Shape::read(start, is_number_part)?;
    let dash = skip_space(low.rest);
    let after_dash = dash.strip_prefix('-')?;
    let end = skip_space(after_dash);
    if dash.len() == low.rest.len() || end.len() == after_dash.len() {
        return None;
    }
    let high = Shape::read(end, is_number_part)?;
    let low_text = &start[..start.len() - low.rest.len()];
    let high_text = &end[..end.len() - high.rest.len()];
    Some((low_text, high_text, skip_space(high.rest)))
}

fn parse_conjunction(text: &str) -> Result<Conjunction, CallFault> {
    let mut constraints = Vec::new();
    let mut rest = skip_space(text);
    loop {
        let (operator, after) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)))
            .unwrap_or((Operator::TildeOrEqual, rest));
        let shape = Shape::read(skip_space(after), is_number_part).ok_or(IMPROPER)?;
        rest = skip_space(shape.rest);
        let separated = rest.len() < shape.rest.len();
        constraints.push(Constraint::of(operator, &shape)?);
        match rest.strip_prefix(',') {
            Some(next) => rest = skip_space(next),
            None if rest.is_empty() => break,
            None if separated => {}
            None => return Err(IMPROPER),
        }
    }
    let prereleases = constraints
        .iter()
        .any(|constraint| !constraint.version.prerelease.is_empty());
    Ok(Conjunction {
        constraints,
        prereleases,
    })
}

impl Constraint {
    fn of(operator: Operator, shape: &Shape<'_>) -> Result<Constraint, CallFault> {
        let open = |part: &str| matches!(part, "" | "x" | "X" | "*");
        let [major, minor, patch] = shape.parts;
        let (numbers, minor_dirty, patch_dirty) = match () {
            () if open(major) => (["0", "0", "0"], false, false),
            () if open(minor) => ([major, "0", "0"], true, false),
            () if open(patch) => ([major, minor, "0"], false, true),
            () => (shape.parts, false, false),
        };
        let mut text = numbers.join(".");
        if !shape.prerelease.is_empty() {
            text = format!("{text}-{}", shape.prerelease);
        }
        let version =
            Version::parse(text.as_bytes()).map_err(|_| CallFault::Refused("constraint parser error"))?;
        Ok(Constraint {
            operator,
            version,
            dirty: open(major) || minor_dirty || patch_dirty,
            minor_dirty,
            patch_dirty,
        })
    }

    fn admits(&self, version: &Version) -> bool {
        let order = version.compare(&self.version);
        let [major, minor, patch] = version.numbers;
        let [own_major, own_minor, own_patch] = self.version.numbers;
        match self.operator {
            Operator::TildeOrEqual if self.dirty => self.admits_tilde(version, order),
            Operator::TildeOrEqual => order.is_eq(),
            Operator::NotEqual
                if self.dirty && (major != own_major || minor != own_minor && !self.minor_dirty) =>
            {
                true
            }
            Operator::NotEqual if self.minor_dirty => false,
            Operator::NotEqual if self.dirty && patch != own_patch && !self.patch_dirty => true,
            Operator::NotEqual if self.patch_dirty => {
                compare_prereleases(&version.prerelease, &self.version.prerelease).is_ne()
            }
            Operator::NotEqual => order.is_ne(),
            Operator::Greater if self.dirty && major != own_major => major > own_major,
            // `>11` begins at 12, `>11.1` at 11.2.
            Operator::Greater if self.minor_dirty => false,
            Operator::Greater if self.patch_dirty => minor > own_minor,
            Operator::Greater => order.is_gt(),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual if self.dirty => {
                major < own_major || major == own_major && (minor <= own_minor || self.minor_dirty)
            }
            Operator::LessOrEqual => order.is_le(),
            Operator::Tilde => self.admits_tilde(version, order),
            Operator::Caret => self.admits_caret(version, order),
        }
    }

    fn admits_tilde(&self, version: &Version, order: Ordering) -> bool {
        if order.is_lt() {
            return false;
        }
        let anything = self.version.numbers == [0, 0, 0] && !self.minor_dirty && !self.patch_dirty;
        anything
            || version.numbers[0] == self.version.numbers[0]
                && (version.numbers[1] == self.version.numbers[1] || self.minor_dirty)
    }

    /// What may change is everything right of the first number that is not zero.
    fn admits_caret(&self, version: &Version, order: Ordering) -> bool {
        let [major, minor, patch] = version.numbers;
        let [own_major, own_minor, own_patch] = self.version.numbers;
        match () {
            () if order.is_lt() => false,
            () if own_major > 0 || self.minor_dirty => major == own_major,
            () if major > 0 => false,
            () if own_minor > 0 || self.patch_dirty => minor == own_minor,
            () => minor == 0 && patch == own_patch,
        }
    }
}
