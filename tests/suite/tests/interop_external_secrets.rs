//! Ours and the real external-secrets controller on one API server and one OpenBao, each taking over from the other.
//! Needs what `cargo xtask test --tier interop` checks for.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod interop_external_secrets {
    mod cases;
    mod ground;
    mod take_over;
}
