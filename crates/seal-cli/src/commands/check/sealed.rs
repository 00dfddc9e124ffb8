//! SealedSecrets that cannot work, or work for more than they should: what shows from outside, and, with
//! private keys, what opens. What other files make of one is `kustomize`'s.

use std::collections::BTreeSet;

use seal_api::SealedSecret;
use seal_api::annotations::{self, CLUSTER_WIDE, NAMESPACE_WIDE};
use seal_core::{Fingerprint, KeyRing, Scope};
use seal_document::{Node, Position, Value};
use seal_engine::{Fault, sealed_secret};

use super::finding::{Finding, position_of, shortened};
use super::plaintext;
use super::rules;
use crate::command_error::CommandError;
use crate::commands::reencrypt::OnCluster;
use crate::opening;

/// What a SealedSecret is judged by.
#[derive(Default)]
pub(super) struct Evidence {
    /// All private keys that are named.
    pub(super) ring: Option<KeyRing>,
    /// Those of them that are retired or worse.
    pub(super) retired: BTreeSet<Fingerprint>,
    /// The size of the certificate's key.
    pub(super) key_bits: Option<usize>,
    /// A controller that can be asked.
    pub(super) controller: Option<OnCluster>,
}

/// What other files may say something about.
pub(super) struct Sealed {
    pub(super) object: String,
    pub(super) name: Option<String>,
    pub(super) namespace: Option<String>,
    pub(super) scope: Scope,
    pub(super) name_at: Position,
    pub(super) namespace_at: Position,
    pub(super) scope_at: Position,
}

/// Judges a SealedSecret.
///
/// # Errors
/// The controller does not answer.
pub(super) fn judge(
    value: &Value,
    node: &Node<'_>,
    name: &str,
    evidence: &Evidence,
    findings: &mut Vec<Finding>,
) -> Result<Sealed, CommandError> {
    let version = value
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if version != sealed_secret::kube_names::API_VERSION {
        findings.push(
            Finding::new(&rules::WRONG_VERSION, position_of(node, &["apiVersion"]))
                .about(name)
                .field("apiVersion")
                .masked("apiVersion"),
        );
    }
    if value
        .get("spec")
        .and_then(|spec| spec.get("template")?.get("stringData"))
        .is_some_and(|data| !data.is_null())
    {
        findings.push(
            Finding::new(
                &rules::TEMPLATE_STRING_DATA,
                position_of(node, &["spec", "template", "stringData"]),
            )
            .about(name)
            .field("spec.template.stringData")
            .masked("stringData"),
        );
    }
    plaintext::last_applied(value, node, &["metadata"], name, findings);
    plaintext::last_applied(value, node, &["spec", "template", "metadata"], name, findings);
    let scope = judge_scope(value, node, name, findings);
    match SealedSecret::from_value(value) {
        Ok(object) => judge_contents(&object, node, name, evidence, findings)?,
        Err(error) => findings.push(
            Finding::new(&rules::MALFORMED, node.position())
                .about(name)
                .snippet("kind: SealedSecret")
                .what(format!("{}: {error}", rules::MALFORMED.sentence)),
        ),
    }
    let text = |field| {
        let text = value
            .get("metadata")
            .and_then(|metadata| metadata.get(field)?.as_str());
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Ok(Sealed {
        object: name.to_owned(),
        name: text("name"),
        namespace: text("namespace"),
        scope,
        name_at: position_of(node, &["metadata", "name"]),
        namespace_at: position_of(node, &["metadata", "namespace"]),
        scope_at: match annotations::scope_annotation(scope) {
            Some(annotation) => position_of(node, &["metadata", "annotations", annotation]),
            None => node.position(),
        },
    })
}

fn judge_contents(
    object: &SealedSecret,
    node: &Node<'_>,
    name: &str,
    evidence: &Evidence,
    findings: &mut Vec<Finding>,
) -> Result<(), CommandError> {
    // Kustomize or kubectl may fill it in; whether they do shows elsewhere.
    let lacks_namespace = object.metadata.namespace.as_deref().is_none_or(str::is_empty)
        && annotations::scope(object.metadata.annotations.as_ref()) != Scope::ClusterWide;
    let about_that = |fault: &Fault| lacks_namespace && fault.kind.code == "invalid-name";
    let visible: Vec<Fault> = sealed_secret::inspect(object, evidence.key_bits)
        .into_iter()
        .filter(|fault| !about_that(fault))
        .collect();
    findings.extend(
        visible
            .iter()
            .map(|fault| of_fault(&rules::CANNOT_OPEN, fault, node, name)),
    );
    if lacks_namespace {
        return Ok(());
    }
    // What cannot open it need not be asked about.
    if let Some(controller) = evidence.controller.as_ref().filter(|_| visible.is_empty()) {
        let is_blob = object.spec.data.is_some();
        findings.extend(controller.faults(object, name)?.into_iter().map(|(entry, why)| {
            let entry = (is_blob || !entry.is_empty()).then_some(entry);
            at_entry(&rules::DOES_NOT_OPEN, entry.as_deref(), node, name).what(why)
        }));
    }
    let Some(ring) = &evidence.ring else { return Ok(()) };
    let said = |fault: &Fault| {
        let same = |seen: &Fault| seen.kind.code == fault.kind.code && seen.place == fault.place;
        visible.iter().any(same)
    };
    let examined = opening::examine(object, ring);
    for (entry, opened) in &examined.entries {
        match opened {
            Ok(key) if evidence.retired.contains(key) => findings.push(
                at_entry(&rules::RETIRED_KEY, Some(entry), node, name)
                    .what(format!("{}: {key}", rules::RETIRED_KEY.sentence)),
            ),
            Ok(_) => {}
            Err(fault) => {
                let fault = match entry.as_str() {
                    "" => fault.clone(),
                    entry => fault.clone().entry(entry),
                };
                if !said(&fault) {
                    findings.push(of_fault(&rules::DOES_NOT_OPEN, &fault, node, name));
                }
            }
        }
    }
    let whole = examined.whole.iter().filter(|fault| !said(fault));
    findings.extend(whole.map(|fault| of_fault(&rules::DOES_NOT_OPEN, fault, node, name)));
    Ok(())
}

fn judge_scope(value: &Value, node: &Node<'_>, name: &str, findings: &mut Vec<Finding>) -> Scope {
    let outer = Marks::of(value, &["metadata"]);
    let inner = Marks::of(value, &["spec", "template", "metadata"]);
    for (marks, path) in [
        (&outer, &["metadata"][..]),
        (&inner, &["spec", "template", "metadata"][..]),
    ] {
        for annotation in &marks.ignored {
            let keys: Vec<&str> = path.iter().copied().chain(["annotations", annotation]).collect();
            findings.push(
                Finding::new(&rules::SCOPE_IGNORED, position_of(node, &keys))
                    .about(name)
                    .field(keys.join("."))
                    .masked(annotation),
            );
        }
    }
    if let Some(annotation) =
        annotations::scope_annotation(inner.scope).filter(|_| inner.scope != outer.scope)
    {
        let keys = ["spec", "template", "metadata", "annotations", annotation];
        findings.push(
            Finding::new(&rules::SCOPE_MISMATCH, position_of(node, &keys))
                .about(name)
                .field(keys.join("."))
                .masked(annotation)
                .what(format!(
                    "the template says {}, and the object itself {}",
                    inner.scope, outer.scope
                )),
        );
    }
    outer.scope
}

/// What the scope annotations at one place say.
struct Marks {
    scope: Scope,
    ignored: Vec<&'static str>,
}

impl Marks {
    fn of(value: &Value, path: &[&str]) -> Self {
        let metadata = path.iter().try_fold(value, |value, key| value.get(key));
        let marks = metadata.and_then(|metadata| metadata.get("annotations"));
        let word = |annotation| marks.and_then(|marks| marks.get(annotation));
        let is_set = |annotation| word(annotation).and_then(Value::as_str) == Some("true");
        let means_nothing = |annotation| {
            let word = word(annotation);
            let refuses = word.is_some_and(|word| matches!(word.as_str(), Some("true" | "false" | "")));
            word.is_some_and(|word| !word.is_null()) && !refuses
        };
        Self {
            scope: match (is_set(CLUSTER_WIDE), is_set(NAMESPACE_WIDE)) {
                (true, _) => Scope::ClusterWide,
                (false, true) => Scope::NamespaceWide,
                (false, false) => Scope::Strict,
            },
            ignored: [CLUSTER_WIDE, NAMESPACE_WIDE]
                .into_iter()
                .filter(|one| means_nothing(one))
                .collect(),
        }
    }
}

fn of_fault(rule: &'static rules::Rule, fault: &Fault, node: &Node<'_>, name: &str) -> Finding {
    let mut finding = at_entry(rule, fault.place.entry.as_deref(), node, name)
        .what(fault.sentence())
        .remedy(fault.remedy());
    finding.fault = Some(fault.kind.code);
    if let (None, Some(field)) = (&fault.place.entry, &fault.place.field) {
        finding.position = position_of(node, &field.split('.').collect::<Vec<_>>());
    }
    finding
}

// A finding about that entry, or about all of the object.
fn at_entry(rule: &'static rules::Rule, entry: Option<&str>, node: &Node<'_>, name: &str) -> Finding {
    let position = entry.map_or_else(|| node.position(), |entry| entry_at(node, entry));
    let finding = Finding::new(rule, position).about(name);
    match entry {
        Some(entry) => finding.field(field_of(entry)).masked(entry),
        None => finding.snippet("kind: SealedSecret"),
    }
}

fn field_of(entry: &str) -> String {
    match entry {
        "" => "spec.data".to_owned(),
        entry => format!("spec.encryptedData.{}", shortened(entry)),
    }
}

// Where a sealed value stands, or the template of that name; an empty name is the legacy blob.
fn entry_at(node: &Node<'_>, entry: &str) -> Position {
    let spec = node.get("spec");
    let has = |field: &str| spec.and_then(|spec| spec.get(field)?.get(entry)).is_some();
    match entry {
        "" => position_of(node, &["spec", "data"]),
        _ if has("encryptedData") => position_of(node, &["spec", "encryptedData", entry]),
        _ => position_of(node, &["spec", "template", "data", entry]),
    }
}
