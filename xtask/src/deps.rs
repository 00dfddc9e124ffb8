//! `cargo xtask deps`: the arrows between our crates and the walls around the pure ones, compared with what Cargo
//! resolves. Calls that need no dependency (files, clock, environment) are clippy's: see the crates' `clippy.toml`.

mod arrows;
mod tree;

use std::fs;

use arrows::{ROOMS, Room};
use tree::Tree;

use crate::{Failure, cargo, workspace};

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    if !arguments.is_empty() {
        return Err(Failure::Usage("deps takes no arguments".to_owned()));
    }
    let complaints = check()?;
    if complaints.is_empty() {
        println!(
            "{} crates use each other as drawn in crates/README.md",
            ROOMS.len()
        );
        return Ok(());
    }
    Err(Failure::Fault(complaints.join("\nerror: ")))
}

/// Every arrow that should not be there, each with its reason and what to do instead.
fn check() -> Result<Vec<String>, Failure> {
    let mut complaints = unlisted()?;
    for room in ROOMS {
        complaints.extend(arrows::judge(room, &tree_of(room, "normal")?));
        complaints.extend(arrows::judge_siblings(room, &tree_of(room, "normal,build,dev")?));
    }
    complaints.extend(clippy_files()?);
    Ok(complaints)
}

fn tree_of(room: &Room, edges: &str) -> Result<Tree, Failure> {
    // One package at a time: features that only another member switches on do not count here.
    let output = cargo()
        .args([
            "tree",
            "--package",
            room.name,
            "--edges",
            edges,
            "--target",
            "all",
        ])
        .args([
            "--prefix",
            "depth",
            "--format",
            "{p}",
            "--charset",
            "ascii",
            "--color",
            "never",
        ])
        .output()
        .map_err(|error| Failure::because(&error))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::Fault(format!(
            "cargo tree for {}: {}",
            room.name,
            said.trim()
        )));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Tree::parse(&text).ok_or_else(|| Failure::Fault(format!("cargo tree for {} is not readable", room.name)))
}

/// A crate that no row describes would be checked by nothing.
fn unlisted() -> Result<Vec<String>, Failure> {
    let folder = workspace().join("crates");
    let mut complaints = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|error| Failure::because(&error))? {
        let entry = entry.map_err(|error| Failure::because(&error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_crate = entry.path().join("Cargo.toml").is_file();
        if is_crate && ROOMS.iter().all(|room| room.name != name) {
            complaints.push(format!(
                "{name} has no row in xtask/src/deps/arrows.rs; say there what it may use"
            ));
        }
    }
    Ok(complaints)
}

/// The pure crates' bans are one text that repeats the root's settings, which it replaces.
fn clippy_files() -> Result<Vec<String>, Failure> {
    let read = |folder: &str| {
        let path = workspace().join(folder).join("clippy.toml");
        fs::read_to_string(&path)
            .map_err(|error| Failure::Fault(format!("{} cannot be read: {error}", path.display())))
    };
    let root = read("")?;
    let files: Result<Vec<(&str, String)>, Failure> = ROOMS
        .iter()
        .filter(|room| room.pure)
        .map(|room| Ok((room.name, read(&format!("crates/{}", room.name))?)))
        .collect();
    Ok(arrows::judge_clippy(&root, &files?))
}
