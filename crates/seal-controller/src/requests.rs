//! Requests to reencrypt: answered one at a time on one core, behind everything that keeps Secrets right,
//! and taken away some minutes later. The namespaces take turns, since the queue has them do so.
//!
//! What an answer says is the engine's.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use kube::core::PartialObjectMeta;
use kube::{Client, ResourceExt};
use seal_api::Reencryption;
use seal_cluster::call::CallError;
use seal_cluster::reencryption;
use seal_cluster::status::write_status;
use seal_cluster::watch::{Scope, reencryptions};
use seal_core::SystemRandom;
use seal_engine::sealed_secret::request;
use seal_engine::{Answers, SecretVersion};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::known::{Key, Known};
use crate::leadership::Leadership;
use crate::queue::{Again, Lane, Queue};
use crate::sealing_keys::Keys;
use crate::watches::{Changes, Told, Watches, changes, mapped};
use crate::workers::{Reconcile, Worker};

// Whoever asked has read the answer within seconds, unless he was killed meanwhile.
const KEPT: Duration = Duration::from_secs(600);

/// What answering them takes.
pub(crate) struct Requests {
    client: Client,
    keys: watch::Receiver<Option<Arc<Keys>>>,
    known: Known<SecretVersion>,
    // Whose SealedSecrets another controller takes care of, asks that one: a request has its object's labels.
    selector: String,
}

impl Requests {
    /// Starts the one worker and the watches. A cluster that does not know requests has none, and where the role does not
    /// cover them they are not seen; nothing waits for them.
    pub(crate) fn start(
        client: Client,
        keys: watch::Receiver<Option<Arc<Keys>>>,
        scopes: Vec<Scope>,
        selector: &str,
        leadership: &Leadership,
        workers: &mut JoinSet<()>,
        others: &mut JoinSet<()>,
    ) -> Arc<Queue<Key>> {
        let known = Known::default();
        let requests = Arc::new(Self {
            client,
            keys,
            known,
            selector: selector.to_owned(),
        });
        let queue = Arc::new(Queue::default());
        let begin = watch::Sender::new(None);
        let worker = Worker {
            reconciler: Arc::clone(&requests),
            queue: Arc::clone(&queue),
            begun: begin.subscribe(),
            leadership: leadership.clone(),
        };
        workers.spawn(worker.work());
        let watches = Watches {
            scopes,
            told: RequestWatches(requests),
            queue: Arc::clone(&queue),
            begin,
            ready: Arc::new(AtomicBool::new(true)),
            leadership: leadership.clone(),
        };
        others.spawn(watches.listen());
        queue
    }

    async fn answer(&self, key: &Key) -> Result<Again, CallError> {
        let found = reencryption::find(&self.client, &key.namespace, &key.name).await?;
        let Some(asked) = found else {
            self.known.forget(key);
            return Ok(Again::Never);
        };
        let now = Timestamp::now();
        if let Some(left) = left(&asked, now) {
            if left.is_zero() {
                reencryption::remove(&self.client, &asked).await?;
                return Ok(Again::OnChange);
            }
            return Ok(Again::At(Instant::now() + left));
        }
        let Some(keys) = self.keys.borrow().clone() else {
            return Ok(Again::AfterAPause);
        };
        let (spec, namespace) = (asked.spec.clone(), key.namespace.to_string());
        let answered = tokio::task::spawn_blocking(move || {
            let answers = Answers {
                sealing_keys: Some(&keys.ring),
            };
            let target = keys.certificate.fingerprint();
            request::answer(&spec, &namespace, &answers, target, &mut SystemRandom, now)
        });
        let Ok(status) = answered.await else {
            return Ok(Again::AfterAPause);
        };
        write_status::<Reencryption>(&self.client, &asked.metadata, &status).await?;
        let (request, changed) = (key.to_string(), status.entries.len());
        info!(
            request,
            state = status.state,
            changed,
            "answered a request to reencrypt"
        );
        Ok(Again::At(Instant::now() + KEPT))
    }
}

impl Reconcile for Requests {
    async fn reconcile(&self, key: &Key, _: Lane) -> Again {
        if self.known.find(key).is_none() {
            return Again::Never;
        }
        match self.answer(key).await {
            Ok(again) => again,
            Err(CallError::NotLeading(_)) => Again::AfterAPause,
            // Changed or deleted meanwhile: the watch tells.
            Err(error) if error.is_conflict() || error.is_not_found() => Again::OnChange,
            Err(error) => {
                let request = key.to_string();
                warn!(request, %error, "a request to reencrypt could not be answered");
                Again::AfterAPause
            }
        }
    }
}

// How long it is kept on; none where it is still to be answered.
fn left(asked: &Reencryption, now: Timestamp) -> Option<Duration> {
    // A clock that was wrong keeps nothing longer.
    let left = |since: Timestamp| KEPT.saturating_sub(now.duration_since(since).unsigned_abs());
    let status = asked.status.as_ref();
    let answer = status.filter(|status| status.input == request::input_digest(&asked.spec));
    if let Some(answered) = answer.and_then(|answer| answer.answered.parse().ok()) {
        return Some(left(answered));
    }
    // Nobody waits for the answer any longer.
    let made = asked.metadata.creation_timestamp.as_ref()?;
    left(made.0).is_zero().then_some(Duration::ZERO)
}

struct RequestWatches(Arc<Requests>);

impl Told for RequestWatches {
    fn list_anew(&self) {
        self.0.known.list_anew();
    }

    fn open(&self, stage: usize, scopes: &[Scope]) -> Option<Changes> {
        let requests = Arc::clone(&self.0);
        (stage == 0).then(|| {
            changes(
                reencryptions(&requests.client, scopes, &requests.selector),
                move |scope, event| requests.known.take_in(scope, mapped(event, version), |_| true),
            )
        })
    }

    fn has_listed(&self, _: usize, scopes: &[Scope]) -> bool {
        self.0.known.has_listed(scopes)
    }

    fn keys(&self) -> Vec<Key> {
        self.0.known.keys()
    }

    fn is_optional(&self) -> bool {
        true
    }

    fn forget_gone(&self, key: &Key) -> bool {
        self.0.known.find(key).is_none()
    }
}

fn version(metadata: PartialObjectMeta<Reencryption>) -> (Key, SecretVersion) {
    let version = SecretVersion {
        uid: metadata.uid().unwrap_or_default(),
        resource_version: metadata.resource_version().unwrap_or_default(),
    };
    (Key::of(&metadata.metadata), version)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use seal_api::{ReencryptionSpec, ReencryptionStatus};

    use super::*;

    #[test]
    fn what_nobody_answered_in_ten_minutes_nobody_waits_for() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let mut asked = Reencryption::new("r", ReencryptionSpec::default());
        for (made, left_over) in [
            (1_000_000, None),
            (999_401, None),
            (999_400, Some(Duration::ZERO)),
            (1_000_600, Some(Duration::ZERO)),
        ] {
            asked.metadata.creation_timestamp = Some(Time(Timestamp::from_second(made).unwrap()));
            assert_eq!(left(&asked, now), left_over, "{made}");
        }
        // One that came at the last moment is kept for those who wait.
        asked.status = Some(ReencryptionStatus {
            input: request::input_digest(&asked.spec),
            answered: now.to_string(),
            ..ReencryptionStatus::default()
        });
        assert_eq!(left(&asked, now), Some(KEPT));
    }

    #[test]
    fn an_answer_to_something_else_is_none_and_a_wrong_clock_keeps_nothing_for_ever() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let mut asked = Reencryption::new("r", ReencryptionSpec::default());
        assert_eq!(left(&asked, now), None);
        let answered = |input: String, seconds| ReencryptionStatus {
            input,
            answered: Timestamp::from_second(seconds).unwrap().to_string(),
            ..ReencryptionStatus::default()
        };
        let input = request::input_digest(&asked.spec);
        asked.status = Some(answered("another".to_owned(), 1_000_000));
        assert_eq!(left(&asked, now), None);
        for (answered_at, left_over) in [(1_000_000, 600), (999_700, 300), (999_000, 0), (1_001_000, 0)] {
            asked.status = Some(answered(input.clone(), answered_at));
            assert_eq!(
                left(&asked, now),
                Some(Duration::from_secs(left_over)),
                "{answered_at}"
            );
        }
    }
}
