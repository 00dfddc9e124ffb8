//! Leader election by a Lease, understood by every tool that knows client-go's: who holds it renews
//! it; whoever waits takes it once it was released or has not moved for its whole duration.
//!
//! Only the local clock counts; the times in the Lease are for people. What a leader does, and what
//! is stopped when it leads no longer, is not known here.

use std::fmt;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::call::{CallError, bounded};
use crate::fence::{Fence, clock};

/// The name of the controller's Lease, unless it is told another.
pub const DEFAULT_NAME: &str = "seal-controller";

/// How long a lead lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long the others wait for a holder that no longer renews.
    pub duration: Duration,
    /// How long the holder goes on writing without having renewed.
    pub renew_deadline: Duration,
    /// How often it renews, and how often those who failed to take it try again.
    pub retry_period: Duration,
}

/// Terms under which two could lead at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the lease duration must be greater than the renew deadline, that greater than 1.2 times the retry period, \
     that greater than zero, and the duration a whole number of seconds"
)]
pub struct InvalidTerms;

impl Terms {
    /// These, if they keep two replicas apart.
    ///
    /// # Errors
    /// [`InvalidTerms`].
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
    ) -> Result<Self, InvalidTerms> {
        let apart = duration > renew_deadline
            && renew_deadline > retry_period.mul_f64(1.2)
            && !retry_period.is_zero()
            && duration.subsec_nanos() == 0;
        apart
            .then_some(Self {
                duration,
                renew_deadline,
                retry_period,
            })
            .ok_or(InvalidTerms)
    }
}

/// News of the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody knows yet: it has not tried to take the Lease to the end.
    Undecided,
    /// This replica leads.
    Leads {
        /// Grows with every lead of this replica.
        term: u64,
    },
    /// Another one does, if any.
    Waits {
        /// The one that holds the Lease.
        holder: Option<String>,
    },
}

/// One replica's part in the election.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
    terms: Terms,
    fence: Fence,
    standing: watch::Sender<Standing>,
    led: u64,
    seen: Option<Seen>,
}

struct Seen {
    lease: Lease,
    // When it was first seen to be as it is.
    since: Instant,
}

impl Candidate {
    /// Stands as `identity`, which no other replica may ever have used, for the Lease
    /// `namespace/name`. `client` must not be behind `fence`: the fence opens with the Lease.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: String,
        terms: Terms,
        fence: Fence,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity,
            terms,
            fence,
            standing: watch::Sender::new(Standing::Undecided),
            led: 0,
            seen: None,
        }
    }

    /// How the election stands, whenever that changes.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Takes part until `resign` comes, then releases the Lease, if it is held, so that another
    /// replica takes it at once. `complain` is told what fails.
    pub async fn run(mut self, resign: impl Future<Output = ()>, complain: impl Fn(&CallError)) {
        {
            let resign = pin!(resign);
            let part = pin!(self.take_part(&complain));
            futures::future::select(resign, part).await;
        }
        if let Err(error) = self.release().await {
            complain(&error);
        }
    }

    async fn take_part(&mut self, complain: &impl Fn(&CallError)) {
        loop {
            self.wait(complain).await;
            self.lead(complain).await;
        }
    }

    // Returns when it holds the Lease. It watches while it waits only: a watch that nobody reads during a lead would
    // tell all renewals of that lead afterwards, one by one.
    async fn wait(&mut self, complain: &impl Fn(&CallError)) {
        let one = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut news = watcher(self.leases.clone(), one).default_backoff().boxed();
        loop {
            match tokio::time::timeout(self.terms.renew_deadline, self.take()).await {
                Ok(Ok(true)) => return,
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => complain(&error),
            }
            self.decide();
            let wake = self.wake();
            loop {
                tokio::select! {
                    () = tokio::time::sleep_until(wake) => break,
                    Some(event) = news.next() => match event {
                        Ok(Event::InitApply(lease) | Event::Apply(lease)) => {
                            self.see(lease);
                            // Released, or renewed, which moves the time to wake.
                            break;
                        }
                        Ok(Event::Delete(_)) => {
                            self.seen = None;
                            break;
                        }
                        // What a broken watch misses is found at the time to wake.
                        Ok(Event::Init | Event::InitDone) | Err(_) => {}
                    },
                }
            }
        }
    }

    // Whoever has failed to take it waits, whatever the reason.
    fn decide(&self) {
        self.standing.send_if_modified(|standing| {
            let undecided = *standing == Standing::Undecided;
            if undecided {
                *standing = Standing::Waits { holder: None };
            }
            undecided
        });
    }

    // Takes the Lease if it is free. Whether it is ours.
    async fn take(&mut self) -> Result<bool, CallError> {
        if self
            .seen
            .as_ref()
            .is_some_and(|seen| seen.free_at(&self.identity) > Instant::now())
        {
            return Ok(false);
        }
        let begin = clock();
        let Some(kept) = bounded(self.leases.get_opt(&self.name)).await? else {
            let lease = self.written(None);
            let made = bounded(self.leases.create(&PostParams::default(), &lease)).await;
            return self.taken(begin, made);
        };
        self.see(kept);
        let Some(seen) = self
            .seen
            .as_ref()
            .filter(|seen| seen.free_at(&self.identity) <= Instant::now())
        else {
            return Ok(false);
        };
        let begin = clock();
        let lease = self.written(Some(&seen.lease));
        let put = bounded(self.leases.replace(&self.name, &PostParams::default(), &lease)).await;
        self.taken(begin, put)
    }

    fn taken(&mut self, begin: Duration, answer: Result<Lease, CallError>) -> Result<bool, CallError> {
        match answer {
            Ok(lease) => {
                self.see(lease);
                self.fence.raise(begin, self.terms.renew_deadline);
                Ok(self.fence.remaining().is_some())
            }
            // Another one was faster; the watch tells who.
            Err(error) if error.is_conflict() => {
                self.seen = None;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    // Returns when this replica leads no longer.
    async fn lead(&mut self, complain: &impl Fn(&CallError)) {
        self.led += 1;
        self.standing.send_replace(Standing::Leads { term: self.led });
        while let Some(left) = self.fence.remaining() {
            tokio::time::sleep(self.terms.retry_period.min(left)).await;
            let Some(left) = self.fence.remaining() else { break };
            match tokio::time::timeout(left.min(self.terms.retry_period.max(left / 2)), self.renew()).await {
                Ok(Ok(true)) | Err(_) => {}
                Ok(Ok(false)) => break,
                Ok(Err(error)) => complain(&error),
            }
        }
        self.fence.lower();
        let holder = self
            .seen
            .as_ref()
            .and_then(|seen| seen.holder())
            .map(str::to_owned);
        let holder = holder.filter(|holder| *holder != self.identity);
        self.standing.send_replace(Standing::Waits { holder });
    }

    // Whether the Lease is still ours.
    async fn renew(&mut self) -> Result<bool, CallError> {
        let begin = clock();
        let lease = self.written(self.seen.as_ref().map(|seen| &seen.lease));
        match bounded(self.leases.replace(&self.name, &PostParams::default(), &lease)).await {
            Ok(lease) => {
                self.see(lease);
                self.fence.raise(begin, self.terms.renew_deadline);
                return Ok(true);
            }
            Err(error) if error.is_conflict() || error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        // Somebody touched it, or an answer of ours was lost.
        match bounded(self.leases.get_opt(&self.name)).await? {
            Some(lease) => {
                let ours = holder(&lease) == Some(&self.identity);
                self.see(lease);
                Ok(ours)
            }
            None => {
                self.seen = None;
                Ok(false)
            }
        }
    }

    async fn release(&mut self) -> Result<(), CallError> {
        self.fence.lower();
        self.standing.send_replace(Standing::Waits { holder: None });
        let Some(mut lease) = bounded(self.leases.get_opt(&self.name)).await? else {
            return Ok(());
        };
        if holder(&lease) != Some(&self.identity) {
            return Ok(());
        }
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        bounded(self.leases.replace(&self.name, &PostParams::default(), &lease)).await?;
        Ok(())
    }

    fn see(&mut self, lease: Lease) {
        if holder(&lease) != Some(&self.identity) {
            let holder = holder(&lease).map(str::to_owned);
            let news = Standing::Waits { holder };
            self.standing.send_if_modified(|standing| {
                let changed = !matches!(standing, Standing::Leads { .. }) && *standing != news;
                if changed {
                    *standing = news;
                }
                changed
            });
        }
        match &mut self.seen {
            Some(seen) if seen.lease.spec == lease.spec => seen.lease = lease,
            seen => {
                let since = Instant::now();
                *seen = Some(Seen { lease, since });
            }
        }
    }

    // When to look without being told to.
    fn wake(&self) -> Instant {
        let soon = Instant::now() + self.terms.retry_period;
        let free = self.seen.as_ref().map(|seen| seen.free_at(&self.identity));
        free.filter(|free| *free > Instant::now()).unwrap_or(soon)
    }

    // The Lease as it says that we hold it.
    fn written(&self, kept: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let old = kept.and_then(|lease| lease.spec.as_ref());
        let ours = kept.is_some_and(|lease| holder(lease) == Some(&self.identity));
        let transitions = old.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(self.terms.duration.as_secs()).unwrap_or(i32::MAX)),
            acquire_time: old
                .filter(|_| ours)
                .and_then(|spec| spec.acquire_time.clone())
                .or_else(|| Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(match (kept, ours) {
                (None, _) | (_, true) => transitions,
                _ => transitions.saturating_add(1),
            }),
            ..old.cloned().unwrap_or_default()
        };
        let metadata = kept.map_or_else(
            || ObjectMeta {
                name: Some(self.name.clone()),
                ..ObjectMeta::default()
            },
            |lease| lease.metadata.clone(),
        );
        Lease {
            metadata,
            spec: Some(spec),
        }
    }
}

impl Seen {
    fn holder(&self) -> Option<&str> {
        holder(&self.lease)
    }

    // When whoever it is may take it.
    fn free_at(&self, identity: &str) -> Instant {
        match self.holder() {
            None => self.since,
            Some(holder) if holder == identity => self.since,
            Some(_) => {
                let spec = self.lease.spec.as_ref();
                let seconds = spec
                    .and_then(|spec| spec.lease_duration_seconds)
                    .unwrap_or_default();
                self.since + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
            }
        }
    }
}

fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    Some(holder).filter(|holder| !holder.is_empty())
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Undecided => formatter.write_str("stands for election"),
            Self::Leads { .. } => formatter.write_str("leads"),
            Self::Waits { holder: Some(holder) } => write!(formatter, "waits, {holder} leads"),
            Self::Waits { holder: None } => formatter.write_str("waits, nobody leads"),
        }
    }
}

#[cfg(test)]
mod tests;
