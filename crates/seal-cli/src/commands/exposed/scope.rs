//! Which repository is meant, and which files of it count, whether they are there or only were.

use std::path::{Component, Path, PathBuf};
use std::{env, fs};

use crate::command_error::CommandError;
use crate::input::is_manifest;

/// The folder by which the repository is found: the first of `paths` that is there says which is meant.
pub(super) fn folder(paths: &[PathBuf]) -> PathBuf {
    let first = paths.iter().find(|path| path.exists());
    let folder = first.map(|path| match path.is_dir() {
        true => path.clone(),
        false => path.parent().map(Path::to_owned).unwrap_or_default(),
    });
    folder
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or_else(|| PathBuf::from("."))
}

/// Which files count.
pub(super) struct Scope {
    /// From the checkout's top; none are all.
    pub(super) within: Vec<PathBuf>,
}

impl Scope {
    pub(super) fn of(paths: &[PathBuf], top: &Path) -> Result<Self, CommandError> {
        let within = paths.iter().map(|path| {
            let real = real(path)?;
            let within = real.strip_prefix(top).map(Path::to_owned);
            within.map_err(|_| {
                CommandError::usage(format!("{} is not in this repository", path.display()))
                    .remedy("name files and folders of one repository")
            })
        });
        let within: Vec<PathBuf> = within.collect::<Result<_, _>>()?;
        // The top is everything.
        let is_all = within.iter().any(|path| path.as_os_str().is_empty());
        Ok(Self {
            within: if is_all { Vec::new() } else { within },
        })
    }

    /// Manifests, and what was named itself.
    pub(super) fn takes(&self, path: &Path) -> bool {
        let is_within = self.within.is_empty() || self.within.iter().any(|within| path.starts_with(within));
        is_within && (is_manifest(path) || self.within.iter().any(|within| path == within))
    }
}

// Where `path` leads, as far as it is there.
fn real(path: &Path) -> Result<PathBuf, CommandError> {
    let lost = |error| CommandError::file("find", path, &error);
    let whole = env::current_dir().map_err(lost)?.join(path);
    let mut real = PathBuf::new();
    for component in whole.components() {
        match component {
            Component::ParentDir => drop(real.pop()),
            component => real.push(component),
        }
        if let Ok(found) = fs::canonicalize(&real) {
            real = found;
        }
    }
    Ok(real)
}
