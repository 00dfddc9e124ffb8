//! One file: looked through, parsed if it is worth it, judged document by document. Files are put together
//! elsewhere.

use std::path::Path;

use seal_document::{Document, DuplicateKeys, Format, Limits, Node, Schema, Value, ValueFault, documents};

use super::finding::{Finding, position_at, shortened};
use super::kustomize::{self, GeneratorFile, Kustomization};
use super::leftovers::{self, leftover};
use super::prefilter::Suspicion;
use super::sealed::{self, Evidence, Sealed};
use super::suppression::{self, Suppression};
use super::{plaintext, private_keys, rules};
use crate::command_error::CommandError;

/// What there is to say of a file.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) findings: Vec<Finding>,
    pub(super) sealed: Vec<Sealed>,
    pub(super) kustomization: Option<Kustomization>,
    pub(super) generator_files: Vec<GeneratorFile>,
    pub(super) suppressions: Vec<Suppression>,
    /// Documents that are templates.
    pub(super) templates: usize,
    /// Why something of it could not be judged.
    pub(super) failed: Option<CommandError>,
}

/// Judges `bytes`, the content of `path`; nothing if it is none of our business.
pub(super) fn judge(path: &Path, bytes: &[u8], evidence: &Evidence) -> Option<Seen> {
    let mut suspicion = Suspicion::of(bytes);
    let mut seen = Seen::default();
    if let Some(left) = leftover(path) {
        seen.findings.extend(leftovers::judge(left, bytes, suspicion));
        return Some(seen);
    }
    suspicion.manifest |= kustomize::is_kustomization(path);
    if !suspicion.any() {
        return None;
    }
    let text = match seal_document::decode(bytes) {
        Ok(text) => text,
        Err(error) => {
            let what = format!("the file cannot be read: {}", error.fault());
            seen.findings
                .push(Finding::new(&rules::UNREADABLE, error.position()).what(what));
            return Some(seen);
        }
    };
    let mut covered = Vec::new();
    if suspicion.manifest {
        let format = Format::detect(path.to_str(), text);
        for document in documents(text, format, &Limits::default()) {
            match document {
                Ok(document) => seen.document(path, &document, evidence, &mut covered),
                Err(error) => seen.broken(&text[error.span()], error.position(), &error.fault().to_string()),
            }
        }
    }
    if suspicion.private_key {
        for (offset, shown) in private_keys::find(bytes) {
            // The Secret has been reported already.
            if !covered
                .iter()
                .any(|span: &seal_document::Span| span.contains(&offset))
            {
                let position = position_at(bytes, offset);
                seen.findings
                    .push(Finding::new(&rules::PRIVATE_KEY, position).snippet(shown));
            }
        }
    }
    if suspicion.suppression {
        let (suppressions, bad) = suppression::read(text);
        seen.suppressions = suppressions;
        seen.findings.extend(bad);
    }
    Some(seen)
}

impl Seen {
    fn broken(&mut self, source: &str, position: seal_document::Position, fault: &str) {
        if source.contains("{{") {
            self.templates += 1;
        } else if Suspicion::of(source.as_bytes()).manifest {
            let what = format!("{}: {fault}", rules::UNREADABLE.sentence);
            self.findings
                .push(Finding::new(&rules::UNREADABLE, position).what(what));
        }
    }

    fn document(
        &mut self,
        path: &Path,
        document: &Document<'_>,
        evidence: &Evidence,
        covered: &mut Vec<seal_document::Span>,
    ) {
        let Some(root) = document.root() else { return };
        let is_kustomization = kustomize::is_kustomization(path);
        if !is_kustomization && !Suspicion::of(document.source().as_bytes()).manifest {
            return;
        }
        let value = match document.value(Schema::Kubernetes, DuplicateKeys::Error) {
            Ok(value) => value,
            Err(error) if error.fault == ValueFault::DuplicateKey => {
                self.findings.push(
                    Finding::new(&rules::DUPLICATE_KEY, error.position)
                        .about(&name_of(root))
                        .snippet(super::finding::MASK),
                );
                match document.value(Schema::Kubernetes, DuplicateKeys::LastWins) {
                    Ok(value) => value,
                    Err(error) => {
                        return self.broken(document.source(), error.position, &error.fault.to_string());
                    }
                }
            }
            Err(error) => return self.broken(document.source(), error.position, &error.fault.to_string()),
        };
        if is_kustomization
            || value
                .get("secretGenerator")
                .is_some_and(|all| all.as_sequence().is_some())
        {
            self.generator_files
                .extend(kustomize::generators(&value, root, &mut self.findings));
        }
        if is_kustomization {
            self.kustomization = Some(Kustomization::of(&value));
        }
        self.object(&value, root, None, evidence, covered);
    }

    fn object(
        &mut self,
        value: &Value,
        node: &Node<'_>,
        implied: Option<&str>,
        evidence: &Evidence,
        covered: &mut Vec<seal_document::Span>,
    ) {
        let text = |field| value.get(field).and_then(Value::as_str);
        let version = text("apiVersion");
        let kind = text("kind").or(implied).unwrap_or_default();
        let of_core = version.is_none_or(|version| version == "v1");
        let items = match kind {
            "List" => Some(None),
            "SecretList" => Some(Some("Secret")),
            "SealedSecretList" => Some(Some("SealedSecret")),
            _ => None,
        };
        if let Some(implied) = items {
            let nodes = match node.get("items").map(Node::kind) {
                Some(seal_document::NodeKind::Sequence { items, .. }) => items.as_slice(),
                _ => &[],
            };
            let items = value
                .get("items")
                .and_then(Value::as_sequence)
                .unwrap_or_default();
            for (index, item) in items.iter().enumerate() {
                self.object(item, nodes.get(index).unwrap_or(node), implied, evidence, covered);
            }
        } else if kind.eq_ignore_ascii_case("Secret") && of_core {
            let before = self.findings.len();
            plaintext::judge(value, node, &shown(value, "Secret"), &mut self.findings);
            if self.findings.len() > before {
                covered.push(node.span());
            }
        } else if kind == "SealedSecret" && is_upstreams(value, version) {
            let name = shown(value, "SealedSecret");
            match sealed::judge(value, node, &name, evidence, &mut self.findings) {
                Ok(sealed) => self.sealed.push(sealed),
                Err(error) => CommandError::gather(&mut self.failed, error),
            }
        }
    }
}

// Of whatever version, but not another project's kind of the same name.
fn is_upstreams(value: &Value, version: Option<&str>) -> bool {
    let group = version.and_then(|version| version.split_once('/'));
    let has_items = value
        .get("spec")
        .is_some_and(|spec| spec.get("encryptedData").is_some());
    group.is_some_and(|(group, _)| group == "bitnami.com") || has_items
}

fn shown(value: &Value, kind: &str) -> String {
    let text = |field| {
        value
            .get("metadata")
            .and_then(|metadata| metadata.get(field)?.as_str())
    };
    let text = |field| text(field).filter(|text| !text.is_empty()).map(shortened);
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (_, None) => kind.to_owned(),
    }
}

fn name_of(root: &Node<'_>) -> String {
    let text = |node: Option<&Node<'_>>| node.and_then(|node| node.as_str()).map(shortened);
    let kind = text(root.get("kind")).unwrap_or_default();
    let name = text(root.get("metadata").and_then(|metadata| metadata.get("name"))).unwrap_or_default();
    format!("{kind} {name}").trim().to_owned()
}
