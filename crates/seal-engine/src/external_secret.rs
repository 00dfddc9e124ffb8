//! The kind ExternalSecret in the one middle: what is due, what it needs, how it opens, to whom its Secret
//! belongs. Values come from stores instead of ciphertexts; everything after opening is common to all kinds.
//!
//! What the fields are is `seal-api`'s affair, and how a store is asked that of `seal-providers`.

pub mod boundary;
mod check;
mod convert;
mod decode;
mod entries;
mod failed_entries;
pub mod generate;
mod gjson;
mod go_json;
pub mod hash;
mod needs;
pub mod outcome;
mod pattern;
mod plan;
mod policy;
mod property;
mod refresh;
mod rewrite;
mod schedule;
pub mod shape;
pub mod store_outcome;
mod subject;

pub use check::faults;
pub use entries::{Answers, MissingSource, Opened, Reply, open};
pub use failed_entries::failed_entries;
pub use needs::{Need, Read, Search, SearchBy, StoreId, TemplateSource, needs, stores, template_sources};
pub use pattern::{InvalidPattern, Pattern};
pub use plan::{Managed, plan};
pub use policy::{
    Emptied, Target, emptied, holds_what_was_left, is_as_left, is_left_over, owner_reference, target,
};
pub use property::{Content, Dialect};
pub use refresh::{Occasion, Refresh, RefreshRules, interval, refresh};
pub use rewrite::Tools;
