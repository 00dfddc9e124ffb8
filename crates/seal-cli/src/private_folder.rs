//! A folder for values that a person works on: in memory, for its owner alone, wiped when it is dropped (S24).
//! A run that was killed could not wipe its folder; the next one does. What goes into it is others' business.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use crate::command_error::CommandError;

const PREFIX: &str = "seal-values-";

/// The folder. Held, no other run takes it for a left-over.
pub(crate) struct PrivateFolder {
    folder: TempDir,
    _held: File,
}

impl PrivateFolder {
    /// A new one.
    ///
    /// # Errors
    /// Where no file system in memory can be written: a disk keeps what was deleted.
    pub(crate) fn make() -> Result<Self, CommandError> {
        let of_session = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let candidates = of_session.into_iter().chain([PathBuf::from("/dev/shm")]);
        Self::make_in(candidates)
    }

    fn make_in(candidates: impl Iterator<Item = PathBuf>) -> Result<Self, CommandError> {
        let in_memory = candidates.filter(|folder| folder.is_absolute() && platform::is_in_memory(folder));
        for folder in in_memory {
            sweep(&folder);
            if let Ok(made) = Self::make_beneath(&folder) {
                return Ok(made);
            }
        }
        Err(CommandError::input(
            "there is no folder in memory for values that are being edited: neither $XDG_RUNTIME_DIR nor /dev/shm \
             is a tmpfs that can be written",
        )
        .remedy("mount a tmpfs and name it in XDG_RUNTIME_DIR; or use `seal set`, which asks for one value"))
    }

    fn make_beneath(parent: &Path) -> io::Result<Self> {
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(PREFIX);
            let folder = platform::owner_only(&mut builder).tempdir_in(parent)?;
            let held = File::open(folder.path())?;
            held.lock()?;
            // Another run may have swept it away before it was held.
            if folder.path().exists() {
                return Ok(Self { folder, _held: held });
            }
        }
    }

    /// Where `name` stands in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `content` to `name`, in place of what stands there.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, CommandError> {
        let path = self.file(name);
        let written = wipe(&path).and_then(|()| {
            let mut file = NamedTempFile::new_in(self.folder.path())?;
            file.write_all(content)?;
            file.persist(&path)?;
            Ok(())
        });
        written.map_err(|error| CommandError::file("write", &path, &error))?;
        Ok(path)
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        wipe_all(self.folder.path());
    }
}

// What runs left that were killed: nobody holds it.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && fs::symlink_metadata(entry.path())
                .is_ok_and(|found| found.is_dir() && platform::is_mine(&found));
        let Ok(held) = File::open(entry.path()) else {
            continue;
        };
        if is_ours && held.try_lock().is_ok() {
            wipe_all(&entry.path());
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

// Editors make files beside the one that they were given.
fn wipe_all(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => wipe_all(&path),
            Ok(kind) if kind.is_file() => drop(wipe(&path)),
            _ => {}
        }
    }
}

fn wipe(path: &Path) -> io::Result<()> {
    let mut file = match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
use elsewhere as platform;
#[cfg(target_os = "linux")]
use linux as platform;

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{Metadata, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    // linux/magic.h
    const TMPFS: u64 = 0x0102_1994;
    const RAMFS: u64 = 0x8584_58f6;

    pub(super) fn is_in_memory(folder: &Path) -> bool {
        let kind = rustix::fs::statfs(folder).map(|found| u64::try_from(found.f_type).unwrap_or_default());
        kind.is_ok_and(|kind| matches!(kind, TMPFS | RAMFS))
    }

    pub(super) fn is_mine(metadata: &Metadata) -> bool {
        metadata.uid() == rustix::process::geteuid().as_raw()
    }

    pub(super) fn owner_only<'b, 'p, 's>(
        builder: &'b mut tempfile::Builder<'p, 's>,
    ) -> &'b mut tempfile::Builder<'p, 's> {
        builder.permissions(Permissions::from_mode(0o700))
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::fs::Metadata;
    use std::path::Path;

    // No other system tells whether a folder is in memory.
    pub(super) fn is_in_memory(_: &Path) -> bool {
        false
    }

    pub(super) fn is_mine(_: &Metadata) -> bool {
        false
    }

    pub(super) fn owner_only<'b, 'p, 's>(
        builder: &'b mut tempfile::Builder<'p, 's>,
    ) -> &'b mut tempfile::Builder<'p, 's> {
        builder
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn in_memory() -> TempDir {
        tempfile::tempdir_in("/dev/shm").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_folder_on_a_disk_is_refused() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).to_owned();
        let refused = PrivateFolder::make_in([folder].into_iter()).err().unwrap();
        assert!(refused.complaints()[0].what.contains("no folder in memory"));
    }

    #[test]
    fn it_is_its_owners_alone_and_gone_when_dropped() {
        let parent = in_memory();
        let made = PrivateFolder::make_in([parent.path().to_owned()].into_iter()).unwrap();
        let path = made.write("secret.yaml", b"hunter2").unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        // Whoever still holds the file sees nothing in it either.
        let mut held = File::open(&path).unwrap();
        drop(made);
        let mut left = Vec::new();
        io::Read::read_to_end(&mut held, &mut left).unwrap();
        assert_eq!(left, [0; 7]);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_swept_and_what_a_running_one_holds_stays() {
        let parent = in_memory();
        let dead = parent.path().join(format!("{PREFIX}dead"));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("secret.yaml"), "hunter2").unwrap();
        let running = PrivateFolder::make_in([parent.path().to_owned()].into_iter()).unwrap();
        assert!(!dead.exists());
        let second = PrivateFolder::make_in([parent.path().to_owned()].into_iter()).unwrap();
        assert!(running.file("").exists() && second.file("").exists());
    }
}
