//! `--fix`: what a finding says is mended in the file itself, where nothing can be lost by it. A finding is found
//! again by its place, so that nobody but `rules` says what is mended; whatever else the file holds stays byte
//! for byte, or the file stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use seal_document::{
    Document, DuplicateKeys, EditError, Edits, Format, JsonStyle, Limits, Node, NodeKind, Path, Schema, Step,
    Stream, Value, WipedText, to_json,
};
use seal_engine::sealed_secret::kube_names::API_VERSION;

use super::finding::Finding;
use super::report::Report;
use super::rules::{self, Fix};
use super::suppression;
use crate::command_error::CommandError;
use crate::file_system::Exclusive;
use crate::input::Source;
use crate::manifests::ManifestFile;

/// What came of one round.
#[derive(Default)]
pub(super) struct Round {
    /// What was mended, a line each.
    pub(super) done: Vec<String>,
    /// What was not, and why.
    pub(super) refused: Vec<String>,
}

/// Mends what can be in the files of `report`, each in one go. What is found after that may be mended in another
/// round: a suppression is one too many only once nothing is found under it.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn round(report: &Report, sources: &[Source]) -> Result<Round, CommandError> {
    let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for (file, finding) in &report.findings {
        if finding.rule.fix != Fix::ByHand {
            files.entry(file).or_default().push(finding);
        }
    }
    let mut round = Round::default();
    for (shown, findings) in files {
        let Some(source) = sources.iter().find(|source| source.shown() == shown) else {
            continue;
        };
        let Some(path) = source.path() else { continue };
        let exclusive = Exclusive::on(path);
        let file = ManifestFile::read(source.clone())?;
        match mended(&file, &findings) {
            Ok((text, mended)) if !mended.is_empty() => {
                file.replace_by(&exclusive, &text)?;
                round.done.extend(mended.iter().map(|finding| {
                    let (position, rule) = (finding.position, finding.rule);
                    format!("{shown}:{position}: fixed: {} [{}]", finding.what, rule.code)
                }));
            }
            Ok(_) => {}
            Err(error) => round
                .refused
                .push(format!("{shown}: nothing is fixed in it: {error}")),
        }
    }
    Ok(round)
}

/// Why a file stays as it is.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("one of its documents cannot be read")]
    Unreadable,
    #[error(transparent)]
    Edit(#[from] EditError),
    #[error("what looks like a comment is part of a value")]
    Value,
}

// The text of `file` with what could be mended in it; entries before comments, which stand on lines.
fn mended<'f>(
    file: &ManifestFile,
    findings: &[&'f Finding],
) -> Result<(WipedText, Vec<&'f Finding>), Refusal> {
    let stream = file.parse().map_err(|_| Refusal::Unreadable)?;
    let mut edits = Edits::new(&stream);
    let mut done = Vec::new();
    let mut gone = Vec::new();
    for finding in findings {
        let Some((document, path)) = stream.documents().iter().find_map(|one| entry_of(one, finding)) else {
            continue;
        };
        match finding.rule.fix {
            Fix::Write => edits.set(document, &path, Value::from(API_VERSION)),
            Fix::TakeOut => gone.push((document, path)),
            Fix::ByHand | Fix::Uncomment => continue,
        }
        done.push(*finding);
    }
    for (document, path) in emptied(&stream, gone) {
        edits.remove(document, &path);
    }
    if !done.is_empty() {
        return Ok((edits.apply()?, done));
    }
    // One of `.seal.yaml` is no comment.
    let is_comment =
        |finding: &&&Finding| finding.rule.fix == Fix::Uncomment && rules::rule(&finding.field).is_some();
    let comments: Vec<&Finding> = findings.iter().filter(is_comment).copied().collect();
    let text = suppression::without(stream.text(), &comments);
    let limits = Limits::default();
    let after = seal_document::parse(&text, Format::Yaml, &limits).map_err(|_| Refusal::Value)?;
    if !is_same(&after, &stream) {
        return Err(Refusal::Value);
    }
    drop(after);
    Ok((text, comments))
}

// The document and the entry that `finding` is about: text, under the key that stands at its place.
fn entry_of(document: &Document<'_>, finding: &Finding) -> Option<(usize, Path)> {
    let path = key_at(document.root()?, finding, &Path::root())?;
    let value = document.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok()?;
    value.at(&path)?.as_str()?;
    Some((document.index(), path))
}

fn key_at(node: &Node<'_>, finding: &Finding, here: &Path) -> Option<Path> {
    match node.kind() {
        NodeKind::Mapping { entries, .. } => entries.iter().find_map(|(key, value)| {
            let name = key.as_str()?;
            let there = here.key(name);
            if key.position() == finding.position {
                return finding.field.ends_with(name).then_some(there);
            }
            key_at(value, finding, &there)
        }),
        NodeKind::Sequence { items, .. } => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| key_at(item, finding, &here.index(index)))
        }
        NodeKind::Scalar { .. } | NodeKind::Alias(_) => None,
    }
}

// What is to go, with the annotations themselves where nothing else is left of them.
fn emptied(stream: &Stream<'_>, gone: Vec<(usize, Path)>) -> BTreeSet<(usize, Path)> {
    let parent = |path: &Path| path.split_last().map_or_else(Path::root, |(above, _)| above);
    let goes_whole = |document: usize, above: &Path| {
        let siblings = gone
            .iter()
            .filter(|(other, path)| *other == document && parent(path) == *above);
        let is_annotations = matches!(above.split_last(), Some((_, Step::Key(key))) if *key == "annotations");
        let node = stream
            .documents()
            .get(document)
            .and_then(|one| one.root()?.at(above));
        let Some(NodeKind::Mapping { entries, .. }) = node.map(Node::kind) else {
            return false;
        };
        is_annotations && entries.len() == siblings.count()
    };
    let whole = |(document, path): &(usize, Path)| {
        let above = parent(path);
        match goes_whole(*document, &above) {
            true => (*document, above),
            false => (*document, path.clone()),
        }
    };
    gone.iter().map(whole).collect()
}

// Whether two streams say the same, whatever comments they have.
fn is_same(one: &Stream<'_>, other: &Stream<'_>) -> bool {
    let said = |document: &Document<'_>| {
        let value = document.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok()?;
        to_json(&value, JsonStyle::COMPACT).ok()
    };
    let (one, other) = (one.documents(), other.documents());
    let mut pairs = one.iter().zip(other);
    one.len() == other.len()
        && pairs
            .all(|(one, other)| said(one).is_some_and(|one| said(other).is_some_and(|other| *one == *other)))
}
