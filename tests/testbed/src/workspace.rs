//! A folder for one test's files, removed with it. It runs nothing: see `Program`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tempfile::TempDir;

/// A folder of a test's own.
pub struct Workspace {
    dir: TempDir,
}

impl Workspace {
    /// An empty one.
    pub fn new() -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("seal-workspace-").tempdir()?;
        Ok(Self { dir })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file, with the folders above it, and says where it is.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(&path, content).with_context(|| name.to_owned())?;
        Ok(path)
    }

    /// Reads a file of text.
    pub fn read(&self, name: &str) -> anyhow::Result<String> {
        fs::read_to_string(self.path().join(name)).with_context(|| name.to_owned())
    }

    /// All files below it, by relative path, sorted: what a program that must leave nothing behind left.
    pub fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let (mut found, mut folders) = (Vec::new(), vec![self.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                match entry.file_type()?.is_dir() {
                    true => folders.push(entry.path()),
                    false => found.push(entry.path().strip_prefix(self.path())?.to_owned()),
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
