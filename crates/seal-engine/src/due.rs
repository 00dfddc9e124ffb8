//! Whether anything is due for an object, from what was recorded when it was last done.
//!
//! The record is keyed by the installation (S14), so nobody can forge one, and it is about one object
//! and one Secret, so nobody can move one. It does not hold or hash a value by itself: the Secret's
//! uid and resourceVersion stand for its content. Where it is kept is the cluster's affair.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{SealedSecret, Secret};
use seal_core::{Fingerprint, InstallationKey, Mac};
use serde::{Deserialize, Serialize};

/// What has to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Object and Secret are as they were left.
    Nothing,
    /// The object or the Secret changed, or nobody knows.
    Reopen,
}

/// One state of one Secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretVersion {
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion.
    #[serde(rename = "version")]
    pub resource_version: String,
}

/// An object that a record can be about.
pub trait Subject {
    /// Its metadata.
    fn metadata(&self) -> &ObjectMeta;

    /// Everything in it that decides what its Secret should be, in parts, its kind first.
    fn inputs(&self) -> Vec<Vec<u8>>;
}

/// What is remembered of an object whose Secret was written or found right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    mac: String,
    inputs: String,
    /// The Secret as it was left.
    pub secret: SecretVersion,
    /// When its templates were rendered, in seconds since 1970: `now` stays what it was.
    pub rendered: i64,
    /// The sealing keys that opened it.
    keys: Vec<String>,
    /// For each entry, its key as an index into `keys`.
    entries: BTreeMap<String, usize>,
    /// The labels and annotations that came from the object: what it no longer names is removed.
    pub managed: Vec<String>,
    /// A keyed digest of the Secret, where what is in it comes from elsewhere: whether that changed can be told
    /// without reading the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<String>,
}

/// What is due for `object`, whose Secret now stands at `standing`.
pub fn due(
    object: &impl Subject,
    record: Option<&Record>,
    standing: Option<&SecretVersion>,
    key: &InstallationKey,
) -> Due {
    match (record, standing) {
        (Some(record), Some(standing)) if record.secret == *standing && record.is_about(object, key) => {
            Due::Nothing
        }
        _ => Due::Reopen,
    }
}

impl Record {
    /// The record of `object`, whose Secret was left at `secret`.
    pub fn new(
        object: &impl Subject,
        secret: SecretVersion,
        rendered: Timestamp,
        opened: &BTreeMap<String, Fingerprint>,
        managed: Vec<String>,
        key: &InstallationKey,
    ) -> Self {
        let mut keys: Vec<String> = opened.values().map(ToString::to_string).collect();
        keys.sort();
        keys.dedup();
        let index = |name: &Fingerprint| keys.binary_search(&name.to_string()).unwrap_or_default();
        let entries = opened
            .iter()
            .map(|(entry, name)| (entry.clone(), index(name)))
            .collect();
        let mut record = Self {
            mac: String::new(),
            inputs: inputs(object, key).to_text(),
            secret,
            rendered: rendered.as_second(),
            keys,
            entries,
            managed,
            content: None,
        };
        record.mac = record.authenticate(object, key).to_text();
        record
    }

    /// The same of a Secret with that content.
    #[must_use]
    pub fn of_content(mut self, secret: &Secret, object: &impl Subject, key: &InstallationKey) -> Self {
        self.content = Some(content(secret, object, key).to_text());
        self.mac = self.authenticate(object, key).to_text();
        self
    }

    /// Whether `secret` has the content that the Secret of `object` was left with.
    pub fn has_content_of(&self, secret: &Secret, object: &impl Subject, key: &InstallationKey) -> bool {
        let left = self.content.as_deref();
        left.is_some_and(|left| content(secret, object, key).matches(left))
    }

    /// Whether this record was made by this installation for `object` as it now is.
    pub fn is_about(&self, object: &impl Subject, key: &InstallationKey) -> bool {
        self.is_authentic(object, key) && inputs(object, key).matches(&self.inputs)
    }

    /// Whether this record was made by this installation for `object`, as it now is or as it once was:
    /// enough to know which Secret is of our making, and which labels in it came from the object.
    pub fn is_authentic(&self, object: &impl Subject, key: &InstallationKey) -> bool {
        self.authenticate(object, key).matches(&self.mac)
    }

    /// The key that opened `entry`: a hint that orders trials, never a proof.
    pub fn key_of(&self, entry: &str) -> Option<Fingerprint> {
        self.keys.get(*self.entries.get(entry)?)?.parse().ok()
    }

    /// All keys that this object needs.
    pub fn keys(&self) -> impl Iterator<Item = Fingerprint> {
        self.keys.iter().filter_map(|key| key.parse().ok())
    }

    fn authenticate(&self, object: &impl Subject, key: &InstallationKey) -> Mac {
        let metadata = object.metadata();
        let rest = (
            (&metadata.namespace, &metadata.name, &metadata.uid),
            &self.inputs,
            &self.secret,
            self.rendered,
            &self.keys,
            &self.entries,
            &self.managed,
        );
        let rest = serde_json::to_vec(&rest).expect("maps with string keys are JSON");
        match &self.content {
            None => key.mac("seal record 1", [rest.as_slice()]),
            Some(content) => key.mac(
                "seal record with content 1",
                [rest.as_slice(), content.as_bytes()],
            ),
        }
    }
}

/// A keyed digest of everything that decides what the Secret of `object` should be.
pub fn inputs(object: &impl Subject, key: &InstallationKey) -> Mac {
    let parts = object.inputs();
    key.mac("seal inputs 1", parts.iter().map(Vec::as_slice))
}

// Equal contents of two objects' Secrets have digests that differ (S14).
fn content(secret: &Secret, object: &impl Subject, key: &InstallationKey) -> Mac {
    let metadata = object.metadata();
    let place = serde_json::to_vec(&(&metadata.namespace, &metadata.name, &metadata.uid));
    let place = place.expect("a tuple of texts is JSON");
    let json = secret.to_json();
    key.mac("seal content 1", [place.as_slice(), json.as_slice()])
}

impl Subject for SealedSecret {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn inputs(&self) -> Vec<Vec<u8>> {
        let text = |part: &Option<String>| part.clone().unwrap_or_default().into_bytes();
        let spec = serde_json::to_vec(&self.spec).expect("a spec has string keys only");
        let scope = seal_api::annotations::scope(self.metadata.annotations.as_ref());
        vec![
            b"SealedSecret".to_vec(),
            text(&self.metadata.namespace),
            text(&self.metadata.name),
            text(&self.metadata.uid),
            scope.as_str().as_bytes().to_vec(),
            spec,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> InstallationKey {
        InstallationKey::from_bytes(&[byte; 32]).unwrap()
    }

    fn object() -> SealedSecret {
        let mut object = SealedSecret::default();
        object.metadata.namespace = Some("prod".to_owned());
        object.metadata.name = Some("db".to_owned());
        object.metadata.uid = Some("u1".to_owned());
        object
            .spec
            .encrypted_data
            .insert("a".to_owned(), Some("AgA=".to_owned()));
        object
    }

    fn version(resource_version: &str) -> SecretVersion {
        SecretVersion {
            uid: "s1".to_owned(),
            resource_version: resource_version.to_owned(),
        }
    }

    fn record(object: &SealedSecret) -> Record {
        Record::new(
            object,
            version("7"),
            Timestamp::UNIX_EPOCH,
            &BTreeMap::new(),
            Vec::new(),
            &key(1),
        )
    }

    #[test]
    fn nothing_is_due_when_neither_object_nor_secret_changed() {
        let record = record(&object());
        assert_eq!(
            due(&object(), Some(&record), Some(&version("7")), &key(1)),
            Due::Nothing
        );
        let kept = serde_json::to_string(&record).unwrap();
        let read: Record = serde_json::from_str(&kept).unwrap();
        assert_eq!(
            due(&object(), Some(&read), Some(&version("7")), &key(1)),
            Due::Nothing
        );
    }

    #[test]
    fn an_older_secret_put_back_is_seen_even_with_its_old_record() {
        let record = record(&object());
        assert_eq!(
            due(&object(), Some(&record), Some(&version("9")), &key(1)),
            Due::Reopen
        );
        let mut forged = record.clone();
        forged.secret = version("9");
        assert_eq!(
            due(&object(), Some(&forged), Some(&version("9")), &key(1)),
            Due::Reopen
        );
    }

    #[test]
    fn spec_scope_template_name_and_uid_are_all_inputs() {
        let record = record(&object());
        let changes: [fn(&mut SealedSecret); 5] = [
            |object| {
                object.spec.encrypted_data.insert("b".to_owned(), None);
            },
            |object| {
                let scope = seal_api::annotations::CLUSTER_WIDE.to_owned();
                object.metadata.annotations = Some([(scope, "true".to_owned())].into());
            },
            |object| object.spec.template = Some(seal_api::SecretTemplate::default()),
            |object| object.metadata.name = Some("other".to_owned()),
            |object| object.metadata.uid = Some("u2".to_owned()),
        ];
        for change in changes {
            let mut changed = object();
            change(&mut changed);
            assert_eq!(
                due(&changed, Some(&record), Some(&version("7")), &key(1)),
                Due::Reopen
            );
        }
        assert_eq!(
            due(&object(), Some(&record), Some(&version("7")), &key(2)),
            Due::Reopen
        );
        assert_eq!(due(&object(), None, Some(&version("7")), &key(1)), Due::Reopen);
        assert_eq!(due(&object(), Some(&record), None, &key(1)), Due::Reopen);
    }

    #[test]
    fn a_record_outlives_a_change_of_the_object_but_not_a_move_to_another() {
        let record = record(&object());
        let mut changed = object();
        changed.spec.encrypted_data.insert("b".to_owned(), None);
        assert!(record.is_authentic(&changed, &key(1)) && !record.is_about(&changed, &key(1)));
        let mut forged = record.clone();
        forged.managed.push("label:theirs".to_owned());
        assert!(!forged.is_authentic(&object(), &key(1)));
        let mut moved = object();
        moved.metadata.uid = Some("u2".to_owned());
        assert!(!record.is_authentic(&moved, &key(1)));
    }
}
