//! `seal exposed`: what whoever holds a key could read in a repository's history, and whether that is what stands
//! there today. It changes nothing, asks no cluster, and tells names only.

mod presence;
mod report;
mod texts;
mod today;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};
use std::{env, fs};

use seal_core::{KeyRing, RingKey};

use crate::arguments::{ExposedArguments, KeyArguments};
use crate::command_error::CommandError;
use crate::input::{self, MANIFEST_LIMIT, Source, is_manifest};
use crate::repository::{Content, Event, Extent, Git, SealedFile};
use crate::terminal::Terminal;
use crate::{keys, output};
use presence::{Presence, Walk};
use report::{Finding, Report};
use texts::{Overlooked, Text, Texts, Unread};
use today::{Read, Standing};

/// Runs it.
pub(super) fn run(arguments: &ExposedArguments, terminal: Terminal) -> Result<(), CommandError> {
    let leaked = keys::ring(&KeyArguments {
        keys: arguments.key.clone(),
        identity: arguments.keys.identity.clone(),
    })?;
    let others = others(&arguments.keys, &leaked)?;
    let git = Git::of(&folder(&arguments.paths))?;
    let scope = Scope::of(&arguments.paths, git.top())?;
    let mut looked = Looked::default();
    if git.is_shallow()? {
        looked.is_incomplete = true;
        terminal.warn(
            "this clone is shallow: what its oldest commits replaced is not known (`git fetch --unshallow`)",
        );
    }

    let head = git.commit("HEAD").map_err(|_| {
        CommandError::input("there is no commit yet").remedy("check out a branch that has commits")
    })?;
    let since = arguments.since.as_deref().map(|since| git.commit(since));
    let (walk, standing) = walk(&git, &head, since.transpose()?.as_deref(), &scope)?;

    let mut texts = Texts::new(&leaked, others.as_ref(), &arguments.namespace)?;
    let contents = committed(&git, &walk, &standing, &mut texts, &mut looked, terminal)?;
    let mut in_head = Standing::default();
    for (path, blob) in &standing {
        in_head.add(path, &contents[*blob as usize]);
    }
    let in_folder = in_folder(&git, &standing, &scope, &mut texts, &mut looked, terminal)?;
    looked.tell(&texts, terminal);

    let report = Report {
        keys: leaked
            .keys()
            .iter()
            .map(|key| key.fingerprint().to_string())
            .collect(),
        is_complete: !looked.is_incomplete,
        findings: findings(walk, &contents, &in_head, &in_folder, texts),
    };
    output::print(&report.rendered(arguments.output))?;
    terminal.tell(&report.sentence());
    match report.findings.iter().any(Finding::is_open) {
        true => Err(CommandError::findings()),
        false => Ok(()),
    }
}

// A backup may hold the one that leaked as well.
fn others(arguments: &KeyArguments, leaked: &KeyRing) -> Result<Option<KeyRing>, CommandError> {
    let keys = keys::read(arguments)?.into_iter();
    let keys = keys.map(|key| {
        let since = key.since();
        RingKey::new(key.private, since)
    });
    let others = keys.filter(|key| leaked.find(key.fingerprint()).is_none());
    Ok(KeyRing::new(others.collect()))
}

// The first of the paths that is there says which repository is meant.
fn folder(paths: &[PathBuf]) -> PathBuf {
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
struct Scope {
    /// From the checkout's top; none are all.
    within: Vec<PathBuf>,
}

impl Scope {
    fn of(paths: &[PathBuf], top: &Path) -> Result<Self, CommandError> {
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
    fn takes(&self, path: &Path) -> bool {
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

// Files of HEAD and the numbers of their blobs.
type Committed = Vec<(PathBuf, u32)>;

fn walk(
    git: &Git,
    head: &str,
    since: Option<&str>,
    scope: &Scope,
) -> Result<(Walk, Committed), CommandError> {
    let mut presence = Presence::default();
    let mut standing = Vec::new();
    for (path, blob) in git.tree(head)? {
        if scope.takes(&path) {
            presence.holds(head, &path, &blob);
            standing.push((path, blob));
        }
    }
    if let Some(since) = since {
        for (path, blob) in git.tree(since)? {
            if scope.takes(&path) {
                presence.holds(since, &path, &blob);
            }
        }
    }
    let extent = Extent {
        head,
        since,
        within: &scope.within,
    };
    git.history(&extent, |event| {
        let counts = match &event {
            Event::Commit(_) => true,
            Event::Here { path, .. } | Event::Before { path, .. } => scope.takes(path),
        };
        if counts {
            presence.hear(&event);
        }
        Ok(())
    })?;
    let walk = presence.end();
    let numbers: HashMap<&str, u32> = (0..)
        .zip(&walk.blobs)
        .map(|(n, blob)| (blob.as_str(), n))
        .collect();
    let standing = standing
        .into_iter()
        .map(|(path, blob)| (path, numbers[blob.as_str()]));
    let standing = standing.collect();
    Ok((walk, standing))
}

// What was not seen.
#[derive(Default)]
struct Looked {
    is_incomplete: bool,
    missing: usize,
    too_long: usize,
    templates: usize,
    unreadable: usize,
    contents: usize,
}

impl Looked {
    fn at(&mut self, file: &str, found: Result<Box<[Text]>, Overlooked>, terminal: Terminal) -> Box<[Text]> {
        self.contents += 1;
        match found {
            Ok(texts) => return texts,
            Err(Overlooked::Template) => {
                self.templates += 1;
                terminal.detail(&format!("{file}: skipped: {}", SealedFile::TEMPLATE));
            }
            Err(Overlooked::Unreadable(error)) => {
                self.unreadable += 1;
                for complaint in error.complaints() {
                    terminal.detail(&format!("skipped: {}", complaint.what));
                }
            }
        }
        Box::default()
    }

    fn tell(&mut self, texts: &Texts<'_>, terminal: Terminal) {
        terminal.detail(&format!(
            "{} contents of files read, {} different sealed texts tried",
            self.contents,
            texts.count()
        ));
        for (count, what) in [
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
        ] {
            if count > 0 {
                self.is_incomplete = true;
                terminal.warn(&format!("{count} {what}"));
            }
        }
    }
}

// So much is in memory at once, and then on all cores.
const BATCH: usize = 8 << 20;

/// Files that are read together.
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
        self.bytes >= BATCH || self.files.len() >= 4096
    }

    fn read(&mut self, texts: &mut Texts<'_>) -> Vec<(usize, Result<Box<[Text]>, Overlooked>)> {
        let found = texts.add(&self.files);
        self.files.clear();
        self.bytes = 0;
        self.numbers.drain(..).zip(found).collect()
    }
}

// The texts of each blob of the history.
fn committed(
    git: &Git,
    walk: &Walk,
    standing: &Committed,
    texts: &mut Texts<'_>,
    looked: &mut Looked,
    terminal: Terminal,
) -> Result<Vec<Box<[Text]>>, CommandError> {
    let stand_today: HashSet<u32> = standing.iter().map(|(_, blob)| *blob).collect();
    let mut names: Vec<&Path> = vec![Path::new(""); walk.blobs.len()];
    for held in &walk.held {
        names[held.blob as usize] = &walk.paths[held.path as usize];
    }
    let mut contents: Vec<Box<[Text]>> = vec![Box::default(); walk.blobs.len()];
    let mut batch = Batch::default();
    let mut read = |batch: &mut Batch, looked: &mut Looked| {
        for (blob, found) in batch.read(texts) {
            contents[blob] = looked.at(&names[blob].display().to_string(), found, terminal);
        }
    };
    let blobs: Vec<&str> = walk.blobs.iter().map(String::as_str).collect();
    let mut blob = 0;
    git.each_content(&blobs, MANIFEST_LIMIT, |content| {
        match content {
            Content::Whole(bytes) => {
                let length = bytes.len();
                let file = SealedFile::of(Source::of(names[blob]), bytes);
                let stands_today = u32::try_from(blob).is_ok_and(|blob| stand_today.contains(&blob));
                batch.push(blob, length, Unread { file, stands_today });
            }
            Content::TooLong => looked.too_long += 1,
            Content::Missing => looked.missing += 1,
        }
        if batch.is_full() {
            read(&mut batch, looked);
        }
        blob += 1;
        Ok(())
    })?;
    read(&mut batch, looked);
    Ok(contents)
}

// The texts of the files as they stand in the folder.
fn in_folder(
    git: &Git,
    standing: &Committed,
    scope: &Scope,
    texts: &mut Texts<'_>,
    looked: &mut Looked,
    terminal: Terminal,
) -> Result<Standing, CommandError> {
    let top = git.top();
    let named: Vec<PathBuf> = match scope.within.is_empty() {
        true => vec![top.to_owned()],
        false => scope.within.iter().map(|path| top.join(path)).collect(),
    };
    let named: Vec<PathBuf> = named.into_iter().filter(|path| path.exists()).collect();
    let mut sources = input::repository(&named)?;
    // What is committed counts, although it be hidden or ignored.
    let walked: HashSet<PathBuf> = sources
        .iter()
        .filter_map(|source| Some(source.path()?.to_owned()))
        .collect();
    let committed = standing.iter().map(|(path, _)| top.join(path));
    let more = committed.filter(|path| !walked.contains(path) && is_plain(path));
    sources.extend(more.map(|path| Source::of(&path)));

    let mut files = Standing::default();
    let mut batch = Batch::default();
    for (index, source) in sources.iter().enumerate() {
        let bytes = source.read(MANIFEST_LIMIT)?;
        let length = bytes.len();
        let file = SealedFile::of(source.clone(), bytes);
        let stands_today = true;
        batch.push(index, length, Unread { file, stands_today });
        if batch.is_full() || index + 1 == sources.len() {
            for (index, found) in batch.read(texts) {
                let path = sources[index].path().unwrap_or(Path::new(""));
                let found = looked.at(&path.display().to_string(), found, terminal);
                files.add(path.strip_prefix(top).unwrap_or(path), &found);
            }
        }
    }
    Ok(files)
}

// A link may lead out of the checkout (S22).
fn is_plain(path: &Path) -> bool {
    path.is_file() && fs::canonicalize(path).is_ok_and(|real| real == path)
}

fn findings(
    walk: Walk,
    contents: &[Box<[Text]>],
    in_head: &Standing,
    in_folder: &Standing,
    texts: Texts<'_>,
) -> Vec<Finding> {
    // By file, object and entry: what was read there, and from which to which commit.
    let mut all: BTreeMap<(u32, u32, u32), (Read, u32, u32)> = BTreeMap::new();
    for held in &walk.held {
        for text in &contents[held.blob as usize] {
            let Some(value) = texts.leaked(text.sealed) else {
                continue;
            };
            let entry = all.entry((held.path, text.object, text.entry));
            let (read, first, last) = entry.or_insert_with(|| (Read::default(), held.first, held.last));
            // The newer commits come first.
            *first = held.first.max(*first);
            *last = held.last.min(*last);
            read.sealed.insert(text.sealed);
            match value {
                Some(value) => drop(read.values.insert(value.clone())),
                None => read.is_partial = true,
            }
        }
    }
    let mut asked = HashSet::new();
    for (path, object, entry) in all.keys() {
        for standing in [in_head, in_folder] {
            let places = standing.places(&walk.paths[*path as usize], *object, *entry);
            asked.extend(places.map(|(_, sealed)| *sealed));
        }
    }
    let known = texts.known(&asked);
    let (objects, entries) = texts.into_names();
    let found = all
        .into_iter()
        .map(|((path, object, entry), (read, first, last))| {
            let path = &walk.paths[path as usize];
            let judge = |standing: &Standing| standing.judge((path, object, entry), &read, &known);
            Finding {
                file: path.to_string_lossy().into_owned(),
                object: objects[object as usize].clone(),
                entry: entries[entry as usize].clone(),
                first: walk.commits[first as usize].clone(),
                last: walk.commits[last as usize].clone(),
                head: judge(in_head),
                work_tree: judge(in_folder),
            }
        });
    let mut findings: Vec<Finding> = found.collect();
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| {
            (
                finding.file.clone(),
                finding.object.clone(),
                finding.entry.clone(),
            )
        };
        key(one).cmp(&key(other))
    });
    findings
}
