//! Go text/template, sprig and what external-secrets adds to them, with fuel and caps; clock, randomness and time
//! zones are handed in.

pub mod environment;
pub mod external_secrets;
pub mod fault;
pub mod function;
pub mod limits;
pub mod sprig;
pub mod value;

mod builtins;
mod compare;
mod delimiters;
mod exec;
mod lexer;
mod node;
mod number;
mod parser;
mod printf;
mod quote;
mod template;

pub use delimiters::Delimiters;
pub use environment::Env;
pub use fault::{Fault, ParseFault};
pub use function::Functions;
pub use limits::{Budget, Limits};
pub use template::{MissingKeys, Template};
pub use value::Value;
