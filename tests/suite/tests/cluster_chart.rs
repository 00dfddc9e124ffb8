//! The chart by itself: its values against upstream's, and real releases of it on a real API server, from
//! upstream's to ours and back. What the controller does with its role and flags is `cluster`'s business.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

mod chart {
    mod ground;
    mod image;
    mod releases;
    mod upgrade;
    mod values;
}
