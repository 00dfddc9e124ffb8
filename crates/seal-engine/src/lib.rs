//! The one middle: every kind of secret passes the same rooms, in the cluster and on a laptop.
//!
//! ```text
//! due → needs → (gather) → open → shape → plan → (apply, status, event)
//! ```
//! Pure: what needs I/O, clock or randomness is handed in. `crates/README.md` walks through it.

pub mod catalogue;
pub mod cluster_external_secret;
mod due;
pub mod external_secret;
mod fault;
mod mark;
mod outcome;
mod ownership;
mod plan;
pub mod sealed_secret;
mod shape;

pub use due::{Due, Record, SecretVersion, Subject, due, inputs};
pub use fault::{Fault, FaultClass, FaultKind, Place, Retry, summary};
pub use mark::{is_marked, mark};
pub use outcome::{Event, Outcome, RECORD_CONDITION, event, status};
pub use ownership::{Onto, Ownership};
pub use plan::{Step, managed, plan};
pub use sealed_secret::{Answers, Need};
pub use shape::{Material, Policy, Unveiled, desired, shape};
