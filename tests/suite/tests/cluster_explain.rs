//! `seal explain` and `seal doctor` on a real API server, with our controller behind the service proxy
//! where kubeseal looks for it. What the judgements are is tested where they are made.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod explain {
    mod doctor;
    mod ground;
    mod objects;
    mod told;
}
