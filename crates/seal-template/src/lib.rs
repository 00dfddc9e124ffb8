//! Go text/template and sprig with fuel and caps; clock, randomness and time zones are handed in.

pub mod environment;
pub mod fault;
pub mod function;
pub mod limits;
pub mod sprig;
pub mod value;

mod builtins;
mod compare;
mod exec;
mod lexer;
mod node;
mod number;
mod parser;
mod printf;
mod quote;
mod template;

pub use environment::Env;
pub use fault::{Fault, ParseFault};
pub use function::Functions;
pub use limits::{Budget, Limits};
pub use template::{MissingKeys, Template};
pub use value::Value;
