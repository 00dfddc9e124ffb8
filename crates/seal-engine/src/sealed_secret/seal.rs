//! From a Secret to a SealedSecret, as kubeseal makes one.
//!
//! The scope has been settled by the caller; whether the certificate may still be used, too.

use std::collections::BTreeMap;

use seal_api::{SealedSecret, SealedSecretSpec, Secret, SecretTemplate, TemplateMetadata, annotations};
use seal_core::{
    EncryptionLabel, Namespace, ObjectName, PublicKey, RandomSource, Scope, SealError, encode_base64,
};

/// A Secret that cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealFault {
    /// It has no name.
    #[error("missing metadata.name in input Secret")]
    NoName,
    /// Its name is none.
    #[error(transparent)]
    Name(#[from] seal_core::InvalidName),
    /// It has no namespace, and its scope needs one.
    #[error("secret must declare a namespace")]
    NoNamespace,
    /// It holds nothing.
    #[error(
        "secret.data is empty in input Secret, assuming this is an error and aborting. To work with empty data, --allow-empty-data can be used"
    )]
    Empty,
    /// An entry could not be sealed.
    #[error("entry {entry} could not be sealed")]
    Entry {
        /// The entry.
        entry: String,
        /// Why.
        source: SealError,
    },
}

/// Seals every entry of `secret` to `key` under `scope`. Everything else of it moves into the
/// template, in plain text, but for what belongs to one object on one cluster only (uid,
/// resourceVersion, owners) and the annotations that hold whole manifests.
///
/// # Errors
/// [`SealFault`]; nothing is returned then.
pub fn seal(
    secret: &Secret,
    key: &PublicKey,
    scope: Scope,
    allow_empty: bool,
    random: &mut dyn RandomSource,
) -> Result<SealedSecret, SealFault> {
    if secret.data.is_empty() && !allow_empty {
        return Err(SealFault::Empty);
    }
    // Go knows no difference between an empty text and none.
    let present = |text: &'_ &str| !text.is_empty();
    let metadata = &secret.metadata;
    let name = metadata.name.as_deref().filter(present);
    let name: ObjectName = name.ok_or(SealFault::NoName)?.parse()?;
    let namespace = metadata.namespace.as_deref().filter(present);
    let namespace: Option<Namespace> = namespace.map(str::parse).transpose()?;
    let label = match (&namespace, scope) {
        (_, Scope::ClusterWide) => EncryptionLabel::cluster_wide(),
        (Some(namespace), scope) => scope.label(namespace, &name),
        (None, _) => return Err(SealFault::NoNamespace),
    };

    let mut encrypted_data = BTreeMap::new();
    for (entry, value) in &secret.data {
        let sealed =
            seal_core::seal(value.expose(), key, &label, random).map_err(|source| SealFault::Entry {
                entry: entry.clone(),
                source,
            })?;
        encrypted_data.insert(entry.clone(), Some(encode_base64(&sealed)));
    }

    let mut object = SealedSecret::new(name.as_ref(), SealedSecretSpec::default());
    object.metadata.namespace = namespace.as_ref().map(ToString::to_string);
    object.metadata.annotations = annotations::scope_annotation(scope)
        .map(|annotation| BTreeMap::from([(annotation.to_owned(), "true".to_owned())]));
    object.spec = SealedSecretSpec {
        data: None,
        encrypted_data,
        template: Some(template(secret, scope)),
    };
    Ok(object)
}

fn template(secret: &Secret, scope: Scope) -> SecretTemplate {
    let metadata = &secret.metadata;
    let mut marks = metadata.annotations.clone().unwrap_or_default();
    marks.retain(|name, _| !annotations::LAST_APPLIED.contains(&name.as_str()));
    if let Some(annotation) = annotations::scope_annotation(scope) {
        marks.insert(annotation.to_owned(), "true".to_owned());
    }
    let mut other = serde_json::Map::new();
    if let Some(prefix) = &metadata.generate_name {
        other.insert("generateName".to_owned(), prefix.clone().into());
    }
    if let Some(fields) = &metadata.managed_fields {
        let fields = serde_json::to_value(fields).expect("managed fields have string keys only");
        other.insert("managedFields".to_owned(), fields);
    }
    SecretTemplate {
        data: None,
        immutable: secret.immutable,
        kind: secret.kind.clone().filter(|kind| !kind.is_empty()),
        metadata: Some(TemplateMetadata {
            name: metadata.name.clone(),
            namespace: metadata
                .namespace
                .clone()
                .filter(|namespace| !namespace.is_empty()),
            labels: metadata.labels.clone().filter(|labels| !labels.is_empty()),
            annotations: Some(marks).filter(|marks| !marks.is_empty()),
            finalizers: metadata
                .finalizers
                .clone()
                .filter(|finalizers| !finalizers.is_empty()),
            other,
        }),
    }
}

#[cfg(test)]
mod tests {
    use seal_core::{KeySize, Plaintext, PrivateKey, SystemRandom};

    use super::*;

    #[test]
    fn an_empty_name_or_namespace_is_none_as_in_go() {
        let key = PrivateKey::generate(KeySize::Bits2048).unwrap();
        let mut secret = Secret::default();
        secret.data.insert("a".to_owned(), Plaintext::copied(b"1"));
        let mut sealed = |name: &str, scope| {
            secret.metadata.name = Some(name.to_owned());
            secret.metadata.namespace = Some(String::new());
            seal(&secret, key.public(), scope, false, &mut SystemRandom)
        };
        assert!(matches!(sealed("", Scope::Strict), Err(SealFault::NoName)));
        assert!(matches!(sealed("db", Scope::Strict), Err(SealFault::NoNamespace)));
        let object = sealed("db", Scope::ClusterWide).unwrap();
        assert_eq!(object.metadata.namespace, None);
    }
}
