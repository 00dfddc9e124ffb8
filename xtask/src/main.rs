//! The project's own tasks, by name. It holds the table and the door; each task lives in a module or a package.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tasks talk to people and CI logs"
)]

mod deps;
mod package;
mod test;
mod tools;

use std::{
    env,
    error::Error,
    fmt,
    path::Path,
    process::{Command, ExitCode},
};

/// One row of the table of tasks.
struct Task {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const TASKS: &[Task] = &[
    Task {
        name: "test",
        usage: "[--tier TIER]… [--list]",
        summary: "everything that must hold before a change is merged, or one tier of it",
        run: test::run,
    },
    Task {
        name: "tools",
        usage: "[NAME|GROUP]… | --all | --list | --path NAME",
        summary: "puts the pinned peers and servers into the cache, proven and checked",
        run: tools::run,
    },
    Task {
        name: "deps",
        usage: "",
        summary: "checks which crate uses which",
        run: deps::run,
    },
    package::GENERATE.task,
    package::DEMO.task,
    package::BENCH.task,
    package::CHAOS.task,
];

/// Why a task ended without success.
#[derive(Debug)]
enum Failure {
    /// It was called wrongly.
    Usage(String),
    /// It found or met a fault.
    Fault(String),
    /// What it found is already on the screen, whose last line is its own.
    Reported,
    /// The package that it ran ended with this status.
    Status(u8),
}

impl Failure {
    /// A fault with its causes, each told once.
    fn because(error: &dyn Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Fault(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Fault(text) => f.write_str(text),
            Self::Reported | Self::Status(_) => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Status(status)) => ExitCode::from(status),
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(if matches!(failure, Failure::Usage(_)) {
                2
            } else {
                1
            })
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = arguments.split_first() else {
        return Err(Failure::Usage(help()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", help());
        return Ok(());
    }
    match TASKS.iter().find(|task| task.name == name) {
        Some(task) => (task.run)(rest),
        None => Err(Failure::Usage(format!(
            "there is no task called {name}\n{}",
            help()
        ))),
    }
}

fn help() -> String {
    TASKS.iter().fold("cargo xtask TASK".to_owned(), |text, task| {
        format!(
            "{text}\n  {:<8} {}\n           {}",
            task.name, task.summary, task.usage
        )
        .trim_end()
        .to_owned()
    })
}

/// The folder of the workspace.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace's folder")
}

/// The cargo that runs us, in the workspace's folder.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_task_is_a_usage_fault_that_lists_the_others() {
        let failure = dispatch(&["tset".to_owned()]).unwrap_err();
        assert!(matches!(&failure, Failure::Usage(text) if text.contains("tset") && text.contains("tools")));
    }

    #[test]
    fn every_task_has_one_name_of_its_own() {
        for (index, task) in TASKS.iter().enumerate() {
            assert!(TASKS[index + 1..].iter().all(|other| other.name != task.name));
        }
    }
}
