//! Evaluates pipelines, field chains and calls, in Go's order, because that order decides which fault is
//! reported and where. Statements are `exec`'s.

use super::{At, Execution, Outcome, Slot};
use crate::fault::FaultKind;
use crate::function::{Arguments, CallFault, Function, Type};
use crate::node::{Command, Form, Operand, Pipe, Term};
use crate::number::Number;
use crate::template::MissingKeys;
use crate::value::Value;

/// Fuel of one call, in steps of the language.
const CALL_COST: u64 = 2;

impl<'t> Execution<'t, '_> {
    /// The value of a pipeline; declares or assigns its variables.
    pub(super) fn pipeline(&mut self, dot: &Slot, pipe: &'t Pipe) -> Outcome<Slot> {
        self.at = At::Pipe(pipe);
        let mut last = None;
        for command in &pipe.commands {
            self.spend(1)?;
            let slot = self.command(dot, command, last.take())?;
            last = Some(Slot::plain(slot.value));
        }
        let slot = last.unwrap_or(Slot::plain(Value::Nil));
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, slot.clone())?;
            } else {
                self.variables.push((name, slot.clone()));
            }
        }
        Ok(slot)
    }

    /// One command; `last` is the result of the command before, its final argument.
    fn command(&mut self, dot: &Slot, command: &'t Command, last: Option<Slot>) -> Outcome<Slot> {
        let (first, arguments) = command
            .operands
            .split_first()
            .expect("the parser makes no empty command");
        match &first.term {
            Term::Field(fields) => {
                self.at = At::Operand(first);
                return self.fields(dot, dot.clone(), first, fields, arguments, last);
            }
            Term::Chain(operand, fields) => return self.chain(dot, first, operand, fields, arguments, last),
            Term::Function(function, form) => {
                self.at = At::Operand(first);
                return self.function(dot, At::Command(command), function, *form, arguments, last);
            }
            Term::Pipe(pipe) => {
                not_a_function(first, arguments, last.as_ref())?;
                return self.pipeline(dot, pipe);
            }
            Term::Variable(name, fields) => return self.variable(dot, first, name, fields, arguments, last),
            Term::Dot | Term::Nil | Term::Bool(_) | Term::Number(_) | Term::String(..) => {}
        }
        self.at = At::Operand(first);
        not_a_function(first, arguments, last.as_ref())?;
        match &first.term {
            Term::Dot => Ok(dot.clone()),
            Term::Nil => Err(FaultKind::NilCommand),
            _ => self.literal(first, Type::Any).map(Slot::plain),
        }
    }

    fn chain(
        &mut self,
        dot: &Slot,
        node: &'t Operand,
        operand: &'t Operand,
        fields: &'t [String],
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        self.at = At::Operand(node);
        if matches!(operand.term, Term::Nil) {
            return Err(FaultKind::NilChain(node.to_string()));
        }
        let receiver = match &operand.term {
            Term::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Term::Function(function, form) => {
                self.at = At::Operand(operand);
                self.function(dot, self.at, function, *form, &[], None)?
            }
            _ => Slot::plain(self.argument(dot, Type::Any, operand)?),
        };
        self.fields(dot, receiver, node, fields, arguments, last)
    }

    fn variable(
        &mut self,
        dot: &Slot,
        node: &'t Operand,
        name: &'t str,
        fields: &'t [String],
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        self.at = At::Operand(node);
        let found = self.variables[self.base..]
            .iter()
            .rev()
            .find(|(variable, _)| *variable == name);
        let slot = found.map(|(_, slot)| slot.clone());
        let slot = slot.ok_or_else(|| FaultKind::UndefinedVariable(name.to_owned()))?;
        if fields.is_empty() {
            not_a_function(node, arguments, last.as_ref())?;
            return Ok(slot);
        }
        self.fields(dot, slot, node, fields, arguments, last)
    }

    /// `.X.Y.Z` of `receiver`; only the last may take arguments.
    fn fields(
        &mut self,
        dot: &Slot,
        mut receiver: Slot,
        node: &'t Operand,
        fields: &'t [String],
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        let Some((final_field, links)) = fields.split_last() else {
            return Ok(receiver);
        };
        for field in links {
            receiver = self.field(dot, &receiver, node, field, &[], None)?;
        }
        self.field(dot, &receiver, node, final_field, arguments, last)
    }

    fn field(
        &mut self,
        dot: &Slot,
        receiver: &Slot,
        node: &'t Operand,
        field: &'t str,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        let has_arguments = !arguments.is_empty() || last.is_some();
        let name = || field.to_owned();
        match &receiver.value {
            Value::Nil if receiver.boxed => {
                return Err(FaultKind::FieldOfNil {
                    field: name(),
                    of: receiver.static_type(),
                });
            }
            Value::Nil => match self.template.missing_keys {
                MissingKeys::NoValue => return Ok(Slot::plain(Value::Nil)),
                MissingKeys::Fault => {
                    return Err(FaultKind::MissingKey {
                        key: name(),
                        no_map: true,
                    });
                }
            },
            Value::Map(_) if has_arguments => return Err(FaultKind::NotAMethod(name())),
            Value::Map(map) => {
                return match (map.lookup(field.as_bytes()), self.template.missing_keys) {
                    (Some(value), _) => Ok(Slot::element(value, map.element())),
                    (None, MissingKeys::NoValue) => Ok(Slot::plain(Value::Nil)),
                    (None, MissingKeys::Fault) => Err(FaultKind::MissingKey {
                        key: name(),
                        no_map: false,
                    }),
                };
            }
            Value::Object(object) => {
                if let Some((_, value)) = object.fields().into_iter().find(|(name, _)| *name == field) {
                    if has_arguments {
                        return Err(FaultKind::FieldWithArguments(name()));
                    }
                    return Ok(Slot::plain(value));
                }
                let mut values = Vec::with_capacity(arguments.len());
                for argument in arguments {
                    values.push(self.argument(dot, Type::Any, argument)?);
                }
                values.extend(last.map(|slot| slot.value));
                self.at = At::Operand(node);
                if let Some(result) = object.method(field, &values, &mut self.call) {
                    return self.settle(self.at, field, result);
                }
            }
            _ => {}
        }
        Err(FaultKind::Field {
            field: name(),
            of: receiver.static_type(),
        })
    }

    fn function(
        &mut self,
        dot: &Slot,
        node: At<'t>,
        function: &'static Function,
        form: Form,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        let given = arguments.len() + usize::from(last.is_some());
        let fixed = function.parameters.len();
        let miscounted = if function.rest.is_some() {
            given < fixed
        } else {
            given != fixed
        };
        if miscounted {
            let at_least = function.rest.is_some();
            // Go leaves the piped argument out when it complains about a variadic function.
            let got = if at_least { arguments.len() } else { given };
            return Err(FaultKind::ArgumentCount {
                function: function.name.to_owned(),
                at_least,
                want: fixed,
                got,
            });
        }
        if matches!(form, Form::And | Form::Or) {
            return self.short_circuit(dot, form, arguments, last);
        }
        let parameter = |index: usize| {
            let declared = function.parameters.get(index).copied().or(function.rest);
            declared.expect("the count was checked above")
        };
        let mut values = Vec::with_capacity(given);
        for (index, argument) in arguments.iter().enumerate() {
            values.push(self.argument(dot, parameter(index), argument)?);
        }
        if let Some(slot) = last {
            values.push(validate(slot, parameter(arguments.len()))?);
        }
        // Even a function that makes nothing may read all it is given.
        self.spend(CALL_COST + values.iter().map(Value::reading_cost).sum::<u64>())?;
        let result = (function.call)(Arguments(&values), &mut self.call);
        self.settle(node, function.name, result)
    }

    /// `and` and `or` evaluate no further than they must, and return the argument that decided.
    fn short_circuit(
        &mut self,
        dot: &Slot,
        form: Form,
        arguments: &'t [Operand],
        last: Option<Slot>,
    ) -> Outcome<Slot> {
        let mut decided = Value::Nil;
        for argument in arguments {
            decided = self.argument(dot, Type::Reflected, argument)?;
            if decided.is_true() == (form == Form::Or) {
                return Ok(Slot::plain(decided));
            }
        }
        Ok(Slot::plain(last.map_or(decided, |slot| slot.value)))
    }

    /// Pays for what a call made, or reports its refusal at `node`.
    fn settle(&mut self, node: At<'t>, name: &str, result: Result<Value, CallFault>) -> Outcome<Slot> {
        let paid = result.and_then(|value| {
            let weight = value.fresh_weight();
            self.call.admit(weight)?;
            self.call.spend(weight as u64 / 8)?;
            Ok(value)
        });
        match paid {
            Ok(value) => Ok(Slot {
                boxed: matches!(value, Value::Nil),
                value,
            }),
            Err(fault) => {
                self.at = node;
                Err(FaultKind::calling(name, fault))
            }
        }
    }

    /// One argument, evaluated for a parameter of type `wanted`.
    fn argument(&mut self, dot: &Slot, wanted: Type, node: &'t Operand) -> Outcome<Value> {
        self.at = At::Operand(node);
        let slot = match &node.term {
            Term::Dot => dot.clone(),
            Term::Nil => return wanted.nil().ok_or(FaultKind::ArgumentNil(wanted.name())),
            Term::Field(fields) => self.fields(dot, dot.clone(), node, fields, &[], None)?,
            Term::Variable(name, fields) => self.variable(dot, node, name, fields, &[], None)?,
            Term::Pipe(pipe) => self.pipeline(dot, pipe)?,
            Term::Function(function, form) => {
                self.function(dot, At::Operand(node), function, *form, &[], None)?
            }
            Term::Chain(operand, fields) => self.chain(dot, node, operand, fields, &[], None)?,
            Term::Bool(_) | Term::Number(_) | Term::String(..) => return self.literal(node, wanted),
        };
        validate(slot, wanted)
    }

    /// A literal as a value of type `wanted`.
    fn literal(&mut self, node: &'t Operand, wanted: Type) -> Outcome<Value> {
        let found = |expected| FaultKind::Literal {
            expected,
            literal: node.to_string(),
        };
        match (wanted, &node.term) {
            (Type::Any | Type::Reflected | Type::Bool, Term::Bool(value)) => Ok(Value::Bool(*value)),
            (Type::Any | Type::Reflected | Type::Text, Term::String(_, text)) => {
                Ok(Value::Text(text.clone()))
            }
            (Type::Any | Type::Reflected, Term::Number(number)) => ideal(number),
            (Type::Int, Term::Number(Number { int: Some(int), .. })) => Ok(Value::Int(*int)),
            (Type::Int64, Term::Number(Number { int: Some(int), .. })) => Ok(Value::Int64(*int)),
            (
                Type::Float,
                Term::Number(Number {
                    float: Some(float), ..
                }),
            ) => Ok(Value::Float(*float)),
            (Type::Bool, _) => Err(found("bool")),
            (Type::Text, _) => Err(found("string")),
            (Type::Int | Type::Int64, _) => Err(found("integer")),
            (Type::Float, _) => Err(found("float")),
            _ => Err(FaultKind::NoLiteral {
                literal: node.to_string(),
                expected: wanted.name(),
            }),
        }
    }
}

fn not_a_function(node: &Operand, arguments: &[Operand], last: Option<&Slot>) -> Outcome<()> {
    if arguments.is_empty() && last.is_none() {
        return Ok(());
    }
    Err(FaultKind::NotAFunction(match &node.term {
        Term::Pipe(pipe) => pipe.to_string(),
        _ => node.to_string(),
    }))
}

/// The kind a number has where nothing asks for one: its syntax decides.
fn ideal(number: &Number) -> Outcome<Value> {
    let source = number.source.as_str();
    if let Some((real, imaginary)) = number.complex {
        return Ok(Value::Complex(real, imaginary));
    }
    let is_hexadecimal_int =
        (source.starts_with("0x") || source.starts_with("0X")) && !source.contains(['p', 'P']);
    let looks_like_float =
        !is_hexadecimal_int && !source.starts_with('\'') && source.contains(['.', 'e', 'E', 'p', 'P']);
    match (number.float, number.int) {
        (Some(float), _) if looks_like_float => Ok(Value::Float(float)),
        (_, Some(int)) => Ok(Value::Int(int)),
        _ => Err(FaultKind::Overflow(source.to_owned())),
    }
}

/// Whether a value may be passed as `wanted`; a nil becomes the nil of that type.
fn validate(slot: Slot, wanted: Type) -> Outcome<Value> {
    match slot.value {
        Value::Nil if slot.boxed && !matches!(wanted, Type::Any | Type::Reflected) => {
            Err(FaultKind::ArgumentType {
                expected: wanted.name(),
                got: "interface {}",
            })
        }
        Value::Nil => wanted.nil().ok_or(FaultKind::ArgumentMissing(wanted.name())),
        value if wanted.takes(&value) => Ok(value),
        value => Err(FaultKind::ArgumentType {
            expected: wanted.name(),
            got: value.type_name(),
        }),
    }
}
