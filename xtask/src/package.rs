//! Tasks that need more than the standard library: each is a package below `tests/` that is compiled only when it is
//! asked for. What they do is theirs; arguments and exit status pass through.

use std::{
    env,
    path::PathBuf,
    process::{Command, ExitStatus},
};

use crate::{Failure, Task, cargo, workspace};

/// A task and the package that does it.
pub(crate) struct Package {
    pub(crate) name: &'static str,
    folder: &'static str,
    profile: &'static str,
    /// Packages whose programs it calls; they are compiled with it and lie beside it.
    companions: &'static [&'static str],
    pub(crate) task: Task,
}

/// Writes the files that are generated and committed; `--check` only compares.
pub(crate) const GENERATE: Package = Package {
    name: "seal-generate",
    folder: "tests/generate",
    profile: "dev",
    companions: &[],
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
    // Where no control plane can be raised, the controller is not shown, nor need it compile.
    companions: match cfg!(target_os = "linux") {
        true => &["seal-cli", "seal-controller"],
        false => &["seal-cli"],
    },
    task: Task {
        name: "demo",
        usage: "[vault] [--offline] [--keep]",
        summary: "seals a secret and watches it appear in a real cluster; or fetches one from a store",
        run: |arguments| DEMO.run(arguments),
    },
};

/// Measures us beside the real peers.
pub(crate) const BENCH: Package = Package {
    name: "seal-bench",
    folder: "tests/bench",
    profile: "bench",
    companions: &[],
    task: Task {
        name: "bench",
        usage: "",
        summary: "measures us and the real peers in one run",
        run: |arguments| BENCH.run(arguments),
    },
};

/// Lets a control plane and its controllers suffer.
pub(crate) const CHAOS: Package = Package {
    name: "seal-chaos",
    folder: "tests/chaos",
    profile: "dev",
    companions: &["seal-controller"],
    task: Task {
        name: "chaos",
        usage: "[--for TIME] [--seed N] [--judged N] [--stores]",
        summary: "faults, kills and changes from a seed around real controllers, every Secret judged",
        run: |arguments| CHAOS.run(arguments),
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
        let mut command = match self.companions {
            [] => {
                let mut command = cargo();
                command.args([
                    "run",
                    "--quiet",
                    "--profile",
                    self.profile,
                    "--package",
                    self.name,
                    "--",
                ]);
                command
            }
            companions => Command::new(self.compile(companions)?),
        };
        become_or_await(command.args(arguments))
    }

    /// Compiles it together with its companions, so that Cargo settles features once, and returns its program.
    fn compile(&self, companions: &[&str]) -> Result<PathBuf, Failure> {
        let own = env::current_exe().map_err(|error| Failure::because(&error))?;
        let program = own.with_file_name(format!("{}{}", self.name, env::consts::EXE_SUFFIX));
        let mut command = cargo();
        command.arg("build").args(["--profile", self.profile]);
        for package in companions.iter().chain([&self.name]) {
            command.args(["--package", package]);
        }
        match program.is_file() {
            true => command.arg("--quiet"),
            false => {
                println!(
                    "compiling {} and {}: some minutes, once",
                    companions.join(", "),
                    self.name
                );
                &mut command
            }
        };
        let status = command.status().map_err(|error| Failure::because(&error))?;
        ended(status).map(|()| program)
    }
}

/// Ctrl-C reaches everyone at the terminal: were there a process between the shell and the task, the prompt would
/// return before the task has cleaned up.
#[cfg(unix)]
fn become_or_await(command: &mut Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    Err(Failure::because(&command.exec()))
}

#[cfg(not(unix))]
fn become_or_await(command: &mut Command) -> Result<(), Failure> {
    ended(command.status().map_err(|error| Failure::because(&error))?)
}

fn ended(status: ExitStatus) -> Result<(), Failure> {
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Status(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::Fault(format!("ended by a signal ({status})"))),
    }
}
