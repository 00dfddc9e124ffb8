//! `seal exposed`: what whoever holds a key could read in a repository's history, and whether that is what stands
//! there today. It changes nothing, asks no cluster, and tells names only.

mod contents;
mod presence;
mod report;
mod scope;
mod texts;
mod today;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use seal_core::{KeyRing, RingKey};

use crate::arguments::{ExposedArguments, KeyArguments};
use crate::command_error::CommandError;
use crate::repository::{Event, Extent, Git};
use crate::terminal::Terminal;
use crate::{keys, output};
use contents::{Committed, Contents, Unseen, committed, in_folder};
use presence::{Presence, Walk};
use report::{Finding, Report};
use scope::{Scope, folder};
use texts::Texts;
use today::{Entry, Read, Standing};

/// Runs it.
pub(super) fn run(arguments: &ExposedArguments, terminal: Terminal) -> Result<(), CommandError> {
    let leaked = keys::ring(&KeyArguments {
        keys: arguments.key.clone(),
        identity: arguments.keys.identity.clone(),
    })?;
    let others = others(&arguments.keys, &leaked)?;
    let git = Git::of(&folder(&arguments.paths))?;
    let scope = Scope::of(&arguments.paths, git.top())?;
    let head = git.commit("HEAD").map_err(|_| {
        CommandError::input("there is no commit yet").remedy("check out a branch that has commits")
    })?;
    let since = arguments.since.as_deref().map(|since| git.commit(since));
    let (walk, standing) = walk(&git, &head, since.transpose()?.as_deref(), &scope)?;

    let mut texts = Texts::new(&leaked, others.as_ref(), &arguments.namespace)?;
    let mut unseen = Unseen::of(git.is_shallow()?);
    let contents = committed(&git, &walk, &standing, &mut texts, &mut unseen, terminal)?;
    let mut in_head = Standing::default();
    for (path, blob) in &standing {
        in_head.add(path, contents[*blob as usize].as_deref());
    }
    let in_folder = in_folder(
        &git,
        &standing,
        &in_head,
        &scope,
        &mut texts,
        &mut unseen,
        terminal,
    )?;
    terminal.detail(&format!("{} different sealed texts tried", texts.count()));

    let is_complete = unseen.tell(&texts, terminal);
    let keys = leaked.keys().iter().map(|key| key.fingerprint().to_string());
    let report = Report {
        keys: keys.collect(),
        is_complete,
        findings: findings(&walk, &contents, &in_head, &in_folder, texts),
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
        .map(|(number, blob)| (blob.as_str(), number))
        .collect();
    let standing = standing
        .into_iter()
        .map(|(path, blob)| (path, numbers[blob.as_str()]));
    let standing = standing.collect();
    Ok((walk, standing))
}

/// Where an entry stood: the numbers of file, object and entry.
type Key = (u32, u32, u32);

/// What was read there, and from which to which commit.
struct Was {
    read: Read,
    first: u32,
    last: u32,
}

fn findings(
    walk: &Walk,
    contents: &Contents,
    in_head: &Standing,
    in_folder: &Standing,
    texts: Texts<'_>,
) -> Vec<Finding> {
    let all = was(walk, contents, &texts);
    let came = came(walk, contents, &all);
    let entry = |(path, object, entry): Key| Entry {
        path: &walk.paths[path as usize],
        object,
        entry,
    };
    let mut asked = HashSet::new();
    for key in all.keys() {
        for standing in [in_head, in_folder] {
            asked.extend(standing.places(entry(*key)).map(|(_, sealed)| *sealed));
        }
    }
    let known = texts.known(&asked);
    let (objects, entries) = texts.into_names();
    let found = all.into_iter().map(|(key, Was { read, first, last })| {
        let entry = entry(key);
        let follows = |place: &Path| {
            let came = came.get(&(place, entry.object, entry.entry));
            // The newer commits come first; what is in none is the newest.
            came.is_none_or(|came| *came < last)
        };
        let judge = |standing: &Standing| standing.judge(entry, &read, &known, follows);
        Finding {
            file: entry.path.to_string_lossy().into_owned(),
            object: objects[entry.object as usize].clone(),
            entry: entries[entry.entry as usize].clone(),
            first: walk.commits[first as usize].clone(),
            last: walk.commits[last as usize].clone(),
            head: judge(in_head),
            work_tree: judge(in_folder),
        }
    });
    let mut findings: Vec<Finding> = found.collect();
    let order = |finding: &Finding| {
        let Finding {
            file, object, entry, ..
        } = finding;
        (file.clone(), object.clone(), entry.clone())
    };
    findings.sort_by_cached_key(order);
    findings
}

fn was(walk: &Walk, contents: &Contents, texts: &Texts<'_>) -> BTreeMap<Key, Was> {
    let mut all = BTreeMap::new();
    for held in &walk.held {
        for text in contents[held.blob as usize].iter().flatten() {
            let Some(value) = texts.leaked(text.sealed) else {
                continue;
            };
            let was = all
                .entry((held.path, text.object, text.entry))
                .or_insert_with(|| Was {
                    read: Read::default(),
                    first: held.first,
                    last: held.last,
                });
            // The newer commits come first.
            was.first = held.first.max(was.first);
            was.last = held.last.min(was.last);
            was.read.sealed.insert(text.sealed);
            match value {
                Some(value) => drop(was.read.values.insert(value.clone())),
                None => was.read.is_partial = true,
            }
        }
    }
    all
}

// When the entries that concern us came into each file, whoever sealed them.
fn came<'w>(
    walk: &'w Walk,
    contents: &Contents,
    all: &BTreeMap<Key, Was>,
) -> HashMap<(&'w Path, u32, u32), u32> {
    let concern: HashSet<(u32, u32)> = all.keys().map(|(_, object, entry)| (*object, *entry)).collect();
    let mut came = HashMap::new();
    for held in &walk.held {
        for text in contents[held.blob as usize].iter().flatten() {
            if concern.contains(&(text.object, text.entry)) {
                let path = walk.paths[held.path as usize].as_path();
                let first = came.entry((path, text.object, text.entry)).or_insert(held.first);
                *first = held.first.max(*first);
            }
        }
    }
    came
}
