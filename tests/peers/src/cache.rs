//! The folder of built peers, outside `target/`: finds, locks, checks and fills it. How a peer is built stands in
//! `build`. Its layout is `<name>-<version>/<name>` with a stamp `<name>.sha256` beside each program.

use std::{
    env,
    fs::{self, DirBuilder, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    build::{self, Workshop},
    digest::{self, Stamp},
    error::PeerError,
    table::{Group, Peer, Source, estimate},
};

/// The cache of built peers.
///
/// Assumptions: the folder is ours alone (mode 0700 is demanded on Unix), so what was verified is what runs.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// How a peer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Built, proven, and bit for bit what it was then.
    Ready,
    /// Found outside the cache: on `PATH` or in `KUBEBUILDER_ASSETS`.
    Found,
    /// Not there.
    Missing,
    /// Built from other sums or options than this checkout's.
    Stale,
    /// Not what was built.
    Altered,
}

impl Cache {
    /// The cache at `SEAL_TOOLS_DIR`, else below `XDG_CACHE_HOME`, else below `HOME`; made if it is not there.
    ///
    /// # Errors
    /// No variable leads to it, it cannot be made, or other users may write to it.
    pub fn open() -> Result<Self, PeerError> {
        let named = |name| {
            env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let root = named("SEAL_TOOLS_DIR")
            .or_else(|| named("XDG_CACHE_HOME").map(|folder| folder.join("seal/tools")))
            .or_else(|| named("HOME").map(|folder| folder.join(".cache/seal/tools")))
            .ok_or(PeerError::NoCache)?;
        Self::at(root)
    }

    /// The cache at `root`.
    ///
    /// # Errors
    /// It cannot be made, or other users may write to it.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self, PeerError> {
        let root = root.into();
        create_private(&root).map_err(PeerError::io(&root))?;
        if exposed(&root).map_err(PeerError::io(&root))? {
            return Err(PeerError::Exposed { root });
        }
        Ok(Self { root })
    }

    /// Its folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The program of `peer`, verified against its stamp. Waits while another process builds it; never builds.
    ///
    /// # Errors
    /// It is missing, stale or altered; each says how to go on.
    pub fn locate(&self, peer: &'static Peer) -> Result<PathBuf, PeerError> {
        if let Some(path) = outside(peer)? {
            return Ok(path);
        }
        let slot = Slot::of(self, peer);
        if !slot.folder.is_dir() {
            return Err(PeerError::Missing { peer });
        }
        let lock = slot.open_lock()?;
        lock.lock_shared().map_err(PeerError::io(&slot.lock))?;
        slot.demand(slot.judge()?)
    }

    /// How `peer` stands, without waiting for one that is being built.
    ///
    /// # Errors
    /// The cache cannot be read.
    pub fn state(&self, peer: &'static Peer) -> Result<State, PeerError> {
        match outside(peer) {
            Ok(Some(_)) => Ok(State::Found),
            Ok(None) => Slot::of(self, peer).judge(),
            Err(PeerError::Missing { .. } | PeerError::NotInAssets { .. }) => Ok(State::Missing),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that `peer` is there, builds it where it is not, and runs it once as proof. `tell` hears of
    /// everything that takes longer than a moment.
    ///
    /// Guarantees: of many processes that ask at once one builds and the others wait; an interrupted build leaves
    /// no half program behind and goes on where it stopped; an altered program is refused, never replaced silently.
    ///
    /// # Errors
    /// Whatever stands in the way, with its remedy.
    pub fn install(&self, peer: &'static Peer, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, PeerError> {
        if let Some(path) = outside(peer)? {
            // The version of somebody else's folder is theirs to choose; that it runs is checked for the system's.
            if matches!(peer.source, Source::System { .. }) {
                build::prove(peer, &path)?;
            }
            return Ok(path);
        }
        let slot = Slot::of(self, peer);
        create_private(&slot.folder).map_err(PeerError::io(&slot.folder))?;
        let lock = slot.open_lock()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                tell(&format!(
                    "{}: in use by another process, waiting",
                    peer.title(' ')
                ));
                lock.lock().map_err(PeerError::io(&slot.lock))?;
            }
            Err(TryLockError::Error(error)) => return Err(PeerError::io(&slot.lock)(error)),
        }
        if matches!(slot.judge()?, State::Missing | State::Stale) {
            slot.fill(tell)?;
        }
        let program = slot.demand(slot.judge()?)?;
        build::prove(peer, &program)?;
        Ok(program)
    }
}

/// The place of one peer in the cache.
struct Slot {
    peer: &'static Peer,
    folder: PathBuf,
    program: PathBuf,
    stamp: PathBuf,
    lock: PathBuf,
}

impl Slot {
    fn of(cache: &Cache, peer: &'static Peer) -> Self {
        let folder = cache.root.join(peer.title('-'));
        Self {
            peer,
            program: folder.join(peer.name),
            stamp: folder.join(format!("{}.sha256", peer.name)),
            lock: folder.join(".lock"),
            folder,
        }
    }

    fn open_lock(&self) -> Result<File, PeerError> {
        File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&self.lock)
            .map_err(PeerError::io(&self.lock))
    }

    /// A program without a stamp counts as missing: it was never proven here.
    fn judge(&self) -> Result<State, PeerError> {
        let text = match fs::read_to_string(&self.stamp) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(error) => return Err(PeerError::io(&self.stamp)(error)),
        };
        let Some(stamp) = Stamp::parse(&text) else {
            return Ok(State::Altered);
        };
        match digest::of_file(&self.program) {
            Ok(digest) if digest != stamp.program => Ok(State::Altered),
            Ok(_) if stamp.recipe != build::recipe(self.peer)? => Ok(State::Stale),
            Ok(_) => Ok(State::Ready),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::Missing),
            Err(error) => Err(PeerError::io(&self.program)(error)),
        }
    }

    fn demand(&self, state: State) -> Result<PathBuf, PeerError> {
        let peer = self.peer;
        match state {
            State::Ready | State::Found => Ok(self.program.clone()),
            State::Missing => Err(PeerError::Missing { peer }),
            State::Stale => Err(PeerError::Stale { peer }),
            State::Altered => Err(PeerError::Altered {
                peer,
                path: self.program.clone(),
            }),
        }
    }

    /// Builds under the exclusive lock that the caller holds.
    fn fill(&self, tell: &mut dyn FnMut(&str)) -> Result<(), PeerError> {
        self.sweep()?;
        // Named by process: a client that outlives a killed predecessor cannot write into our result.
        let result = self.folder.join(format!(".partial-{}", std::process::id()));
        let scratch = self.folder.join(".scratch");
        fs::create_dir(&result).map_err(PeerError::io(&result))?;
        tell(&format!(
            "{}: {}, once",
            self.peer.title(' '),
            estimate(self.peer.estimate)
        ));
        let workshop = Workshop {
            result: &result,
            scratch: &scratch,
            log: &self.folder.join("build.log"),
        };
        let built = build::build(self.peer, &workshop, tell)?;
        build::prove(self.peer, &built)?;
        let stamp = Stamp {
            recipe: build::recipe(self.peer)?,
            program: digest::of_file(&built).map_err(PeerError::io(&built))?,
        };
        self.place(&built, &stamp, &result)?;
        for folder in [&result, &scratch] {
            remove_folder(folder)?;
        }
        Ok(())
    }

    /// The old stamp goes first and the new one comes last: whatever a crash leaves is unproven, never altered.
    fn place(&self, built: &Path, stamp: &Stamp, result: &Path) -> Result<(), PeerError> {
        let new_stamp = result.join("stamp");
        fs::write(&new_stamp, stamp.to_text(self.peer.name)).map_err(PeerError::io(&new_stamp))?;
        match fs::remove_file(&self.stamp) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PeerError::io(&self.stamp)(error));
            }
            _ => {}
        }
        fs::rename(built, &self.program).map_err(PeerError::io(&self.program))?;
        fs::rename(&new_stamp, &self.stamp).map_err(PeerError::io(&self.stamp))
    }

    fn sweep(&self) -> Result<(), PeerError> {
        for entry in fs::read_dir(&self.folder).map_err(PeerError::io(&self.folder))? {
            let entry = entry.map_err(PeerError::io(&self.folder))?;
            if entry.file_name().to_string_lossy().starts_with(".partial") {
                remove_folder(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// Where a peer lies that the cache does not hold, if it does not.
fn outside(peer: &'static Peer) -> Result<Option<PathBuf>, PeerError> {
    if let Some(assets) = env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()) {
        let path = PathBuf::from(assets).join(peer.name);
        let carried = matches!(peer.name, "etcd" | "kube-apiserver");
        return match (path.is_file(), carried) {
            (true, true) => Ok(Some(path)),
            (false, true) => Err(PeerError::NotInAssets { peer, path }),
            (_, false) => on_path(peer),
        };
    }
    on_path(peer)
}

fn on_path(peer: &'static Peer) -> Result<Option<PathBuf>, PeerError> {
    if peer.group != Group::System {
        return Ok(None);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders)
        .map(|folder| folder.join(peer.name))
        .find(|path| path.is_file());
    found.map(Some).ok_or(PeerError::Missing { peer })
}

fn remove_folder(folder: &Path) -> Result<(), PeerError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PeerError::io(folder)(error)),
        _ => Ok(()),
    }
}

fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(unix)]
fn exposed(folder: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(folder)?.permissions().mode() & 0o077 != 0)
}

/// Elsewhere the folder below the user's profile is private by inheritance.
#[cfg(not(unix))]
fn exposed(_folder: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::find;

    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = env::temp_dir().join(format!("seal-peers-{test}-{}", std::process::id()));
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// A cache that holds a proven "age"; what the program is does not matter to the cache.
    fn cache_with_age(folder: &Folder) -> (Cache, Slot) {
        let cache = Cache::at(&folder.0).unwrap();
        let slot = Slot::of(&cache, find("age").unwrap());
        fs::create_dir(&slot.folder).unwrap();
        let built = slot.folder.join("built");
        fs::write(&built, "#!/bin/sh\necho v1.3.2\n").unwrap();
        let program = digest::of_file(&built).unwrap();
        let stamp = Stamp {
            recipe: build::recipe(slot.peer).unwrap(),
            program,
        };
        slot.place(&built, &stamp, &slot.folder).unwrap();
        (cache, slot)
    }

    #[test]
    fn untouched_program_is_found() {
        let folder = Folder::new("untouched");
        let (cache, slot) = cache_with_age(&folder);
        assert_eq!(cache.locate(slot.peer).unwrap(), slot.program);
        assert_eq!(cache.state(slot.peer).unwrap(), State::Ready);
    }

    #[test]
    fn one_altered_byte_is_refused_and_never_rebuilt_over() {
        let folder = Folder::new("altered");
        let (cache, slot) = cache_with_age(&folder);
        let mut bytes = fs::read(&slot.program).unwrap();
        bytes[12] ^= 1;
        fs::write(&slot.program, &bytes).unwrap();
        let refused = cache.locate(slot.peer).unwrap_err();
        assert!(matches!(refused, PeerError::Altered { .. }));
        assert!(refused.to_string().contains("refused") && refused.to_string().contains("age-1.3.2"));
        assert!(matches!(
            cache.install(slot.peer, &mut |_| {}),
            Err(PeerError::Altered { .. })
        ));
        assert_eq!(fs::read(&slot.program).unwrap(), bytes);
    }

    #[test]
    fn broken_stamp_is_refused() {
        let folder = Folder::new("stamp");
        let (cache, slot) = cache_with_age(&folder);
        fs::write(&slot.stamp, "anything").unwrap();
        assert!(matches!(cache.locate(slot.peer), Err(PeerError::Altered { .. })));
    }

    #[test]
    fn program_that_was_never_proven_is_missing() {
        let folder = Folder::new("unproven");
        let (cache, slot) = cache_with_age(&folder);
        fs::remove_file(&slot.stamp).unwrap();
        let missing = cache.locate(slot.peer).unwrap_err();
        assert!(matches!(missing, PeerError::Missing { .. }));
        assert!(missing.to_string().contains("cargo xtask tools age"));
    }

    #[test]
    fn program_of_other_sums_is_stale() {
        let folder = Folder::new("stale");
        let (cache, slot) = cache_with_age(&folder);
        let text = fs::read_to_string(&slot.stamp).unwrap();
        let stamp = Stamp {
            recipe: "0".repeat(64),
            ..Stamp::parse(&text).unwrap()
        };
        fs::write(&slot.stamp, stamp.to_text("age")).unwrap();
        assert!(matches!(cache.locate(slot.peer), Err(PeerError::Stale { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn cache_that_others_may_enter_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new("exposed");
        Cache::at(&folder.0).unwrap();
        assert_eq!(
            fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(matches!(Cache::at(&folder.0), Err(PeerError::Exposed { .. })));
    }

    #[test]
    fn leftovers_of_a_killed_build_are_swept_but_its_scratch_stays() {
        let folder = Folder::new("sweep");
        let (_cache, slot) = cache_with_age(&folder);
        for name in [".partial-1", ".scratch"] {
            fs::create_dir(slot.folder.join(name)).unwrap();
        }
        slot.sweep().unwrap();
        assert!(!slot.folder.join(".partial-1").exists());
        assert!(slot.folder.join(".scratch").exists() && slot.program.exists());
    }
}
