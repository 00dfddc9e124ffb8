//! The controller on a real API server, under exactly the role that the chart gives.
//!
//! One control plane and one controller serve most tests, each in a namespace of its own; what needs
//! other flags, other keys or a bad connection starts a controller beside them. Numbered cases are
//! those of upstream's behaviour that every release has to replay.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod cluster {
    mod behaviour;
    mod conditions;
    mod connection;
    mod diffing;
    mod downtime;
    mod editing;
    mod flags;
    mod ground;
    mod http;
    mod key_commands;
    mod key_demands;
    mod key_losses;
    mod key_ring;
    mod keys;
    mod leadership;
    mod leads;
    mod metrics;
    mod ownership;
    mod permissions;
    mod reencrypting;
    mod rotating;
    mod schema;
    mod secrecy;
    mod templates;
    mod without_work;
}
