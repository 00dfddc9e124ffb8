//! Keeps the sealing keys up to date: listens for what makes them old and tries again what failed.
//!
//! What is then done to them is `SealingKeys`'.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use kube::runtime::watcher::Event;
use seal_cluster::watch::key_secrets;
use seal_core::Fingerprint;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tracing::warn;

use super::{KeysError, SealingKeys};
use crate::leadership::Leadership;
use crate::settings::Settings;

const LONGEST_NAP: Duration = Duration::from_secs(3600);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Key Secrets change, a new key falls due, or somebody asks for one (SIGUSR1, as upstream). What
/// fails is tried again without waiting for news. Only the leader writes; who begins to lead looks anew.
pub(crate) async fn keep(
    client: Client,
    keys: Arc<SealingKeys>,
    settings: Arc<Settings>,
    mut leadership: Leadership,
) {
    let Ok(mut asked): Result<Signal, _> = signal(SignalKind::user_defined1()) else {
        return;
    };
    let mut changes = key_secrets(&client, &settings.namespace);
    let mut replace: Option<Fingerprint> = None;
    let (mut failures, mut again) = (0_u32, None);
    let mut leads = leadership.leads();
    loop {
        let mut look = failures > 0;
        let nap = keys
            .due_in(Timestamp::now())
            .filter(|_| leads)
            .unwrap_or(LONGEST_NAP);
        let wake = again.unwrap_or_else(|| Instant::now() + nap.min(LONGEST_NAP));
        tokio::select! {
            Some((_, event)) = changes.next() => match event {
                Ok(Event::Init | Event::InitApply(_)) => continue,
                Ok(_) => look = true,
                Err(error) => {
                    warn!(%error, "the watch of key Secrets is taken up again");
                    continue;
                }
            },
            _ = asked.recv() => replace = keys.sealing(),
            () = leadership.turns(leads) => look = true,
            () = tokio::time::sleep_until(wake) => {}
        }
        leads = leadership.leads();
        (failures, again) = match bring_up_to_date(&keys, leads, look, replace).await {
            Ok(()) => {
                replace = None;
                (0, None)
            }
            Err(error) => {
                let error = anyhow::Error::new(error);
                warn!(
                    error = format!("{error:#}"),
                    "the sealing keys could not be brought up to date"
                );
                (failures + 1, Some(Instant::now() + pause(failures)))
            }
        };
    }
}

// What failed before may have been done all the same: who looks first makes no second key.
async fn bring_up_to_date(
    keys: &SealingKeys,
    leads: bool,
    look: bool,
    replace: Option<Fingerprint>,
) -> Result<(), KeysError> {
    if look {
        keys.bring_up_to_date(leads).await?;
    }
    let due = keys.due_in(Timestamp::now()) == Some(Duration::ZERO);
    if leads && (due || replace.is_some() && keys.sealing() == replace) {
        keys.renew().await?;
    }
    Ok(())
}

fn pause(failures: u32) -> Duration {
    let seconds = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
    Duration::from_secs(seconds).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_stay_there() {
        let seconds: Vec<u64> = (0..7).map(|failures| pause(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
