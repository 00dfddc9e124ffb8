//! Commands on whole repositories: what each costs, beside its floor and beside a loop over the real kubeseal.

mod check;
mod reencrypt;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use fastrand::Rng;
use seal_core::PublicKey;
use seal_testbed::Workspace;

pub(crate) use check::measure as check;
pub(crate) use reencrypt::measure as reencrypt;

/// A run of `seal`.
struct Run {
    wall: Duration,
    /// The most memory that it held at once, in bytes.
    memory: u64,
    code: i32,
    said: String,
}

/// Runs `seal` to its end.
fn run(seal: &Path, words: &[&str], folder: &Path) -> anyhow::Result<Run> {
    let begin = Instant::now();
    let mut child = Command::new(seal)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut said = child.stderr.take().context("it is piped")?;
    let reader = std::thread::spawn(move || std::io::read_to_string(&mut said));
    let mut memory = 0;
    // The kernel forgets the high-water mark with the process: what was last seen of it counts.
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        memory = high_water(child.id()).unwrap_or_default().max(memory);
        std::thread::sleep(Duration::from_millis(1));
    };
    let wall = begin.elapsed();
    let said = reader.join().expect("a reader does not panic")?;
    Ok(Run {
        wall,
        memory,
        code: status.code().context("it was killed")?,
        said,
    })
}

// proc(5)
fn high_water(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The file at `index`, in folders of a hundred.
fn file(index: usize) -> String {
    format!("shop/part-{:03}/db-{index:05}.yaml", index / 100)
}

/// Writes `count` files, each with a SealedSecret of so many entries under its own key.
fn fill<'k>(
    folder: &Workspace,
    count: usize,
    entries: usize,
    key: impl Fn(usize) -> &'k PublicKey,
) -> anyhow::Result<()> {
    let mut random = Rng::with_seed(6);
    for index in 0..count {
        let text = seal_repository::sealed_manifest(
            &mut random,
            "prod",
            &format!("db-{index:05}"),
            entries,
            key(index),
        );
        write(folder, &file(index), &text)?;
    }
    Ok(())
}

fn write(folder: &Workspace, path: &str, text: &str) -> anyhow::Result<PathBuf> {
    let path = folder.path().join(path);
    std::fs::create_dir_all(path.parent().context("a folder")?)?;
    std::fs::write(&path, text)?;
    Ok(path)
}

fn git(folder: &Path, words: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("git")
        .args([
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.com",
            "-c",
            "gc.auto=0",
        ])
        .args(words)
        .current_dir(folder)
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "git {words:?} ended with {status}");
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
