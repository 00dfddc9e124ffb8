//! Go's regular expressions, for names: those of `find`, of rewrites and of namespaces. They go through the
//! template functions of the same name, which bound what an expression may cost.

use jiff::Timestamp;
use seal_template::environment::{Random, UtcOnly};
use seal_template::value::{Map, Text};
use seal_template::{Env, Functions, Limits, Template, Value, sprig};

/// A regular expression.
pub struct Pattern {
    expression: String,
    matches: Template,
    replace: Template,
}

/// A text that is no regular expression, or one that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a regular expression, or too large a one")]
pub struct InvalidPattern;

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// When Go would not read it either, or its automaton would be too large.
    pub fn parse(expression: &str) -> Result<Self, InvalidPattern> {
        let functions = Functions::builtin().with(sprig::FUNCTIONS);
        let template = |source| Template::parse("pattern", source, &functions).map_err(|_| InvalidPattern);
        let pattern = Self {
            expression: expression.to_owned(),
            matches: template("{{ mustRegexMatch .expression .name }}")?,
            replace: template("{{ mustRegexReplaceAll .expression .name .target }}")?,
        };
        pattern.run(&pattern.matches, "", "").ok_or(InvalidPattern)?;
        Ok(pattern)
    }

    /// Whether it matches anywhere in `name`.
    pub fn matches(&self, name: &str) -> bool {
        self.run(&self.matches, name, "").as_deref() == Some("true")
    }

    /// `name` with `target` in place of all that matches; `$1` in it is the first group. `None` when that would
    /// be too large.
    pub fn replace_all(&self, name: &str, target: &str) -> Option<String> {
        self.run(&self.replace, name, target)
    }

    fn run(&self, template: &Template, name: &str, target: &str) -> Option<String> {
        let text = |text: &str| Text::new(text.as_bytes());
        let pairs = [
            ("expression", self.expression.as_str()),
            ("name", name),
            ("target", target),
        ];
        let dot = Value::Map(Map::texts(pairs.map(|(key, value)| (text(key), text(value)))));
        let mut env = Env {
            now: Timestamp::UNIX_EPOCH,
            zones: &UtcOnly,
            random: &mut Nothing,
        };
        let rendered = template.render(&dot, &mut env, &Limits::default()).ok()?;
        String::from_utf8(rendered.to_vec()).ok()
    }
}

// The two functions draw none.
struct Nothing;

impl Random for Nothing {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_anywhere_and_is_read_as_go_reads_it() {
        let pattern = Pattern::parse("b.*d").unwrap();
        assert!(pattern.matches("abcde") && !pattern.matches("ab"));
        assert!(!Pattern::parse(r"^\d$").unwrap().matches("\u{663}"));
        for refused in ["(a", "a(?=b)", "a**", "[z-a]", "a{1001}"] {
            assert!(Pattern::parse(refused).is_err(), "{refused}");
        }
        assert_eq!(
            Pattern::parse("(a)")
                .unwrap()
                .replace_all("xa", "[$1]")
                .as_deref(),
            Some("x[a]")
        );
    }

    #[test]
    fn a_pattern_goes_where_it_is_needed() {
        fn everywhere<T: Send + Sync + 'static>(_: &T) {}
        everywhere(&Pattern::parse("a").unwrap());
    }
}
