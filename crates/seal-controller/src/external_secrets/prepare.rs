//! From what was gathered to the Secret that should stand: selecting, decoding, rewriting, templates. All that takes a
//! core; it runs on a blocking thread and asks nobody.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use seal_api::Secret;
use seal_api::external_secrets::{DeletionPolicy, GeneratorRef};
use seal_core::{InstallationKey, Plaintext};
use seal_engine::external_secret::outcome::Stage;
use seal_engine::external_secret::shape::{Fetched, Templating, shape};
use seal_engine::external_secret::{
    Answers, Content, Dialect, MissingSource, Need, Opened, Read, Reply, Search, StoreId, Tools, open,
};
use seal_engine::{Fault, Policy, catalogue, desired, inputs};
use seal_providers::{Answer, Content as Told, Found, SecretValue};
use seal_template::{Budget, Env};

use super::gather::{Gathered, Said, dialect_in};
use super::generators::make;
use super::{Choices, Seen};
use crate::rendering::{BundledZones, TemplateRandom};

/// What should stand.
pub(super) enum Prepared {
    /// This, as yet without the marks; and whose values are missing, where that is no fault.
    Secret(Box<Secret>, Vec<MissingSource>),
    /// Nothing: the store has none of the values any more.
    Nothing(Vec<MissingSource>),
}

/// All that it is worked out from.
pub(super) struct Preparation {
    pub(super) seen: Arc<Seen>,
    pub(super) gathered: Gathered,
    /// The texts of templates.
    pub(super) fetched: Vec<Fetched>,
    pub(super) choices: Arc<Choices>,
    pub(super) templating: Arc<Templating>,
    pub(super) installation: Arc<InstallationKey>,
}

impl Preparation {
    /// Has the generators that were found make their values, as of `since`.
    pub(super) fn generate(&mut self, since: Timestamp) {
        make(
            &mut self.gathered.said,
            &self.seen.object,
            since,
            &self.installation,
        );
    }

    /// What should stand, as it was or is at `now`.
    ///
    /// # Errors
    /// What is wrong, and where on the way.
    pub(super) fn as_of(&self, now: Timestamp) -> Result<Prepared, (Stage, Vec<Fault>)> {
        let (object, templating, installation) = (&self.seen.object, &*self.templating, &*self.installation);
        let mut random = TemplateRandom::of(installation.seeded(&inputs(object, installation)));
        let mut env = Env {
            now,
            zones: &BundledZones,
            random: &mut random,
        };
        let mut budget = Budget::default();
        let mut tools = Tools {
            functions: &templating.functions,
            env: &mut env,
            budget: &mut budget,
        };
        let opened = open(&object.spec, &self.gathered, &mut tools);
        let Opened { unveiled, missing } = opened.map_err(|faults| (Stage::Data, faults))?;
        if unveiled.entries.is_empty() && object.spec.deletion_policy() != DeletionPolicy::Merge {
            return Ok(Prepared::Nothing(missing));
        }
        let update = |faults| (Stage::Update, faults);
        let material =
            shape(object, unveiled.entries, &self.fetched, templating, &mut env).map_err(update)?;
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let (home, names) = &self.choices.reserved;
        let reserved: Vec<(&str, &str)> = names.iter().map(|name| (home.as_str(), name.as_str())).collect();
        let policy = Policy {
            reserved_names: &reserved,
        };
        let secret = desired(material, namespace, object.target_name(), &policy).map_err(update)?;
        Ok(Prepared::Secret(Box::new(secret), missing))
    }
}

impl Gathered {
    fn of(&self, need: &Need) -> Result<&Said, Fault> {
        match self.said.get(need) {
            Some(Ok(said)) => Ok(said),
            Some(Err(fault)) => Err(fault.clone()),
            None => Err(not_asked()),
        }
    }
}

impl Answers for Gathered {
    fn dialect(&self, store: &StoreId) -> Dialect {
        dialect_in(&self.dialects, store)
    }

    fn read(&self, read: &Read) -> Reply<Content<'_>> {
        match self.of(&Need::Read(read.clone())) {
            Ok(Said::Value(Answer::Value(value))) => Reply::Value(content(value)),
            Ok(Said::Value(Answer::Missing)) => Reply::Missing,
            Ok(Said::Value(Answer::MountMissing(fault))) => Reply::MountMissing(fault.to_string()),
            Ok(_) => Reply::Failed(not_asked()),
            Err(fault) => Reply::Failed(fault),
        }
    }

    fn search(&self, search: &Search) -> Reply<Vec<(&str, Content<'_>)>> {
        match self.of(&Need::Search(search.clone())) {
            Ok(Said::Found(Found::Hits(hits))) => {
                let hits = hits.iter().map(|hit| (hit.key.as_str(), content(&hit.value)));
                Reply::Value(hits.collect())
            }
            Ok(Said::Found(Found::Missing)) => Reply::Missing,
            Ok(Said::Found(Found::MountMissing(fault))) => Reply::MountMissing(fault.to_string()),
            Ok(_) => Reply::Failed(not_asked()),
            Err(fault) => Reply::Failed(fault),
        }
    }

    fn generated(&self, index: usize, generator: &GeneratorRef) -> Reply<&BTreeMap<String, Plaintext>> {
        match self.of(&Need::Generate(index, generator.clone())) {
            Ok(Said::Generated(values)) => Reply::Value(values),
            Ok(_) => Reply::Failed(not_asked()),
            Err(fault) => Reply::Failed(fault),
        }
    }
}

fn content(value: &SecretValue) -> Content<'_> {
    match &value.content {
        Told::Whole(whole) => Content::Whole(whole),
        Told::Entries(entries) => Content::Entries(entries),
    }
}

fn not_asked() -> Fault {
    Fault::new(&catalogue::DEFECT).fact("what", "an answer was looked for that nobody gathered")
}
