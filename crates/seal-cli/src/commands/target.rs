//! The SealedSecrets in a file that `set`, `unset`, `merge` and `edit` change, by splices that leave every other
//! byte as it is. Its own scope, name and namespace count; nothing is sealed wider than allowed (S20).

use std::collections::BTreeMap;

use seal_api::{SealedSecret, annotations};
use seal_core::{EncryptionLabel, PublicKey, Scope, SystemRandom, encode_base64};
use seal_document::{Edits, Path, Stream, Value};
use seal_engine::sealed_secret::Provenance;

use crate::arguments::TargetArguments;
use crate::command_error::CommandError;
use crate::file_system::Exclusive;
use crate::input::Source;
use crate::manifests::{self, Found, Kind, ManifestFile};

/// The object to change.
pub(super) struct Target {
    pub(super) object: SealedSecret,
    found: Found,
    name: String,
}

/// Looks at the target as it stands.
pub(super) fn inspect<T>(
    arguments: &TargetArguments,
    look: impl FnOnce(&Target) -> Result<T, CommandError>,
) -> Result<T, CommandError> {
    let file = read(arguments)?;
    look(&Target::find(&file, &file.parse()?, arguments)?)
}

/// Changes the target, while no other run changes it. Returns what to tell.
pub(super) fn change(
    arguments: &TargetArguments,
    change: impl FnOnce(&mut Change<'_, '_, '_, '_>) -> Result<Changed, CommandError>,
) -> Result<String, CommandError> {
    let exclusive = Exclusive::on(&arguments.file);
    let file = read(arguments)?;
    let stream = file.parse()?;
    let target = Target::find(&file, &stream, arguments)?;
    let mut edits = Edits::new(&stream);
    let mut pending = Change::of(&target, &mut edits);
    let changed = change(&mut pending)?;
    pending.finish();
    let what = match changed {
        Changed::Nothing => "nothing has changed".to_owned(),
        Changed::Entries(what) => {
            file.replace(&exclusive, edits)?;
            what
        }
    };
    Ok(format!("{}: {what}", target.shown()))
}

/// What became of the target.
pub(super) enum Changed {
    Nothing,
    /// In words.
    Entries(String),
}

/// Reads its file.
pub(super) fn read(arguments: &TargetArguments) -> Result<ManifestFile, CommandError> {
    if arguments.file.as_os_str() == "-" {
        return Err(CommandError::usage(
            "the SealedSecret is changed in its file; standard input is none",
        ));
    }
    ManifestFile::read(Source::of(&arguments.file))
}

impl Target {
    /// The one SealedSecret of `file` that the flags name.
    pub(super) fn find(
        file: &ManifestFile,
        stream: &Stream<'_>,
        arguments: &TargetArguments,
    ) -> Result<Self, CommandError> {
        let mut matching = matching(file, stream, arguments)?;
        if matching.len() > 1 {
            return Err(
                CommandError::usage(format!("there are {} SealedSecrets", matching.len()))
                    .remedy("say which with --name and --namespace")
                    .about(&file.source.shown()),
            );
        }
        Self::of(file, matching.swap_remove(0))
    }

    /// All SealedSecrets of `file` that the flags name, at least one, in the order of the text.
    pub(super) fn find_all(
        file: &ManifestFile,
        stream: &Stream<'_>,
        arguments: &TargetArguments,
    ) -> Result<Vec<Self>, CommandError> {
        let matching = matching(file, stream, arguments)?;
        matching.into_iter().map(|found| Self::of(file, found)).collect()
    }

    fn of(file: &ManifestFile, found: Found) -> Result<Self, CommandError> {
        let name = file.name_of(&found);
        let object =
            SealedSecret::from_value(&found.value).map_err(|error| CommandError::from(error).about(&name))?;
        if object.spec.data.is_some() {
            return Err(
                CommandError::input(format!("{name}: its values are one sealed blob (spec.data)"))
                    .remedy("unseal it and seal it again: entries of their own can be changed one by one"),
            );
        }
        Ok(Self { object, found, name })
    }

    /// Its file, place and name.
    pub(super) fn shown(&self) -> &str {
        &self.name
    }

    /// The label under which its entries open, if its scope is not wider than `allowed`.
    pub(super) fn label(&self, allowed: Scope) -> Result<EncryptionLabel, CommandError> {
        let metadata = &self.object.metadata;
        let scope = annotations::scope(metadata.annotations.as_ref());
        if scope > allowed {
            return Err(CommandError::input(format!(
                "{}: its scope is {scope}, wider than {allowed}",
                self.name
            ))
            .remedy(format!(
                "if that is meant, say --allow-scope {scope}; else remove the annotation and seal it again"
            )));
        }
        let place = |error: seal_core::InvalidName| CommandError::input(error.to_string()).about(&self.name);
        let namespace = metadata.namespace.as_deref();
        let missing = || {
            CommandError::input(format!("{}: it has no metadata.namespace", self.name)).remedy("give it one")
        };
        Ok(match scope {
            Scope::ClusterWide => EncryptionLabel::cluster_wide(),
            Scope::NamespaceWide => {
                EncryptionLabel::namespace_wide(&namespace.ok_or_else(missing)?.parse().map_err(place)?)
            }
            Scope::Strict => {
                let namespace = namespace.ok_or_else(missing)?.parse().map_err(place)?;
                let name = metadata
                    .name
                    .as_deref()
                    .unwrap_or_default()
                    .parse()
                    .map_err(place)?;
                scope.label(&namespace, &name)
            }
        })
    }

    fn path(&self, entry: &str) -> Path {
        let object = self.found.place.path();
        object.key("spec").key("encryptedData").key(entry)
    }
}

/// What is to change about a target. One that notes which key sealed what gets its note renewed.
pub(super) struct Change<'a, 'e, 's, 't> {
    pub(super) target: &'a Target,
    edits: &'e mut Edits<'s, 't>,
    /// The ciphertexts as they will stand.
    texts: BTreeMap<String, String>,
    provenance: Provenance,
    is_changed: bool,
}

impl<'a, 'e, 's, 't> Change<'a, 'e, 's, 't> {
    /// Nothing yet.
    pub(super) fn of(target: &'a Target, edits: &'e mut Edits<'s, 't>) -> Self {
        let standing = target.object.spec.encrypted_data.iter();
        Self {
            target,
            edits,
            texts: standing
                .filter_map(|(entry, text)| Some((entry.clone(), text.clone()?)))
                .collect(),
            provenance: Provenance::of([&target.object]),
            is_changed: false,
        }
    }

    /// Seals `value` into `entry`.
    pub(super) fn seal(
        &mut self,
        entry: &str,
        value: &[u8],
        key: &PublicKey,
        label: &EncryptionLabel,
    ) -> Result<(), CommandError> {
        let sealed = seal_core::seal(value, key, label, &mut SystemRandom)
            .map_err(|error| CommandError::key(format!("{}: {entry}: {error}", self.target.name)))?;
        let text = encode_base64(&sealed);
        self.provenance.add(&text, key.fingerprint());
        self.put(entry, text);
        Ok(())
    }

    /// Puts what is sealed already into `entry`.
    pub(super) fn put(&mut self, entry: &str, text: String) {
        self.edits.set(
            self.document(),
            &self.target.path(entry),
            Value::from(text.as_str()),
        );
        self.texts.insert(entry.to_owned(), text);
        self.is_changed = true;
    }

    /// Takes `entry` out.
    pub(super) fn take_out(&mut self, entry: &str) {
        self.edits.remove(self.document(), &self.target.path(entry));
        self.texts.remove(entry);
        self.is_changed = true;
    }

    /// Puts `value` into the field of its template at `steps`, or takes the field out.
    pub(super) fn put_in_template(&mut self, steps: &[String], value: Option<Value>) {
        let template = self.target.found.place.path().key("spec").key("template");
        let path = steps.iter().fold(template, |path, step| path.key(step.as_str()));
        match value {
            Some(value) => self.edits.set(self.document(), &path, value),
            None => self.edits.remove(self.document(), &path),
        }
    }

    /// That is all.
    pub(super) fn finish(self) {
        let annotations = self.target.object.metadata.annotations.as_ref();
        let noted = annotations.and_then(|all| all.get(annotations::SEALED_WITH));
        let Some(noted) = noted.filter(|_| self.is_changed) else {
            return;
        };
        let texts = self.texts.iter();
        let note = self
            .provenance
            .note(texts.map(|(entry, text)| (entry.as_str(), text.as_str())));
        if *noted != note {
            let metadata = self.target.found.place.path().key("metadata");
            let path = metadata.key("annotations").key(annotations::SEALED_WITH);
            self.edits.set(self.document(), &path, Value::from(note));
        }
    }

    fn document(&self) -> usize {
        self.target.found.place.document
    }
}

fn matching(
    file: &ManifestFile,
    stream: &Stream<'_>,
    arguments: &TargetArguments,
) -> Result<Vec<Found>, CommandError> {
    let place = |error: CommandError| error.about(&file.source.shown());
    let mut matching = manifests::find(stream).map_err(place)?;
    matching.retain(|found| {
        let is = |field, wanted: Option<&str>| {
            let metadata = found
                .value
                .get("metadata")
                .and_then(|metadata| metadata.get(field)?.as_str());
            wanted.is_none() || wanted == metadata
        };
        found.kind == Kind::SealedSecret
            && is("name", arguments.name.as_ref().map(AsRef::as_ref))
            && is("namespace", arguments.namespace.as_ref().map(AsRef::as_ref))
    });
    if matching.is_empty() {
        let which = if arguments.name.is_some() || arguments.namespace.is_some() {
            " of that name"
        } else {
            ""
        };
        return Err(place(CommandError::input(format!(
            "there is no SealedSecret{which}"
        ))));
    }
    Ok(matching)
}

/// Whether Kubernetes takes `entry` as a key of a Secret's data.
pub(super) fn judge_entry(entry: &str) -> Result<(), CommandError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let good = !entry.is_empty()
        && entry.len() <= 253
        && entry.bytes().all(allowed)
        && entry != "."
        && !entry.starts_with("..");
    if good {
        return Ok(());
    }
    Err(CommandError::usage("a Secret cannot have an entry of that name")
        .remedy("use letters, digits, '-', '_' and '.', at most 253 characters"))
}
