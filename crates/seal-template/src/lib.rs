//! Go text/template and sprig with fuel and caps; clock, randomness and time zones are handed in.

pub mod environment;
pub mod function;
pub mod limits;
pub mod value;

pub use environment::Env;
pub use function::Functions;
pub use limits::Limits;
pub use value::Value;
