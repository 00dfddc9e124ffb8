//! Ours and upstream's real programs on one API server, each opening what the other sealed, and each
//! taking over the cluster from the other. Needs what `cargo xtask test --tier interop` checks for.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod interop {
    pub(crate) mod certificates;
    pub(crate) mod ground;
    pub(crate) mod hand_over;
    pub(crate) mod http_answers;
    pub(crate) mod reencrypting;
    pub(crate) mod rotating;
    pub(crate) mod take_over;
}
