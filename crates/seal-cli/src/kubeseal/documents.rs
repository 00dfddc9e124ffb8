//! The documents of an input, each passed through a Go struct; what to do with broken ones is decided
//! here, where upstream skips them.

use seal_document::{DuplicateKeys, Format, Limits, Schema, Value};

use super::failure::Failure;
use super::go_types::GoStruct;

/// What came of the documents of an input.
pub(super) struct Documents {
    /// The good ones, in order.
    pub(super) good: Vec<Value>,
    /// What is wrong with the first one that cannot be read.
    pub(super) broken: Option<String>,
}

impl Documents {
    /// Reads all documents of `input` as `target`. Blank ones are passed over.
    ///
    /// # Errors
    /// Go's complaint about a document that holds something but not of the right type.
    pub(super) fn read(input: &[u8], target: &'static GoStruct) -> Result<Self, Failure> {
        let mut found = Self {
            good: Vec::new(),
            broken: None,
        };
        let text = match seal_document::decode(input) {
            Ok(text) => text,
            Err(error) => {
                found.broken = Some(error.to_string());
                return Ok(found);
            }
        };
        let limits = Limits::default();
        let format = Format::detect(None, text);
        for document in seal_document::documents(text, format, &limits) {
            let value = match document.map_err(|error| error.to_string()).and_then(|document| {
                let value = document.value(Schema::Kubernetes, DuplicateKeys::LastWins);
                value.map_err(|error| error.to_string())
            }) {
                Ok(value) => value,
                Err(fault) => {
                    found.broken.get_or_insert(fault);
                    continue;
                }
            };
            let reading = target.read(&value);
            match reading.fault {
                Some(fault) if reading.filled => {
                    let yaml = "error unmarshaling JSON: while decoding JSON: ";
                    let prefix = if format == Format::Yaml { yaml } else { "" };
                    return Err(Failure::Decoding(format!("{prefix}{fault}")));
                }
                Some(fault) => {
                    found.broken.get_or_insert(fault);
                }
                None if reading.filled => found.good.push(reading.value),
                None => {}
            }
        }
        Ok(found)
    }

    /// The good documents, of which there must be one, if none is broken.
    ///
    /// # Errors
    /// `none` if there is no good document; otherwise the first broken one.
    pub(super) fn complete(self, none: Failure) -> Result<Vec<Value>, Failure> {
        match self {
            Self { good, .. } if good.is_empty() => Err(none),
            Self { good, .. } => match self.broken {
                Some(fault) => Err(Failure::BrokenDocument(fault)),
                None => Ok(good),
            },
        }
    }
}
