//! What a constraint admits: operators, `x` wildcards, ranges, alternatives, as Masterminds/semver 3.4 has them.
//! Knows nothing of Cargo's idea of a requirement.

use std::cmp::Ordering;

use super::{IMPROPER, Shape, Version, compare_prereleases};
use crate::function::CallFault;

/// Alternatives, one of which must hold.
pub(super) struct Constraints(Vec<Conjunction>);

impl Constraints {
    pub(super) fn parse(text: &str) -> Result<Constraints, CallFault> {
        let ranges = rewrite_ranges(text);
        let alternatives: Result<_, _> = ranges.split("||").map(parse_conjunction).collect();
        alternatives.map(Constraints)
    }

    pub(super) fn admit(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.admits(version))
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
