//! A parsed template and its doors: `parse` and `render`. Parsed once, it may be rendered by many
//! threads at the same time.

use zeroize::Zeroizing;

use crate::delimiters::Delimiters;
use crate::environment::Env;
use crate::exec;
use crate::fault::{Fault, ParseFault};
use crate::function::Functions;
use crate::limits::{Budget, Limits};
use crate::parser::{self, Definitions};
use crate::value::Value;

/// A Go text/template.
pub struct Template {
    pub(crate) name: String,
    pub(crate) source: String,
    pub(crate) definitions: Definitions,
    pub(crate) missing_keys: MissingKeys,
}

/// What a map yields for a key that it lacks (Go's option `missingkey`).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingKeys {
    /// Nothing, which prints as `<no value>`.
    #[default]
    NoValue,
    /// A fault.
    Fault,
}

impl Template {
    /// Parses `source`; `name` is what faults call it.
    ///
    /// # Errors
    /// When the source is malformed or calls an unknown function, in Go's words.
    pub fn parse(name: &str, source: &str, functions: &Functions) -> Result<Self, ParseFault> {
        Template::parse_with(name, source, functions, &Delimiters::default())
    }

    /// Parses `source`, whose actions stand between `delimiters`.
    ///
    /// # Errors
    /// Those of [`Template::parse`].
    pub fn parse_with(
        name: &str,
        source: &str,
        functions: &Functions,
        delimiters: &Delimiters,
    ) -> Result<Self, ParseFault> {
        let definitions = parser::parse(name, source, functions, delimiters)?;
        let missing_keys = MissingKeys::default();
        Ok(Template {
            name: name.to_owned(),
            source: source.to_owned(),
            definitions,
            missing_keys,
        })
    }

    /// The same template with another way to treat missing keys.
    #[must_use]
    pub fn with_missing_keys(self, missing_keys: MissingKeys) -> Self {
        Template { missing_keys, ..self }
    }

    /// Renders the template.
    ///
    /// # Guarantees
    /// Ends within `limits`, never panics, and its fault holds nothing of `dot`.
    ///
    /// # Errors
    /// When evaluation fails or a limit is reached; there is no partial output.
    pub fn render(
        &self,
        dot: &Value,
        env: &mut Env<'_>,
        limits: &Limits,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let mut fuel = limits.fuel;
        exec::render(self, dot, env, limits, &mut fuel)
    }

    /// Renders one of several templates that share `budget`: what this one costs is taken from it,
    /// also when it fails.
    ///
    /// # Guarantees
    /// Those of [`Template::render`]; together the templates end within the budget.
    ///
    /// # Errors
    /// When evaluation fails, or a limit or the end of the budget is reached.
    pub fn render_within(
        &self,
        dot: &Value,
        env: &mut Env<'_>,
        limits: &Limits,
        budget: &mut Budget,
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let limits = Limits {
            output: limits.output.min(budget.output),
            ..*limits
        };
        let granted = limits.fuel.min(budget.fuel);
        let mut fuel = granted;
        let rendered = exec::render(self, dot, env, &limits, &mut fuel);
        budget.fuel -= granted - fuel;
        budget.output -= rendered.as_ref().map_or(0, |bytes| bytes.len());
        rendered
    }
}
