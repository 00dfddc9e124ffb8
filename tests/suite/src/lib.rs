//! The test tiers that need more than one crate: vectors, interop, cli, cluster; and what several of them need.

mod built;
pub mod metrics;

pub use built::built;
