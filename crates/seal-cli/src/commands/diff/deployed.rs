//! Files against the cluster: what applying them would change, and what the controller would make of it as far as
//! that can be told without a value. Of Secrets only the metadata is asked for, and only where one may stand in
//! the way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use seal_api::{SealedSecret, Secret, annotations};
use seal_cluster::look::{Look, Seen};
use seal_core::KeyRing;
use seal_engine::{Onto, Ownership, sealed_secret};

use super::compare::{Change, Item, Side, compare};
use super::{Differences, objects, outcome, whole};
use crate::arguments::ClusterArguments;
use crate::command_error::CommandError;
use crate::commands::rotate::is_opened;
use crate::input::{self, Source};
use crate::repository::{Outcome, Row, over};
use crate::terminal::Terminal;
use crate::{cluster, cores};

// One list a namespace, one object a Secret that may be in the way.
const PATIENCE: Duration = Duration::from_secs(120);

type Name = (String, String);

/// What stands in the cluster of what the files name.
#[derive(Default)]
struct Standing {
    /// Where what names no namespace goes.
    namespace: String,
    objects: BTreeMap<Name, SealedSecret>,
    /// Objects that cannot be read as SealedSecrets.
    unreadable: BTreeSet<Name>,
    /// The Secrets where an object would be new.
    secrets: BTreeMap<Name, ObjectMeta>,
}

/// A row for each file.
pub(super) fn rows(
    paths: &[PathBuf],
    cluster: &ClusterArguments,
    ring: Option<&KeyRing>,
    terminal: Terminal,
) -> Result<Vec<Row<Differences>>, CommandError> {
    let sources = input::repository(paths)?;
    if sources.contains(&Source::Stdin) {
        return Err(
            CommandError::usage("files are compared with the cluster; standard input is none")
                .remedy("name files or folders"),
        );
    }
    let standing = Standing::of(&named(&sources), cluster, terminal)?;
    Ok(over(&sources, cores::count(), |source| {
        let sealed = match objects(source)? {
            Ok(sealed) => sealed,
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        let mut all = Vec::with_capacity(sealed.len());
        for one in sealed {
            let items = standing
                .against(&one.object, ring)
                .map_err(|error| error.about(&one.shown))?;
            all.push((one.shown, items));
        }
        Ok(outcome(all))
    }))
}

// What the files name; those that cannot be read are told of when they are compared.
fn named(sources: &[Source]) -> BTreeSet<(Option<String>, String)> {
    let rows = over(sources, cores::count(), |source| {
        let sealed = objects(source)?.unwrap_or_default();
        let name = |object: SealedSecret| {
            (
                object.metadata.namespace,
                object.metadata.name.unwrap_or_default(),
            )
        };
        let names: Vec<_> = sealed.into_iter().map(|one| name(one.object)).collect();
        Ok(Outcome::Unchanged(names))
    });
    let names = rows.into_iter().filter_map(|row| match row.outcome {
        Outcome::Unchanged(names) => Some(names),
        _ => None,
    });
    names.flatten().collect()
}

impl Standing {
    fn of(
        named: &BTreeSet<(Option<String>, String)>,
        cluster: &ClusterArguments,
        terminal: Terminal,
    ) -> Result<Self, CommandError> {
        if named.is_empty() {
            return Ok(Self::default());
        }
        let mut standing = Self::default();
        if named.iter().any(|(namespace, _)| namespace.is_none()) {
            standing.namespace = cluster::context_namespace(cluster)?.to_string();
        }
        let names: BTreeSet<Name> = named
            .iter()
            .map(|(namespace, name)| (standing.settled(namespace.as_deref()), name.clone()))
            .collect();
        let namespaces: BTreeSet<&str> = names.iter().map(|(namespace, _)| namespace.as_str()).collect();
        cluster::looking(cluster, PATIENCE, async |look| {
            for namespace in namespaces {
                standing.list(look, namespace).await?;
            }
            for name in &names {
                if !standing.objects.contains_key(name) && !standing.unreadable.contains(name) {
                    standing.look_behind(look, name, terminal).await;
                }
            }
            Ok(())
        })?;
        Ok(standing)
    }

    async fn list(&mut self, look: &Look, namespace: &str) -> Result<(), CommandError> {
        let all = match look.sealed_secrets(namespace).await {
            Seen::Found(all) => all,
            // No definition, and so no object.
            Seen::Absent => Vec::new(),
            Seen::Forbidden(wanted) => {
                return Err(CommandError::cluster(format!("you are not allowed to {wanted}"))
                    .remedy("ask for that permission"));
            }
            Seen::Unknown(why) => return Err(CommandError::cluster(format!("namespace {namespace}: {why}"))),
        };
        for object in all {
            let name = |metadata: &ObjectMeta| {
                let name = metadata.name.clone().unwrap_or_default();
                (namespace.to_owned(), name)
            };
            match object {
                Ok(object) => drop(self.objects.insert(name(&object.metadata), object)),
                Err(metadata) => drop(self.unreadable.insert(name(&metadata))),
            }
        }
        Ok(())
    }

    async fn look_behind(&mut self, look: &Look, name: &Name, terminal: Terminal) {
        match look.secret_metadata(&name.0, &name.1).await {
            Seen::Found(metadata) => drop(self.secrets.insert(name.clone(), metadata)),
            Seen::Absent => {}
            Seen::Forbidden(wanted) => terminal.detail(&format!(
                "whether a Secret {}/{} is in the way is not known: you are not allowed to {wanted}",
                name.0, name.1
            )),
            Seen::Unknown(why) => terminal.detail(&format!(
                "whether a Secret {}/{} is in the way is not known: {why}",
                name.0, name.1
            )),
        }
    }

    fn settled(&self, namespace: Option<&str>) -> String {
        namespace.unwrap_or(&self.namespace).to_owned()
    }

    fn against(&self, file: &SealedSecret, ring: Option<&KeyRing>) -> Result<Vec<Item>, CommandError> {
        let namespace = self.settled(file.metadata.namespace.as_deref());
        let name = (namespace.clone(), file.metadata.name.clone().unwrap_or_default());
        let mut wanted = file.clone();
        wanted.metadata = applied(&file.metadata, &namespace, &file.metadata);
        if let Some(standing) = self.objects.get(&name) {
            let mut there = standing.clone();
            there.status = None;
            there.metadata = applied(&standing.metadata, &namespace, &file.metadata);
            let mut items = compare(&Side::applied(there), &Side::applied(wanted), ring)
                .map_err(|faults| CommandError::faults("in the file or in the cluster", &faults))?;
            if !is_opened(standing) {
                items.insert(0, Item::object(Change::NotOpened));
            }
            return Ok(items);
        }
        if self.unreadable.contains(&name) {
            return Ok(whole(&Side::applied(wanted), Change::Changed));
        }
        let mut items = whole(&Side::applied(wanted), Change::Added);
        if let Some(metadata) = self.secrets.get(&name)
            && is_refused(file, metadata)
        {
            items.insert(1, Item::object(Change::InTheWay));
        }
        Ok(items)
    }
}

// What a file can say of an object; labels and annotations that others put there are left alone by whoever
// applies it, but the scope must be known.
fn applied(metadata: &ObjectMeta, namespace: &str, file: &ObjectMeta) -> ObjectMeta {
    let scopes = [annotations::CLUSTER_WIDE, annotations::NAMESPACE_WIDE];
    type Texts = Option<BTreeMap<String, String>>;
    let kept = |texts: &Texts, named: &Texts| {
        let is_named = |key: &String| named.as_ref().is_some_and(|named| named.contains_key(key));
        let mut texts = texts.clone().unwrap_or_default();
        texts.retain(|key, _| is_named(key) || scopes.contains(&key.as_str()));
        Some(texts)
    };
    ObjectMeta {
        name: metadata.name.clone(),
        namespace: Some(namespace.to_owned()),
        labels: kept(&metadata.labels, &file.labels),
        annotations: kept(&metadata.annotations, &file.annotations),
        ..ObjectMeta::default()
    }
}

// By the engine's own table. A new object has no record that could prove the Secret to be its own.
fn is_refused(object: &SealedSecret, metadata: &ObjectMeta) -> bool {
    let template = object.spec.template.as_ref();
    let marks = template
        .and_then(|template| template.metadata.as_ref())
        .and_then(|metadata| metadata.annotations.as_ref());
    let skips = annotations::is_set(marks, annotations::SKIP_SET_OWNER_REFERENCES);
    let secret = Secret {
        metadata: metadata.clone(),
        ..Secret::default()
    };
    let owner = sealed_secret::owner_reference(object);
    Ownership::of_sealed_secret(&owner, skips, None, Some(&secret)).onto == Onto::Refuse
}
