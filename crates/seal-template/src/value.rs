//! The values a template handles: Go's kinds kept apart, strings as bytes that are wiped when dropped.
//! How a value prints is `printf`'s business; nothing here implements `Debug` or `Display`.

mod container;
mod text;

use std::any::Any;
use std::sync::Arc;

pub use container::{Element, List, Map};
pub use text::{Buffer, Text};

use crate::function::{Call, CallFault};

/// A value of a template: what dot, a variable, an argument or a result holds.
///
/// `int` and `int64` are kept apart because `printf "%T"`, `typeOf` and `kindOf` tell them apart.
#[derive(Clone)]
pub enum Value {
    /// Nothing: an untyped nil, a nil interface, a key that a map lacks.
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`: integer constants, lengths, indices.
    Int(i64),
    /// `int64`: what sprig's arithmetic returns.
    Int64(i64),
    /// `uint8`: one byte of a string.
    Uint8(u8),
    /// `uint64`
    Uint64(u64),
    /// `float64`
    Float(f64),
    /// `complex128`: real and imaginary part.
    Complex(f64, f64),
    /// `string`: bytes, which need not be UTF-8.
    Text(Text),
    /// `[]byte`
    Bytes(Text),
    /// A slice.
    List(List),
    /// A map with string keys, in sorted order.
    Map(Map),
    /// A struct with named fields and methods (time, certificate, version).
    Object(Arc<dyn Object>),
}

/// A struct as templates see it: `{{ .field }}`, `{{ .Method arg }}`, and how `%v` prints it.
///
/// Functions get their own types back with [`Value::downcast`].
pub trait Object: Any + Send + Sync {
    /// Go's name of the type, as `%T` prints it: `time.Time`, `*semver.Version`.
    fn type_name(&self) -> &'static str;

    /// Go's `reflect.Kind`, as `kindOf` prints it.
    fn kind(&self) -> &'static str {
        "struct"
    }

    /// What `String()` or `Error()` returns, if the type has either: `%v`, `%s` and output use it.
    fn text(&self) -> Option<Text> {
        None
    }

    /// Exported fields in declaration order; `%v` prints them in braces when there is no [`Object::text`].
    fn fields(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Calls a method; `None` when there is none of that name.
    ///
    /// # Errors
    /// What the method itself refuses.
    fn method(
        &self,
        name: &str,
        arguments: &[Value],
        call: &mut Call<'_>,
    ) -> Option<Result<Value, CallFault>> {
        let _ = (name, arguments, call);
        None
    }

    /// Go's `==` on two values of this type; objects of another type are never passed in.
    fn equal(&self, other: &dyn Object) -> bool {
        let _ = other;
        false
    }
}

impl Value {
    /// A string.
    pub fn text(bytes: impl AsRef<[u8]>) -> Self {
        Value::Text(Text::new(bytes))
    }

    /// A struct.
    pub fn object(object: impl Object) -> Self {
        Value::Object(Arc::new(object))
    }

    /// The struct behind the value, if it is a `T`.
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        match self {
            Value::Object(object) => {
                let any: &dyn Any = object.as_ref();
                any.downcast_ref()
            }
            _ => None,
        }
    }

    /// Go's name of the dynamic type, as `%T` and `typeOf` print it; `<nil>` for nothing.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "<nil>",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Int64(_) => "int64",
            Value::Uint8(_) => "uint8",
            Value::Uint64(_) => "uint64",
            Value::Float(_) => "float64",
            Value::Complex(..) => "complex128",
            Value::Text(_) => "string",
            Value::Bytes(_) => "[]uint8",
            Value::List(list) => list.type_name(),
            Value::Map(map) => map.type_name(),
            Value::Object(object) => object.type_name(),
        }
    }

    /// Go's `reflect.Kind`, as `kindOf` prints it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Nil => "invalid",
            Value::Bytes(_) | Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Object(object) => object.kind(),
            scalar => scalar.type_name(),
        }
    }

    /// Go templates' truth: not the zero of its kind, not empty; structs are always true.
    pub fn is_true(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(value) => *value,
            Value::Int(value) | Value::Int64(value) => *value != 0,
            Value::Uint8(value) => *value != 0,
            Value::Uint64(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Value::Text(text) | Value::Bytes(text) => !text.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            Value::Object(_) => true,
        }
    }

    /// What a function that reads all of it costs.
    pub(crate) fn reading_cost(&self) -> u64 {
        let units = match self {
            Value::Text(text) | Value::Bytes(text) => text.len() / 64,
            Value::List(list) => list.len() / 16,
            Value::Map(map) => map.len() / 16,
            _ => 0,
        };
        units as u64
    }

    /// How many bytes it holds itself, if nobody else holds it: then it was just made.
    pub(crate) fn fresh_weight(&self) -> usize {
        match self {
            Value::Text(text) | Value::Bytes(text) if text.is_unshared() => text.len(),
            Value::List(list) if list.is_unshared() => list.len().saturating_mul(size_of::<Value>()),
            Value::Map(map) if map.is_unshared() => map.len().saturating_mul(4 * size_of::<Value>()),
            _ => 0,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Value::Text(text)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Value::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}
