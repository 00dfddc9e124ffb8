//! A checkout as a thing: which of its files concern a command, the same work on all of them on all cores,
//! and what came of it. What the work is, is the command's.

mod bulk;
mod git;
mod report;
mod sealed_file;
pub(crate) mod settings;
pub(crate) mod three_way;

pub(crate) use bulk::{Outcome, Row, over};
pub(crate) use git::{Commit, Content, Event, Extent, Git, Staged, merge_texts};
pub(crate) use report::{Account, Told, account};
pub(crate) use sealed_file::{Sealed, SealedFile, is_same_text};
pub(crate) use settings::{NAME as SETTINGS, Settings, schema as settings_schema};
