//! `templateAs: KeysAndValues`: rendered text that is a map of its own. Which of several templates wins is the
//! engine's to say.

use seal_document::{Format, Value};
use zeroize::Zeroizing;

use super::yaml::{self, Unreadable};
use crate::limits::Limit;

/// Why a rendered text is no map of texts. Holds nothing of it but where it goes wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("could not unmarshal template to 'map[string][]byte': {0}")]
pub struct EntriesFault(Reason);

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
enum Reason {
    #[error("error converting YAML to JSON: {0}")]
    Text(String),
    #[error(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {0} into Go value of type {1}"
    )]
    Kind(&'static str, &'static str),
    #[error("{0}")]
    Exceeded(Limit),
}

/// A key and its value.
pub type Entry = (String, Zeroizing<Vec<u8>>);

/// The entries of a rendered text, in its order: numbers and truth values as texts, nothing as an empty one.
///
/// # Errors
/// When the text is no YAML, no map, or has a list or map among its values.
pub fn entries(rendered: &[u8]) -> Result<Vec<Entry>, EntriesFault> {
    let value = yaml::read(rendered, Format::Yaml).map_err(|unreadable| {
        EntriesFault(match unreadable {
            Unreadable::Limit(limit) => Reason::Exceeded(limit),
            Unreadable::Text(reason) => Reason::Text(reason),
        })
    })?;
    let mapping = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Mapping(mapping) => mapping,
        other => {
            return Err(EntriesFault(Reason::Kind(
                yaml::json_kind(&other),
                "map[string]string",
            )));
        }
    };
    mapping
        .iter()
        .map(|(key, value)| match value.stringify() {
            Some(text) => Ok((key.to_owned(), Zeroizing::new(text.as_bytes().to_vec()))),
            None => Err(EntriesFault(Reason::Kind(yaml::json_kind(value), "string"))),
        })
        .collect()
}
