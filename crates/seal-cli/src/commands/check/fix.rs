//! `--fix`: what a finding says is mended in the file itself, where nothing can be lost by it. A finding is found
//! again by its place, so that nobody but `rules` says what is mended; whatever else the file holds stays byte
//! for byte, or the file stays as it is.

use std::collections::{BTreeMap, BTreeSet};

use seal_document::{
    Document, DuplicateKeys, EditError, Edits, JsonStyle, Limits, Node, NodeKind, Path, Schema, Step, Stream,
    Value, WipedText, to_json,
};
use seal_engine::sealed_secret::kube_names::API_VERSION;

use super::finding::Finding;
use super::plaintext::stands_for_another;
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
    /// Files that could not be read or written; they stay as they are.
    pub(super) failed: Option<CommandError>,
}

/// Mends what can be in the files of `report`, each in one go. What is found after that may be mended in another
/// round: comments are found by their lines, which move when entries go. One that fails stops no other.
pub(super) fn round(report: &Report, sources: &[Source]) -> Round {
    let mut files: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for (file, finding) in &report.findings {
        if finding.rule.fix != Fix::ByHand {
            files.entry(file).or_default().push(finding);
        }
    }
    let mut round = Round::default();
    for source in sources {
        let shown = source.shown();
        let Some((path, findings)) = source.path().zip(files.get(shown.as_str())) else {
            continue;
        };
        match mend(source, path, findings) {
            Ok(Ok(done)) => round.done.extend(done.iter().map(|finding| {
                let (position, rule) = (finding.position, finding.rule);
                format!("{shown}:{position}: fixed: {} [{}]", finding.what, rule.code)
            })),
            Ok(Err(why)) => round
                .refused
                .push(format!("{shown}: nothing is fixed in it: {why}")),
            Err(error) => CommandError::gather(&mut round.failed, error),
        }
    }
    round
}

fn mend<'f>(
    source: &Source,
    path: &std::path::Path,
    findings: &[&'f Finding],
) -> Result<Result<Vec<&'f Finding>, Refusal>, CommandError> {
    let exclusive = Exclusive::on(path);
    let file = ManifestFile::read(source.clone())?;
    Ok(match mended(&file, findings) {
        Ok((text, done)) if !done.is_empty() => {
            file.replace_by(&exclusive, &text)?;
            Ok(done)
        }
        Ok((_, none)) => Ok(none),
        Err(why) => Err(why),
    })
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
    match says_the_same(&text, &stream) {
        true => Ok((text, comments)),
        false => Err(Refusal::Value),
    }
}

// The document and the entry that `finding` is about: text, under the key that stands at its place.
fn entry_of(document: &Document<'_>, finding: &Finding) -> Option<(usize, Path)> {
    let path = key_at(document.root()?, finding, &Path::root())?;
    // Of a key that stands twice, which one counts depends on the tool.
    let value = document.value(Schema::Kubernetes, DuplicateKeys::Error).ok()?;
    let text = value.at(&path)?.as_str()?;
    let is_another_projects =
        finding.rule.fix == Fix::Write && text.contains('/') && !text.starts_with("bitnami.com/");
    // What it will be, nobody knows before it is rendered.
    (!stands_for_another(text) && !is_another_projects).then(|| (document.index(), path))
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

// Whether `text` says what `stream` says, whatever comments they have.
fn says_the_same(text: &str, stream: &Stream<'_>) -> bool {
    let Ok(changed) = seal_document::parse(text, stream.format(), &Limits::default()) else {
        return false;
    };
    let said = |document: &Document<'_>| {
        let value = document.value(Schema::Kubernetes, DuplicateKeys::LastWins).ok()?;
        to_json(&value, JsonStyle::COMPACT).ok()
    };
    let (one, other) = (stream.documents(), changed.documents());
    let is_same = |(one, other)| said(one).is_some_and(|one| said(other).is_some_and(|other| *one == *other));
    one.len() == other.len() && one.iter().zip(other).all(is_same)
}
