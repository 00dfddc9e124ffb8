//! The native commands, driven as a user drives them: the real binary on files and pipes.
//!
//! What they say to a cluster is tested in the cluster tier; kubeseal mode has its own tests.

mod cli {
    pub(crate) mod certificates;
    pub(crate) mod changing;
    pub(crate) mod commands;
    pub(crate) mod harness;
    pub(crate) mod keys;
    pub(crate) mod opening;
    pub(crate) mod sealing;
    pub(crate) mod silence;
    pub(crate) mod writing;
}
