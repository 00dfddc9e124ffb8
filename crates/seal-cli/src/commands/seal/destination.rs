//! Where what was sealed goes: known before anything is sealed, written when everything is.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Passage, Written};
use crate::arguments::DestinationArguments;
use crate::command_error::CommandError;
use crate::input::Source;
use crate::manifests::ManifestFile;
use crate::output;
use crate::terminal::Terminal;

/// Where the results of one passage go.
pub(super) enum Destination<'a> {
    File(Option<&'a Path>),
    InPlace,
    Folder(PathBuf),
}

impl<'a> Destination<'a> {
    pub(super) fn settle(
        arguments: &'a DestinationArguments,
        sources: &[Source],
    ) -> Result<Self, CommandError> {
        if arguments.in_place {
            if sources.contains(&Source::Stdin) {
                return Err(CommandError::usage(
                    "--in-place needs files, and standard input is none",
                ));
            }
            return Ok(Self::InPlace);
        }
        if let Some(folder) = &arguments.out_dir {
            judge_names(sources, "--out-dir")?;
            return Ok(Self::Folder(folder.clone()));
        }
        if sources.len() > 1 {
            return Err(
                CommandError::usage(format!("there are {} inputs, and one output", sources.len()))
                    .remedy("replace the files with --in-place, or write others with --out-dir"),
            );
        }
        Ok(Self::File(arguments.out_file.as_deref()))
    }
}

/// Whether what comes of `sources` can stand in one folder.
pub(super) fn judge_names(sources: &[Source], flag: &str) -> Result<(), CommandError> {
    if sources.contains(&Source::Stdin) {
        return Err(CommandError::usage(format!(
            "{flag} needs files, and standard input is none"
        )));
    }
    let mut names: Vec<_> = sources.iter().filter_map(relative).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(CommandError::usage(format!(
            "two inputs would become {}",
            pair[0].display()
        ))),
    }
}

/// Writes what came of each passage, all files or none.
pub(super) fn write(
    passages: &[Passage<'_>],
    files: &[ManifestFile],
    results: &[Written],
    terminal: Terminal,
) -> Result<(), CommandError> {
    let mut targets: Vec<(PathBuf, &[u8])> = Vec::new();
    for (passage, Written { texts, changes }) in passages.iter().zip(results) {
        for ((file, text), changes) in files.iter().zip(texts).zip(changes) {
            let source = &file.source;
            match &passage.destination {
                Destination::File(path) => return output::write_public(*path, text),
                Destination::InPlace if *changes == 0 => {
                    terminal.detail(&format!("{}: nothing to seal", source.shown()));
                }
                Destination::InPlace => {
                    terminal.detail(&format!("{}: {changes} sealed", source.shown()));
                    targets.extend(source.path().map(|path| (path.to_owned(), text.as_bytes())));
                }
                Destination::Folder(folder) => {
                    let path = folder.join(relative(source).expect("only files get here"));
                    let parent = path.parent().unwrap_or(folder);
                    fs::create_dir_all(parent).map_err(|error| CommandError::file("make", parent, &error))?;
                    if let Some((name, _)) = passage.environment {
                        terminal.detail(&format!("{name}: {}: {changes} sealed", path.display()));
                    }
                    targets.push((path, text.as_bytes()));
                }
            }
        }
    }
    output::replace_all(targets)
}

/// The part of a file's path that counts from the folder that was named.
pub(super) fn relative(source: &Source) -> Option<&Path> {
    match source {
        Source::Stdin => None,
        Source::File { relative, .. } => Some(relative),
    }
}
