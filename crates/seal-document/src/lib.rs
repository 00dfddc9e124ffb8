//! YAML and JSON text with spans: parse, read as Kubernetes does, splice without loss, write.
//!
//! Owns everything between the bytes of a manifest and a [`Value`]; it knows no Kubernetes kind,
//! opens no file and reads no clock.
//!
//! ```
//! use seal_document::{DuplicateKeys, Edits, Format, Limits, Schema, Value, parse};
//!
//! let text = "# ours\nspec:\n  encryptedData: {}\n";
//! let stream = parse(text, Format::Yaml, &Limits::default())?;
//! let value = stream.documents()[0].value(Schema::Kubernetes, DuplicateKeys::Error)?;
//! assert!(value.get("spec").is_some());
//!
//! let mut edits = Edits::new(&stream);
//! edits.set(0, &".spec.encryptedData.password".parse()?, Value::from("AgB0"));
//! assert_eq!(&**edits.apply()?, "# ours\nspec:\n  encryptedData:\n    password: AgB0\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod buffer;
mod edit;
mod error;
mod format;
mod json;
mod limits;
mod node;
mod number;
mod path;
mod resolve;
mod schema;
mod split;
mod stream;
mod text;
mod timestamp;
mod value;
mod wiped;
mod write;
mod yaml;

pub use edit::{EditError, EditFault, Edits};
pub use error::{ParseError, ParseFault};
pub use format::Format;
pub use limits::Limits;
pub use node::{CollectionStyle, Node, NodeKind, ScalarStyle, Text};
pub use path::{Path, PathError, Step};
pub use schema::{DuplicateKeys, Schema, ValueError, ValueFault};
pub use stream::{Document, Documents, Stream, documents, parse};
pub use text::{Position, Span, decode};
pub use value::{Mapping, Value};
pub use wiped::WipedText;
pub use write::{JsonStyle, KeyOrder, WriteError, to_json, to_yaml};
