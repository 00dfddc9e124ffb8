//! Carries the steps out one after the other, prints each one's time and sums up. A failed step stops nothing but
//! what it guards.

use std::{
    ffi::OsStr,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use seal_peers::{Cache, Peer, Prerequisite};

use crate::{
    Failure, cargo,
    test::{
        failures::Failures,
        plan::{Action, Step, Tier},
        tally::Tally,
    },
    tools, workspace,
};

/// What each fuzz target may take: seconds in all, MiB, seconds for one input.
const FUZZ_LIMITS: [&str; 3] = ["-max_total_time=5", "-rss_limit_mb=2048", "-timeout=10"];

/// Runs `steps`, prints the table of results, what failed with its words, and, as the last line, the count.
pub(crate) fn all(steps: &[Step]) -> Tally {
    let mut sum = Tally::default();
    let mut table = Vec::new();
    let mut failures = Failures::default();
    let mut shut: Option<Tier> = None;
    for step in steps {
        let heading = format!("{}: {}", step.tier.name(), step.title);
        println!("\n── {heading}");
        let begin = Instant::now();
        let (tally, note) = match shut == Some(step.tier) {
            true => (Tally::FAILED, "not run, for want of the above".to_owned()),
            false => carry_out(&step.action, &mut failures),
        };
        if tally.failed > 0 && step.action.is_gate() {
            shut = Some(step.tier);
        }
        if !note.is_empty() {
            println!("{note}");
        }
        table.push(row(&heading, tally, begin.elapsed()));
        sum += tally;
    }
    println!("\n{}", table.join("\n"));
    print!("{failures}");
    println!("{sum}");
    sum
}

fn row(heading: &str, tally: Tally, time: Duration) -> String {
    let verdict = match tally {
        Tally {
            passed: 0, failed: 0, ..
        } => "left out",
        Tally { failed: 0, .. } => "ok",
        _ => "FAILED",
    };
    let ignored = match tally.ignored {
        0 => String::new(),
        count => format!(", {count} IGNORED"),
    };
    format!(
        "{verdict:<8} {:>7.1} s  {heading} ({tally}{ignored})",
        time.as_secs_f64()
    )
}

/// The counts of one step and what is to be said about it.
fn carry_out(action: &Action, failures: &mut Failures) -> (Tally, String) {
    let outcome = match action {
        Action::Demand(prerequisites) => demand(prerequisites),
        Action::Fetch(groups) => tools::install_groups(groups),
        Action::Compile => succeed(cargo().args(["build", "--workspace", "--bins", "--tests"])),
        Action::Cargo(arguments) => succeed(cargo().args(arguments)),
        Action::Deny => deny(),
        Action::Tests(arguments) => return count(cargo().arg("test").args(arguments), failures),
        Action::Fuzz => return fuzz(),
        Action::Refuse(words) => Err(Failure::Fault(words.clone())),
    };
    match outcome {
        Ok(()) => (Tally::PASSED, String::new()),
        Err(failure) => (Tally::FAILED, format!("error: {failure}")),
    }
}

fn demand(prerequisites: &[Prerequisite]) -> Result<(), Failure> {
    let complaints: Vec<String> = prerequisites
        .iter()
        .filter_map(|prerequisite| prerequisite.check().err())
        .collect();
    match complaints.is_empty() {
        true => Ok(()),
        false => Err(Failure::Fault(complaints.join("\nerror: "))),
    }
}

fn succeed(command: &mut Command) -> Result<(), Failure> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| Failure::because(&error))?;
    match status.success() {
        true => Ok(()),
        false => Err(Failure::Fault(format!("{} ended with {status}", words(command)))),
    }
}

/// Runs a test command, counts, and keeps what failed.
fn count(command: &mut Command, failures: &mut Failures) -> (Tally, String) {
    let mut tally = Tally::default();
    let mut failed = Failures::default();
    let outcome = stream(command, &mut tally, &mut failed);
    failures.append(failed);
    let note = match outcome {
        Ok(true) if tally.passed + tally.failed == 0 => format!("error: {} ran no test", words(command)),
        Ok(true) => return (tally, String::new()),
        Ok(false) => format!("error: {} failed", words(command)),
        Err(error) => format!("error: {}: {error}", words(command)),
    };
    (tally.settle(false), note)
}

/// Passes the output on line by line, reads it in passing, and tells whether the command succeeded.
fn stream(command: &mut Command, tally: &mut Tally, failures: &mut Failures) -> io::Result<bool> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().expect("stdout was piped one line above");
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        println!("{line}");
        if let Some(counts) = Tally::of_line(&line) {
            *tally += counts;
        }
        failures.take_line(&line);
    }
    Ok(child.wait()?.success())
}

/// Advisories are left to `deny.toml`'s bans: their database cannot be had from a package registry.
fn deny() -> Result<(), Failure> {
    let program = peer_program("cargo-deny")?;
    succeed(
        Command::new(program)
            .args(["--all-features", "check", "licenses", "bans", "sources"])
            .current_dir(workspace()),
    )
}

fn fuzz() -> (Tally, String) {
    match fuzz_each() {
        Ok(tally) => (tally.settle(true), String::new()),
        Err(failure) => (Tally::FAILED, format!("error: {failure}")),
    }
}

fn fuzz_each() -> Result<Tally, Failure> {
    let program = peer_program("cargo-fuzz")?;
    let fuzz = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        // The cargo that runs us is the pinned stable one; sanitizers want nightly.
        command
            .env_remove("CARGO")
            .env("RUSTUP_TOOLCHAIN", "nightly")
            .current_dir(workspace());
        command.arg("fuzz").args(arguments);
        command
    };
    let folder = ["--fuzz-dir", "tests/fuzz"];
    let listed = fuzz(&["list"])
        .args(folder)
        .output()
        .map_err(|error| Failure::because(&error))?;
    let targets = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut tally = Tally::default();
    for target in targets.lines().filter(|line| !line.is_empty()) {
        let corpus = format!("tests/fuzz/corpus/{target}");
        std::fs::create_dir_all(workspace().join(&corpus)).map_err(|error| Failure::because(&error))?;
        let seeds = format!("tests/fuzz/seeds/{target}");
        let mut run = fuzz(&["run"]);
        run.args(folder)
            .args([target, &corpus, &seeds, "--"])
            .args(FUZZ_LIMITS);
        match succeed(&mut run) {
            Ok(()) => tally += Tally::PASSED,
            Err(failure) => {
                println!("error: {target}: {failure}");
                tally += Tally::FAILED;
            }
        }
    }
    Ok(tally)
}

fn peer_program(name: &str) -> Result<PathBuf, Failure> {
    let peer: &'static Peer = seal_peers::find(name)
        .ok_or_else(|| Failure::Fault(format!("{name} is not in the table of peers")))?;
    let cache = Cache::open().map_err(|error| Failure::because(&error))?;
    tools::install_one(&cache, peer)
}

fn words(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(OsStr::new("command"))
        .to_string_lossy()
        .into_owned();
    command.get_args().fold(name, |text, argument| {
        format!("{text} {}", argument.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(tier: Tier, action: Action) -> Step {
        Step {
            tier,
            title: "a step".to_owned(),
            action,
        }
    }

    #[test]
    fn failed_step_does_not_stop_the_next() {
        let refuse = || Action::Refuse("on purpose".to_owned());
        let sum = all(&[
            step(Tier::Unit, refuse()),
            step(Tier::Unit, refuse()),
            step(Tier::Cli, Action::Demand(&[])),
        ]);
        assert_eq!(
            sum,
            Tally {
                passed: 1,
                failed: 2,
                ignored: 0
            }
        );
    }

    #[test]
    fn failed_gate_fails_its_own_tier_unrun_and_no_other() {
        let absent = Action::Demand(&[Prerequisite::Program {
            name: "no-such-program",
            package: "none",
        }]);
        let sum = all(&[
            step(Tier::Cluster, absent),
            step(Tier::Cluster, Action::Demand(&[])),
            step(Tier::Fuzz, Action::Demand(&[])),
        ]);
        assert_eq!(
            sum,
            Tally {
                passed: 1,
                failed: 2,
                ignored: 0
            }
        );
    }

    #[test]
    fn test_output_is_counted_from_a_real_process() {
        let mut echo = Command::new("echo");
        echo.arg(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0s",
        );
        assert_eq!(
            count(&mut echo, &mut Failures::default()).0,
            Tally {
                passed: 3,
                failed: 0,
                ignored: 0
            }
        );
        for silent in ["false", "true"] {
            let (tally, _) = count(&mut Command::new(silent), &mut Failures::default());
            assert_eq!(tally, Tally::FAILED, "{silent}");
        }
    }
}
