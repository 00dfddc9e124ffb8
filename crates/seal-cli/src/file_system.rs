//! Files that are written whole or not at all: beside their target, flushed to disk, moved into place.
//! What only Unix knows (modes, flushing or locking a folder) is in the module `unix` at the end; elsewhere the
//! folder's own rules hold.

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::command_error::CommandError;

/// Who may read a file that is new. One that stands already keeps its permissions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the user's umask lets.
    Public,
    /// Its owner alone, also if it stands already.
    Private,
}

/// A file that is on disk, and not in its place yet. Dropped, it is gone.
pub(crate) struct Replacement {
    content: Content,
    target: PathBuf,
}

enum Content {
    /// Without a name: it goes with this process, even when that is killed.
    Nameless(fs::File),
    /// Where there are no such files.
    Beside(NamedTempFile),
    /// For a device or a pipe: what stands there is not replaced but written to.
    Kept(Zeroizing<Vec<u8>>),
}

impl Replacement {
    /// Writes `content` beside `target`. A link is followed: what it points to will be replaced.
    pub(crate) fn prepare(target: &Path, content: &[u8], access: Access) -> Result<Self, CommandError> {
        let failed = |error: std::io::Error| CommandError::file("write", target, &error);
        let place = match fs::canonicalize(target) {
            Ok(place) => place,
            Err(_) => target.to_owned(),
        };
        let standing = fs::metadata(&place).ok();
        if standing.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(CommandError::file(
                "write",
                target,
                &std::io::ErrorKind::IsADirectory.into(),
            ));
        }
        if standing.as_ref().is_some_and(|standing| !standing.is_file()) {
            return Ok(Self {
                content: Content::Kept(Zeroizing::new(content.to_vec())),
                target: target.to_owned(),
            });
        }
        let folder = folder_of(&place);
        let content = match platform::nameless(folder, 0o600) {
            Some(mut file) => {
                fill(&mut file, content, access, standing, folder).map_err(failed)?;
                Content::Nameless(file)
            }
            None => {
                let mut named = names().tempfile_in(folder).map_err(failed)?;
                fill(named.as_file_mut(), content, access, standing, folder).map_err(failed)?;
                Content::Beside(named)
            }
        };
        Ok(Self {
            content,
            target: place,
        })
    }

    /// Moves it into place.
    pub(crate) fn commit(self) -> Result<(), CommandError> {
        let target = self.target;
        let failed = |error: std::io::Error| CommandError::file("write", &target, &error);
        let folder = folder_of(&target);
        match self.content {
            Content::Nameless(file) => {
                // A link replaces nothing, so that it has another name for a moment.
                let named = names().make_in(folder, |path| platform::name(&file, path));
                let named = named.map_err(failed)?;
                named.persist(&target).map_err(|error| failed(error.error))?;
                platform::flush_folder(folder);
                Ok(())
            }
            Content::Beside(file) => {
                file.persist(&target).map_err(|error| failed(error.error))?;
                platform::flush_folder(folder);
                Ok(())
            }
            Content::Kept(content) => {
                let mut there = fs::OpenOptions::new().write(true).open(&target).map_err(failed)?;
                there.write_all(&content).map_err(failed)
            }
        }
    }

    /// Moves it into place unless something stands there.
    pub(crate) fn commit_new(self) -> Result<(), CommandError> {
        let target = self.target;
        let failed = |error: std::io::Error| CommandError::file("write", &target, &error);
        match self.content {
            Content::Nameless(file) => platform::name(&file, &target).map_err(failed)?,
            Content::Beside(file) => {
                file.persist_noclobber(&target)
                    .map_err(|error| failed(error.error))?;
            }
            Content::Kept(_) => return Err(failed(std::io::ErrorKind::AlreadyExists.into())),
        }
        platform::flush_folder(folder_of(&target));
        Ok(())
    }
}

fn names() -> tempfile::Builder<'static, 'static> {
    let mut names = tempfile::Builder::new();
    names.prefix(".seal-");
    names
}

fn fill(
    file: &mut fs::File,
    content: &[u8],
    access: Access,
    standing: Option<fs::Metadata>,
    folder: &Path,
) -> std::io::Result<()> {
    file.write_all(content)?;
    if access == Access::Public {
        match standing {
            Some(standing) => file.set_permissions(standing.permissions())?,
            None => platform::open_up(file, folder)?,
        }
    }
    file.sync_all()
}

/// `path` without `.` and, as far as its own words go, without `..`. No link is followed.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(normal.components().next_back(), Some(Component::Normal(_))) => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal
}

/// Where `path` leads, links followed as far as it stands; what does not stand yet is taken by its words.
pub(crate) fn real_place(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    let mut standing = absolute.as_path();
    // The last part is the name of a file that is replaced: a link there is the caller's affair.
    let name = standing.file_name()?;
    standing = standing.parent()?;
    let mut missing = vec![name];
    loop {
        if let Ok(real) = fs::canonicalize(standing) {
            return Some(
                missing
                    .into_iter()
                    .rev()
                    .fold(real, |place, part| place.join(part)),
            );
        }
        // A folder that is missing has none above it, so that `..` leads nowhere.
        missing.push(standing.file_name()?);
        standing = standing.parent()?;
    }
}

/// A file that is read, changed and replaced, as one step among all runs of this program. Nothing that
/// waits for another process (a pipe, a prompt) may be read meanwhile: that process may wait for this.
pub(crate) struct Exclusive {
    place: PathBuf,
    /// Dropped, it is unlocked.
    _folder: Option<fs::File>,
}

impl Exclusive {
    /// Waits until no other run changes a file in the folder of `path`. Where folders cannot be locked
    /// only [`Self::confirm`] stands between two runs.
    pub(crate) fn on(path: &Path) -> Self {
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // Not the file itself: the one that is locked is soon replaced by another.
        let folder = platform::lock_folder(folder_of(&place));
        Self {
            place,
            _folder: folder,
        }
    }

    /// Whether the file still holds what was `read`: an editor takes no lock. To be asked right before
    /// it is replaced.
    pub(crate) fn confirm(&self, read: &[u8]) -> bool {
        // A pipe or device can be read once only, and is not replaced.
        !self.place.is_file()
            || fs::read(&self.place).is_ok_and(|standing| Zeroizing::new(standing).as_slice() == read)
    }
}

/// Whether `path` is a terminal, or another device of which nobody knows who reads it.
pub(crate) fn is_character_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| platform::is_character_device(&metadata))
}

/// Makes a folder, and those above it, for its owner alone.
pub(crate) fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    platform::owner_only(builder.recursive(true)).create(folder)
}

/// Whether others than its owner can write `path`.
pub(crate) fn others_can_write(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| platform::others_can_write(&metadata))
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(not(unix))]
use elsewhere as platform;
#[cfg(unix)]
use unix as platform;

#[cfg(unix)]
mod unix {
    use std::fs::{DirBuilder, File, Metadata, Permissions};
    use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::Path;

    /// Gives a new file the mode that the umask leaves of 0666. The umask can only be read by setting
    /// it, so a file is made to see.
    pub(super) fn open_up(file: &File, folder: &Path) -> std::io::Result<()> {
        if let Some(probe) = nameless(folder, 0o666) {
            return file.set_permissions(probe.metadata()?.permissions());
        }
        let probe = super::names()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        file.set_permissions(probe.as_file().metadata()?.permissions())
    }

    #[cfg(target_os = "linux")]
    pub(super) fn nameless(folder: &Path, mode: u32) -> Option<File> {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        // It can be named only through there.
        let can_be_named = Path::new("/proc/self/fd").is_dir();
        let file = can_be_named.then(|| open(folder, flags, Mode::from_raw_mode(mode)))?;
        file.ok().map(File::from)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn name(file: &File, path: &Path) -> std::io::Result<()> {
        use rustix::fs::{AtFlags, CWD, linkat};
        use std::os::fd::AsRawFd;
        let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn nameless(_: &Path, _: u32) -> Option<File> {
        None
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn name(_: &File, _: &Path) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    /// A new name is not on disk before its folder is. Some file systems cannot flush a folder.
    pub(super) fn flush_folder(folder: &Path) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }

    /// Waits for the lock. Not every file system knows it, and not every folder may be opened.
    pub(super) fn lock_folder(folder: &Path) -> Option<File> {
        let folder = File::open(folder).ok()?;
        folder.lock().ok()?;
        Some(folder)
    }

    pub(super) fn owner_only(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder.mode(0o700)
    }

    pub(super) fn others_can_write(metadata: &Metadata) -> bool {
        metadata.mode() & 0o022 != 0
    }

    pub(super) fn is_character_device(metadata: &Metadata) -> bool {
        metadata.file_type().is_char_device()
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{DirBuilder, File, Metadata};
    use std::path::Path;

    pub(super) fn open_up(_: &File, _: &Path) -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn nameless(_: &Path, _: u32) -> Option<File> {
        None
    }

    pub(super) fn name(_: &File, _: &Path) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    pub(super) fn flush_folder(_: &Path) {}

    pub(super) fn lock_folder(_: &Path) -> Option<File> {
        None
    }

    pub(super) fn owner_only(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder
    }

    pub(super) fn others_can_write(_: &Metadata) -> bool {
        false
    }

    pub(super) fn is_character_device(_: &Metadata) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_device_or_socket_is_never_replaced_by_a_file() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        for path in [&socket, &link] {
            for access in [Access::Public, Access::Private] {
                let prepared = Replacement::prepare(path, b"hunter2", access).unwrap();
                assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
                assert!(prepared.commit().is_err(), "a socket cannot be opened");
            }
        }
        assert!(fs::metadata(&socket).unwrap().file_type().is_socket());
        let null = Path::new("/dev/null");
        Replacement::prepare(null, b"x", Access::Public)
            .unwrap()
            .commit()
            .unwrap();
        assert!(is_character_device(null));
        assert!(
            Replacement::prepare(null, b"x", Access::Private)
                .unwrap()
                .commit_new()
                .is_err()
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_killed_before_it_moves_a_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let names = || fs::read_dir(folder.path()).unwrap().count();
        if platform::nameless(folder.path(), 0o600).is_none() {
            eprintln!("this file system has no files without a name");
            return;
        }
        let target = folder.path().join("a.yaml");
        for (access, standing) in [(Access::Public, 0), (Access::Public, 1), (Access::Private, 1)] {
            // Killed, nothing of it is dropped.
            std::mem::forget(Replacement::prepare(&target, b"half", access).unwrap());
            assert_eq!(names(), standing);
            Replacement::prepare(&target, b"whole", access)
                .unwrap()
                .commit()
                .unwrap();
            assert_eq!((names(), fs::read(&target).unwrap()), (1, b"whole".to_vec()));
        }
        let taken = Replacement::prepare(&target, b"other", Access::Public).unwrap();
        assert!(taken.commit_new().is_err());
        assert_eq!((names(), fs::read(&target).unwrap()), (1, b"whole".to_vec()));
        let free = Replacement::prepare(&folder.path().join("b"), b"new", Access::Private).unwrap();
        free.commit_new().unwrap();
        assert_eq!(names(), 2);
    }
}
