//! The test tiers that need more than one crate: vectors, interop, cli, cluster.
