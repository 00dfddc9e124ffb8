//! The parsed template: what `parser` builds and `exec` walks. Each node can write itself as Go's would,
//! because runtime faults quote the node they arose at.

use std::fmt::{self, Display, Formatter};

use crate::function::Function;
use crate::number::Number;
use crate::quote::quoted;
use crate::value::Text;

pub(crate) enum Node {
    Text(Text),
    Action(Action),
    If(Branch),
    Range(Branch),
    With(Branch),
    Template(Invocation),
    Break,
    Continue,
}

pub(crate) struct Action {
    pub(crate) position: usize,
    pub(crate) pipe: Pipe,
}

pub(crate) struct Branch {
    pub(crate) pipe: Pipe,
    pub(crate) body: Vec<Node>,
    pub(crate) otherwise: Vec<Node>,
}

pub(crate) struct Invocation {
    pub(crate) position: usize,
    pub(crate) name: String,
    pub(crate) pipe: Option<Pipe>,
}

pub(crate) struct Pipe {
    pub(crate) position: usize,
    pub(crate) assigns: bool,
    /// Names with their dollar sign.
    pub(crate) variables: Vec<String>,
    pub(crate) commands: Vec<Command>,
}

pub(crate) struct Command {
    pub(crate) position: usize,
    /// What is evaluated or called, then its arguments; never empty.
    pub(crate) operands: Vec<Operand>,
}

pub(crate) struct Operand {
    pub(crate) position: usize,
    pub(crate) term: Term,
}

pub(crate) enum Term {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// As written, and its content.
    String(String, Text),
    Field(Vec<String>),
    /// The variable's name with its dollar sign, and fields of it.
    Variable(String, Vec<String>),
    Function(&'static Function, Form),
    Pipe(Pipe),
    Chain(Box<Operand>, Vec<String>),
}

/// Built-ins that the language itself treats specially.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Ordinary,
    And,
    Or,
    Call,
}

impl Display for Action {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{{{}}}}}", self.pipe)
    }
}

impl Display for Invocation {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{{template {}", quoted(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(formatter, " {pipe}")?;
        }
        formatter.write_str("}}")
    }
}

impl Display for Pipe {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.variables.join(", "))?;
        if !self.variables.is_empty() {
            formatter.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" | ")?;
            }
            command.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        for (index, operand) in self.operands.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            match &operand.term {
                Term::Pipe(pipe) => write!(formatter, "({pipe})")?,
                _ => operand.fmt(formatter)?,
            }
        }
        Ok(())
    }
}

impl Display for Operand {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let fields = match &self.term {
            Term::Dot => return formatter.write_str("."),
            Term::Nil => return formatter.write_str("nil"),
            Term::Bool(value) => return value.fmt(formatter),
            Term::Number(number) => return formatter.write_str(&number.source),
            Term::String(source, _) => return formatter.write_str(source),
            Term::Function(function, _) => return formatter.write_str(function.name),
            Term::Pipe(pipe) => return pipe.fmt(formatter),
            Term::Field(fields) => fields,
            Term::Variable(name, fields) => {
                formatter.write_str(name)?;
                fields
            }
            Term::Chain(operand, fields) => {
                match &operand.term {
                    Term::Pipe(pipe) => write!(formatter, "({pipe})")?,
                    _ => operand.fmt(formatter)?,
                }
                fields
            }
        };
        fields.iter().try_for_each(|field| write!(formatter, ".{field}"))
    }
}
