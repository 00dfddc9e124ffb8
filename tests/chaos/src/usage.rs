//! What a process holds: file descriptors and memory, by `/proc`. What is too much is said here, too.

use std::fs;

use anyhow::Context;

const MORE_DESCRIPTORS: usize = 20;
const MORE_KIBIBYTES: usize = 20 << 10;

/// What a process holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) descriptors: usize,
    pub(crate) kibibytes: usize,
}

impl Usage {
    /// Of the process with that id, now.
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let folder = format!("/proc/{process}");
        let descriptors = fs::read_dir(format!("{folder}/fd"))?.count();
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = resident.and_then(|size| size.trim().strip_suffix(" kB")?.parse().ok());
        Ok(Self {
            descriptors,
            kibibytes: kibibytes.context("proc(5)")?,
        })
    }

    /// A complaint where it is far more than at the start.
    pub(crate) fn judge(self, start: Self) -> Option<String> {
        let leaks = self.descriptors > start.descriptors + MORE_DESCRIPTORS
            || self.kibibytes > start.kibibytes + MORE_KIBIBYTES;
        leaks.then(|| format!("grew from {start} to {self}"))
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mebibytes = self.kibibytes as f64 / 1024.0;
        write!(
            formatter,
            "{} descriptors and {mebibytes:.1} MiB",
            self.descriptors
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_file_counts_and_so_does_memory() {
        let before = Usage::of(std::process::id()).expect("our own");
        let files: Vec<_> = (0..25)
            .map(|_| fs::File::open("/proc/self/status").expect("a file"))
            .collect();
        let grown = Usage::of(std::process::id()).expect("our own");
        assert!(grown.descriptors >= before.descriptors + files.len());
        assert!(grown.judge(before).is_some());
        let memory = Usage {
            kibibytes: before.kibibytes + (21 << 10),
            ..before
        };
        assert!(memory.judge(before).is_some());
        assert!(before.judge(before).is_none());
    }
}
