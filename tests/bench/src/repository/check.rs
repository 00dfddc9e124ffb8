//! `seal check` of ten thousand files: few of them candidates, all of them, five of them staged; and whether memory
//! grows with the files.

use std::path::Path;
use std::time::Duration;

use anyhow::ensure;
use fastrand::Rng;
use seal_testbed::Workspace;

use super::{Run, file, git, megabytes, run, seconds, write};
use crate::command::build;
use crate::fixture::Keys;
use crate::report::{Row, median, milliseconds};

const FILES: usize = 10_000;
const BYTES: usize = 10_000;
const ROUNDS: usize = 5;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let seal = build("seal-cli", "seal")?;
    let keys = Keys::generate(1)?;
    let mut rows = Vec::new();
    for (candidates, target) in [(5, "< 2 s"), (1, "< 5 s")] {
        eprintln!("  making {FILES} files …");
        let folder = repository(&keys, FILES, candidates)?;
        let ran = often(&seal, &["check"], folder.path(), ROUNDS)?;
        rows.push(absolute(
            format!(
                "`check` of {FILES} files of {} kB, warm; {} % hold a SealedSecret",
                BYTES / 1_000,
                100 / candidates
            ),
            format!("{}, {}", seconds(ran.wall), megabytes(ran.memory)),
            ran.wall,
            Duration::from_secs(if candidates == 1 { 5 } else { 2 }),
            target,
        ));
        rows.push(memory(&seal, &keys, &ran, candidates)?);
        if candidates > 1 {
            rows.push(staged(&seal, &folder)?);
        }
    }
    Ok(rows)
}

/// A repository in which every so many files is a candidate, committed.
fn repository(keys: &Keys, files: usize, candidates: usize) -> anyhow::Result<Workspace> {
    let folder = Workspace::new()?;
    let mut random = Rng::with_seed(60);
    for index in 0..files {
        let name = format!("db-{index:05}");
        let mut text = String::new();
        if index % candidates == 0 {
            text = seal_repository::sealed_manifest(&mut random, "prod", &name, 3, keys.all()[0].public());
        }
        text.push_str(&seal_repository::manifest(&mut random, &name, BYTES - text.len()));
        write(&folder, &file(index), &text)?;
    }
    git(folder.path(), &["init", "--quiet"])?;
    git(folder.path(), &["add", "--all"])?;
    git(folder.path(), &["commit", "--quiet", "--message", "all"])?;
    Ok(folder)
}

// The median, and the most memory.
fn often(seal: &Path, words: &[&str], folder: &Path, rounds: usize) -> anyhow::Result<Run> {
    let mut runs = Vec::new();
    for _ in 0..=rounds {
        let ran = run(seal, words, folder)?;
        ensure!(ran.code == 0, "{}", ran.said);
        runs.push(ran);
    }
    let mut last = runs.pop().expect("there is one");
    // The first one found nothing in memory.
    let mut walls: Vec<Duration> = runs
        .iter()
        .skip(1)
        .map(|ran| ran.wall)
        .chain([last.wall])
        .collect();
    last.wall = median(&mut walls);
    last.memory = runs
        .iter()
        .map(|ran| ran.memory)
        .max()
        .unwrap_or_default()
        .max(last.memory);
    Ok(last)
}

fn staged(seal: &Path, folder: &Workspace) -> anyhow::Result<Row> {
    const STAGED: usize = 5;
    for index in 0..STAGED {
        let path = file(index * 1_010);
        let text = format!("{}---\n# one more\n", folder.read(&path)?);
        write(folder, &path, &text)?;
        git(folder.path(), &["add", &path])?;
    }
    let ran = often(seal, &["check", "--staged"], folder.path(), 21)?;
    ensure!(ran.said.contains(&format!("{STAGED} files")), "{}", ran.said);
    Ok(absolute(
        format!("`check --staged`, {STAGED} files of these are staged"),
        milliseconds(ran.wall),
        ran.wall,
        Duration::from_millis(30),
        "< 30 ms",
    ))
}

fn memory(seal: &Path, keys: &Keys, large: &Run, candidates: usize) -> anyhow::Result<Row> {
    let small = repository(keys, FILES / 10, candidates)?;
    let small = often(seal, &["check"], small.path(), ROUNDS)?;
    Ok(Row {
        what: format!("the same, memory: {} files, and {FILES}", FILES / 10),
        peer: megabytes(small.memory),
        ours: megabytes(large.memory),
        ratio: large.memory as f64 / small.memory as f64,
        target: "flat, < 100 MB",
    })
}

// Beside a time that was promised, not beside a peer: there is none that does this.
fn absolute(what: String, ours: String, spent: Duration, promised: Duration, target: &'static str) -> Row {
    Row {
        what,
        peer: "–".to_owned(),
        ours,
        ratio: promised.as_secs_f64() / spent.as_secs_f64(),
        target,
    }
}
