//! What is found in the files of a checkout, put together: what one file says about another, what is allowed
//! to be wide, what is suppressed. What a single file holds was judged before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use seal_core::Scope;
use seal_document::{DuplicateKeys, Format, Limits, Schema};

use super::certificates;
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
use crate::input::{self, MANIFEST_LIMIT, Source};
use crate::repository::{SETTINGS, Settings};

/// All files.
pub(super) struct Together<'a> {
    /// What is staged, if that is what is checked.
    staged: Option<&'a Index>,
    allowed: Option<Scope>,
    with_keys: bool,
    overlays: Overlays,
    settings: Known,
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
            settings: Known::default(),
            sealed: BTreeMap::new(),
            files: BTreeMap::new(),
            generator_files: Vec::new(),
        }
    }

    /// Takes in what was seen of `path`.
    pub(super) fn add(&mut self, path: &Path, seen: Seen) -> Result<(), CommandError> {
        if let Some(kustomization) = seen.kustomization {
            self.overlays
                .add(path, &path.display().to_string(), kustomization);
        }
        let generator_files = seen.generator_files.into_iter();
        self.generator_files
            .extend(generator_files.map(|file| (path.to_owned(), file)));
        let mut findings = seen.findings;
        if let Some(allowed) = self.allowed_scopes(path, &seen.sealed)? {
            let wide = seen
                .sealed
                .iter()
                .filter(|sealed| !allowed.contains(&sealed.scope));
            findings.extend(wide.map(|sealed| too_wide(sealed, &allowed)));
        }
        if !seen.sealed.is_empty() {
            self.sealed.insert(path.to_owned(), seen.sealed);
        }
        self.files.insert(path.to_owned(), (findings, seen.suppressions));
        Ok(())
    }

    // Nothing where nobody says anything.
    fn allowed_scopes(
        &mut self,
        path: &Path,
        sealed: &[Sealed],
    ) -> Result<Option<BTreeSet<Scope>>, CommandError> {
        if let Some(widest) = self.allowed {
            return Ok(Some(
                Scope::ALL.into_iter().filter(|scope| *scope <= widest).collect(),
            ));
        }
        if sealed.is_empty() {
            return Ok(None);
        }
        let known = self.settings.of(path, self.staged)?;
        Ok(known.map(|(settings, relative)| settings.allowed(&relative)))
    }

    /// All findings that nobody allows, in the order of the files.
    pub(super) fn judge(mut self, sources: &[Source], report: &mut Report) -> Result<(), CommandError> {
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
        let whole = match self.staged {
            None => whole_settings(sources),
            Some(staged) => {
                found.extend(staged.widened(&self.sealed)?);
                Vec::new()
            }
        };
        let about = whole
            .iter()
            .flat_map(|(path, settings)| certificates::judge_all(path, settings));
        found.extend(about);
        for (path, finding) in found {
            self.files.entry(path).or_default().0.push(finding);
        }
        for (path, (mut findings, suppressions)) in std::mem::take(&mut self.files) {
            let mut used = vec![false; suppressions.len()];
            let settings = match findings.is_empty() {
                true => None,
                false => self.settings.of(&path, self.staged)?,
            };
            findings.retain(|finding| {
                let mut covered = false;
                for (suppression, used) in suppressions.iter().zip(&mut used) {
                    if suppression.covers(finding) {
                        (covered, *used) = (true, true);
                    }
                }
                if let Some((settings, relative)) = &settings {
                    for (index, allow) in settings.allow.iter().enumerate() {
                        if allow.covers(finding.rule.code, relative) {
                            covered = true;
                            self.settings.used.insert((settings.root.clone(), index));
                        }
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
        self.judge_allowed(&whole, report);
        Ok(())
    }

    // What settings allow, and nobody needs.
    fn judge_allowed(&self, whole: &[(String, Settings)], report: &mut Report) {
        for (path, settings) in whole {
            for (index, allow) in settings.allow.iter().enumerate() {
                let is_used = self.settings.used.contains(&(settings.root.clone(), index));
                let finding = match rules::rule(&allow.rule) {
                    None => Finding::new(&rules::BAD_SUPPRESSION, allow.position)
                        .what("a suppression of a rule that there is not"),
                    Some(rule) if self.judged(rule.sees) && !is_used => {
                        Finding::new(&rules::UNUSED_SUPPRESSION, allow.position).what(format!(
                            "{} is suppressed and not found in these files",
                            rule.code
                        ))
                    }
                    Some(_) => continue,
                };
                let finding = finding
                    .field(format!("check.allow[{index}]"))
                    .snippet("- rule: …");
                report.findings.push((path.clone(), finding));
            }
        }
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

// The settings all of whose files were looked at.
fn whole_settings(sources: &[Source]) -> Vec<(String, Settings)> {
    let stands = |path: &&Path| path.file_name().is_some_and(|name| name == SETTINGS);
    let paths = sources.iter().filter_map(Source::path).filter(stands);
    let settings = paths.filter_map(|path| {
        let settings = Settings::of(path).ok().flatten()?;
        // Those above count, if there are any.
        let folder = fs::canonicalize(or_here(path.parent()?)).ok()?;
        (folder == settings.root).then(|| (path.display().to_string(), settings))
    });
    settings.collect()
}

/// The settings of the folders that were met.
#[derive(Default)]
struct Known {
    folders: BTreeMap<PathBuf, Option<Rc<Settings>>>,
    /// Their suppressions that something was found for, by root and number.
    used: BTreeSet<(PathBuf, usize)>,
}

impl Known {
    // The settings for a file, and its path from where they stand.
    fn of(
        &mut self,
        path: &Path,
        staged: Option<&Index>,
    ) -> Result<Option<(Rc<Settings>, PathBuf)>, CommandError> {
        let folder = match staged {
            // One for all: the checkout's own.
            Some(_) => PathBuf::new(),
            None => path.parent().unwrap_or(Path::new("")).to_owned(),
        };
        let settings = match self.folders.get(&folder) {
            Some(known) => known.clone(),
            None => {
                let found = match staged {
                    Some(staged) => staged.settings()?,
                    None => Settings::of(path)?,
                };
                self.folders.entry(folder).or_insert(found.map(Rc::new)).clone()
            }
        };
        Ok(settings.and_then(|settings| {
            let relative = match staged {
                Some(_) => path.to_owned(),
                None => settings.relative(path)?,
            };
            Some((settings, relative))
        }))
    }
}

fn too_wide(sealed: &Sealed, allowed: &BTreeSet<Scope>) -> Finding {
    let scope = sealed.scope;
    let words: Vec<&str> = allowed.iter().map(|scope| scope.as_str()).collect();
    Finding::new(&rules::SCOPE_TOO_WIDE, sealed.scope_at)
        .about(&sealed.object)
        .field("scope")
        .snippet(format!("sealedsecrets.bitnami.com/{scope}: \"true\""))
        .what(format!(
            "the scope is {scope}, and allowed is {}",
            words.join(" or ")
        ))
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
