//! How functions are registered and called, and the faults they return. A fault cannot carry a value:
//! its parts are static. The functions themselves live in `builtins` and `sprig`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::builtins::BUILTINS;
use crate::environment::{Env, Random, TimeZones};
use crate::limits::{Limit, Limits};
use crate::node::Form;
use crate::value::{Buffer, Element, List, Map, Text, Value};

/// A function that templates can call. Tables of these are `static` and sorted by name.
pub struct Function {
    /// Its name in templates.
    pub name: &'static str,
    /// The types of its fixed parameters, checked before the call.
    pub parameters: &'static [Type],
    /// The type of each further argument, for variadic functions.
    pub rest: Option<Type>,
    /// The function. Arguments have been checked against `parameters` and `rest`.
    pub call: fn(Arguments<'_>, &mut Call<'_>) -> Result<Value, CallFault>,
}

/// A table of functions: a name, the types of its parameters, what answers.
macro_rules! table {
    ($($name:literal ($($parameter:ident),* $(,)? $(..$rest:ident)?) $module:ident :: $function:ident,)*) => {
        &[$($crate::function::Function {
            name: $name,
            parameters: &[$($parameter),*],
            rest: $crate::function::table!(@rest $($rest)?),
            call: $module::$function,
        }),*]
    };
    (@rest) => { None };
    (@rest $rest:ident) => { Some($rest) };
}
pub(crate) use table;

/// The static type of a parameter; it decides which arguments are refused and in which words.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `interface {}`
    Any,
    /// `reflect.Value`: as `Any`, for built-ins.
    Reflected,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float,
    /// `string`
    Text,
    /// `[]string`
    Texts,
    /// `[]interface {}`
    List,
    /// `map[string]interface {}`
    Map,
    /// A struct, by [`crate::value::Object::type_name`].
    Object(&'static str),
}

/// Why a function refused. Displayed after `error calling NAME: `; never holds an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallFault {
    /// The template called `fail`; its message is withheld.
    #[error("the template failed on purpose")]
    Failed,
    /// A reason that is the same whatever the arguments were.
    #[error("{0}")]
    Refused(&'static str),
    /// A reason and what it is about, mostly a type: `len of type int`.
    #[error("{0} {1}")]
    RefusedType(&'static str, &'static str),
    /// Two values of these types cannot be compared.
    #[error("incompatible types for comparison: {0} and {1}")]
    Incomparable(&'static str, &'static str),
    /// A value has one type and should have the other.
    #[error("value has type {0}; should be {1}")]
    WrongType(&'static str, &'static str),
    /// Wrong number of arguments for a method.
    #[error("wrong number of args: want {want} got {got}")]
    ArgumentCount {
        /// How many it takes.
        want: usize,
        /// How many there were.
        got: usize,
    },
    /// A limit was reached.
    #[error("{0}")]
    Exceeded(Limit),
    /// `call` was given something that is no function; the name is the argument's source text in Go.
    #[error("non-function of type {0}")]
    NotCallable(&'static str),
}

/// What a function may use besides its arguments.
pub struct Call<'a> {
    pub(crate) fuel: &'a mut u64,
    pub(crate) limits: &'a Limits,
    now: Timestamp,
    zones: &'a dyn TimeZones,
    random: &'a mut dyn Random,
}

impl<'a> Call<'a> {
    pub(crate) fn new(env: &'a mut Env<'_>, fuel: &'a mut u64, limits: &'a Limits) -> Self {
        Call {
            fuel,
            limits,
            now: env.now,
            zones: env.zones,
            random: &mut *env.random,
        }
    }

    /// Pays for work: one unit per step, or per eight bytes handled.
    ///
    /// # Errors
    /// When the fuel is spent.
    pub fn spend(&mut self, units: u64) -> Result<(), CallFault> {
        match self.fuel.checked_sub(units) {
            Some(left) => {
                *self.fuel = left;
                Ok(())
            }
            None => {
                *self.fuel = 0;
                Err(CallFault::Exceeded(Limit::Fuel))
            }
        }
    }

    /// Refuses a list or text before it is made: `weight` in bytes.
    ///
    /// # Errors
    /// When it would be larger than an intermediate value may be.
    pub fn admit(&self, weight: usize) -> Result<(), CallFault> {
        if weight > self.limits.intermediate {
            Err(CallFault::Exceeded(Limit::Intermediate))
        } else {
            Ok(())
        }
    }

    /// A buffer that cannot outgrow the intermediate limit. The result of a function is paid for by the engine.
    pub fn buffer(&self) -> Buffer {
        Buffer::new(self.limits.intermediate, Limit::Intermediate)
    }

    /// The time of this rendering.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// A time zone by its IANA name.
    pub fn zone(&self, name: &str) -> Option<TimeZone> {
        self.zones.named(name)
    }

    /// Go's `time.Local`.
    pub fn local_zone(&self) -> TimeZone {
        self.zones.local()
    }

    /// Fills `bytes` at random.
    pub fn random(&mut self, bytes: &mut [u8]) {
        self.random.fill(bytes);
    }
}

/// Arguments of one call, checked against the function's parameters.
///
/// The typed accessors fail only for a position that the table declares otherwise.
#[derive(Clone, Copy)]
pub struct Arguments<'a>(pub(crate) &'a [Value]);

impl<'a> Arguments<'a> {
    /// Arguments made by hand, for one function that calls another.
    pub fn new(values: &'a [Value]) -> Self {
        Arguments(values)
    }

    /// All of them.
    pub fn all(&self) -> &'a [Value] {
        self.0
    }

    /// Those from `position` on.
    pub fn from(&self, position: usize) -> &'a [Value] {
        self.0.get(position..).unwrap_or_default()
    }

    /// The argument at `position`; nil when there is none.
    pub fn any(&self, position: usize) -> &'a Value {
        self.0.get(position).unwrap_or(&Value::Nil)
    }

    /// A `string`.
    ///
    /// # Errors
    /// When the argument is of another type, as for all below.
    pub fn text(&self, position: usize) -> Result<&'a Text, CallFault> {
        match self.any(position) {
            Value::Text(text) => Ok(text),
            other => Err(CallFault::WrongType(other.type_name(), "string")),
        }
    }

    /// An `int` or `int64`.
    ///
    /// # Errors
    /// When the argument is of another type.
    pub fn int(&self, position: usize) -> Result<i64, CallFault> {
        match self.any(position) {
            Value::Int(number) | Value::Int64(number) => Ok(*number),
            other => Err(CallFault::WrongType(other.type_name(), "int")),
        }
    }

    /// A `float64`.
    ///
    /// # Errors
    /// When the argument is of another type.
    pub fn float(&self, position: usize) -> Result<f64, CallFault> {
        match self.any(position) {
            Value::Float(number) => Ok(*number),
            other => Err(CallFault::WrongType(other.type_name(), "float64")),
        }
    }

    /// A `bool`.
    ///
    /// # Errors
    /// When the argument is of another type.
    pub fn bool(&self, position: usize) -> Result<bool, CallFault> {
        match self.any(position) {
            Value::Bool(value) => Ok(*value),
            other => Err(CallFault::WrongType(other.type_name(), "bool")),
        }
    }

    /// A slice of any element type.
    ///
    /// # Errors
    /// When the argument is of another type.
    pub fn list(&self, position: usize) -> Result<&'a List, CallFault> {
        match self.any(position) {
            Value::List(list) => Ok(list),
            other => Err(CallFault::WrongType(other.type_name(), "[]interface {}")),
        }
    }

    /// A map.
    ///
    /// # Errors
    /// When the argument is of another type.
    pub fn map(&self, position: usize) -> Result<&'a Map, CallFault> {
        match self.any(position) {
            Value::Map(map) => Ok(map),
            other => Err(CallFault::WrongType(other.type_name(), "map[string]interface {}")),
        }
    }
}

/// A set of functions: the built-ins and what was added to them.
#[derive(Clone)]
pub struct Functions {
    tables: Vec<&'static [Function]>,
}

impl Functions {
    /// Go's own built-in functions.
    pub fn builtin() -> Self {
        Functions { tables: Vec::new() }
    }

    /// Adds a table, which must be sorted by name. Its functions win over those before it.
    #[must_use]
    pub fn with(mut self, table: &'static [Function]) -> Self {
        debug_assert!(
            table.is_sorted_by(|left, right| left.name < right.name),
            "function table out of order"
        );
        self.tables.push(table);
        self
    }

    /// The function of that name, and whether the language itself has a hand in calling it.
    pub(crate) fn find(&self, name: &str) -> Option<(&'static Function, Form)> {
        let within = |table: &'static [Function]| {
            let index = table.binary_search_by(|function| function.name.cmp(name)).ok()?;
            table.get(index)
        };
        if let Some(function) = self.tables.iter().rev().find_map(|table| within(table)) {
            return Some((function, Form::Ordinary));
        }
        let function = within(BUILTINS)?;
        let form = match name {
            "and" => Form::And,
            "or" => Form::Or,
            "call" => Form::Call,
            _ => Form::Ordinary,
        };
        Some((function, form))
    }
}

impl Type {
    /// Go's name of the type.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Reflected => "reflect.Value",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Int64 => "int64",
            Type::Float => "float64",
            Type::Text => "string",
            Type::Texts => "[]string",
            Type::List => "[]interface {}",
            Type::Map => "map[string]interface {}",
            Type::Object(name) => name,
        }
    }

    /// What a nil becomes when it is passed as this type, if it has a nil.
    pub(crate) fn nil(self) -> Option<Value> {
        match self {
            Type::Any | Type::Reflected => Some(Value::Nil),
            Type::Texts => Some(List::nil(Element::Text).into()),
            Type::List => Some(List::nil(Element::Any).into()),
            Type::Map => Some(Map::new([]).into()),
            Type::Object(name) if name.starts_with('*') => Some(Value::Nil),
            _ => None,
        }
    }

    /// Whether a value that is not nil may be passed as this type.
    pub(crate) fn takes(self, value: &Value) -> bool {
        matches!(self, Type::Any | Type::Reflected) || value.type_name() == self.name()
    }
}
