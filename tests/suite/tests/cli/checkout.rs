//! A Git checkout for one test's commits.

use std::path::PathBuf;
use std::process::Command;

use seal_testbed::ProgramOutput;

use super::harness::{Bench, binary, program};

/// A checkout in the bench's folder `r`, with a commit.
pub(crate) struct Checkout {
    pub(crate) bench: Bench,
}

impl Checkout {
    pub(crate) fn new() -> Self {
        let checkout = Self { bench: Bench::new() };
        checkout.bench.write("r/README", "x\n");
        checkout.git("init -q -b main");
        checkout.commit();
        checkout
    }

    pub(crate) fn at(&self) -> PathBuf {
        self.bench.folder.path().join("r")
    }

    pub(crate) fn git(&self, line: &str) -> bool {
        self.git_with(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub(crate) fn git_with(&self, arguments: &[&str]) -> bool {
        let path = std::env::var("PATH").unwrap();
        let ours = binary().parent().unwrap().display().to_string();
        Command::new("git")
            .current_dir(self.at())
            .env("HOME", self.bench.folder.path())
            .env("PATH", format!("{ours}:{path}"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.org"])
            .args(arguments)
            .output()
            .unwrap()
            .status
            .success()
    }

    pub(crate) fn commit(&self) {
        assert!(self.git("add -A") && self.git("commit -q -m x --no-verify"));
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.bench.write(&format!("r/{name}"), text);
    }

    pub(crate) fn seal(&self, arguments: &[&str]) -> ProgramOutput {
        program(&self.at()).args(arguments).run().unwrap()
    }
}
