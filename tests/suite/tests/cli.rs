//! The native commands, driven as a user drives them: the real binary on files and pipes.
//!
//! A cluster is a canned API server here; a real one is the cluster tier's. kubeseal mode has its own tests.

#![expect(clippy::unwrap_used, reason = "a test may end where its props fail")]

mod cli {
    pub(crate) mod advice;
    pub(crate) mod certificates;
    pub(crate) mod changing;
    pub(crate) mod checking;
    pub(crate) mod checkout;
    pub(crate) mod cluster;
    pub(crate) mod commands;
    pub(crate) mod diffing;
    pub(crate) mod editing;
    pub(crate) mod editing_values;
    pub(crate) mod environments;
    pub(crate) mod explain;
    pub(crate) mod exposed;
    pub(crate) mod exposed_hostile;
    pub(crate) mod fixing;
    pub(crate) mod harness;
    pub(crate) mod keys;
    pub(crate) mod opening;
    pub(crate) mod prompting;
    pub(crate) mod reencrypting;
    pub(crate) mod sealing;
    pub(crate) mod settings;
    pub(crate) mod silence;
    pub(crate) mod staging;
    pub(crate) mod writing;
}
