//! What can go wrong, in Go's words wherever no value can enter. A fault never holds an argument, a map
//! key or a result: only template source, names of functions and types, and positions.

use crate::function::CallFault;
use crate::limits::Limit;
use crate::quote::quoted;

/// The source is no template. Displayed exactly as Go does.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("template: {template}:{line}: {message}")]
pub struct ParseFault {
    /// The template's name.
    pub template: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// A rendering failed. Displayed as Go does, without the values that Go would add.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("template: {}:{}:{}: executing {} at <{}>: {kind}", .place.template, .place.line, .place.column, quoted(&.place.executing), .place.node)]
pub struct Fault {
    /// Where.
    pub place: Box<Place>,
    /// What went wrong.
    pub kind: FaultKind,
}

/// A place in template source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The name the source was parsed under.
    pub template: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 0 as Go counts.
    pub column: usize,
    /// The definition being executed.
    pub executing: String,
    /// The source of the node at fault, normalised as Go does.
    pub node: String,
}

/// What went wrong while rendering.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FaultKind {
    /// `fail` was called, or a function refused.
    #[error("error calling {function}{}", reason(.fault))]
    Calling {
        /// The function or method.
        function: String,
        /// Why it refused.
        fault: CallFault,
    },
    /// Too few arguments, or too many.
    #[error("wrong number of args for {function}: want {}{want} got {got}", if *.at_least { "at least " } else { "" })]
    ArgumentCount {
        /// The function or method.
        function: String,
        /// Whether it takes more than `want`.
        at_least: bool,
        /// How many it takes.
        want: usize,
        /// How many there were.
        got: usize,
    },
    /// An argument of the wrong type.
    #[error("wrong type for value; expected {expected}; got {got}")]
    ArgumentType {
        /// The parameter's type.
        expected: &'static str,
        /// The argument's type.
        got: &'static str,
    },
    /// Nothing where a value is needed.
    #[error("invalid value; expected {0}")]
    ArgumentMissing(&'static str),
    /// `nil` where the parameter has no nil.
    #[error("cannot assign nil to {0}")]
    ArgumentNil(&'static str),
    /// A literal of another kind than the parameter's.
    #[error("expected {expected}; found {literal}")]
    Literal {
        /// What the parameter takes.
        expected: &'static str,
        /// The literal's source.
        literal: String,
    },
    /// A literal for a parameter that no literal can be.
    #[error("can't handle {literal} for arg of type {expected}")]
    NoLiteral {
        /// The literal's source.
        literal: String,
        /// The parameter's type.
        expected: &'static str,
    },
    /// A field of something that has none.
    #[error("can't evaluate field {field} in type {of}")]
    Field {
        /// The field, as the template names it.
        field: String,
        /// The type it was sought in.
        of: &'static str,
    },
    /// A field of nil.
    #[error("nil pointer evaluating {of}.{field}")]
    FieldOfNil {
        /// The field, as the template names it.
        field: String,
        /// The static type of the nil.
        of: &'static str,
    },
    /// A key that is not there, where that is an error.
    #[error("{} no entry for key {}", if *.no_map { "nil data;" } else { "map has" }, quoted(.key))]
    MissingKey {
        /// The key, as the template names it.
        key: String,
        /// Whether there was not even a map.
        no_map: bool,
    },
    /// Arguments for a map entry.
    #[error("{0} is not a method but has arguments")]
    NotAMethod(String),
    /// Arguments for a field.
    #[error("{0} has arguments but cannot be invoked as function")]
    FieldWithArguments(String),
    /// Arguments for something that is no function.
    #[error("can't give argument to non-function {0}")]
    NotAFunction(String),
    /// `{{nil}}`
    #[error("nil is not a command")]
    NilCommand,
    /// `(nil).field`
    #[error("indirection through explicit nil in {0}")]
    NilChain(String),
    /// An integer literal beyond `int`.
    #[error("{0} overflows int")]
    Overflow(String),
    /// `range` over something of this type.
    #[error("range can't iterate over a value of type {0}")]
    NotIterable(&'static str),
    /// `range` over a number with two variables.
    #[error("can't use a number to iterate over more than one variable")]
    TooManyVariables,
    /// `template` names an unknown definition.
    #[error("template {} not defined", quoted(.0))]
    UnknownTemplate(String),
    /// `=` on a variable that is out of sight.
    #[error("undefined variable: {0}")]
    UndefinedVariable(String),
    /// A limit was reached.
    #[error("{0}")]
    Exceeded(Limit),
}

impl FaultKind {
    /// A function or method refused; some refusals are the engine's own.
    pub(crate) fn calling(function: &str, fault: CallFault) -> Self {
        match fault {
            CallFault::Exceeded(limit) => FaultKind::Exceeded(limit),
            CallFault::ArgumentCount { want, got } => FaultKind::ArgumentCount {
                function: function.to_owned(),
                at_least: false,
                want,
                got,
            },
            fault => FaultKind::Calling {
                function: function.to_owned(),
                fault,
            },
        }
    }
}

impl From<Limit> for FaultKind {
    fn from(limit: Limit) -> Self {
        FaultKind::Exceeded(limit)
    }
}

// The message of `fail` is an argument like any other: withheld even where it is a literal.
fn reason(fault: &CallFault) -> String {
    match fault {
        CallFault::Failed => String::new(),
        other => format!(": {other}"),
    }
}
