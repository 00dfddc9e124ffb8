//! Values into text: YAML as `sigs.k8s.io/yaml` writes it, JSON as Go does. It never reads text.

mod json;
mod order;
mod yaml;

pub use json::{JsonStyle, to_json};
pub use yaml::to_yaml;

pub(crate) use json::{FlowWriter, quote as quote_json};
pub(crate) use yaml::{Emitter, Layout};

/// In which order the entries of a mapping are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// As Go's writers sort them: YAML by letters and numbers ("a2" before "a10"), JSON by bytes.
    #[default]
    Sorted,
    /// As they stand in the value.
    Kept,
}

/// A value that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number that is infinite or none cannot be written")]
pub struct WriteError;
