//! Files that are written whole or not at all: beside their target, flushed to disk, moved into place.
//! What only Unix knows (modes, flushing a folder) is in the module `unix` at the end; elsewhere the
//! folder's own rules hold.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

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
    file: NamedTempFile,
    target: PathBuf,
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
        let mut file = tempfile::Builder::new()
            .prefix(".seal-")
            .tempfile_in(folder_of(&place))
            .map_err(failed)?;
        file.write_all(content).map_err(failed)?;
        if access == Access::Public {
            match standing {
                Some(standing) => file.as_file().set_permissions(standing.permissions()),
                None => platform::open_up(file.as_file(), folder_of(&place)),
            }
            .map_err(failed)?;
        }
        file.as_file().sync_all().map_err(failed)?;
        Ok(Self { file, target: place })
    }

    /// Moves it into place.
    pub(crate) fn commit(self) -> Result<(), CommandError> {
        let Self { file, target } = self;
        file.persist(&target)
            .map_err(|error| CommandError::file("write", &target, &error.error))?;
        platform::flush_folder(folder_of(&target));
        Ok(())
    }

    /// Moves it into place unless something stands there.
    pub(crate) fn commit_new(self) -> Result<(), CommandError> {
        let Self { file, target } = self;
        file.persist_noclobber(&target)
            .map_err(|error| CommandError::file("write", &target, &error.error))?;
        platform::flush_folder(folder_of(&target));
        Ok(())
    }
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
    use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
    use std::path::Path;

    /// Gives a new file the mode that the umask leaves of 0666. The umask can only be read by setting
    /// it, so a file is made to see.
    pub(super) fn open_up(file: &File, folder: &Path) -> std::io::Result<()> {
        let probe = tempfile::Builder::new()
            .prefix(".seal-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        file.set_permissions(probe.as_file().metadata()?.permissions())
    }

    /// A new name is not on disk before its folder is. Some file systems cannot flush a folder.
    pub(super) fn flush_folder(folder: &Path) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }

    pub(super) fn owner_only(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder.mode(0o700)
    }

    pub(super) fn others_can_write(metadata: &Metadata) -> bool {
        metadata.mode() & 0o022 != 0
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::{DirBuilder, File, Metadata};
    use std::path::Path;

    pub(super) fn open_up(_: &File, _: &Path) -> std::io::Result<()> {
        Ok(())
    }

    pub(super) fn flush_folder(_: &Path) {}

    pub(super) fn owner_only(builder: &mut DirBuilder) -> &mut DirBuilder {
        builder
    }

    pub(super) fn others_can_write(_: &Metadata) -> bool {
        false
    }
}
