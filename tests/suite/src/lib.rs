//! The test tiers that need more than one crate: vectors, interop, cli, cluster; and what several of them need.

pub mod metrics;
