//! What is found in the files of a checkout, put together: what one file says about another, what is allowed
//! to be wide, what is suppressed. What a single file holds was judged before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seal_core::Scope;
use seal_document::{DuplicateKeys, Format, Limits, Schema};

use super::file::Seen;
use super::finding::Finding;
use super::kustomize::{GeneratorFile, Kustomization, NAMES, Overlays};
use super::leftovers::is_encrypted;
use super::report::Report;
use super::rules::{self, Sees};
use super::sealed::Sealed;
use super::staged::Index;
use super::suppression::Suppression;
use crate::command_error::CommandError;
use crate::file_system::normal;
use crate::input::{self, MANIFEST_LIMIT};

/// All files.
pub(super) struct Together<'a> {
    /// What is staged, if that is what is checked.
    staged: Option<&'a Index>,
    allowed: Option<Scope>,
    with_keys: bool,
    overlays: Overlays,
    sealed: BTreeMap<PathBuf, Vec<Sealed>>,
    files: BTreeMap<PathBuf, (Vec<Finding>, Vec<Suppression>)>,
    generator_files: Vec<(PathBuf, GeneratorFile)>,
}

impl<'a> Together<'a> {
    pub(super) fn new(allowed: Option<Scope>, with_keys: bool, staged: Option<&'a Index>) -> Self {
        Self {
            staged,
            allowed,
            with_keys,
            overlays: Overlays::default(),
            sealed: BTreeMap::new(),
            files: BTreeMap::new(),
            generator_files: Vec::new(),
        }
    }

    /// Takes in what was seen of `path`.
    pub(super) fn add(&mut self, path: &Path, seen: Seen) {
        if let Some(kustomization) = seen.kustomization {
            self.overlays
                .add(path, &path.display().to_string(), kustomization);
        }
        let generator_files = seen.generator_files.into_iter();
        self.generator_files
            .extend(generator_files.map(|file| (path.to_owned(), file)));
        let mut findings = seen.findings;
        for sealed in &seen.sealed {
            if let Some(allowed) = self.allowed.filter(|allowed| sealed.scope > *allowed) {
                findings.push(too_wide(sealed, allowed));
            }
        }
        if !seen.sealed.is_empty() {
            self.sealed.insert(path.to_owned(), seen.sealed);
        }
        self.files.insert(path.to_owned(), (findings, seen.suppressions));
    }

    /// All findings that nobody allows, in the order of the files.
    pub(super) fn judge(mut self, report: &mut Report) -> Result<(), CommandError> {
        match self.staged {
            None => self.look_around(),
            Some(_) if self.sealed.is_empty() => {}
            Some(staged) => staged.kustomizations(&mut self.overlays)?,
        }
        let mut found = self.overlays.judge(&self.sealed);
        let named = self
            .generator_files
            .iter()
            .map(|(path, file)| beside(path, &file.path));
        let in_plain = match self.staged {
            Some(staged) if !self.generator_files.is_empty() => Some(staged.in_plain(&named.collect())?),
            _ => None,
        };
        for (path, file) in &self.generator_files {
            let is_there = match &in_plain {
                None => is_in_checkout(path, &file.path),
                Some(in_plain) => in_plain.contains(&beside(path, &file.path)),
            };
            if is_there {
                found.push((path.clone(), file.finding()));
            }
        }
        if let Some(staged) = self.staged {
            found.extend(staged.widened(&self.sealed)?);
        }
        for (path, finding) in found {
            self.files.entry(path).or_default().0.push(finding);
        }
        for (path, (mut findings, suppressions)) in std::mem::take(&mut self.files) {
            let mut used = vec![false; suppressions.len()];
            findings.retain(|finding| {
                let mut covered = false;
                for (suppression, used) in suppressions.iter().zip(&mut used) {
                    if suppression.covers(finding) {
                        (covered, *used) = (true, true);
                    }
                }
                report.suppressed += usize::from(covered);
                !covered
            });
            let unused = suppressions.iter().zip(used);
            let unused = unused.filter(|(one, used)| !used && self.judged(one.rule().sees));
            findings.extend(unused.map(|(one, _)| one.unused()));
            findings.sort_by(|one, other| {
                (one.position, one.rule.code, &one.field).cmp(&(
                    other.position,
                    other.rule.code,
                    &other.field,
                ))
            });
            let shown = match path.as_os_str() == "-" {
                true => "standard input".to_owned(),
                false => path.display().to_string(),
            };
            report
                .findings
                .extend(findings.into_iter().map(|finding| (shown.clone(), finding)));
        }
        Ok(())
    }

    // Whether a suppression without a finding is one too many.
    fn judged(&self, sees: Sees) -> bool {
        match sees {
            Sees::File | Sees::Checkout => true,
            Sees::Allowed => self.allowed.is_some() || self.staged.is_some(),
            Sees::Keys => self.with_keys,
            Sees::Certificate => false,
        }
    }

    // A file alone does not say what a kustomization above it makes of it.
    fn look_around(&mut self) {
        let mut folders: Vec<PathBuf> = Vec::new();
        for path in self.sealed.keys().filter(|path| path.as_os_str() != "-") {
            let Some(root) = root_of(path) else { continue };
            let above = path.ancestors().skip(1).take_while(|folder| {
                fs::canonicalize(or_here(folder)).is_ok_and(|folder| folder.starts_with(&root))
            });
            folders.extend(above.map(Path::to_owned));
        }
        folders.sort();
        folders.dedup();
        for folder in folders
            .iter()
            .filter(|folder| !self.overlays.knows(folder))
            .cloned()
            .collect::<Vec<_>>()
        {
            let Some((path, kustomization)) = NAMES.iter().find_map(|name| read(&folder.join(name))) else {
                continue;
            };
            self.overlays
                .add(&path, &path.display().to_string(), kustomization);
        }
    }
}

fn too_wide(sealed: &Sealed, allowed: Scope) -> Finding {
    let scope = sealed.scope;
    Finding::new(&rules::SCOPE_TOO_WIDE, sealed.scope_at)
        .about(&sealed.object)
        .field("scope")
        .snippet(format!("sealedsecrets.bitnami.com/{scope}: \"true\""))
        .what(format!("the scope is {scope}, wider than {allowed}"))
}

fn read(path: &Path) -> Option<(PathBuf, Kustomization)> {
    // A link could lead anywhere.
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let bytes = input::read_file(path, MANIFEST_LIMIT).ok()?;
    let text = seal_document::decode(&bytes).ok()?;
    let stream = seal_document::parse(text, Format::Yaml, &Limits::default()).ok()?;
    let value = stream
        .documents()
        .first()?
        .value(Schema::Kubernetes, DuplicateKeys::LastWins)
        .ok()?;
    Some((path.to_owned(), Kustomization::of(&value)))
}

fn beside(kustomization: &Path, named: &str) -> PathBuf {
    normal(&kustomization.parent().unwrap_or(Path::new("")).join(named))
}

fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

// The checkout that a file is in.
fn root_of(path: &Path) -> Option<PathBuf> {
    let folder = fs::canonicalize(or_here(path.parent()?)).ok()?;
    folder
        .ancestors()
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}

// Whether the file that `kustomization` names would be committed with it. It is not read but for the mark of
// SOPS, and outside of the checkout not even looked for (S22).
fn is_in_checkout(kustomization: &Path, named: &str) -> bool {
    let folder = or_here(kustomization.parent().unwrap_or(Path::new("")));
    let path = normal(&folder.join(named));
    let (Some(parent), Ok(folder)) = (path.parent(), fs::canonicalize(folder)) else {
        return false;
    };
    let parent = or_here(parent);
    let root = root_of(kustomization).unwrap_or(folder);
    let is_beneath = fs::canonicalize(parent).is_ok_and(|parent| parent.starts_with(&root));
    if !is_beneath || Path::new(named).is_absolute() {
        return false;
    }
    let mut walk = ignore::WalkBuilder::new(parent);
    let walk = walk
        .hidden(false)
        .ignore(false)
        .follow_links(false)
        .max_depth(Some(1));
    let mut entries = walk.build().flatten();
    let is_it = |entry: &ignore::DirEntry| normal(entry.path()) == path;
    let is_file = |entry: &ignore::DirEntry| entry.file_type().is_some_and(|kind| kind.is_file());
    if !entries.any(|entry| is_file(&entry) && is_it(&entry)) {
        return false;
    }
    input::read_file(&path, MANIFEST_LIMIT).is_ok_and(|bytes| !is_encrypted(&bytes))
}
