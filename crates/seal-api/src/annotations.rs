//! The annotations and labels of the sealed-secrets contract, and the scope they spell.
//!
//! An annotation counts only when its value is exactly `true`, as upstream has it.

use std::collections::BTreeMap;

use seal_core::Scope;

/// On a Secret to be sealed and on the SealedSecret: opens under any name in any namespace.
pub const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
/// On a Secret to be sealed and on the SealedSecret: opens under any name in its namespace.
pub const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
/// On a standing Secret: it may be taken over.
pub const MANAGED: &str = "sealedsecrets.bitnami.com/managed";
/// On a standing Secret: merge into it instead of replacing it.
pub const PATCH: &str = "sealedsecrets.bitnami.com/patch";
/// In a template: the Secret gets no owner reference.
pub const SKIP_SET_OWNER_REFERENCES: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";
/// On a SealedSecret: which key sealed which entry, each bound to its ciphertext.
pub const SEALED_WITH: &str = "sealops.dev/sealed-with";
/// On a Secret without owner reference: the proof of which SealedSecret it was made for.
pub const MADE_FOR: &str = "sealops.dev/made-for";
/// The label of sealing-key Secrets; only the value [`KEY_ACTIVE`] makes one a key.
pub const KEY_LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";
/// The value of [`KEY_LABEL`] on keys in use.
pub const KEY_ACTIVE: &str = "active";
/// The value of [`KEY_LABEL`] on keys that open nothing any longer.
pub const KEY_RETIRED: &str = "retired";
/// The value of [`KEY_LABEL`] on keys that somebody else may hold, as upstream's documentation has it.
pub const KEY_COMPROMISED: &str = "compromised";
/// On a key Secret: the statement of the key before it that this one follows.
pub const FOLLOWS: &str = "sealops.dev/follows";
/// On the backup: the fingerprints of the keys in use that it holds.
pub const BACKED_UP_KEYS: &str = "sealops.dev/keys";
/// On the backup: the fingerprints of the retired keys that it holds.
pub const BACKED_UP_RETIRED: &str = "sealops.dev/retired-keys";
/// On the backup: the recipients that can open it.
pub const BACKUP_RECIPIENTS: &str = "sealops.dev/recipients";
/// On the backup: the installation's digest over the file and what these annotations say of it.
pub const BACKUP_PROOF: &str = "sealops.dev/proof";
/// On a store of `external-secrets.io`: the paths that namespaces may read of it, a pattern a line. An annotation, since
/// upstream's definition prunes fields that it does not know.
pub const ALLOWED_PATHS: &str = "sealops.dev/allowed-paths";
/// On a SealedSecret: repeated in the metric of its condition.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// What `kubectl apply` and kubecfg leave behind: whole manifests, plaintext included. Never sealed,
/// never copied.
pub const LAST_APPLIED: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubecfg.ksonnet.io/last-applied-configuration",
];

/// Whether `annotation` is set, that is, exactly `true`.
pub fn is_set(annotations: Option<&BTreeMap<String, String>>, annotation: &str) -> bool {
    annotations
        .and_then(|all| all.get(annotation))
        .is_some_and(|value| value == "true")
}

/// The scope that `annotations` ask for; cluster-wide wins over namespace-wide.
pub fn scope(annotations: Option<&BTreeMap<String, String>>) -> Scope {
    if is_set(annotations, CLUSTER_WIDE) {
        Scope::ClusterWide
    } else if is_set(annotations, NAMESPACE_WIDE) {
        Scope::NamespaceWide
    } else {
        Scope::Strict
    }
}

/// The annotation that spells `scope`; strict has none.
pub fn scope_annotation(scope: Scope) -> Option<&'static str> {
    match scope {
        Scope::Strict => None,
        Scope::NamespaceWide => Some(NAMESPACE_WIDE),
        Scope::ClusterWide => Some(CLUSTER_WIDE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_true_sets_a_scope_and_cluster_wide_wins() {
        let scope_of = |pairs: &[(&str, &str)]| {
            scope(Some(
                &pairs
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                    .collect(),
            ))
        };
        for other in ["false", "TRUE", "True", "1", ""] {
            assert_eq!(scope_of(&[(CLUSTER_WIDE, other)]), Scope::Strict, "{other:?}");
        }
        assert_eq!(scope_of(&[(NAMESPACE_WIDE, "true")]), Scope::NamespaceWide);
        assert_eq!(
            scope_of(&[(NAMESPACE_WIDE, "true"), (CLUSTER_WIDE, "true")]),
            Scope::ClusterWide
        );
        assert_eq!(scope(None), Scope::Strict);
    }
}
