//! Tasks that need more than the standard library: each is a package below `tests/` that is compiled only when it is
//! asked for. What they do is theirs; arguments and exit status pass through.

use std::process::ExitStatus;

use crate::{Failure, Task, cargo, workspace};

/// A task and the package that does it.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    folder: &'static str,
    profile: &'static str,
    pub(crate) task: Task,
}

/// Writes the files that are generated and committed; `--check` only compares.
pub(crate) const GENERATE: Package = Package {
    name: "seal-generate",
    folder: "tests/generate",
    profile: "dev",
    task: Task {
        name: "generate",
        usage: "[--check]",
        summary: "writes the committed files that are made from code",
        run: |arguments| GENERATE.run(arguments),
    },
};

/// Shows the main job on a throwaway control plane.
pub(crate) const DEMO: Package = Package {
    name: "seal-demo",
    folder: "tests/demo",
    profile: "dev",
    task: Task {
        name: "demo",
        usage: "[--offline] [--keep]",
        summary: "seals a secret and watches it appear in a real cluster",
        run: |arguments| DEMO.run(arguments),
    },
};

/// Measures us beside the real peers.
pub(crate) const BENCH: Package = Package {
    name: "seal-bench",
    folder: "tests/bench",
    profile: "bench",
    task: Task {
        name: "bench",
        usage: "",
        summary: "measures us and the real peers in one run",
        run: |arguments| BENCH.run(arguments),
    },
};

impl Package {
    pub(crate) fn exists(&self) -> bool {
        workspace().join(self.folder).join("Cargo.toml").is_file()
    }

    fn run(&self, arguments: &[String]) -> Result<(), Failure> {
        if !self.exists() {
            return Err(Failure::Fault(format!(
                "{} is not there: this checkout has no {}",
                self.name, self.folder
            )));
        }
        let status = cargo()
            .args([
                "run",
                "--quiet",
                "--profile",
                self.profile,
                "--package",
                self.name,
                "--",
            ])
            .args(arguments)
            .status()
            .map_err(|error| Failure::because(&error))?;
        ended(status)
    }
}

fn ended(status: ExitStatus) -> Result<(), Failure> {
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Status(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::Fault(format!("ended by a signal ({status})"))),
    }
}
