//! What is in the files, of the history and of the folder: handed to the cores some megabytes at a time, so that
//! memory does not grow with how much there is. What could not be read is counted, and told.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::presence::Walk;
use super::scope::Scope;
use super::texts::{Overlooked, Seen, Text, Texts, Unread};
use super::today::Standing;
use crate::command_error::CommandError;
use crate::input::{self, MANIFEST_LIMIT, Source};
use crate::repository::{Content, Git, SealedFile};
use crate::terminal::Terminal;

/// The texts of each blob, where they are known.
pub(super) type Contents = Vec<Option<Box<[Text]>>>;

/// Files of HEAD and the numbers of their blobs.
pub(super) type Committed = Vec<(PathBuf, u32)>;

/// What was not seen.
#[derive(Default)]
pub(super) struct Unseen {
    is_shallow: bool,
    missing: usize,
    too_long: usize,
    templates: usize,
    unreadable: usize,
}

impl Unseen {
    /// Nothing yet, but what a clone lacks that was made without the older commits.
    pub(super) fn of(is_shallow: bool) -> Self {
        Self {
            is_shallow,
            ..Self::default()
        }
    }

    fn count(&mut self, file: &Path, overlooked: &Overlooked, terminal: Terminal) {
        match overlooked {
            Overlooked::Template => {
                self.templates += 1;
                terminal.detail(&format!("{}: skipped: {}", file.display(), SealedFile::TEMPLATE));
            }
            Overlooked::Unreadable(error) => {
                self.unreadable += 1;
                for complaint in error.complaints() {
                    terminal.detail(&format!("skipped: {}", complaint.what));
                }
            }
        }
    }

    /// Tells of it. Returns whether everything was seen.
    pub(super) fn tell(&self, texts: &Texts<'_>, terminal: Terminal) -> bool {
        if self.is_shallow {
            terminal.warn(
                "this clone is shallow: what was before its oldest commits is not known (`git fetch --unshallow`)",
            );
        }
        let rows = [
            (
                self.missing,
                "contents are not in this clone, which was made without them",
            ),
            (self.too_long, "contents are longer than any manifest"),
            (
                self.templates,
                "contents are templates that are not rendered (-v lists them)",
            ),
            (
                self.unreadable,
                "contents with SealedSecrets cannot be read (-v lists them)",
            ),
            (
                texts.homeless,
                "sealed texts name no namespace and did not open: --namespace says which to try",
            ),
        ];
        for (count, what) in rows {
            if count > 0 {
                terminal.warn(&format!("{count} {what}"));
            }
        }
        !self.is_shallow && rows.iter().all(|(count, _)| *count == 0)
    }
}

// So much is in memory at once, and then on all cores.
const BATCH: usize = 8 << 20;
const BATCH_FILES: usize = 4096;

/// Files that are read together, each with a number of the caller's.
#[derive(Default)]
struct Batch {
    files: Vec<Unread>,
    numbers: Vec<usize>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, number: usize, bytes: usize, file: Unread) {
        self.files.push(file);
        self.numbers.push(number);
        self.bytes += bytes;
    }

    fn is_full(&self) -> bool {
        self.bytes >= BATCH || self.files.len() >= BATCH_FILES
    }

    fn read(&mut self, texts: &mut Texts<'_>) -> Vec<(usize, Seen)> {
        let found = texts.add(&self.files);
        self.files.clear();
        self.bytes = 0;
        self.numbers.drain(..).zip(found).collect()
    }
}

/// The texts of each blob of the history.
pub(super) fn committed(
    git: &Git,
    walk: &Walk,
    standing: &Committed,
    texts: &mut Texts<'_>,
    unseen: &mut Unseen,
    terminal: Terminal,
) -> Result<Contents, CommandError> {
    let stand_today: HashSet<usize> = standing.iter().map(|(_, blob)| *blob as usize).collect();
    let mut names: Vec<Option<&Path>> = vec![None; walk.blobs.len()];
    for held in &walk.held {
        names[held.blob as usize] = Some(&walk.paths[held.path as usize]);
    }
    // The others stood only in commits that are not walked.
    let numbered = names.iter().enumerate();
    let asked: Vec<(usize, &Path)> = numbered
        .filter_map(|(blob, name)| Some((blob, (*name)?)))
        .collect();
    let blobs: Vec<&str> = asked.iter().map(|(blob, _)| walk.blobs[*blob].as_str()).collect();
    let mut contents: Contents = vec![None; walk.blobs.len()];
    let mut batch = Batch::default();
    let mut read = |batch: &mut Batch, unseen: &mut Unseen| {
        for (index, found) in batch.read(texts) {
            let (blob, name) = asked[index];
            match found {
                Ok(found) => contents[blob] = Some(found),
                Err(overlooked) => unseen.count(name, &overlooked, terminal),
            }
        }
    };
    let mut index = 0;
    git.each_content(&blobs, MANIFEST_LIMIT, |content| {
        let (blob, name) = asked[index];
        match content {
            Content::Whole(bytes) => {
                let length = bytes.len();
                let file = SealedFile::of(Source::of(name), bytes);
                let stands_today = stand_today.contains(&blob);
                batch.push(index, length, Unread { file, stands_today });
            }
            Content::TooLong => unseen.too_long += 1,
            Content::Missing => unseen.missing += 1,
        }
        if batch.is_full() {
            read(&mut batch, unseen);
        }
        index += 1;
        Ok(())
    })?;
    read(&mut batch, unseen);
    terminal.detail(&format!("{} contents of files read", blobs.len()));
    Ok(contents)
}

/// What stands in the folder. `in_head` is what is committed, and has been told of.
pub(super) fn in_folder(
    git: &Git,
    standing: &Committed,
    in_head: &Standing,
    scope: &Scope,
    texts: &mut Texts<'_>,
    unseen: &mut Unseen,
    terminal: Terminal,
) -> Result<Standing, CommandError> {
    let top = git.top();
    let paths = paths(top, standing, scope)?;
    let mut files = Standing::default();
    let mut batch = Batch::default();
    let mut take = |path: &Path, seen: Seen| {
        let path = path.strip_prefix(top).unwrap_or(path);
        if let Err(overlooked) = &seen
            && in_head.knows(path)
        {
            unseen.count(path, overlooked, terminal);
        }
        files.add(path, seen.ok().as_deref());
    };
    for (index, path) in paths.iter().enumerate() {
        match input::read_file(path, MANIFEST_LIMIT) {
            Ok(bytes) => {
                let length = bytes.len();
                let file = SealedFile::of(Source::of(path), bytes);
                let stands_today = true;
                batch.push(index, length, Unread { file, stands_today });
            }
            Err(error) => take(path, Err(Overlooked::Unreadable(error))),
        }
        if batch.is_full() || index + 1 == paths.len() {
            for (index, seen) in batch.read(texts) {
                take(&paths[index], seen);
            }
        }
    }
    Ok(files)
}

fn paths(top: &Path, standing: &Committed, scope: &Scope) -> Result<Vec<PathBuf>, CommandError> {
    let named: Vec<PathBuf> = match scope.within.is_empty() {
        true => vec![top.to_owned()],
        false => scope.within.iter().map(|path| top.join(path)).collect(),
    };
    let named: Vec<PathBuf> = named.into_iter().filter(|path| path.exists()).collect();
    let sources = input::repository(&named)?;
    let mut paths: Vec<PathBuf> = sources
        .iter()
        .filter_map(|source| source.path().map(Path::to_owned))
        .collect();
    // What is committed counts, although it be hidden or ignored.
    let walked: HashSet<&PathBuf> = paths.iter().collect();
    let committed = standing.iter().map(|(path, _)| top.join(path));
    let more: Vec<PathBuf> = committed
        .filter(|path| !walked.contains(path) && is_plain(path))
        .collect();
    paths.extend(more);
    Ok(paths)
}

// A link may lead out of the checkout (S22).
fn is_plain(path: &Path) -> bool {
    path.is_file() && fs::canonicalize(path).is_ok_and(|real| real == path)
}
