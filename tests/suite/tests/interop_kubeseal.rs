//! kubeseal mode against the real kubeseal: both run side by side on the same arguments, input,
//! environment and files, and must agree in exit code, both outputs and every file they leave.
//!
//! Ciphertexts are masked by length; that they open is tested by opening them with the other program.
//! Departures on purpose are tested one by one in `kubeseal/differences.rs`.

#![expect(clippy::unwrap_used, reason = "a test may end where its props fail")]

mod kubeseal {
    pub(crate) mod arguments;
    pub(crate) mod certificates;
    pub(crate) mod cluster;
    pub(crate) mod differences;
    pub(crate) mod disconnected;
    pub(crate) mod harness;
    pub(crate) mod interop;
    pub(crate) mod recovery;
    pub(crate) mod sealing;
}
