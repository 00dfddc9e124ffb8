//! What is read: files, folders and standard input, whole, with caps, into memory that is wiped.
//! It does not know what the bytes mean.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::command_error::CommandError;
use crate::terminal::Terminal;

/// The most bytes of one manifest file, `seal_document`'s own bound.
pub(crate) const MANIFEST_LIMIT: usize = 64 << 20;
/// The most bytes of a certificate, key or identity file.
pub(crate) const KEY_FILE_LIMIT: usize = 16 << 20;
/// The most bytes of one value: Kubernetes takes 1 MiB, all entries together.
pub(crate) const VALUE_LIMIT: usize = 1 << 20;

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Standard input.
    Stdin,
    /// A file, and the part of its path that counts from the folder that was named.
    File { path: PathBuf, relative: PathBuf },
}

impl Source {
    /// The file `path`; `-` is standard input.
    pub(crate) fn of(path: &Path) -> Self {
        if path.as_os_str() == "-" {
            return Self::Stdin;
        }
        let relative = path.file_name().map_or_else(|| path.to_owned(), PathBuf::from);
        Self::File {
            path: path.to_owned(),
            relative,
        }
    }

    /// The file's path, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File { path, .. } => Some(path),
        }
    }

    /// How to name it to people.
    pub(crate) fn shown(&self) -> String {
        self.path()
            .map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
    }

    /// Reads all of it.
    pub(crate) fn read(&self, limit: usize) -> Result<Zeroizing<Vec<u8>>, CommandError> {
        match self {
            Self::Stdin => read_whole(&mut io::stdin().lock(), limit, Path::new("standard input")),
            Self::File { path, .. } => read_file(path, limit),
        }
    }
}

/// Everything that `paths` name; folders are walked, without following links, for manifests. None is
/// standard input.
pub(crate) fn sources(paths: &[PathBuf], terminal: Terminal) -> Result<Vec<Source>, CommandError> {
    if paths.is_empty() {
        if io::stdin().is_terminal() {
            terminal.tell("reading manifests from the terminal; end with Ctrl-D");
        }
        return Ok(vec![Source::Stdin]);
    }
    let mut sources = Vec::new();
    for path in paths {
        add(path, &PLAIN, &mut sources)?;
    }
    unique(&mut sources);
    if sources.is_empty() {
        return Err(CommandError::input(
            "there is no .yaml, .yml or .json file in the folder",
        ));
    }
    Ok(sources)
}

/// The manifests in a checkout that `paths` name, without what Git ignores unless it is named itself.
pub(crate) fn repository(paths: &[PathBuf]) -> Result<Vec<Source>, CommandError> {
    checkout(paths, &COMMITTED)
}

/// The files in a checkout that `paths` name, as `how` says.
pub(crate) fn checkout(paths: &[PathBuf], how: &Walk) -> Result<Vec<Source>, CommandError> {
    let mut sources = Vec::new();
    for path in paths {
        add(path, how, &mut sources)?;
    }
    unique(&mut sources);
    Ok(sources)
}

/// Which files of a folder a walk finds.
pub(crate) struct Walk {
    /// Whether what Git ignores is among them.
    pub(crate) ignored: bool,
    /// Whether files and folders are whose names begin with a dot.
    pub(crate) hidden: bool,
    pub(crate) wanted: fn(&Path) -> bool,
}

/// Plain manifests are what .gitignore names.
const PLAIN: Walk = Walk {
    ignored: true,
    hidden: false,
    wanted: is_manifest,
};
const COMMITTED: Walk = Walk {
    ignored: false,
    ..PLAIN
};

/// Whether a file's name is that of a manifest.
pub(crate) fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ["yaml", "yml", "json"]
            .iter()
            .any(|wanted| extension.eq_ignore_ascii_case(wanted))
    })
}

fn unique(sources: &mut Vec<Source>) {
    let mut seen = std::collections::HashSet::new();
    sources.retain(|source| seen.insert(source.path().map(Path::to_owned)));
}

fn add(path: &Path, how: &Walk, sources: &mut Vec<Source>) -> Result<(), CommandError> {
    if path.as_os_str() != "-" && path.is_dir() {
        return walk(path, how, sources);
    }
    sources.push(Source::of(path));
    Ok(())
}

fn walk(folder: &Path, how: &Walk, sources: &mut Vec<Source>) -> Result<(), CommandError> {
    let mut walk = ignore::WalkBuilder::new(folder);
    walk.standard_filters(!how.ignored)
        .ignore(false)
        .hidden(!how.hidden)
        .follow_links(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .sort_by_file_name(Ord::cmp);
    for entry in walk.build() {
        let entry = entry.map_err(|error| CommandError::input(format!("cannot walk: {error}")))?;
        if (how.wanted)(entry.path()) && entry.file_type().is_some_and(|kind| kind.is_file()) {
            let relative = entry
                .path()
                .strip_prefix(folder)
                .unwrap_or(entry.path())
                .to_owned();
            sources.push(Source::File {
                path: entry.into_path(),
                relative,
            });
        }
    }
    Ok(())
}

/// Reads the file `path`, of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let mut file = File::open(path).map_err(|error| CommandError::file("read", path, &error))?;
    read_whole(&mut file, limit, path)
}

/// Reads all of `reader`, of at most `limit` bytes, called `path` where it fails.
// Read::read_to_end would leave copies behind as its buffer grows.
pub(crate) fn read_whole(
    reader: &mut dyn Read,
    limit: usize,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let mut content: Zeroizing<Vec<u8>> = Zeroizing::new(vec![0; 16 * 1024]);
    let mut filled = 0;
    loop {
        if filled > limit {
            return Err(CommandError::input(format!(
                "{} is longer than {limit} bytes",
                path.display()
            )));
        }
        if filled == content.len() {
            let mut larger = Zeroizing::new(vec![0; content.len() * 4]);
            larger[..filled].copy_from_slice(&content);
            content = larger;
        }
        match reader.read(&mut content[filled..]) {
            Ok(0) => {
                content.truncate(filled);
                return Ok(content);
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CommandError::file("read", path, &error)),
        }
    }
}
