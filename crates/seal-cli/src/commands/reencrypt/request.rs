//! Reencrypting by request objects: ciphertexts go to the API server, and the controller answers there. Who may
//! ask is Kubernetes' own affair, no value leaves the controller, and no way to a pod is needed.
//!
//! An answer counts only on the very object that was created, and about what was asked (S9).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use seal_api::reencryption::{DONE, MOST_BYTES, MOST_ENTRIES};
use seal_api::{Reencryption, ReencryptionSpec, ReencryptionStatus, SealedSecret, annotations};
use seal_core::{Fingerprint, Namespace};
use seal_engine::sealed_secret::request::input_digest;
use tokio::runtime::Runtime;
use tokio::time::{Instant, sleep, timeout};

use super::opener::{Faults, Item, Texts};
use crate::certificate::download::root_cause;
use crate::command_error::CommandError;
use crate::repository::Sealed;

const TIMEOUT: Duration = Duration::from_secs(30);
// Others may have asked before, and each takes its turn.
const PATIENCE: Duration = Duration::from_secs(180);
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

// Where nothing more is said.
const OPENS_NOT: &str = "it does not open";

/// Those who ask.
pub(in crate::commands) struct Requests {
    pub(super) runtime: Runtime,
    pub(super) client: Client,
    /// For objects that open anywhere and name no namespace.
    pub(super) elsewhere: Namespace,
    /// Whether one was not answered: then none will be.
    pub(super) gave_up: AtomicBool,
}

impl Requests {
    /// New texts for what is not under the newest key.
    pub(super) fn reencrypt(&self, sealed: &Sealed) -> Result<Texts, CommandError> {
        let mut texts = Texts::default();
        self.all_of(&sealed.object, &sealed.shown, |spec, answer| {
            take(&mut texts, spec, answer, sealed)
        })?;
        Ok(texts)
    }

    /// Why entries of `object` do not open.
    pub(super) fn faults(&self, object: &SealedSecret, shown: &str) -> Result<Faults, CommandError> {
        let mut faults = Faults::new();
        self.all_of(object, shown, |_, answer| {
            if answer.state != DONE && answer.faults.is_empty() {
                faults.insert(String::new(), OPENS_NOT.to_owned());
            }
            faults.extend(answer.faults);
            Ok(())
        })?;
        Ok(faults)
    }

    // Asks about all entries of `object`, as many at a time as a request may hold.
    fn all_of(
        &self,
        object: &SealedSecret,
        shown: &str,
        mut take: impl FnMut(ReencryptionSpec, ReencryptionStatus) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        if self.gave_up.load(Ordering::Relaxed) {
            return Err(CommandError::cluster(format!(
                "{shown}: not asked, since the controller did not answer before"
            )));
        }
        let blob = object.spec.data.clone();
        let blob = blob.map(|blob| BTreeMap::from([(String::new(), Some(blob))]));
        let namespace = object
            .metadata
            .namespace
            .as_deref()
            .unwrap_or(self.elsewhere.as_ref());
        for entries in chunks(blob.as_ref().unwrap_or(&object.spec.encrypted_data)) {
            let spec = ReencryptionSpec {
                name: object.name_any(),
                scope: annotations::scope(object.metadata.annotations.as_ref()).to_string(),
                entries,
            };
            let labels = object.metadata.labels.as_ref();
            let answer = self.runtime.block_on(self.ask(namespace, labels, &spec));
            take(spec, answer.map_err(|error| error.about(shown))?)?;
        }
        Ok(())
    }

    async fn ask(
        &self,
        namespace: &str,
        labels: Option<&BTreeMap<String, String>>,
        spec: &ReencryptionSpec,
    ) -> Result<ReencryptionStatus, CommandError> {
        let all: Api<Reencryption> = Api::namespaced(self.client.clone(), namespace);
        let mut request = Reencryption::new("", spec.clone());
        request.metadata.name = None;
        request.metadata.generate_name = Some("seal-".to_owned());
        // By them controllers tell whose it is.
        request.metadata.labels = labels.cloned();
        let made = call(all.create(&PostParams::default(), &request), namespace).await?;
        let answer = wait(&all, &made, namespace).await;
        self.gave_up
            .fetch_or(matches!(answer, Ok(None)), Ordering::Relaxed);
        // It holds nothing that is secret, and the controller takes away what is left over.
        let this_one = DeleteParams::default().preconditions(Preconditions {
            uid: made.uid(),
            resource_version: None,
        });
        drop(timeout(TIMEOUT, all.delete(&made.name_any(), &this_one)).await);
        answer?.ok_or_else(|| {
            CommandError::cluster(format!(
                "the controller did not answer within {} seconds",
                PATIENCE.as_secs()
            ))
            .remedy(
                "see whether it runs and takes care of this namespace: `seal doctor`; an upstream controller is asked \
                 with --via http",
            )
        })
    }
}

async fn wait(
    all: &Api<Reencryption>,
    made: &Reencryption,
    namespace: &str,
) -> Result<Option<ReencryptionStatus>, CommandError> {
    let (end, mut pause) = (Instant::now() + PATIENCE, FIRST_LOOK);
    let input = input_digest(&made.spec);
    while Instant::now() < end {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let standing = call(all.get(&made.name_any()), namespace).await?;
        if standing.uid() != made.uid() {
            return Err(CommandError::cluster(
                "somebody put another request in the place of ours",
            ));
        }
        if let Some(status) = standing.status.filter(|status| status.input == input) {
            return Ok(Some(status));
        }
    }
    Ok(None)
}

async fn call<T>(work: impl Future<Output = kube::Result<T>>, namespace: &str) -> Result<T, CommandError> {
    match timeout(TIMEOUT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(CommandError::cluster(format!(
            "you may not ask for it in namespace {namespace}: 403 Forbidden"
        ))
        .remedy("ask for a Role with create, get and delete on reencryptions.sealops.dev (deploy/README.md has one)")),
        Ok(Err(kube::Error::Api(status))) => {
            Err(CommandError::cluster(format!("the API server answered {} {}", status.code, status.reason)))
        }
        Ok(Err(error)) => Err(CommandError::cluster(root_cause(&error))),
        Err(_) => Err(CommandError::cluster("no answer from the API server in time")),
    }
}

// As much as one request may hold.
fn chunks(entries: &BTreeMap<String, Option<String>>) -> Vec<BTreeMap<String, String>> {
    let mut chunks: Vec<BTreeMap<String, String>> = Vec::new();
    let mut bytes = 0;
    for (entry, text) in entries {
        let text = text.clone().unwrap_or_default();
        bytes += text.len();
        match chunks
            .last_mut()
            .filter(|last| last.len() < MOST_ENTRIES && bytes <= MOST_BYTES)
        {
            Some(last) => drop(last.insert(entry.clone(), text)),
            None => {
                bytes = text.len();
                chunks.push(BTreeMap::from([(entry.clone(), text)]));
            }
        }
    }
    chunks
}

fn take(
    texts: &mut Texts,
    spec: ReencryptionSpec,
    mut status: ReencryptionStatus,
    sealed: &Sealed,
) -> Result<(), CommandError> {
    let parse = |key: Option<&String>| key.and_then(|key| key.parse::<Fingerprint>().ok());
    if status.state != DONE {
        let mut errors = status.faults.iter().map(|(entry, why)| {
            let place = match entry.as_str() {
                "" => sealed.shown.clone(),
                entry => format!("{}: {entry}", sealed.shown),
            };
            CommandError::key(why.as_str())
                .about(&place)
                .remedy("`seal explain` tells more")
        });
        let first = errors
            .next()
            .unwrap_or_else(|| CommandError::key(OPENS_NOT).about(&sealed.shown));
        return Err(errors.fold(first, CommandError::and));
    }
    let key = parse(status.key.as_ref());
    if !texts.items.is_empty() && texts.key != key {
        return Err(
            CommandError::key(format!("{}: another key seals meanwhile", sealed.shown))
                .remedy("run it again: it goes on towards the newest"),
        );
    }
    texts.key = key;
    for (entry, old) in spec.entries {
        let text = status.entries.remove(&entry).filter(|text| *text != old);
        let before = parse(status.before.get(&entry));
        texts.items.push(Item { entry, before, text });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_request_holds_more_than_it_may_and_nothing_is_left_out() {
        let entry = |bytes: usize| move |n: usize| (format!("{n:04}"), Some("A".repeat(bytes)));
        for (count, bytes, requests) in [
            (1, 10, 1),
            (200, 10, 1),
            (201, 10, 2),
            (5, MOST_BYTES / 2, 3),
            (2, MOST_BYTES * 2, 2),
        ] {
            let entries: BTreeMap<_, _> = (0..count).map(entry(bytes)).collect();
            let chunks = chunks(&entries);
            assert_eq!(chunks.len(), requests, "{count} × {bytes}");
            assert_eq!(chunks.iter().map(BTreeMap::len).sum::<usize>(), count);
        }
    }
}
